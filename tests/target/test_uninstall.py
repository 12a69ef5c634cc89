"""Removing a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .machine import listing
from .making import release

if TYPE_CHECKING:
    from .machine import Machine


def test_configuration_and_data_stay(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.install("1.5.0")
    (machine.prefix / "var/log/x").write_text("line\n")
    assert machine.run("uninstall", "greenhouse") == (
        0,
        "greenhouse 1.5.0: removed from /opt/greenhouse\n",
        "",
    )
    assert machine.asked("list") == {"packages": []}
    assert sorted(path.name for path in machine.prefix.iterdir()) == ["etc", "state", "var"]
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
    assert machine.read("var/log/x") == "line\n"


def test_purge_leaves_nothing(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("etc/greenhouse.ini.new", "x")
    (machine.prefix / "var/log/x").write_text("line\n")
    assert machine.run("uninstall", "greenhouse", "--purge").code == 0
    assert not machine.prefix.exists()
    assert machine.prefix.parent.exists()


def test_purge_leaves_what_was_never_the_package_s(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("etc/mine", "mine")
    machine.run("uninstall", "greenhouse", "--purge")
    assert [*listing(machine.prefix)] == ["etc", "etc/mine"]


def test_what_is_not_installed_cannot_be_removed(machine: Machine) -> None:
    told = "provision: greenhouse: is not installed; `provision list` tells what is\n"
    assert machine.run("uninstall", "greenhouse") == (2, "", told)
    machine.install("1.4.2")
    machine.run("uninstall", "greenhouse")
    assert machine.run("uninstall", "greenhouse") == (2, "", told)
    assert machine.run("uninstall", "/opt/greenhouse") == (
        3,
        "",
        "provision: /opt/greenhouse: nothing is installed\n",
    )
    assert machine.run("uninstall", "/opt/other").err == (
        "provision: /opt/other: No such file or directory\n"
    )


def test_a_dry_run_tells_all_and_writes_nothing(machine: Machine) -> None:
    machine.install("1.4.2")
    before = listing(machine.root)
    gone = f"remove releases/{release('1.4.2')}, and all other releases\n"
    told = machine.run("uninstall", "greenhouse", "--dry-run")
    assert told == (0, f"{gone}keep configuration and data\n", "")
    told = machine.run("uninstall", "greenhouse", "--dry-run", "--purge")
    assert told == (0, f"{gone}remove configuration, data and state\n", "")
    assert listing(machine.root) == before
