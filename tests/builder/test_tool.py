"""The tool that every package brings along: one file, the same everywhere, always as it must be."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.workspace import bundled_tool, paths
from provisioning.builder.workspace.caches import Notes
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests

PLACE = paths.tool("artifacts")


def bring(digests: Digests) -> bytes:
    bundled_tool.bring(PLACE, Notes(paths.specs("artifacts")), digests)
    return PLACE.read_bytes()


def test_it_runs_where_there_is_nothing_but_python(digests: Digests) -> None:
    bring(digests)
    command = ["python3", "-I", "-S", PLACE, "--help"]
    path = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, check=False, env=path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_it_is_the_same_whoever_makes_it_and_when(digests: Digests) -> None:
    first = bring(digests)
    PLACE.unlink()
    before = os.umask(0o077)
    try:
        assert bring(digests) == first
    finally:
        os.umask(before)


def test_it_holds_nothing_that_a_target_does_not_need(digests: Digests) -> None:
    with zipfile.ZipFile(io.BytesIO(bring(digests))) as archive:
        names = [name.split("/") for name in archive.namelist()]
    assert {name[1] for name in names if len(name) > 2} == {"artifact", "installer"}
    assert {name[-1] for name in names if len(name) <= 2} == {
        *(
            "__init__.py",
            "__main__.py",
            "errors.py",
            "console.py",
        )
    }
    assert b"doit" not in bring(digests).split(b"import ")


def test_what_was_there_is_left_alone(digests: Digests) -> None:
    bring(digests)
    before = PLACE.stat()
    bring(digests)
    assert PLACE.stat() == before


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n"])
def test_damage_is_mended(digests: Digests, data: bytes) -> None:
    good = bring(digests)
    PLACE.write_bytes(data)
    assert bring(digests) == good


def test_a_tool_that_cannot_be_written_is_told(digests: Digests) -> None:
    Path("artifacts").write_text("no directory")
    with pytest.raises(BuildError) as caught:
        bring(digests)
    assert str(caught.value) == "artifacts/.work/install: Not a directory"
