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

from .page import GREENHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 20  # seconds


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


def reconfigure(root: Path, old: str, new: str) -> Path:
    """Edit the configuration; returns its path."""
    path = root / "etc" / "greenhouse.ini"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_it_answers_health_with_the_version_of_its_file(installed: Path) -> None:
    (installed / "VERSION").write_text("9.8.7\n", encoding="utf-8")
    with running(installed / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/health") == {"status": "ok", "version": "9.8.7"}


def test_it_reads_the_thresholds_of_its_configuration(installed: Path) -> None:
    reconfigure(installed, "open_above = 26.0", "open_above = 10.0")
    with running(installed / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/readings")["vents"] == "open"


def test_an_unknown_path_is_answered_with_404_and_the_known_ones(installed: Path) -> None:
    with running(installed / "bin" / "greenhouse") as (_, url):
        with pytest.raises(urllib.error.HTTPError) as caught:
            answer(f"{url}/nonsense")
        with caught.value as response:
            assert response.code == 404
            assert json.load(response) == {
                "error": "/nonsense is unknown; try /health or /readings"
            }


def test_sigterm_stops_it_cleanly(installed: Path) -> None:
    with running(installed / "bin" / "greenhouse") as (service, _):
        service.terminate()
        assert service.wait(PATIENCE) == 0
        assert service.stdout is not None
        assert service.stdout.read() == "greenhouse stopped\n"


def test_it_starts_through_links_from_anywhere(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "start").symlink_to(installed / "bin" / "greenhoused")
    with running(tmp_path / "start") as (_, url):
        assert answer(f"{url}/health")["status"] == "ok"


def test_it_leaves_no_byte_code_where_it_is_installed(installed: Path) -> None:
    before = sorted(installed.rglob("*"))
    with running(installed / "bin" / "greenhouse") as (_, url):
        answer(f"{url}/readings")
    assert sorted(installed.rglob("*")) == before


def test_a_missing_configuration_is_named(installed: Path) -> None:
    path = installed / "etc" / "greenhouse.ini"
    path.unlink()
    assert refusal(installed / "bin" / "greenhouse") == (
        f"greenhouse: {path}: No such file or directory\n"
    )


def test_a_port_that_is_no_number_is_named(installed: Path) -> None:
    path = reconfigure(installed, "port = 0", "port = none")
    assert refusal(installed / "bin" / "greenhouse") == (
        f"greenhouse: {path}: invalid literal for int() with base 10: 'none'\n"
    )


def test_a_missing_key_is_named(installed: Path) -> None:
    path = reconfigure(installed, "driver = simulated", "")
    assert refusal(installed / "bin" / "greenhouse") == (
        f"greenhouse: {path}: is incomplete or not an INI file: 'driver'\n"
    )


def test_the_package_without_the_pi_s_module_refuses_the_pi_s_sensor(installed: Path) -> None:
    reconfigure(installed, "driver = simulated", "driver = gpio")
    assert refusal(installed / "bin" / "greenhouse") == (
        "greenhouse: sensor driver gpio is not part of this machine's package\n"
    )


def test_the_pi_s_module_reads_millidegrees(tmp_path: Path) -> None:
    (tmp_path / "28-0316a2795bff").mkdir()
    (tmp_path / "28-0316a2795bff" / "temperature").write_text("21437\n", encoding="utf-8")
    code = "import gpio, pathlib, sys; print(gpio.read(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-B", "-c", code, str(tmp_path)]
    assert subprocess.check_output(command, text=True, cwd=GREENHOUSE / "hardware") == "21.437\n"


def test_the_application_s_own_tests_pass() -> None:
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-s", str(GREENHOUSE / "src")]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


def test_the_package_that_doit_builds_of_it_runs(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    subprocess.run([sys.executable, "-m", "doit"], cwd=project, check=True, capture_output=True)
    (archive,) = project.glob("artifacts/*-mac-mini/*.tar.gz")
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path], check=True)
    reconfigure(tmp_path / "greenhouse", "port = 8080", "port = 0")
    with running(tmp_path / "greenhouse" / "bin" / "greenhouse") as (_, url):
        assert answer(f"{url}/health") == {"status": "ok", "version": "1.4.2"}
