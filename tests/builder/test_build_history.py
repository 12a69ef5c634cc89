"""The last builds of a variant are remembered, as many as a plot can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from provisioning.builder.workspace.build_history import MOST, Build, builds, remember_build

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.builder.workspace.paths import Workspace


class Place:
    """All that is asked of a workspace."""

    def __init__(self, builds: Path) -> None:
        self.builds = builds


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return cast("Workspace", Place(tmp_path / "builds.json"))


def build(number: int) -> Build:
    return Build("1.0", f"{number:064x}", {"tar.gz": 1000 + number})


def test_builds_are_remembered_in_their_order(place: Workspace) -> None:
    for number in range(3):
        remember_build(place, build(number))
    assert builds(place) == (build(0), build(1), build(2))


def test_a_build_that_made_the_same_is_none_of_its_own(place: Workspace) -> None:
    for number in (1, 1, 2, 1):
        remember_build(place, build(number))
    assert builds(place) == (build(1), build(2), build(1))


def test_the_oldest_are_forgotten(place: Workspace) -> None:
    for number in range(MOST + 3):
        remember_build(place, build(number))
    assert builds(place) == tuple(map(build, range(3, MOST + 3)))


@pytest.mark.parametrize(
    "damage",
    [b"", b"[", b"{}x", b"7", b"[1]", b'[{"version": "1"}]', b"\xff", b'["a"]',
     b'[{"version": "1", "manifest": "", "sizes": []}]',
     b'[{"version": "1", "manifest": "", "sizes": {"deb": "x"}}]',
     b'[{"version": "1", "manifest": "", "sizes": {"deb": Infinity}}]',
     b'[{"version": "1", "manifest": "", "sizes": {"deb": -1}}]',
     b'[{"version": "1", "manifest": "", "sizes": {"deb": 1%s}}]' % (b"0" * 400),
     b'[{"version": "", "manifest": "", "sizes": {"deb": 1}}]', b"[" * 200_000],
)  # fmt: skip
def test_a_damaged_file_is_as_none_and_the_next_build_begins_anew(
    place: Workspace, damage: bytes
) -> None:
    place.builds.write_bytes(damage)
    assert builds(place) == ()
    remember_build(place, build(1))
    assert builds(place) == (build(1),)
