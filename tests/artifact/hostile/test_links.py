"""Links that lead out of a package, alone or by others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.verification import verify
from tests.artifact.making import directory as directory_item
from tests.artifact.making import file, manifest_of

from .forms import KNOWS, MAKERS, TOP, Thing, directory, link, listing

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Refuse

NOTHING = manifest_of(())


def evil(path: str) -> Thing:
    return Thing(TOP + path, content=b"theirs")


# Each with the link that a reader of the manifest stumbles over, and why.
OUT = {
    "up": ([link(TOP + "l", "../../outside"), evil("l/evil")], "l", "leaves the package (..)"),
    "absolute": ([link(TOP + "l", "{outside}"), evil("l/evil")], "l", "is absolute"),
    "to itself, then up": (
        [link(TOP + "l", "."), link(TOP + "m", "l/../../outside"), evil("m/evil")],
        "m",
        "has .. after a name",
    ),
    "over a directory": (
        [directory(TOP + "d"), link(TOP + "d/up", ".."), link(TOP + "m", "d/up/../../outside")],
        "m",
        "has .. after a name",
    ),
    "over a link that was made before": (
        [link(TOP + "z", "b"), link(TOP + "b", "../../outside"), evil("z/evil")],
        "b",
        "leaves the package (..)",
    ),
    "deep, higher than deep": (
        [directory(TOP + "d"), link(TOP + "d/l", "../../../outside"), evil("d/l/evil")],
        "d/l",
        "leaves the package (..)",
    ),
    "to nothing": ([link(TOP + "l", "")], "l", "is empty"),
    "with a NUL": ([link(TOP + "l", "a\0b")], "l", "contains a control character"),
    "with backslashes": ([link(TOP + "l", "..\\..\\outside")], "l", "contains a backslash"),
}


def _things(case: str, outside: Path) -> tuple[list[Thing], str, str]:
    things, named, reason = OUT[case]
    placed = [thing._replace(link=thing.link.format(outside=outside)) for thing in things]
    return placed, named, reason


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("case", OUT)
def test_links_that_lead_out_are_refused(
    refuse: Refuse, outside: Path, format: str, case: str
) -> None:
    things, _, _ = _things(case, outside)
    first = things[0].name.removeprefix(TOP).rstrip("/")
    refuse(format, MAKERS[format](NOTHING, things), f"{first}: is not in the manifest")


@pytest.mark.parametrize("format", MAKERS)
@pytest.mark.parametrize("case", OUT)
def test_a_manifest_that_lists_such_links_is_refused(
    refuse: Refuse, outside: Path, format: str, case: str
) -> None:
    things, named, reason = _things(case, outside)
    found = refuse(format, MAKERS[format](listing(*things), things), f"{named}: its target ")
    assert reason in found[0]


@pytest.mark.parametrize("format", MAKERS)
def test_a_link_in_the_place_of_a_directory_is_refused(refuse: Refuse, format: str) -> None:
    data = manifest_of([directory_item("a"), file("a/evil", b"theirs")])
    things = [link(TOP + "a", "../../outside"), evil("a/evil")]
    refuse(format, MAKERS[format](data, things), "a: type ")


@pytest.mark.parametrize("format", MAKERS)
def test_a_link_in_the_place_of_a_file_that_comes_again_is_refused(
    refuse: Refuse, format: str
) -> None:
    data = manifest_of([file("evil", b"theirs")])
    things = [link(TOP + "evil", "../../outside/mine"), evil("evil")]
    found = refuse(format, MAKERS[format](data, things), "evil: is in the archive twice")
    assert found[0].startswith("evil: ")


@pytest.mark.parametrize("format", MAKERS)
def test_a_file_below_a_link_of_the_same_manifest_is_refused(refuse: Refuse, format: str) -> None:
    things = [directory(TOP + "d"), link(TOP + "l", "d"), evil("l/evil")]
    told = "l/evil: its directory is not listed"
    refuse(format, MAKERS[format](listing(*things), things), told)


HARD = [format for format in MAKERS if "hard link" in KNOWS[format]]


@pytest.mark.parametrize("format", HARD)
@pytest.mark.parametrize(
    "target",
    ["{outside}/mine", "../outside/mine", f"{TOP}../../outside/mine", f"{TOP}l", f"{TOP}a"],
)
def test_hard_links_are_refused(refuse: Refuse, outside: Path, format: str, target: str) -> None:
    data = manifest_of([file("a", b"x"), file("evil", b"mine")])
    hard = Thing(TOP + "evil", "hard link", link=target.format(outside=outside))
    before = [Thing(TOP + "a", content=b"x")]
    if target.endswith("l"):
        before.append(link(TOP + "b", "../../outside/mine"))
    told = "evil: is a hard link, which no package contains"
    refuse(format, MAKERS[format](data, [*before, hard]), told)


def test_links_in_a_directory_that_is_verified_are_not_followed(
    tmp_path: Path, outside: Path
) -> None:
    root = tmp_path / "greenhouse"
    (root / ".provisioning").mkdir(parents=True)
    data = manifest_of(
        [directory_item("d"), file("d/mine", b"mine", 0o600), file("f", b"mine", 0o600)]
    )
    (root / ".provisioning/manifest.json").write_bytes(data)
    os.symlink("../outside", root / "d")
    os.symlink("../outside/mine", root / "f")
    found = [str(finding) for finding in verify(root).findings]
    assert found == [
        "d: type link, the manifest says dir",
        "d/mine: is missing",
        "f: type link, the manifest says file",
    ]
    assert (outside / "mine").read_text() == "mine"
