"""Names that lead elsewhere, or that are two names."""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.verification import verify
from tests.artifact.making import manifest_of
from tests.artifact.zip import making as zip_making

from . import forms, raw_tar
from .forms import CODECS, MAKERS, TOP, Thing, listing, pressed, tar_member

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

NOTHING = manifest_of(())
NAMES = {
    f"{TOP}../../outside/evil": "leaves the package (..)",
    "../outside/evil": "leaves the package (..)",
    f"{TOP}a/../../../outside/evil": "leaves the package (..)",
    "{outside}/evil": "is absolute",
    "": "is empty",
    f"{TOP}./evil": 'contains a "." component',
    f"{TOP}/evil": "contains an empty component",
    f"{TOP}evil\0.txt": "contains a control character",
    f"{TOP}evil\n.txt": "contains a control character",
    f"{TOP}..\\..\\outside\\evil": "contains a backslash",
    "C:\\evil": "contains a backslash",
    f"{TOP}evil\udcff": "is not UTF-8",
    f"{TOP}{'evil' * 64}": "contains a name longer than 255 bytes",
    f"{TOP}{'/'.join(['evil' * 50] * 21)}": "is longer than 4000 bytes",
}


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(
    refuse: Refuse, outside: Path, format: str, name: str
) -> None:
    evil = Thing(name.format(outside=outside), content=b"theirs")
    # Of bytes that are no text, a tar tells that its header makes no sense.
    reason = "its header is damaged" if "\udcff" in name and format in CODECS else NAMES[name]
    refuse(format, MAKERS[format](NOTHING, [evil]), reason)


LISTED = [name for name in NAMES if name.removeprefix(TOP) and "\udcff" not in name]


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("name", LISTED)
def test_a_manifest_that_lists_such_a_name_is_refused(
    refuse: Refuse, outside: Path, format: str, name: str
) -> None:
    evil = Thing(name.format(outside=outside), content=b"theirs")
    reason = NAMES[name]
    if name == f"{TOP}/evil":  # below the top directory
        reason = NAMES["{outside}/evil"]
    refuse(format, MAKERS[format](listing(evil), [evil]), reason)


@pytest.mark.parametrize("name", LISTED)
def test_a_directory_whose_manifest_lists_such_a_name_is_refused(
    tmp_path: Path, outside: Path, name: str
) -> None:
    path = tmp_path / "greenhouse/.provisioning/manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(listing(Thing(name.format(outside=outside), content=b"mine")))
    (finding,) = verify(tmp_path / "greenhouse").findings
    assert str(finding).startswith("greenhouse: .provisioning/manifest.json: ")
    assert "is longer than 65536" not in str(finding)


@pytest.mark.parametrize("format", MAKERS)
def test_a_name_outside_the_top_directory_is_refused(refuse: Refuse, format: str) -> None:
    evil = Thing("elsewhere/evil", content=b"theirs")
    refuse(format, MAKERS[format](NOTHING, [evil]), "elsewhere/evil: lies outside greenhouse/")
    evil = Thing(TOP + "evil", content=b"theirs")
    refuse(format, MAKERS[format](NOTHING, [evil]), "evil: is not in the manifest")


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("twins", [("README", "readme"), ("e\u0301", "\u00e9"), ("SS", "\u00df")])
def test_names_that_some_systems_take_for_one_are_refused(
    refuse: Refuse, format: str, twins: tuple[str, str]
) -> None:
    things = [Thing(TOP + name, content=b"x") for name in twins]
    refuse(format, MAKERS[format](listing(*things), things), "is the same path as")


