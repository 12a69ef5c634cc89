"""Releases that are not needed any more."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from provisioning.installer.ops.cleanup import doomed
from provisioning.installer.ops.journal import DONE, FAILED, Event

from .making import items

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine


def event(release: str, outcome: str = DONE) -> Event:
    return Event(1, "", "upgrade", release, "", "", outcome, "", owned=True)


def names(*versions: str) -> list[str]:
    return [f"{version}-01234567" for version in versions]


A, B, C, D, E = names("a", "b", "c", "d", "e")
GOOD = [event(name) for name in (A, B, C, D)]


def test_the_last_good_ones_are_kept() -> None:
    assert doomed([A, B, C, D], {D}, GOOD, 3) == [A]
    assert doomed([A, B, C, D], {D}, GOOD, 1) == [A, B, C]


def test_what_is_needed_is_kept_however_many() -> None:
    assert doomed([A, B, C, D], {D, A}, GOOD, 0) == [B, C]


def test_the_order_is_that_of_coming_up() -> None:
    assert doomed([A, B, C, D], {A}, [*GOOD, event(A)], 2) == [B, C]


def test_bad_ones_do_not_count_and_go_first() -> None:
    failed = [event(E, FAILED)] * 3
    assert doomed([A, B, C, D, E], {D}, [*GOOD, *failed], 3) == [E, A]


def test_what_came_up_once_is_good_whatever_kept_it_from_doing_so_again() -> None:
    failed = event(A, FAILED)  # a port that was taken, say
    assert doomed([A, B], {B}, [event(A), event(B), failed], 3) == []
    assert doomed([A, B, C, D], {D}, [*GOOD, failed], 3) == [A]  # nor is it the last to come up


def test_of_two_copies_the_last_is_kept() -> None:
    copy = f"{A}.1"
    assert doomed([A, copy], {copy}, [event(A), event(copy)], 3) == [A]


def test_what_was_never_current_goes() -> None:
    assert doomed([A, E], {A}, [event(A)], 3) == [E]


def test_an_upgrade_keeps_three(machine: Machine) -> None:
    for version in ("1", "2", "3", "4"):
        machine.install(version)
    assert machine.releases() == ["2", "3", "4"]
    assert {path.name[0] for path in machine.prefix.glob("state/kept/*")} == {"2", "3"}


def test_as_many_are_kept_as_are_asked_for(machine: Machine) -> None:
    for version in ("1", "2", "3"):
        machine.install(version)
    first = next(path.name for path in machine.prefix.glob("releases/1-*"))
    dry = machine.run("gc", "greenhouse", "--keep", "1", "--dry-run")
    assert dry == (0, f"{first}: would be removed\n", "")
    assert machine.run("gc", "greenhouse", "--keep", "1") == (0, f"{first}: removed\n", "")
    assert machine.releases() == ["2", "3"]  # which is the previous one, and the current
    assert machine.run("gc", "greenhouse").out == ""


def events(history: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in history.read_text().splitlines()]


@pytest.mark.parametrize("years", [("1970", "1970", "1970"), ("2100", "2038", "1970")])
def test_no_clock_is_asked_for_an_order(machine: Machine, years: tuple[str, ...]) -> None:
    for version in ("1", "2", "3"):
        machine.install(version)
    path = machine.prefix / "state/history"
    times = (f"{year}-01-01T00:00:00Z" for year in years)
    told = [{**line, "time": next(times)} for line in events(path)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    for release in machine.prefix.glob("releases/*"):
        os.utime(release, (0, 0))
    machine.run("gc", "greenhouse", "--keep", "1")
    assert machine.releases() == ["2", "3"]
    machine.install("4")
    assert [event["sequence"] for event in events(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("text", ["", "{}", "garbage\n", '{"sequence": 1}\n', "[" * 100_000])
def test_a_history_that_makes_no_sense_is_none(machine: Machine, text: str) -> None:
    machine.install("1")
    machine.install("2")
    (machine.prefix / "state/history").write_text(text)
    assert machine.run("status", "greenhouse").code == 0
    assert machine.run("rollback", "greenhouse").code == 0
    assert machine.install("3").code == 0
    assert machine.releases()[-1] == "3"
    assert machine.version == "3"


def test_what_is_good_outlives_what_is_not(machine: Machine) -> None:
    for version in ("1", "2", "3"):
        machine.install(version)
    machine.write("etc/greenhouse.ini", "mine\n")
    machine.write("etc/greenhouse.ini.new/x", "in the way\n")
    assert machine.install("4", items("4", b"port = 9\n")).code == 4
    assert machine.releases() == ["1", "2", "3", "4"]
