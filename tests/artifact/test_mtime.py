"""Which times the members of an archive bear its manifest's tells, and a reader knows no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import open_regular
from provisioning.artifact.model.entry import FILE
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.reader import TarReader, prove
from provisioning.artifact.verification import verify

from .making import ITEMS, NAME, PACKAGE, manifest_of, packed

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, *, preamble: bool, members: bool) -> Path:
    """An archive in which the manifest, or the files, bear the times of their contents."""
    data, name = manifest_of(ITEMS), PACKAGE.name
    begin = archive.Posix(name, by_content=preamble).preamble(data)
    spelling = archive.Posix(name, by_content=members)
    files = (
        spelling.header(entry) + content + bytes(archive.padding(entry.size))
        for entry, content in sorted(ITEMS)
    )
    path = folder / NAME
    first = begin + data + bytes(archive.padding(len(data)))
    path.write_bytes(packed([first, b"".join(files), archive.END]))
    return path


@pytest.mark.parametrize("by_content", [True, False])
def test_all_bear_one_time_or_each_that_of_its_content(tmp_path: Path, by_content: bool) -> None:
    path = made(tmp_path, preamble=by_content, members=by_content)
    assert verify(path).findings == ()
    with open_regular(path) as file:
        assert prove(file, TarReader(file), None)


@pytest.mark.parametrize("by_content", [True, False])
def test_a_file_with_another_time_is_refused(tmp_path: Path, by_content: bool) -> None:
    path = made(tmp_path, preamble=by_content, members=not by_content)
    (finding,) = verify(path).findings
    assert finding.message.startswith("greenhouse/etc/greenhouse.toml: its header is damaged")


def test_a_header_is_spelt_alike_in_either_way() -> None:
    spelling = archive.Posix("demo", by_content=True)
    for entry, _ in ITEMS:
        header = archive.header(spelling.member(entry))
        assert spelling.header(entry) == header
        assert (header != archive.Posix("demo").header(entry)) == (entry.type == FILE)
