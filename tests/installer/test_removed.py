"""What a removal has noted is believed where one has noted it, of the package that comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.artifact.making import PACKAGE

from .making import conf, items, manifest_of, package

if TYPE_CHECKING:
    from .machine import Machine

PATH = "state/removed.json"
DOUBT = (
    "provision: warning: /opt/greenhouse/state/removed.json: was not left by a removal of {}, and"
    " is ignored: missing configuration files are installed again\n"
)


def noted(version: str = "1.0") -> str:
    """What a removal of a version notes."""
    return manifest_of(version, None, PACKAGE).decode()


def test_what_its_user_has_deleted_since_a_removal_stays_deleted(machine: Machine) -> None:
    machine.install("1.0")
    machine.run("uninstall", "greenhouse")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    assert machine.install("2.0") == (0, "greenhouse 2.0: installed in /opt/greenhouse\n", "")
    assert machine.read("etc/greenhouse.ini") is None


def test_so_it_does_where_an_installation_failed_meanwhile(machine: Machine) -> None:
    machine.install("1.0")
    machine.run("uninstall", "greenhouse")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    history = machine.read("state/history") or ""
    failed = history.splitlines()[-1].replace('"remove"', '"install"').replace("done", "failed")
    machine.write("state/history", f"{history}{failed}\n")
    assert machine.install("2.0").err == ""
    assert machine.read("etc/greenhouse.ini") is None


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=" ".join)
def test_a_manifest_that_no_removal_has_left_is_told_and_not_believed(
    machine: Machine, dry: tuple[str, ...]
) -> None:
    machine.write(PATH, noted())
    outcome = machine.install("1.0", None, *dry)
    assert (outcome.code, outcome.err) == (0, DOUBT.format("greenhouse"))
    assert "etc/greenhouse.ini: installed\n" in outcome.out
    assert machine.read("etc/greenhouse.ini") == (None if dry else "port = 8080\n")


def test_nor_is_one_of_a_removal_after_which_it_was_installed_again(machine: Machine) -> None:
    machine.install("1.0")
    machine.run("uninstall", "greenhouse")
    machine.install("1.0")
    assert machine.read(PATH) == noted()
    (machine.prefix / "current").unlink()
    (machine.prefix / "etc/greenhouse.ini").unlink()
    assert machine.install("2.0").err == DOUBT.format("greenhouse")
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"


@pytest.mark.parametrize("other", ["2.0", "nonsense", ""])
def test_nor_is_another_than_the_removal_has_left(machine: Machine, other: str) -> None:
    machine.install("1.0")
    machine.run("uninstall", "greenhouse")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    machine.write(PATH, noted(other) if other == "2.0" else other)
    assert machine.install("2.0").err == DOUBT.format("greenhouse")
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"


def test_what_another_package_has_left_in_its_place_is_that_one_s(machine: Machine) -> None:
    machine.install("1.0", [*items("1.0"), conf("etc/old.ini", b"a = 1\n")])
    machine.run("uninstall", "greenhouse")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    about = PACKAGE._replace(name="orangery")
    outcome = machine.run("install", package(machine.folder, "1.0", None, about))
    assert (outcome.code, outcome.err) == (0, DOUBT.format("orangery"))
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
    assert machine.read("etc/old.ini") == "a = 1\n"


def test_one_of_another_prefix_is_not_believed_either(machine: Machine) -> None:
    machine.install("1.0")
    machine.run("uninstall", "greenhouse")
    (machine.prefix / "etc/greenhouse.ini").unlink()
    machine.prefix.rename(machine.root / "opt/conservatory")
    about = PACKAGE._replace(prefix="/opt/conservatory")
    outcome = machine.run("install", package(machine.folder, "1.0", None, about))
    assert outcome.code == 0
    assert "/opt/conservatory/state/removed.json: was not left by a removal" in outcome.err
    installed = machine.root / "opt/conservatory/etc/greenhouse.ini"
    assert installed.read_text() == "port = 8080\n"


def test_where_something_is_current_nobody_asks(machine: Machine) -> None:
    machine.install("1.0")
    machine.write(PATH, "nonsense")
    assert machine.install("2.0").err == ""
    assert machine.run("uninstall", "greenhouse").code == 0
    assert machine.read(PATH) == noted("2.0")
