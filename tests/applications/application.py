"""A real application: from a lock to a service on an emulated Pi, and on to its next release.

Each directory beside this module is a project as a user has one, without its lock: that is made
when the test runs, from the registry that this machine uses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.machines.booted import Booted

PROJECTS = Path(__file__).parent
_GET = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Accept": sys.argv[2]})
with urllib.request.urlopen(asked) as answer:
    assert answer.status == 200, answer.status
    print(answer.read().decode())
"""


class Application:
    """A copy of a project, and the Pi on which its package is installed."""

    def __init__(self, name: str, port: int, place: Path, pi: Booted) -> None:
        self.name, self.project = name, place / name
        self._port, self._pi = port, pi
        shutil.copytree(PROJECTS / name, self.project)

    def write(self, path: str, old: str, new: str) -> None:
        """Replace what a file of the project says."""
        text = (self.project / path).read_text("utf-8")
        assert old in text
        (self.project / path).write_text(text.replace(old, new), "utf-8")

    def say(self, *command: str) -> str:
        """What a program prints in the project, with this interpreter's scripts in front."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            command,
            cwd=self.project,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def install(self, version: str) -> str:
        """Build a version and install it on the Pi, as HowTo 005 says: what the tool tells."""
        (self.project / "VERSION").write_text(f"{version}\n", "utf-8")
        self.say("doit")
        (archive,) = self.project.glob(f"artifacts/{self.name}-{version}-*/*.tar.gz")
        shutil.copy(archive, self._pi.root / "root")
        if (self._pi.root / f"opt/{self.name}/current").is_symlink():
            return self.provision("install", f"/root/{archive.name}")
        self._pi.run("tar", "-xzf", f"/root/{archive.name}", "-C", "/root")
        return self._pi.run(f"/root/{self.name}/install")

    def provision(self, *words: str) -> str:
        """What the installed tool prints."""
        return self._pi.run(f"/opt/{self.name}/current/install", *words)

    def get(self, path: str, accept: str = "*/*") -> str:
        """What the service answers with 200, to a program on the Pi."""
        return self._pi.run("python3", "-c", _GET, f"http://localhost:{self._port}{path}", accept)
