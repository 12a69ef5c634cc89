"""Archives that became known by a number or a name, built again from what is said of them.

That each does what is said of it is shown by a reader that trusts archives, as Python's can.
"""

from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import extract
from provisioning.errors import ArtifactError
from tests.artifact.making import directory as directory_item
from tests.artifact.making import file, manifest_of

from . import raw_tar
from .forms import (
    CODECS,
    MAKERS,
    TOP,
    Thing,
    directory,
    link,
    listing,
    preamble,
    pressed,
    tar_member,
)

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

NOTHING = manifest_of(())


def evil(path: str, content: bytes = b"theirs") -> Thing:
    return Thing(TOP + path, content=content)


def climbs(outside: Path) -> list[Thing]:
    """CVE-2007-4559, and Zip Slip: names with `..`."""
    del outside
    return [evil("../../outside/evil")]


def is_absolute(outside: Path) -> list[Thing]:
    """CVE-2007-4559: an absolute name."""
    return [Thing(f"{outside}/evil", content=b"theirs")]


STEPS = "abcdefghijklmnop"
LONG = "d" * 247


def overflows(outside: Path) -> list[Thing]:
    """CVE-2025-4517: real paths longer than PATH_MAX, behind which nobody looks any more.

    Each step has a short name, a link to a long one. Resolved, the way of short names is too long
    for a system to say, and what follows in it, which climbs out, was taken as it is written.
    """
    del outside
    things, real = [], TOP.rstrip("/")
    for step in STEPS:
        things += [directory(f"{real}/{LONG}"), link(f"{real}/{step}", LONG)]
        real = f"{real}/{LONG}"
    short = "/".join(STEPS)
    up = link(f"{TOP}{short}/{'l' * 254}", "../" * len(STEPS))
    out = link(TOP + "escape", f"{short}/{'l' * 254}/../../outside")
    return [*things, up, out, evil("escape/evil")]


def links_through_links(outside: Path) -> list[Thing]:
    """CVE-2025-4138: a target that seems to stay inside until the link in it is followed."""
    del outside
    through = link(TOP + "d/here", ".")
    return [
        directory(TOP + "d"), through, link(TOP + "d/out", "here/../../../outside"),
        evil("d/out/evil"),
    ]  # fmt: skip


def lies_about_links(outside: Path) -> list[Thing]:
    """CVE-2025-4330: a link that is harmless where it lies, and taken along to where it is not."""
    del outside
    return [
        directory(TOP + "d"), directory(TOP + "d/e"), link(TOP + "d/e/l", "../../outside"),
        Thing(TOP + "l", "hard link", link=TOP + "d/e/l"), evil("l/evil"),
    ]  # fmt: skip


def changes_what_is_outside(outside: Path) -> list[Thing]:
    """CVE-2024-12718: a directory's mode and time, given to where a link of its name leads."""
    del outside
    return [link(TOP + "d", "../../outside"), directory(TOP + "d")._replace(mode=0o777)]


# Who follows that link gives what is outside the link's mode, and nobody but root enters it then.
ROOT = pytest.mark.needs("root")
ESCAPES = [
    *(climbs, is_absolute, overflows, links_through_links, changes_what_is_outside),
    pytest.param(lies_about_links, marks=ROOT),
]


def _unpacked_by_who_trusts(things: list[Thing], into: Path) -> None:
    members = [directory(TOP.rstrip("/")), *things]
    data = b"".join(map(tar_member, members)) + raw_tar.END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        # Before 3.11.4 there are no filters; since then, one that trusts has to be asked for.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        archive.extractall(into)


@pytest.mark.parametrize("attack", ESCAPES)
def test_who_trusts_it_writes_outside(tmp_path: Path, outside: Path, attack: object) -> None:
    outside.chmod(0o700)
    _unpacked_by_who_trusts(attack(outside), tmp_path / "into")  # type: ignore[operator]
    assert (outside / "evil").exists() or outside.stat().st_mode & 0o777 == 0o777


def _said_by(format: str, things: list[Thing]) -> list[Thing]:
    return [thing for thing in things if format in CODECS or thing.kind != "hard link"]


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("attack", ESCAPES)
def test_it_is_refused_where_the_manifest_does_not_list_it(
    refuse: Refuse, outside: Path, format: str, attack: object
) -> None:
    things = _said_by(format, attack(outside))  # type: ignore[operator]
    first = things[0].name.removeprefix(TOP).rstrip("/")
    refuse(format, MAKERS[format](NOTHING, things), f"{first}: ")


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("attack", ESCAPES)
def test_it_is_refused_where_the_manifest_lists_it(
    refuse: Refuse, outside: Path, format: str, attack: object
) -> None:
    things = _said_by(format, attack(outside))  # type: ignore[operator]
    listed = [thing for thing in things if thing.kind != "hard link"]
    (found,) = refuse(format, MAKERS[format](listing(*listed), things), "manifest.json: ")
    names = (thing.name.removeprefix(TOP).rstrip("/") for thing in listed)
    assert any(name in found for name in names)


@pytest.mark.parametrize("format", MAKERS)
def test_what_was_refused_is_not_written_and_nothing_after_it(
    refuse: Refuse, tmp_path: Path, format: str
) -> None:
    """CVE-2025-4435: what was refused was passed over in words alone, and written."""
    data = manifest_of([file("a", b"one"), file("evil", b"two"), file("later", b"three")])
    things = [evil("a", b"one"), evil("evil", b"TWO"), evil("later", b"three")]
    refuse(format, MAKERS[format](data, things), "evil: sha256 ")
    things = [evil("a", b"one"), evil("../../outside/evil", b"two"), evil("later", b"three")]
    refuse(format, MAKERS[format](data, things), "leaves the package (..)")
    assert not list(tmp_path.glob("into-*/later"))


@pytest.mark.parametrize("format", CODECS)
def test_a_size_that_leads_back_is_refused(refuse: Refuse, format: str) -> None:
    """CVE-2025-8194: the next header is sought before this one, and found again, for ever."""
    header = raw_tar.header(f"{TOP}evil".encode(), size=raw_tar.base256(-512))
    before = b"".join(map(tar_member, preamble(NOTHING)))
    data = pressed(format, before, header + raw_tar.END)
    refuse(format, data, "evil: contains an invalid number")


@pytest.mark.parametrize("format", CODECS)
def test_a_record_that_never_ends_is_refused(refuse: Refuse, format: str) -> None:
    """CVE-2019-20907: a record of PAX that says to be no bytes long is read again and again."""
    records = raw_tar.pax(b"0 path=evil\n") + raw_tar.header(f"{TOP}evil".encode())
    before = b"".join(map(tar_member, preamble(NOTHING)))
    start = time.process_time()
    refuse(format, pressed(format, before, records + raw_tar.END), "evil: ")
    assert time.process_time() - start < 2


@pytest.mark.parametrize("format", MAKERS)
def test_a_link_that_an_archive_before_has_left_is_not_followed(
    refuse: Refuse, tmp_path: Path, format: str
) -> None:
    """CVE-2025-45582: a first archive leaves a link, and a second one writes through it.

    What is not empty is not unpacked into; so nothing of a first one is there.
    """
    data = manifest_of([directory_item("d"), file("d/evil", b"theirs")])
    path = tmp_path / "second"
    path.mkdir()
    (path / "d").symlink_to("../outside")
    archive = tmp_path / f"archive.{format}"
    archive.write_bytes(MAKERS[format](data, [directory(TOP + "d"), evil("d/evil")]))
    with pytest.raises(ArtifactError, match="is not empty"):
        extract(archive, path)
    assert not (tmp_path / "outside/evil").exists()
