"""A new format takes a line in one table, and a module: nothing else names it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import formats
from provisioning.artifact.verification import verify_release
from provisioning.builder.archive import deb, directory, tar
from provisioning.builder.archive import zip as zip_format
from provisioning.builder.archive.format import writer
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import workspace
from tests.builder import flat
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.builder.archive.format import FormatWriter
    from provisioning.builder.collect.file_state import Digests

WRITERS: tuple[FormatWriter, ...] = (tar, zip_format, deb, directory, flat)
"""Modules that are imported by name: here the type checker sees that each has all it needs."""


def test_every_format_names_one_of_them() -> None:
    assert {writer(name) for name in formats.FORMATS} == {*WRITERS} - {flat}


@pytest.fixture
def _is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "provisioning.artifact.flat", flat)
    monkeypatch.setitem(sys.modules, "provisioning.builder.archive.flat", flat)
    monkeypatch.setitem(formats.FORMATS, "flat", formats.Format("flat", "flat", "flat:FlatReader"))


def _packed(digests: Digests) -> Path:
    write("t/bin/run", "#!/bin/sh\n", mode=0o755)
    write("t/lib/text", "one\n")
    described = variant(content("src", "t", ""), formats=("tar.gz", "flat"))
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place.artifact("flat")


@pytest.mark.usefixtures("_is_registered")
def test_it_is_written_and_verified(digests: Digests) -> None:
    artifact = _packed(digests)
    assert artifact.name == "demo-1.0-raspberry-pi.flat"
    assert artifact.read_bytes().endswith(b"#!/bin/sh\none\n")
    reports = verify_release(artifact.parent)
    assert [(report.artifact, [*report.findings]) for report in reports] == [
        ("demo-1.0-raspberry-pi.flat", []),
        ("demo-1.0-raspberry-pi.tar.gz", []),
    ]


@pytest.mark.usefixtures("_is_registered")
def test_what_is_damaged_in_it_is_told(digests: Digests) -> None:
    artifact = _packed(digests)
    artifact.write_bytes(artifact.read_bytes().replace(b"one\n", b"two\n"))
    (report, _) = verify_release(artifact.parent)
    assert "lib/text: differs" in map(str, report.findings)
