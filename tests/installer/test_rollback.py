"""Going back to a release that is still there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .machine import listing

if TYPE_CHECKING:
    from .machine import Machine


@pytest.fixture
def upgraded(machine: Machine) -> Machine:
    for version in ("1.0", "2.0", "3.0"):
        machine.install(version)
    return machine


def test_the_release_before_comes_back(upgraded: Machine) -> None:
    assert upgraded.run("rollback", "greenhouse") == (
        0,
        "greenhouse 2.0: current again in /opt/greenhouse, was 3.0\n",
        "",
    )
    assert upgraded.version == "2.0"
    assert os.readlink(upgraded.prefix / "previous").startswith("releases/3.0-")


def test_a_version_can_be_named_or_a_release(upgraded: Machine) -> None:
    assert upgraded.run("rollback", "greenhouse", "1.0").code == 0
    assert upgraded.version == "1.0"
    name = next(path.name for path in upgraded.prefix.glob("releases/2.0-*"))
    assert upgraded.run("rollback", "greenhouse", name).code == 0
    assert upgraded.version == "2.0"


def test_a_dry_run_writes_nothing(upgraded: Machine) -> None:
    before = listing(upgraded.root)
    outcome = upgraded.run("rollback", "greenhouse", "1.0", "--dry-run")
    assert outcome.code == 0
    assert outcome.out.startswith("switch current to releases/1.0-")
    assert listing(upgraded.root) == before


def test_where_one_cannot_go_back_to_nothing_is_changed(upgraded: Machine) -> None:
    before = listing(upgraded.root)
    assert upgraded.run("rollback", "greenhouse", "4.0") == (
        3,
        "",
        "provision: /opt/greenhouse: there is no release 4.0; there are 1.0, 2.0, 3.0\n",
    )
    assert upgraded.run("rollback", "greenhouse", "3.0") == (
        3,
        "",
        "provision: /opt/greenhouse: 3.0 is already current\n",
    )
    assert listing(upgraded.root) == before


def test_a_first_release_has_none_before(machine: Machine) -> None:
    machine.install("1.0")
    assert machine.run("rollback", "greenhouse").err == (
        "provision: /opt/greenhouse: there is no previous release\n"
    )


def test_one_does_not_go_back_to_a_damaged_release(upgraded: Machine) -> None:
    (upgraded.prefix / "previous/VERSION").write_text("x")
    outcome = upgraded.run("rollback", "greenhouse")
    where = f"/opt/greenhouse/{os.readlink(upgraded.prefix / 'previous')}"
    assert outcome == (
        3,
        "",
        (
            f"provision: {where}: is damaged (VERSION: size 1, the manifest says 3);"
            " install the package again\n"
        ),
    )
    assert upgraded.version == "3.0"
