"""Members that are not those of the manifest, and what lies around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.verification import verify
from tests.artifact.making import directory as directory_item
from tests.artifact.making import file, manifest_of
from tests.artifact.zip import making as zip_making

from . import forms, raw_tar
from .forms import CODECS, MAKERS, TOP, Thing, directory, preamble, pressed

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

ITEMS = [file("a", b"one"), directory_item("d"), file("d/b", b"two"), file("evil", b"three")]
DATA = manifest_of(ITEMS)
A, D, B = Thing(TOP + "a", content=b"one"), directory(TOP + "d"), Thing(TOP + "d/b", content=b"two")
EVIL = Thing(TOP + "evil", content=b"three")
GOOD = [A, D, B, EVIL]
MANIFEST = preamble(b"{}\n")[-1]

MEMBERS = {
    "missing": ([A, D, B], "evil: is missing from the archive"),
    "none there": ([], "a: is missing from the archive"),
    "extra": ([*GOOD, Thing(TOP + "more")], "more: is not in the manifest"),
    "extra, empty": ([*GOOD, directory(TOP + "more")], "more: is not in the manifest"),
    "twice": ([*GOOD, EVIL], "evil: is in the archive twice"),
    "twice, with another content": (
        [*GOOD, EVIL._replace(content=b"THREE")],
        "evil: is in the archive twice",
    ),
    "out of order": ([A, EVIL, D, B], "d: is out of order in the archive"),
    "before its directory": ([A, B, D, EVIL], "d: is out of order in the archive"),
    "another content": ([A, D, B, EVIL._replace(content=b"THREE")], "evil: sha256 "),
    "another size": ([A, D, B, EVIL._replace(content=b"")], "evil: size 0, the manifest says 5"),
    "a file for a directory": (
        [A, Thing(TOP + "d"), B, EVIL],
        "d: type file, the manifest says dir",
    ),
    "a directory for a file": (
        [A, D, B, directory(TOP + "evil")],
        "evil: type dir, the manifest says file",
    ),
    "a second manifest": ([*GOOD, MANIFEST], ".provisioning/manifest.json: is not in the manifest"),
    "a second top": ([*GOOD, preamble(b"")[0]], "greenhouse/: is not in the manifest"),
}


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("case", MEMBERS)
def test_members_that_are_not_those_of_the_manifest_are_refused(
    refuse: Refuse, format: str, case: str
) -> None:
    members, told = MEMBERS[case]
    refuse(format, MAKERS[format](DATA, members), told)


MANIFESTS = {
    "no JSON": (b"{", "line 1: is not JSON in UTF-8"),
    "nothing": (b"", "line 1: is not JSON in UTF-8"),
    "other spaces": (DATA.replace(b'"entries":[', b'"entries": ['), "line 1: is not as this tool"),
    "a line less": (DATA[: DATA.rindex(b",\n")] + b"\n]}\n", "evil: is not in the manifest"),
    "cut off": (DATA[:-5], "is not "),
    "a key more": (DATA.replace(b'"file"}', b'"file","x":1}', 1), "a: does not have exactly"),
    "lines exchanged": (
        b"".join((DATA.splitlines(keepends=True)[at]) for at in (0, 2, 1, 3, 4, 5)),
        "a: duplicate or unsorted path",
    ),
    "another version": (DATA.replace(b"manifest/1", b"manifest/2"), "update the tool"),
    "another name": (
        DATA.replace(b'"name":"greenhouse"', b'"name":"house"'),
        "is not where it should be",
    ),
    "a name that climbs": (
        DATA.replace(b'"greenhouse"', b'"../greenhouse"'),
        "is not a valid name",
    ),
    "another mode": (DATA.replace(b'"0644"', b'"0600"'), "mode 0644, the manifest says 0600"),
}


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("case", MANIFESTS)
def test_another_manifest_is_refused(refuse: Refuse, format: str, case: str) -> None:
    data, told = MANIFESTS[case]
    refuse(format, MAKERS[format](data, GOOD), told)


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("rest", [b"\0", b"evil", bytes(10240), b"PK\5\6" + bytes(18)])
def test_bytes_after_an_archive_are_refused(refuse: Refuse, format: str, rest: bytes) -> None:
    refuse(format, MAKERS[format](DATA, GOOD) + rest, forms.name_of(format))


@pytest.mark.parametrize("format", MAKERS)
def test_an_archive_after_an_archive_is_refused(refuse: Refuse, format: str) -> None:
    data = MAKERS[format](DATA, GOOD)
    refuse(format, data + data, forms.name_of(format))


@pytest.mark.parametrize("format", CODECS)
def test_chunks_after_the_end_are_refused(refuse: Refuse, format: str) -> None:
    data = MAKERS[format](DATA, GOOD)
    for rest in (bytes(512), raw_tar.END, b"evil", forms.tar_member(EVIL)):
        told = "goes on after its end"
        refuse(format, data + pressed(format, rest), told)


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("before", [b"\0", b"#!/bin/sh\n", b"\x7fELF" + bytes(1000)])
def test_bytes_before_an_archive_are_refused(refuse: Refuse, format: str, before: bytes) -> None:
    refuse(format, before + MAKERS[format](DATA, GOOD), forms.name_of(format))


def zip_parts() -> tuple[list[zip_making.Part], bytes, bytes]:
    """The members of a zip, their bytes, and its central directory."""
    members = [forms.zip_part(thing) for thing in (*preamble(DATA), *GOOD)]
    return members, zip_making.members_of(members), zip_making.directory_of(members)


def test_a_second_central_directory_is_refused(refuse: Refuse) -> None:
    """Readers that look for the first end, and those that look for the last, see two packages."""
    members, body, listed = zip_parts()
    one = zip_making.part(TOP + "evil", b"THREE")
    first = body + listed + zip_making.end(len(members), len(listed), len(body))
    hidden = zip_making.local(one) + one.data
    other = zip_making.directory_of(members[:-1]) + zip_making.central(one, len(first))
    end = zip_making.end(len(members), len(other), len(first) + len(hidden))
    refuse("zip", first + hidden + other + end, "does not end where its central directory does")
    comment = zip_making.end(len(members), len(listed), len(body), hidden + other + end)
    refuse("zip", body + listed + comment, "does not end where its central directory does")


def test_a_member_that_only_the_central_directory_knows_is_refused(refuse: Refuse) -> None:
    members, body, listed = zip_parts()
    hidden = zip_making.part(TOP + "hidden", b"x")
    more = zip_making.central(hidden, 0)
    count, size = len(members) + 1, len(listed + more)
    refuse("zip", body + listed + more + zip_making.end(count, size, len(body)), "does not end")
    told = "evil: the central directory"
    less = zip_making.directory_of(members[:-1])
    end = zip_making.end(len(members) - 1, len(less), len(body))
    refuse("zip", body + less + end, told)


def test_bytes_between_members_are_refused(refuse: Refuse) -> None:
    members, body, listed = zip_parts()
    at = len(zip_making.members_of(members[:4]))
    hidden = zip_making.local(zip_making.part(TOP + "hidden", b"x")) + b"x"
    damaged = f"is damaged at byte {at}: no zip header begins there"
    for hole, told in ((b"hole", damaged), (hidden, "hidden: is not in the manifest")):
        holed = body[:at] + hole + body[at:]
        offsets = [len(zip_making.members_of(members[:n])) for n in range(len(members))]
        moved = [offset + len(hole) * (offset >= at) for offset in offsets]
        listing = zip_making.directory_of(members, moved)
        end = zip_making.end(len(members), len(listing), len(holed))
        refuse("zip", holed + listing + end, told)
    end = zip_making.end(len(members), len(listed), len(body) + 4)
    told = f"is damaged at byte {len(body)}: no zip header begins there"
    refuse("zip", body + b"hole" + listed + end, told)


def test_a_zip_in_several_parts_is_refused(refuse: Refuse) -> None:
    members, body, listed = zip_parts()
    end = bytearray(zip_making.end(len(members), len(listed), len(body)))
    end[4] = 1
    refuse("zip", body + listed + bytes(end), "does not end where its central directory does")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a package that is sound."""
    root = tmp_path / "greenhouse"
    for item in (*ITEMS, file(".provisioning/manifest.json", DATA)):
        path = root / item.entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if item.entry.type == "dir":
            path.mkdir()
        else:
            path.write_bytes(item.content)
            path.chmod(0o644)
    assert verify(root).findings == ()
    return root


def test_other_files_in_a_directory_are_told(root: Path) -> None:
    (root / "a").unlink()
    (root / "more").write_text("x")
    (root / "evil").write_text("THREE")
    (root / ".provisioning/more").write_text("x")
    found = [str(finding) for finding in verify(root).findings]
    assert [told.partition(": ")[0] for told in found] == [
        ".provisioning/more",
        "a",
        "evil",
        "more",
    ]


@pytest.mark.parametrize("case", MANIFESTS)
def test_another_manifest_in_a_directory_is_told(root: Path, case: str) -> None:
    (root / ".provisioning/manifest.json").write_bytes(MANIFESTS[case][0])
    found = [str(finding) for finding in verify(root, complete=True).findings]
    assert found
    if case != "another name":
        assert any(MANIFESTS[case][1] in told for told in found)
