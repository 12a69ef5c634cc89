"""Removing a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.model.device import Value
from tests.artifact.making import PACKAGE

from .machine import listing
from .making import package, release

if TYPE_CHECKING:
    from .machine import Machine


STAYS = "etc/greenhouse.ini: kept (as installed)\nvar/log: kept (data)\n"
GOES = """\
remove etc (if nothing else is in it)
remove etc/greenhouse.ini (as installed)
remove var (if nothing else is in it)
remove var/log (data)
remove state: the history and all other notes
"""
# Of the root "".
PURGE = "`provision uninstall --purge --root  /opt/greenhouse` removes what was kept\n"


def test_configuration_and_data_stay(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.install("1.5.0")
    (machine.prefix / "var/log/x").write_text("line\n")
    assert machine.run("uninstall", "greenhouse") == (
        0,
        f"{STAYS}greenhouse 1.5.0: removed from /opt/greenhouse\n{PURGE}",
        "",
    )
    assert machine.asked("list") == {"packages": []}
    assert sorted(path.name for path in machine.prefix.iterdir()) == ["etc", "state", "var"]
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
    assert machine.read("var/log/x") == "line\n"


def test_what_stays_is_told_with_what_became_of_it(machine: Machine) -> None:
    about = PACKAGE._replace(device=(Value("PIN", "", secret=False, summary=""),))
    machine.run("install", package(machine.folder, "1.4.2", None, about))
    machine.write("etc/greenhouse.ini", "port = 1\n")
    machine.write("etc/greenhouse.ini.new", "port = 2\n")
    machine.write("etc/device.env", "PIN=1\n")
    assert machine.asked("uninstall", "greenhouse")["stays"] == [
        {"path": "etc/device.env", "what": "device"},
        {"path": "etc/greenhouse.ini", "what": "edited"},
        {"path": "etc/greenhouse.ini.new", "what": "beside"},
        {"path": "var/log", "what": "data"},
    ]


def test_of_what_is_gone_nothing_is_told(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    (machine.prefix / "var/log").rmdir()
    told = machine.run("uninstall", "greenhouse").out
    assert told == "greenhouse 1.4.2: removed from /opt/greenhouse\n"


def test_what_stays_goes_as_it_is_told(machine: Machine) -> None:
    machine.install("1.4.2")
    told = machine.run("uninstall", "greenhouse").out.splitlines()[-1]
    prefix = told.split("`")[1].rpartition(" ")[2]
    assert machine.run("uninstall", "--purge", prefix).code == 0
    assert not machine.prefix.exists()


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
    unknown = machine.run("uninstall", "greenhouse")
    assert (unknown.code, unknown.out) == (2, "")
    assert "greenhouse: is not installed" in unknown.err
    machine.install("1.4.2")
    machine.run("uninstall", "greenhouse")
    assert machine.run("uninstall", "greenhouse") == unknown
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
    gone = f"remove releases/{release('1.4.2')}\n"
    told = machine.run("uninstall", "greenhouse", "--dry-run")
    assert told == (0, f"{gone}{STAYS}", "")
    told = machine.run("uninstall", "greenhouse", "--dry-run", "--purge")
    assert told == (0, f"{gone}{GOES}", "")
    assert listing(machine.root) == before
