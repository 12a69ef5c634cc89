"""Roots that are not as they should be: nothing is written outside, and each is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .machine import listing
from .making import conf, directory, file, items

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine


@pytest.fixture
def outside(machine: Machine) -> Path:
    path = machine.folder / "outside"
    (path / "greenhouse").mkdir(parents=True)
    (path / "mine").write_text("mine")
    return path


def refusal(link: str) -> str:
    told = "is a link to outside, which is not followed; put a directory there"
    return f"provision: {link}: {told}\n"


@pytest.mark.parametrize("link", ["opt", "opt/greenhouse"])
def test_no_link_on_the_way_to_a_prefix_is_followed(
    machine: Machine, outside: Path, link: str
) -> None:
    before = listing(outside)
    (machine.root / link).parent.mkdir(exist_ok=True)
    (machine.root / link).symlink_to(outside)
    assert machine.install("1.4.2") == (3, "", refusal(f"/{link}"))
    assert listing(outside) == before


@pytest.mark.parametrize("link", ["releases", "state", "state/kept", "etc", "var"])
def test_no_link_in_a_prefix_is_followed(machine: Machine, outside: Path, link: str) -> None:
    before = listing(outside)
    (machine.prefix / link).parent.mkdir(parents=True)
    (machine.prefix / link).symlink_to(outside)
    assert machine.install("1.4.2") == (
        3,
        "",
        f"provision: /opt/greenhouse/{link}: is not a directory; move it away\n",
    )
    assert listing(outside) == before
    assert not os.path.lexists(machine.prefix / "current")


@pytest.mark.parametrize("link", ["var/lib", "var/lib/provisioning"])
def test_no_link_on_the_way_to_the_registry_is_followed(
    machine: Machine, outside: Path, link: str
) -> None:
    before = listing(outside)
    (machine.root / link).parent.mkdir(parents=True)
    (machine.root / link).symlink_to(outside)
    machine.install("1.4.2")
    assert listing(outside) == before


def test_a_data_directory_may_be_a_link_which_is_left_alone(
    machine: Machine, outside: Path
) -> None:
    before = listing(outside)
    (machine.prefix / "var").mkdir(parents=True)
    (machine.prefix / "var/log").symlink_to(outside)
    assert machine.install("1.4.2").code == 0
    assert machine.run("uninstall", "greenhouse", "--purge").code == 0
    assert listing(outside) == before


def test_current_has_to_be_a_link_to_a_release(machine: Machine) -> None:
    current = machine.prefix / "current"
    current.mkdir(parents=True)
    assert machine.install("1.4.2") == (
        3,
        "",
        "provision: /opt/greenhouse/current: is not a link to a release; move it away\n",
    )
    current.rmdir()
    current.symlink_to("../elsewhere")
    assert machine.install("1.4.2").err == (
        "provision: /opt/greenhouse/current: leads to ../elsewhere, which is not a release;"
        " remove it\n"
    )


def test_a_release_that_is_gone_is_told(machine: Machine) -> None:
    machine.prefix.mkdir(parents=True)
    (machine.prefix / "current").symlink_to("releases/1.0-01234567")
    told = "leads to releases/1.0-01234567, which does not exist; remove it"
    for command in ("rollback", "uninstall", "gc", "status"):
        assert machine.run(command, "/opt/greenhouse").err == (
            f"provision: /opt/greenhouse/current: {told}\n"
        )
    assert machine.install("1.4.2").code == 3


def test_what_is_no_directory_is_told(machine: Machine) -> None:
    machine.prefix.mkdir(parents=True)
    (machine.prefix / "var").touch()
    assert machine.install("1.4.2") == (
        3,
        "",
        "provision: /opt/greenhouse/var: is not a directory; move it away\n",
    )


@pytest.mark.parametrize("own", ["releases", "current", "previous", "state", "State"])
def test_a_package_cannot_have_configuration_among_releases(machine: Machine, own: str) -> None:
    holding = [*items("1"), directory(own), conf(f"{own}/x", b"")]
    assert machine.install("1", holding) == (
        3,
        "",
        (
            f"provision: greenhouse-1-raspberry-pi.tar.gz: {own}/x:"
            f" lies in {own}, where releases are kept\n"
        ),
    )
    assert listing(machine.root) == {}


def test_a_package_cannot_bring_what_the_tool_puts_there(machine: Machine) -> None:
    holding = [
        *items("1"),
        conf("etc/greenhouse.ini.new", b""),
        directory(".provisioning/conffiles"),
        directory(".provisioning/conffiles/etc"),
        file(".provisioning/conffiles/etc/greenhouse.ini", b"other"),
    ]
    outcome = machine.install("1", holding)
    where = "provision: greenhouse-1-raspberry-pi.tar.gz"
    vendor = "lies where the vendor's"
    assert outcome.code == 3
    expected = (
        f"{where}: .provisioning/conffiles: {vendor}",
        f"{where}: .provisioning/conffiles/etc: {vendor}",
        f"{where}: .provisioning/conffiles/etc/greenhouse.ini: {vendor}",
        f"{where}: etc/greenhouse.ini.new: is where a version",
    )
    for line, begins in zip(outcome.err.splitlines(), expected, strict=True):
        assert line.startswith(begins)


def test_stale_temporaries_are_swept(machine: Machine) -> None:
    machine.install("1.4.2")
    stale = machine.prefix / "releases/.provisioning-0123456789abcdef/lib"
    stale.mkdir(parents=True)
    (stale / "main.py").touch()
    (machine.prefix / ".provisioning-x").symlink_to("releases")
    (machine.prefix / "state/.provisioning-y").touch()
    machine.install("1.5.0")
    assert [*machine.prefix.rglob(".provisioning-*")] == []
