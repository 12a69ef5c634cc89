"""Configuration files: what becomes of each when another release comes, and on the way back."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import pytest

from .making import conf, directory, items

if TYPE_CHECKING:
    from tests.artifact.making import Item

    from .machine import Machine, Outcome

PATH = "etc/greenhouse.ini"
OLD, NEW, EDITED, DELETED = "port = 8080\n", "port = 9090\n", "port = 1234\n", None
SAME, CHANGED, REMOVED = OLD, NEW, None
NEW_WARNING = f"provision: warning: {PATH}: edited, so kept; the new version is in {PATH}.new\n"
IDLE_WARNING = (
    f"provision: warning: {PATH}: edited, so kept, but without effect: this release has no"
    " such file\n"
)
OLD_WARNING = (
    f"provision: warning: {PATH}: edited since, so kept; the earlier version is in {PATH}.old\n"
)


class Cell(NamedTuple):
    """A cell of the table: what the user and the vendor did, what lies there then, and is told."""

    user: str | None
    vendor: str | None
    live: str | None
    done: str = ""
    beside: str | None = None
    told: str = ""


TABLE = {
    "same, same": Cell(OLD, SAME, OLD),
    "same, changed": Cell(OLD, CHANGED, NEW, f"{PATH}: updated\n"),
    "same, removed": Cell(OLD, REMOVED, None, f"{PATH}: no longer in this release; removed\n"),
    "edited, same": Cell(EDITED, SAME, EDITED),
    "edited, changed": Cell(EDITED, CHANGED, EDITED, "", NEW, NEW_WARNING),
    "edited, removed": Cell(EDITED, REMOVED, EDITED, told=IDLE_WARNING),
    "edited as the vendor did": Cell(NEW, CHANGED, NEW),
    "deleted, same": Cell(DELETED, SAME, None),
    "deleted, changed": Cell(DELETED, CHANGED, None),
    "deleted, removed": Cell(DELETED, REMOVED, None),
}


def holding(version: str, settings: str | None) -> tuple[Item, ...]:
    return items(version, settings and settings.encode())


def edit(machine: Machine, text: str | None) -> None:
    """Do to the file what its user did."""
    if text is None:
        (machine.prefix / PATH).unlink()
    else:
        machine.write(PATH, text)


def upgraded(machine: Machine, cell: Cell) -> Outcome:
    """Install, let the user do his, upgrade; return what was told."""
    machine.install("1.0", holding("1.0", OLD))
    edit(machine, cell.user)
    return machine.install("2.0", holding("2.0", cell.vendor))


@pytest.mark.parametrize("cell", TABLE.values(), ids=TABLE)
def test_an_upgrade_does_what_the_table_says(machine: Machine, cell: Cell) -> None:
    installed = "greenhouse 2.0: installed in /opt/greenhouse, was 1.0\n"
    assert upgraded(machine, cell) == (0, f"{cell.done}{installed}", cell.told)
    assert machine.read(PATH) == cell.live
    assert machine.read(f"{PATH}.new") == cell.beside


@pytest.mark.parametrize("cell", TABLE.values(), ids=TABLE)
def test_a_rollback_brings_back_what_was_there(machine: Machine, cell: Cell) -> None:
    upgraded(machine, cell)
    assert machine.run("rollback", "greenhouse").err == ""
    assert machine.read(PATH) == cell.user
    assert machine.read(f"{PATH}.new") is None
    assert machine.read(f"{PATH}.old") is None


@pytest.mark.parametrize("cell", TABLE.values(), ids=TABLE)
def test_a_rollback_keeps_what_was_edited_since(machine: Machine, cell: Cell) -> None:
    upgraded(machine, cell)
    machine.write(PATH, "port = 5555\n")
    was_there = cell.user is not None
    assert machine.run("rollback", "greenhouse").err == (OLD_WARNING if was_there else "")
    assert machine.read(PATH) == "port = 5555\n"
    assert machine.read(f"{PATH}.old") == cell.user


@pytest.mark.parametrize("cell", TABLE.values(), ids=TABLE)
def test_going_back_and_forth_ends_where_the_upgrade_did(machine: Machine, cell: Cell) -> None:
    upgraded(machine, cell)
    machine.run("rollback", "greenhouse")
    machine.run("rollback", "greenhouse")
    assert machine.version == "2.0"
    assert machine.read(PATH) == cell.live


def test_a_rollback_over_two_releases_brings_back_what_was_there(machine: Machine) -> None:
    for version, settings in (("1.0", OLD), ("2.0", NEW), ("3.0", "port = 3\n")):
        machine.install(version, holding(version, settings))
    assert machine.run("rollback", "greenhouse", "1.0").code == 0
    assert machine.read(PATH) == OLD


def test_what_was_deleted_since_stays_deleted(machine: Machine) -> None:
    upgraded(machine, TABLE["same, changed"])
    edit(machine, DELETED)
    machine.run("rollback", "greenhouse")
    assert machine.read(PATH) is None
    assert machine.read(f"{PATH}.old") is None


def test_a_file_that_a_release_adds_is_installed_and_taken_back(machine: Machine) -> None:
    machine.install("1.0", holding("1.0", None))
    machine.install("2.0", holding("2.0", NEW))
    assert machine.read(PATH) == NEW
    machine.run("rollback", "greenhouse")
    assert machine.read(PATH) is None


def test_a_file_that_is_there_before_the_package_is_kept(machine: Machine) -> None:
    machine.write(PATH, EDITED)
    assert machine.install("1.0", holding("1.0", OLD)).err == NEW_WARNING
    assert machine.read(PATH) == EDITED
    assert machine.read(f"{PATH}.new") == OLD


def test_what_was_installed_before_a_removal_is_known_after_it(machine: Machine) -> None:
    machine.install("1.0", holding("1.0", OLD))
    machine.run("uninstall", "greenhouse")
    assert machine.read(PATH) == OLD
    assert machine.install("2.0", holding("2.0", NEW)).err == ""
    assert machine.read(PATH) == NEW


def test_what_was_deleted_stays_deleted_over_a_removal(machine: Machine) -> None:
    machine.install("1.0", holding("1.0", OLD))
    edit(machine, DELETED)
    machine.run("uninstall", "greenhouse")
    machine.install("2.0", holding("2.0", NEW))
    assert machine.read(PATH) is None


def test_a_link_in_the_place_of_a_file_is_the_user_s(machine: Machine) -> None:
    machine.install("1.0", holding("1.0", OLD))
    (machine.prefix / PATH).unlink()
    (machine.prefix / PATH).symlink_to("/etc/hostname")
    assert machine.install("2.0", holding("2.0", NEW)).err == NEW_WARNING
    assert (machine.prefix / PATH).is_symlink()
    assert machine.run("rollback", "greenhouse").err == ""
    assert (machine.prefix / PATH).is_symlink()


def mode(machine: Machine) -> int:
    return stat.S_IMODE((machine.prefix / PATH).stat().st_mode)


def with_mode(version: str, mode: int, content: str = OLD) -> tuple[Item, ...]:
    rest = [item for item in items(version, None) if item.entry.path != "etc"]
    return (*rest, directory("etc"), conf(PATH, content.encode(), mode))


def test_the_vendor_may_change_a_mode(machine: Machine) -> None:
    machine.install("1.0", with_mode("1.0", 0o644))
    machine.install("2.0", with_mode("2.0", 0o600))
    assert mode(machine) == 0o600
    machine.run("rollback", "greenhouse")
    assert mode(machine) == 0o644


def test_a_mode_that_the_user_gave_is_kept(machine: Machine) -> None:
    machine.install("1.0", with_mode("1.0", 0o644))
    (machine.prefix / PATH).chmod(0o660)
    machine.install("2.0", with_mode("2.0", 0o600, NEW))
    assert (mode(machine), machine.read(PATH)) == (0o660, NEW)
    machine.run("rollback", "greenhouse")
    assert (mode(machine), machine.read(PATH)) == (0o660, OLD)


def test_a_file_edited_to_what_it_was_is_left_alone(machine: Machine) -> None:
    upgraded(machine, TABLE["same, changed"])
    edit(machine, OLD)
    assert machine.run("rollback", "greenhouse").err == ""
    assert machine.read(PATH) == OLD


def test_a_file_that_is_only_respelt_is_the_same_where_case_does_not_count(
    machine: Machine,
) -> None:
    machine.install("1.0", [conf("X.ini", b"old\n")])
    # As such a disk has it: two names for one file.
    os.link(machine.prefix / "X.ini", machine.prefix / "x.ini")
    assert machine.install("2.0", [conf("x.ini", b"new\n")]) == (
        0,
        ("x.ini: updated\ngreenhouse 2.0: installed in /opt/greenhouse, was 1.0\n"),
        "",
    )
    assert machine.read("x.ini") == "new\n"


def test_a_link_that_became_a_file_since_is_not_brought_back(machine: Machine) -> None:
    machine.install("1.0", holding("1.0", OLD))
    (machine.prefix / PATH).unlink()
    (machine.prefix / PATH).symlink_to("/etc/hostname")
    machine.install("2.0", holding("2.0", NEW))
    (machine.prefix / PATH).unlink()
    machine.write(PATH, NEW)
    assert machine.run("rollback", "greenhouse").code == 0
    assert machine.read(PATH) == NEW
