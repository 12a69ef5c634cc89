"""The tutorial's application does what the tutorial says, started by its own launcher."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.machines.booted import BOOTS, booted
from tests.machines.machine import machine
from tests.machines.root import Kind

from .conftest import reconfigure
from .page import GREENHOUSE
from .test_tutorial import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("PyPI")

PATIENCE = 20  # seconds
ASK = "import urllib.request as r; print(r.urlopen('http://localhost:8080/health').status)"


@contextmanager
def running(launcher: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The service and its address, once it has said that it listens."""
    # A machine that runs the service does not ask Python to write no byte code.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        [launcher], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/", env=env
    ) as service:
        try:
            assert service.stdout is not None
            port = service.stdout.readline().rpartition(" ")[2].strip()
            yield service, f"http://127.0.0.1:{port}"
        finally:
            service.kill()


def answer(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        data: dict[str, object] = json.load(response)
    return data


def refusal(launcher: Path) -> str:
    """What it says on standard error when it cannot start, which is exit status 2."""
    result = subprocess.run(
        [launcher], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 2
    return result.stderr


def test_it_answers_health_with_the_version_of_its_file(unpacked: Path) -> None:
    (unpacked / "VERSION").write_text("9.8.7\n", encoding="utf-8")
    with running(unpacked / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/health") == {"status": "ok", "version": "9.8.7"}


def test_it_reads_the_thresholds_of_its_configuration(unpacked: Path) -> None:
    reconfigure(unpacked, "open_above = 26.0", "open_above = 10.0")
    with running(unpacked / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/readings")["vents"] == "open"


def test_an_unknown_path_is_answered_with_404_and_the_known_ones(unpacked: Path) -> None:
    with running(unpacked / "bin" / "greenhouse") as (_, url):
        with pytest.raises(urllib.error.HTTPError) as caught:
            answer(f"{url}/nonsense")
        with caught.value as response:
            assert response.code == 404
            assert json.load(response) == {
                "error": "/nonsense is unknown; try /health or /readings"
            }


def test_sigterm_stops_it_cleanly(unpacked: Path) -> None:
    with running(unpacked / "bin" / "greenhouse") as (service, _):
        service.terminate()
        assert service.wait(PATIENCE) == 0
        assert service.stdout is not None
        assert service.stdout.read() == "greenhouse stopped\n"


def test_it_starts_through_links_from_anywhere(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "start").symlink_to(unpacked / "bin" / "greenhoused")
    with running(tmp_path / "start") as (_, url):
        assert answer(f"{url}/health")["status"] == "ok"


def test_a_missing_configuration_is_named(unpacked: Path) -> None:
    path = unpacked / "etc" / "greenhouse.ini"
    path.unlink()
    assert refusal(unpacked / "bin" / "greenhouse") == (
        f"greenhouse: {path}: No such file or directory\n"
    )


def test_a_port_that_is_no_number_is_named(unpacked: Path) -> None:
    path = reconfigure(unpacked, "port = 0", "port = none")
    assert refusal(unpacked / "bin" / "greenhouse") == (
        f"greenhouse: {path}: invalid literal for int() with base 10: 'none'\n"
    )


def test_a_missing_key_is_named(unpacked: Path) -> None:
    path = reconfigure(unpacked, "driver = simulated", "")
    assert refusal(unpacked / "bin" / "greenhouse") == (
        f"greenhouse: {path}: is incomplete or not an INI file: 'driver'\n"
    )


def test_an_unknown_sensor_is_named_with_the_known_ones(unpacked: Path) -> None:
    reconfigure(unpacked, "driver = simulated", "driver = thumb")
    assert refusal(unpacked / "bin" / "greenhouse") == (
        "greenhouse: sensor driver 'thumb' is unknown; use simulated or ds18b20\n"
    )


def test_a_sensor_that_is_not_there_is_told_with_503(unpacked: Path) -> None:
    reconfigure(unpacked, "driver = simulated", "driver = ds18b20")
    with running(unpacked / "bin" / "greenhouse") as (_, url):
        with pytest.raises(urllib.error.HTTPError) as caught:
            answer(f"{url}/readings")
        with caught.value as response:
            assert response.code == 503
            assert "no DS18B20" in json.load(response)["error"]


def test_the_pi_s_sensor_gives_millidegrees(tmp_path: Path) -> None:
    (tmp_path / "28-0316a2795bff").mkdir()
    (tmp_path / "28-0316a2795bff" / "temperature").write_text("21437\n", encoding="utf-8")
    code = (
        "import pathlib, sys; from greenhouse.sensor import ds18b20;"
        " print(ds18b20(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-B", "-c", code, str(tmp_path)]
    assert subprocess.check_output(command, text=True, cwd=GREENHOUSE / "src") == "21.437\n"


def test_the_application_s_own_tests_pass() -> None:
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-s", str(GREENHOUSE / "src")]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


def test_installed_it_answers_and_stays_as_it_was_installed(archive: Path, tmp_path: Path) -> None:
    provision = [sys.executable, "-m", "provisioning.installer"]
    root = ["--root", str(tmp_path)]
    subprocess.run([*provision, "install", *root, archive], check=True, capture_output=True)
    (current,) = tmp_path.glob("**/current")
    reconfigure(current, "port = 8080", "port = 0")
    with running(current / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/health") == {"status": "ok", "version": "1.4.2"}
    subprocess.run([*provision, "verify", *root, "greenhouse"], check=True, capture_output=True)


def built(platform: str, place: Path) -> Path:
    """The archive of the greenhouse for a platform."""
    project = place / "project"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    run(f"doit package:greenhouse:{platform}", project)
    (archive,) = project.glob("artifacts/*/*.tar.gz")
    return archive


@pytest.mark.sweep
@pytest.mark.needs("root", "mmdebstrap", "qemu-user")
def test_as_a_service_it_answers_on_a_pi(tmp_path: Path) -> None:
    archive = built("raspberry-pi-bookworm", tmp_path)
    with booted(tmp_path, Kind("arm64", more=BOOTS)) as pi:
        shutil.copy(archive, pi.root / "root")
        pi.run("groupadd", "--system", "gpio")  # as Raspberry Pi OS has it
        pi.run("tar", "-xzf", f"/root/{archive.name}", "-C", "/root")
        pi.run("/root/greenhouse/install")
        assert pi.run("python3", "-c", ASK) == "200\n"


@pytest.mark.sweep
@pytest.mark.needs("root", "mmdebstrap", "qemu-user")
def test_it_answers_on_a_pi_with_the_current_system(tmp_path: Path) -> None:
    archive = built("raspberry-pi", tmp_path)
    with machine(Kind("arm64", "trixie"), tmp_path) as pi:
        subprocess.run(["tar", "-xf", archive, "-C", pi.path("/opt")], check=True)
        reconfigure(pi.path("/opt/greenhouse"), "port = 8080", "port = 0")
        with pi.start("/opt/greenhouse/bin/greenhouse") as service:
            assert service.stdout is not None
            said = next(line for line in service.stdout if "listens" in line)  # it has no sensor
            port = said.rpartition(" ")[2].strip()
            health = answer(f"http://127.0.0.1:{port}/health")
            assert health == {"status": "ok", "version": "1.4.2"}
            service.terminate()
            assert service.wait(PATIENCE) == 0
