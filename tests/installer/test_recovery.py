"""What was interrupted: how often it is tried again, and who does so."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem
from provisioning.artifact.service_files import BOOT
from provisioning.artifact.tool import tool
from tests.artifact.making import PACKAGE

from .kills import After, ended_at
from .making import items, package

if TYPE_CHECKING:
    from .machine import Machine

UNDONE = "greenhouse: an interrupted upgrade was undone\n"
FINISHED = "greenhouse: an interrupted upgrade was finished\n"


@pytest.fixture
def switched(machine: Machine) -> Machine:
    """An upgrade with another configuration file, killed just after the switch."""
    machine.install("1.4.2")
    path = package(machine.folder, "1.5.0", items("1.5.0", b"port = 9\n"))
    words = ["install", str(path), "--root", str(machine.root)]
    assert ended_at(After("current"), words) == -signal.SIGKILL
    assert machine.version == "1.5.0"
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
    return machine


def the_record(machine: Machine) -> dict[str, object]:
    found: dict[str, object] = json.loads(machine.read("state/transaction.json") or "")
    return found


def set_record(machine: Machine, **fields: object) -> None:
    machine.write("state/transaction.json", json.dumps({**the_record(machine), **fields}))


def test_what_was_switched_is_finished(switched: Machine) -> None:
    assert switched.run("status", "greenhouse").out.endswith(
        # Of the root "".
        "  an interrupted upgrade: run `provision recover --root  /opt/greenhouse`\n"
    )
    assert switched.run("recover", "greenhouse") == (0, FINISHED, "")
    assert (switched.version, switched.read("etc/greenhouse.ini")) == ("1.5.0", "port = 9\n")
    assert switched.run("recover", "greenhouse") == (0, "", "")


def test_a_prefix_will_do_to_recover(switched: Machine) -> None:
    assert switched.run("recover", "--prefix", "/opt/greenhouse").out == FINISHED
    assert switched.run("recover", "--prefix", "greenhouse") == (
        2,
        "",
        "provision: greenhouse: does not begin with a slash\n",
    )


@pytest.mark.parametrize("command", ["rollback", "uninstall", "gc"])
def test_every_command_that_changes_something_recovers_first(
    switched: Machine, command: str
) -> None:
    outcome = switched.run(command, "greenhouse")
    assert (outcome.code, outcome.out.startswith(FINISHED)) == (0, True)


def test_what_was_tried_three_times_is_undone(switched: Machine) -> None:
    set_record(switched, attempts=3)
    assert switched.run("recover", "greenhouse") == (0, UNDONE, "")
    assert (switched.version, switched.read("etc/greenhouse.ini")) == ("1.4.2", "port = 8080\n")
    (status,) = switched.asked("status", "greenhouse")["packages"]
    assert [each["state"] for each in status["releases"]] == ["good", "did not come up"]


def test_a_power_cut_in_each_attempt_comes_to_an_end(switched: Machine) -> None:
    words = ["recover", "/opt/greenhouse", "--root", str(switched.root)]
    for attempt in (1, 2, 3):
        assert ended_at(After("transaction.json"), words) == -signal.SIGKILL
        assert the_record(switched)["attempts"] == attempt
    assert switched.run("recover", "greenhouse") == (0, UNDONE, "")
    assert switched.version == "1.4.2"


def test_a_machine_that_starts_goes_back_at_once(
    switched: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BOOT, "1")
    assert switched.run("recover", "--prefix", "/opt/greenhouse") == (0, UNDONE, "")
    assert switched.version == "1.4.2"


def test_another_tool_finishes_what_it_began(switched: Machine) -> None:
    other = tool() + b"\n"
    (switched.prefix / "state/tool").write_bytes(other)
    set_record(switched, tool=filesystem.of_bytes(other))
    assert switched.run("recover", "greenhouse") == (0, FINISHED, "")
    assert not (switched.prefix / "state/transaction.json").exists()


def test_the_record_of_an_older_tool_is_read(switched: Machine) -> None:
    record = the_record(switched)
    del record["resting"]
    (switched.prefix / "state/transaction.json").write_text(json.dumps(record | {"tool": "0" * 64}))
    assert "an interrupted upgrade: run `provision recover" in switched.run("status").out
    assert switched.run("recover", "greenhouse") == (0, FINISHED, "")


def test_what_another_tool_cannot_do_is_told(switched: Machine) -> None:
    other = b"import sys\nsys.exit('provision: no')\n"
    (switched.prefix / "state/tool").write_bytes(other)
    set_record(switched, tool=filesystem.of_bytes(other))
    assert switched.run("recover", "greenhouse") == (2, "", "provision: no\n")


def test_where_nobody_has_the_other_tool_any_more_this_one_does(switched: Machine) -> None:
    set_record(switched, tool="0" * 64)
    assert switched.run("recover", "greenhouse") == (0, FINISHED, "")


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"format": "other/2"}', "[" * 100_000])
def test_a_record_that_makes_no_sense_is_told(switched: Machine, text: str) -> None:
    (switched.prefix / "state/transaction.json").write_text(text)
    assert switched.run("recover", "greenhouse") == (
        2,
        "",
        (
            "provision: /opt/greenhouse/state/transaction.json: is not a record of this tool;"
            " update the tool, unless somebody has edited the file\n"
        ),
    )


def test_a_release_that_is_damaged_meanwhile_is_given_up(switched: Machine) -> None:
    (switched.prefix / "current/.provisioning/manifest.json").unlink()
    assert switched.run("recover", "greenhouse") == (0, UNDONE, "")
    assert switched.version == "1.4.2"


def blocked(machine: Machine) -> None:
    """Have a release with another configuration file fail, once it has become current."""
    machine.write("etc/greenhouse.ini", "mine\n")
    machine.write("etc/greenhouse.ini.new/x", "in the way\n")


def test_what_does_not_come_up_goes_back(machine: Machine) -> None:
    machine.install("1.4.2")
    blocked(machine)
    assert machine.install("1.5.0", items("1.5.0", b"port = 9\n")) == (
        4,
        "",
        "provision: greenhouse: Is a directory; rolled back: 1.4.2 is current again\n",
    )
    assert machine.version == "1.4.2"
    assert machine.read("etc/greenhouse.ini") == "mine\n"
    assert not os.path.lexists(machine.prefix / "previous")
    assert not (machine.prefix / "state/transaction.json").exists()


def test_a_first_release_that_does_not_come_up_leaves_nothing_current(machine: Machine) -> None:
    blocked(machine)
    assert machine.install("1.4.2") == (
        4,
        "",
        "provision: greenhouse: Is a directory; rolled back: nothing is installed\n",
    )
    assert machine.asked("list") == {"packages": []}
    assert {path.name for path in machine.prefix.iterdir()} == {"etc", "state", "releases"}
    assert machine.releases() == []


def test_however_many_fail_the_last_good_one_is_kept(machine: Machine) -> None:
    machine.install("1.0")
    machine.install("2.0")
    blocked(machine)
    for number in range(4):
        version = f"3.{number}"
        assert machine.install(version, items(version, b"port = 9\n")).code == 4
    assert machine.releases() == ["1.0", "2.0", "3.3"]
    assert machine.run("gc", "greenhouse", "--keep", "1").code == 0
    assert (machine.version, machine.releases()) == ("2.0", ["1.0", "2.0"])
    assert machine.install("4.0").code == 0


def test_what_failed_once_may_be_tried_again(machine: Machine) -> None:
    machine.install("1.4.2")
    blocked(machine)
    holding = items("1.5.0", b"port = 9\n")
    machine.install("1.5.0", holding)
    (machine.prefix / "etc/greenhouse.ini.new/x").unlink()
    (machine.prefix / "etc/greenhouse.ini.new").rmdir()
    assert machine.install("1.5.0", holding).code == 0
    assert machine.version == "1.5.0"


def test_what_was_edited_meanwhile_is_kept(switched: Machine) -> None:
    switched.write("etc/greenhouse.ini", "mine\n")
    assert switched.run("recover", "greenhouse").out == FINISHED
    assert switched.read("etc/greenhouse.ini") == "mine\n"
    assert switched.read("etc/greenhouse.ini.new") == "port = 9\n"


@pytest.mark.parametrize("words", [["rollback"], ["uninstall"]])
def test_what_is_in_the_history_is_done_but_for_its_record(
    machine: Machine, words: list[str]
) -> None:
    machine.install("1.4.2")
    machine.install("1.5.0")
    command = [*words, "/opt/greenhouse", "--root", str(machine.root)]
    assert ended_at(After("history"), command) == -signal.SIGKILL
    assert machine.run("recover", "/opt/greenhouse").code == 0
    lines = (machine.read("state/history") or "").splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3]
    assert machine.version == {"rollback": "1.4.2", "uninstall": ""}[words[0]]


def test_who_was_on_the_way_back_goes_on(switched: Machine) -> None:
    set_record(switched, phase="returning", attempts=0, reason="the pump is dry")
    assert switched.run("recover", "greenhouse") == (0, UNDONE, "")
    assert (switched.version, switched.read("etc/greenhouse.ini")) == ("1.4.2", "port = 8080\n")
    last = (switched.read("state/history") or "").splitlines()[-1]
    assert json.loads(last)["reason"] == "the pump is dry"


def test_what_lies_beside_a_configuration_file_is_swept(switched: Machine) -> None:
    switched.write("etc/.provisioning-0123456789abcdef", "half")
    assert switched.run("recover", "greenhouse").out == FINISHED
    assert not (switched.prefix / "etc/.provisioning-0123456789abcdef").exists()


def test_what_lies_outside_the_prefix_is_swept_and_nobody_else_s(machine: Machine) -> None:
    about = PACKAGE._replace(service_manager="systemd")
    machine.run("install", package(machine.folder, "1.4.2", None, about))
    words = ["install", str(package(machine.folder, "1.5.0", None, about))]
    ended_at(After("current"), [*words, "--root", str(machine.root)])
    places = ["etc/systemd/system/multi-user.target.wants", "var/lib/provisioning"]
    for place in places:
        for name in ("greenhouse", "green"):
            (machine.root / place / f".provisioning-{name}@0123456789abcdef").touch()
    assert machine.run("recover", "greenhouse").code == 0
    left = [path.relative_to(machine.root) for path in machine.root.rglob(".provisioning-*")]
    assert sorted(map(str, left)) == [
        f"{each}/.provisioning-green@0123456789abcdef" for each in places
    ]


def test_what_has_ended_stays_when_the_machine_starts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install("1.4.2")
    words = ["install", str(package(machine.folder, "1.5.0")), "--root", str(machine.root)]
    assert ended_at(After("history"), words) == -signal.SIGKILL
    monkeypatch.setenv(BOOT, "1")
    assert machine.run("recover", "greenhouse") == (0, FINISHED, "")
    assert machine.run("recover", "greenhouse") == (0, "", "")
    assert machine.version == "1.5.0"
