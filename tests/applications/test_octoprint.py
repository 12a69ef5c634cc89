"""OctoPrint: from a lock of Python packages for another processor to a printer's page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.python.wheel_cache import cache
from tests.applications.application import Application
from tests.machines.booted import BOOTS, booted
from tests.machines.building import doit, install
from tests.machines.machine import machine
from tests.machines.root import Kind
from tests.plugin.shipped import left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.booted import Booted

pytestmark = [pytest.mark.sweep, pytest.mark.needs("uv", "mmdebstrap")]

PORT = 5000  # in a network of the Pi's own
LOCK = (
    *("uv", "pip", "compile", "requirements.in", "--universal", "--python-version", "3.11"),
    *("--format", "pylock.toml", "-o", "pylock.toml"),
)
CERTIFI = ("/opt/octoprint/current/bin/python", "-c", "import certifi as c; print(c.__version__)")


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with booted(tmp_path_factory.mktemp("pi"), Kind("arm64", more=BOOTS)) as made:
        yield made


@pytest.fixture(scope="module")
def octoprint(pi: Booted, tmp_path_factory: pytest.TempPathFactory) -> Application:
    """The project with its lock, and with a wheel that nobody has for a Pi: netifaces."""
    made = Application("octoprint", PORT, tmp_path_factory.mktemp("octoprint"), pi)
    made.say(*LOCK)
    made.say("provision", "wheels", "raspberry-pi-bookworm")
    return made


def test_a_builder_with_another_processor_makes_the_same_bytes(
    octoprint: Application, tmp_path: Path
) -> None:
    (octoprint.project / "VERSION").write_text("1.0.0\n", "utf-8")
    octoprint.say("doit")
    with machine(Kind("arm64", builds=True), tmp_path) as builder:
        install(builder)
        project = builder.path("/src/octoprint")
        shutil.copytree(octoprint.project, project, ignore=shutil.ignore_patterns("artifacts"))
        shutil.copytree(cache(), builder.path("/cache"))
        assert "verified" in doit(builder, "/src/octoprint", "env", "PROVISIONING_CACHE=/cache")
        assert left(project) == left(octoprint.project)


def test_it_answers_is_upgraded_and_goes_back(pi: Booted, octoprint: Application) -> None:
    octoprint.install("1.0.0")
    assert ">OctoPrint</title>" in octoprint.get("/")
    assert pi.run(*CERTIFI) == "2025.01.31\n"

    octoprint.write("requirements.in", "2025.1.31", "2025.4.26")
    octoprint.say(*LOCK)
    octoprint.install("1.1.0")
    assert pi.run(*CERTIFI) == "2025.04.26\n"

    octoprint.provision("rollback")
    assert ">OctoPrint</title>" in octoprint.get("/")
    assert pi.run(*CERTIFI) == "2025.01.31\n"
    assert octoprint.provision("verify").endswith("entries, verified\n")
