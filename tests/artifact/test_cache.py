"""Services keep byte code outside of releases, each in a place of its own, unless the spec says."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.bytecode import equipped
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.service_files import launchd_plist, systemd_unit
from provisioning.builder.archive.debian import extras

from .making import directory, file, link
from .test_unit import package, service, verified

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.package import Package

SOURCES = [directory("lib").entry, file("lib/main.py").entry]
PLACE = "/var/cache/provisioning/greenhouse"
SAYS = (
    "Environment=PYTHONPYCACHEPREFIX={0}\n"
    "CacheDirectory=provisioning/greenhouse/{1}\nCacheDirectoryMode=0700\n"
)


def of(made: Package) -> dict[str, dict[str, str]]:
    """The environments of a package's services."""
    return {each.name: dict(each.environment) for each in made.services}


def test_each_service_has_a_place_of_its_own() -> None:
    given = package(service(environment=(("TZ", "UTC"),)), service(name="side", user="root"))
    assert of(equipped(given, SOURCES)) == {
        "greenhouse": {"PYTHONPYCACHEPREFIX": f"{PLACE}/greenhouse", "TZ": "UTC"},
        "side": {"PYTHONPYCACHEPREFIX": f"{PLACE}/greenhouse-side"},
    }


@pytest.mark.parametrize(
    "says",
    [
        ("PYTHONPYCACHEPREFIX", ""),
        ("PYTHONPYCACHEPREFIX", "/run/mine"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ],
)
def test_the_spec_has_the_last_word(says: tuple[str, str]) -> None:
    given = package(service(environment=(says,)))
    assert equipped(given, SOURCES) == given
    assert "CacheDirectory" not in systemd_unit(given, given.services[0], "/opt/x", ())


@pytest.mark.parametrize("entry", [file("lib/main.pyc"), directory("lib/main.py")])
def test_what_is_not_python_needs_none(entry: object) -> None:
    given = package(service())
    assert equipped(given, [entry.entry]) == given  # type: ignore[attr-defined]  # an Item
    linked = link("lib/main.py", "../main").entry
    assert equipped(given, [linked]) != given


def test_systemd_makes_the_place_for_the_service_s_user(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "greenhouse"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    made = equipped(package(service(), service(name="side")), SOURCES)
    for each, name in zip(made.services, ("greenhouse", "greenhouse-side"), strict=True):
        text = systemd_unit(made, each, str(tmp_path), ())
        assert SAYS.format(f"{PLACE}/{name}", name) in text
        assert verified({f"{name}.service": text}, tmp_path) == ""


def test_a_deb_s_unit_says_the_same() -> None:
    made = Manifest(package(service()), tuple(SOURCES))
    (text,) = extras.unit_contents(made).values()
    assert SAYS.format(f"{PLACE}/greenhouse", "greenhouse") in text


def test_launchd_is_told_the_place() -> None:
    made = equipped(package(service(), service_manager="launchd"), SOURCES)
    told = plistlib.loads(launchd_plist(made, made.services[0], "/opt/x", {}))
    assert told["EnvironmentVariables"] == {"PYTHONPYCACHEPREFIX": f"{PLACE}/greenhouse"}
