"""What is installed, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.installer.cli.command_line import main
from tests.artifact.making import PACKAGE

from .making import items, package, release

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.package import Package

    from .machine import Machine

OTHER: Package = PACKAGE._replace(name="pump", prefix="/srv/pump")


def test_nothing_is_installed_at_first(machine: Machine) -> None:
    for command in ("list", "status"):
        assert machine.run(command) == (0, "", "")
        assert machine.asked(command) == {"packages": []}


def test_each_package_is_listed(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.run("install", package(machine.folder, "0.1", items("0.1"), OTHER))
    assert machine.run("list").out == "greenhouse 1.4.2 /opt/greenhouse\npump 0.1 /srv/pump\n"
    assert machine.run("status").out.count("prefix") == 2


def test_the_status_tells_every_release(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.install("1.5.0")
    (only,) = machine.asked("status", "greenhouse")["packages"]
    assert only == {
        "name": "greenhouse",
        "version": "1.5.0",
        "prefix": "/opt/greenhouse",
        "current": release("1.5.0"),
        "previous": release("1.4.2"),
        "owned": only["owned"],
        "interrupted": "",
        "releases": [
            {"name": release("1.4.2"), "state": "good"},
            {"name": release("1.5.0"), "state": "good"},
        ],
    }
    assert machine.run("status", "/opt/greenhouse").out.startswith(
        f"greenhouse 1.5.0\n  prefix    /opt/greenhouse\n  current   {release('1.5.0')}"
    )


def test_a_package_that_is_not_installed_is_none(machine: Machine) -> None:
    for command in ("status", "rollback", "uninstall", "gc", "recover"):
        assert machine.run(command, "pump") == (
            2,
            "",
            "provision: pump: is not installed; `provision list` shows what is\n",
        )


def test_one_has_to_say_which_package(machine: Machine) -> None:
    for command in ("rollback", "uninstall", "gc", "recover"):
        assert machine.run(command) == (
            2,
            "",
            "provision: which package? `provision list` shows their names\n",
        )


def test_a_root_has_to_be_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--root", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err == f"provision: {tmp_path}/x: is not a directory\n"


def test_two_packages_do_not_share_a_prefix(machine: Machine) -> None:
    machine.install("1.4.2")
    other = package(machine.folder, "0.1", items("0.1"), PACKAGE._replace(name="pump"))
    assert machine.run("install", other) == (
        3,
        "",
        (
            "provision: /opt/greenhouse: already contains package greenhouse; uninstall it first to"
            " install pump there\n"
        ),
    )


@pytest.mark.parametrize(
    "more", ["/opt/greenhouse/.provisioning/manifest.json\n", ""], ids=["installed", "removed"]
)
def test_a_package_that_dpkg_has_and_did_not_purge_is_refused(machine: Machine, more: str) -> None:
    listed = machine.root / "var/lib/dpkg/info/greenhouse.list"
    listed.parent.mkdir(parents=True)
    there = "/.\n/opt\n/opt/greenhouse\n/opt/greenhouse/etc\n/opt/greenhouse/etc/greenhouse.ini\n"
    listed.write_text(there + more)
    assert machine.run("install", package(machine.folder, "1.4.2")) == (
        3,
        "",
        (
            "provision: /opt/greenhouse: belongs to dpkg; save what you need of its configuration"
            " and data, which `dpkg -P greenhouse` removes, and run that first\n"
        ),
    )
    assert not (machine.root / "opt/greenhouse").exists()
    listed.unlink()
    assert machine.install("1.4.2").out.endswith("installed in /opt/greenhouse\n")


def test_a_package_is_installed_in_one_place(machine: Machine) -> None:
    machine.install("1.4.2")
    moved = package(machine.folder, "1.5", items("1.5"), PACKAGE._replace(prefix="/srv/g"))
    assert machine.run("install", moved) == (
        3,
        "",
        "provision: greenhouse: is installed in /opt/greenhouse; uninstall it there first\n",
    )
    assert not (machine.root / "srv").exists()
