"""OctoPrint: from a lock of Python packages for another processor to a printer's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.applications.application import Application
from tests.machines.booted import BOOTS, booted
from tests.machines.root import Kind

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


def test_it_answers_is_upgraded_and_goes_back(pi: Booted, tmp_path: Path) -> None:
    octoprint = Application("octoprint", PORT, tmp_path, pi)
    octoprint.say(*LOCK)
    # netifaces has no wheel for a Pi.
    octoprint.say("provision", "wheels", "raspberry-pi-bookworm")
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
