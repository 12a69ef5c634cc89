"""A small project on disk, and doit as its user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doit.doit_cmd import DoitMain

from tests.conftest import unmeasured
from tests.waiting import ending, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

DODO = """
from provisioning.plugin import configure, tasks
DOIT_CONFIG = configure()
def task_provisioning():
    yield from tasks()
"""
SPEC = """
name: demo
version: "1.0"
platforms:
  raspberry-pi:
    variables: {pins: 40}
  mac-mini: {}
variables:
  port: 8080
  unused: 1
contents:
  - src: src/
    dst: lib/
  - template: config/demo.ini.j2
    dst: etc/demo.ini
    mode: "0640"
    conffile: true
  - link: ../lib/main.py
    dst: bin/demo
"""
FILES = {
    "dodo.py": DODO,
    "specs/demo.yaml": SPEC,
    "src/main.py": "print('hello')\n",
    "src/deep/data.txt": "data\n",
    "config/demo.ini.j2": "[demo]\nport = {{ port }}\n{{ '' if pins is undefined else pins }}\n",
}
# A disk on which an artifact takes its time to have its name.
_SLOW_DISK = """
import os, time
at_once = os.replace
def replace(source, target):
    if os.path.dirname(source).startswith("artifacts/demo-"):
        with open(f"waits.{os.getpid()}", "w") as file:
            file.write(str(os.getpid()))
        at_once(file.name, "waits")
        time.sleep(5)  # until it is ended, as some of the processes are
    at_once(source, target)
os.replace = replace
"""
# Shells have what they run in the background ignore SIGINT: the tests may run there.
AS_USUAL = ("env", "--default-signal=INT,HUP")
DOITS = frozenset(command.get_name() for command in DoitMain.DOIT_CMDS)
PROGRAM = str(Path(sys.executable).with_name("provision"))
STAGES = ("collect", "render", "archive", "hash", "verify")


class Project:
    """A project directory in which `doit` can be run."""

    def __init__(self, root: Path, files: Mapping[str, str] = FILES) -> None:
        self.root = root
        for name, text in files.items():
            self.write(name, text)

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def start(
        self, *arguments: str, environment: dict[str, str] | None = None
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        """Doit, which has ended after the block."""
        return self._start([sys.executable, "-m", "doit", *arguments], environment)

    def _start(
        self, command: Sequence[str], environment: dict[str, str] | None = None
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [*AS_USUAL, *command],
            cwd=self.root,
            env={**os.environ, **(environment or {})},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all of its processes can be killed
        )
        return ending(process)

    @contextmanager
    def start_on_a_slow_disk(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """The same, and who of it waits for the disk: what that one makes is not finished."""
        dodo = self.path("dodo.py")
        dodo.write_text(dodo.read_text() + _SLOW_DISK)
        with self.start(*arguments) as process:
            wait_until(lambda: self.path("waits").exists() or process.poll() is not None)
            waits = int(self.path("waits").read_text())
            assert list(self.root.glob(f"artifacts/demo-*/.*.{waits}.tmp"))
            yield process, waits

    def doit(self, *arguments: str, status: int = 0) -> str:
        """What doit prints; it must end with `status`, and never with a traceback."""
        return self._said(self.start(*arguments), status)

    def provision(self, *arguments: str, status: int = 0) -> str:
        """The same of the program `provision`."""
        return self._said(self._start([PROGRAM, *arguments]), status)

    def _said(self, started: AbstractContextManager[subprocess.Popen[str]], status: int) -> str:
        with started as process:
            output, _ = process.communicate(timeout=120)
        assert "Traceback" not in output, output
        assert process.returncode == status, output
        return output

    def program(self, name: str, standard_input: str, status: int = 0) -> str:
        """What a program of the project prints."""
        process = subprocess.run(
            [sys.executable, name],
            cwd=self.root,
            input=standard_input,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert process.returncode == status, process.stdout + process.stderr
        return process.stdout + process.stderr

    def ran(self, *arguments: str) -> set[str]:
        """The tasks that `doit` executes."""
        lines = self.doit(*arguments).splitlines()
        return {line[3:] for line in lines if line.startswith(".  ")}

    def archive(self, platform: str = "raspberry-pi", version: str = "1.0") -> Path:
        stem = f"demo-{version}-{platform}"
        return self.root / "artifacts" / stem / f"{stem}.tar.gz"


def stages(platform: str, *names: str) -> set[str]:
    """The names of the tasks for these stages of the demo package."""
    return {f"{name}:demo:{platform}" for name in names or STAGES}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def built(project: Project) -> Project:
    """A project after its first `doit`."""
    with unmeasured():
        project.doit()
    return project
