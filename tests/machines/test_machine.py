"""The machines that stand in for real ones are what tests take them for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.machines.machine import machine
from tests.machines.root import Kind, pristine
from tests.waiting import ending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machines.machine import Machine

pytestmark = pytest.mark.sweep

PROJECT = Path(__file__).resolve().parents[2]
MAKE = "from tests.machines.root import *; print(pristine(Kind('amd64')), flush=True)"


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(Kind("arm64"), tmp_path_factory.mktemp("pi")) as made:
        yield made


def test_its_python_is_the_one_of_its_debian_and_runs_its_instructions(pi: Machine) -> None:
    code = "import platform, sys; print(platform.machine(), *sys.version_info[:2])"
    assert pi.run("python3", "-c", code) == "aarch64 3 11\n"


def test_its_dpkg_knows_what_it_holds_and_has_nothing_to_complain_of(pi: Machine) -> None:
    assert pi.run("dpkg", "--audit") == ""
    assert pi.run("dpkg", "-S", "/bin/tar") == "tar: /bin/tar\n"


def test_nothing_of_this_machine_reaches_it(pi: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "1")
    assert "LEAK" not in pi.run("env")
    assert "No such file" in pi.run("ls", str(PROJECT), status=2)


def test_what_is_written_in_it_lies_here_and_in_no_other(pi: Machine) -> None:
    pi.run("sh", "-c", "echo text > /root/file")
    assert pi.path("/root/file").read_text() == "text\n"
    assert not (pristine(Kind("arm64")) / "root/file").exists()


def test_a_signal_reaches_its_program_and_no_mount_remains(pi: Machine) -> None:
    with ending(pi.start("sh", "-c", "echo ready; exec sleep 60")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.wait(30)
    assert process.returncode == -signal.SIGTERM
    assert str(pi.root) not in Path("/proc/self/mounts").read_text()


def test_two_who_ask_at_once_get_one_root_that_is_whole(tmp_path: Path) -> None:
    """As two workers of pytest-xdist do, where a killed run has left a part."""
    known = pristine(Kind("amd64"))
    (tmp_path / known.parent.name / f"{known.name}.begun/root/bin").mkdir(parents=True)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE], cwd=PROJECT, text=True, stdout=subprocess.PIPE,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        )
        for _ in range(2)
    ]  # fmt: skip
    one, other = (process.communicate()[0] for process in started)
    assert one == other
    assert sorted(os.listdir(Path(one.strip()).parent)) == [known.name, f"{known.name}.lock"]
    assert os.listdir(Path(one.strip(), "usr/bin")) != []