EVIL = f"{TOP}../../outside/evil".encode()
GOOD = Thing(f"{TOP}good", content=b"x")
LATER = f"{TOP}later".encode()
DISAGREEING = {
    "PAX, against ustar": raw_tar.pax(raw_tar.record(b"path", EVIL)) + tar_member(GOOD),
    "PAX that agrees with the manifest, ustar that does not": (
        raw_tar.pax(raw_tar.record(b"path", GOOD.name.encode()))
        + tar_member(GOOD._replace(name=EVIL.decode()))
    ),
    "two PAX records": (
        raw_tar.pax(raw_tar.record(b"path", GOOD.name.encode()) + raw_tar.record(b"path", EVIL))
        + tar_member(GOOD)
    ),
    "two PAX headers": (
        raw_tar.pax(raw_tar.record(b"path", EVIL))
        + raw_tar.pax(raw_tar.record(b"path", GOOD.name.encode()))
        + tar_member(GOOD)
    ),
    "PAX for all that follows": (
        raw_tar.pax(raw_tar.record(b"path", EVIL), kind=b"g") + tar_member(GOOD)
    ),
    "PAX of a sparse file": (
        raw_tar.pax(raw_tar.record(b"GNU.sparse.name", EVIL)) + tar_member(GOOD)
    ),
    "PAX of another character set": (
        raw_tar.pax(raw_tar.record(b"hdrcharset", b"BINARY")) + tar_member(GOOD)
    ),
    "GNU's long name": raw_tar.long_name(EVIL) + tar_member(GOOD),
    "GNU's long link": raw_tar.long_name(EVIL, kind=b"K") + tar_member(GOOD),
    "GNU's long name, then PAX": (
        raw_tar.long_name(EVIL)
        + raw_tar.pax(raw_tar.record(b"path", GOOD.name.encode()))
        + tar_member(GOOD)
    ),
    "a prefix that climbs": raw_tar.header(b"evil", prefix=b"../outside") + b"",
}


@pytest.mark.parametrize("format", CODECS)
@pytest.mark.parametrize("how", DISAGREEING)
def test_headers_of_a_tar_that_disagree_are_refused(refuse: Refuse, format: str, how: str) -> None:
    preamble = b"".join(map(tar_member, forms.preamble(listing(GOOD))))
    data = pressed(format, preamble, DISAGREEING[how], raw_tar.END)
    (found,) = refuse(format, data, ": ")
    named = (b"good", b"evil", b"LongLink", b"PaxHeader")
    assert any(name.decode() in found for name in named)


def zip_of(**changes: object) -> bytes:
    members = [forms.zip_part(thing) for thing in (*forms.preamble(listing(GOOD)), GOOD)]
    members[-1] = members[-1]._replace(**changes)  # type: ignore[arg-type]
    return zip_making.zipped(members)


def test_names_of_a_zip_that_disagree_are_refused(refuse: Refuse) -> None:
    told = "good: is called greenhouse/../../outside/evil in the central directory"
    refuse("zip", zip_of(central={"name": EVIL}), told)
    refuse("zip", zip_of(local={"name": EVIL}), "outside/evil: leaves the package (..)")
    refuse("zip", zip_of(local={"name": LATER}), "later: is not in the manifest")


@pytest.mark.parametrize("where", ["local", "central"])
def test_another_name_in_an_extra_field_is_refused(refuse: Refuse, where: str) -> None:
    """Info-ZIP's Unicode path: readers that know it take this name, and others the first one."""
    unicode_path = struct.pack("<BL", 1, zlib.crc32(GOOD.name.encode())) + EVIL
    extra = struct.pack("<2H", 0x7075, len(unicode_path)) + unicode_path
    refuse("zip", zip_of(**{where: {"extra": extra}}), "good: its header ")


def test_a_name_that_is_no_utf8_or_not_said_to_be_is_refused(refuse: Refuse) -> None:
    strange = "good: its header is damaged"
    refuse("zip", zip_of(local={"flags": 0}, central={"flags": 0}), strange)
    evil = {"name": f"{TOP}g\udcff".encode(errors="surrogateescape")}
    refuse("zip", zip_of(local=evil, central=evil), "is not UTF-8")


def test_nothing_of_these_was_there_before(outside: Path) -> None:
    assert os.listdir(outside) == ["mine"]
