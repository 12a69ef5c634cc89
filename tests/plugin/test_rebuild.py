"""`doit verify --rebuild`: a build from nothing gives the same bytes, or where it does not."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import FILES, SPEC, Project

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = "formats: [tar.gz, zip, dir]\ncompression: {tar.gz: gzip:1}\n"


@pytest.fixture
def built(tmp_path: Path) -> Project:
    project = Project(tmp_path, {**FILES, "specs/demo.yaml": SPEC + FORMATS})
    with unmeasured():
        project.doit()
        project.doit()  # what was made a moment ago is remembered now
    return project


def test_a_build_from_nothing_is_the_same_and_leaves_nothing(built: Project) -> None:
    before = sorted(str(path) for path in built.path("artifacts").rglob("*"))
    assert "verify:demo:mac-mini" in built.doit("verify", "--rebuild")
    assert sorted(str(path) for path in built.path("artifacts").rglob("*")) == before


def test_one_variant_is_built_again_alone(built: Project) -> None:
    assert "raspberry-pi" not in built.doit("verify:demo:mac-mini", "--rebuild")


def test_another_compression_is_told(built: Project) -> None:
    built.edit("specs/demo.yaml", "gzip:1", "gzip:9")
    assert "verified" in built.doit("verify:demo:mac-mini")
    output = built.doit("verify:demo:mac-mini", "--rebuild", status=1)
    assert "all members are the same, but compressed differently" in output
    assert "a build from scratch gives a different result" in output


def test_another_time_in_a_directory_is_told(built: Project) -> None:
    os.utime(built.path("artifacts/demo-1.0-mac-mini/demo/lib/main.py"), (5, 5))
    output = built.doit("verify:demo:mac-mini", "--rebuild", status=1)
    assert "lib/main.py: 100644 5 " in output
    time = int(hashlib.sha256(built.path("src/main.py").read_bytes()).hexdigest()[:16], 16)
    assert f", built again: 100644 {946684800 + time % (20 * 365 * 86400)} " in output


def test_what_the_help_says_is_accepted(built: Project) -> None:
    assert "--rebuild" in built.doit("help", "verify")
