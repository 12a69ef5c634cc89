"""On a machine that has booted, the greenhouse is installed and upgraded, whatever happens."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.machines.booted import booted
from tests.plugin.shipped import GREENHOUSE
from tests.waiting import ending, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.booted import Booted

pytestmark = pytest.mark.sweep

PREFIX = "/opt/greenhouse"
UNITS = "/usr/local/lib/systemd/system"
UNIT = "greenhouse.service"
ASK = "import urllib.request as r; print(r.urlopen('http://localhost:8080/health').read().decode())"
SERVER = "src/greenhouse/server.py"
SPEC = "specs/greenhouse.yaml"
# What its own user alone may read, and write.
OWNED = (
    (SPEC, 'mode: "0644"', 'mode: "0640"\n    group: greenhouse'),
    (SPEC, 'mode: "0750"', 'mode: "0750"\n    owner: greenhouse'),
)


class Pi:
    """A machine with versions of the greenhouse to install."""

    def __init__(self, machine: Booted, project: Path) -> None:
        self.machine, self._project = machine, project

    def build(self, version: str, *edits: tuple[str, str, str]) -> str:
        """Build a version with some texts in some files replaced: where it lies on the machine."""
        project = self._project / version
        shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts"))
        for path, old, new in (("VERSION", "1.4.2", version), *OWNED, *edits):
            text = (project / path).read_text()
            assert old in text
            (project / path).write_text(text.replace(old, new))
        command = [sys.executable, "-m", "doit", "package:greenhouse:raspberry-pi"]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
        (archive,) = project.glob("artifacts/*/*.tar.gz")
        shutil.copy(archive, self.machine.root / "root")
        return f"/root/{archive.name}"

    def tool(self, archive: str) -> str:
        """The tool that a package brings along, unpacked on the machine."""
        self.machine.run("tar", "-xzf", archive, "-C", "/tmp", "greenhouse/install")
        return "/tmp/greenhouse/install"

    def install(self, archive: str, status: int = 0) -> str:
        return self.machine.run(self.tool(archive), "install", archive, status=status)

    @property
    def answers(self) -> str:
        """The version that answers over HTTP; "" if none does."""
        with self.machine.start("python3", "-c", ASK) as process:
            said, _ = process.communicate(timeout=20)
        return "" if process.returncode else str(json.loads(said)["version"])

    def systemctl(self, *command: str) -> str:
        return self.machine.run("systemctl", *command).strip()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pi]:
    place = tmp_path_factory.mktemp("pi")
    with booted(place) as machine:
        yield Pi(machine, place)


@pytest.fixture
def installed(pi: Pi) -> Iterator[Pi]:
    """A machine on which 1.4.2 is installed, and nothing else has been."""
    if not pi.machine.root.joinpath("root/greenhouse-1.4.2-raspberry-pi.tar.gz").exists():
        pi.build("1.4.2")
    archive = "/root/greenhouse-1.4.2-raspberry-pi.tar.gz"
    pi.install(archive)
    yield pi
    pi.machine.run(pi.tool(archive), "uninstall", "greenhouse", "--purge")


def test_the_service_answers_as_a_user_of_its_own_and_is_gone_afterwards(installed: Pi) -> None:
    assert installed.answers == "1.4.2"
    run = installed.machine.run
    assert installed.systemctl("show", "-P", "User", UNIT) == "greenhouse"
    pid = installed.systemctl("show", "-P", "MainPID", UNIT)
    assert run("stat", "-c", "%U", f"/proc/{pid}") == "greenhouse\n"
    assert run("stat", "-c", "%U %G %a", f"{PREFIX}/etc/greenhouse.ini") == "root greenhouse 640\n"
    assert run("stat", "-c", "%U %a", f"{PREFIX}/var/log") == "greenhouse 750\n"
    assert installed.systemctl("is-enabled", UNIT) == "enabled"
    assert run(f"{PREFIX}/current/install", "verify", "greenhouse")
    run(f"{PREFIX}/current/install", "uninstall", "--purge")
    assert run("getent", "passwd", "greenhouse", status=2) == ""
    assert (
        run("find", "/etc/systemd", UNITS, "/opt", "/var/lib/provisioning", "-name", "*greenhouse*")
        == ""
    )
    assert installed.machine.run("systemctl", "is-active", UNIT, status=3) == "inactive\n"
    installed.install("/root/greenhouse-1.4.2-raspberry-pi.tar.gz")


def test_it_is_hardened_and_writes_to_its_data_alone(installed: Pi) -> None:
    pid = installed.systemctl("show", "-P", "MainPID", UNIT)
    user = ("--reuid=greenhouse", "--regid=greenhouse", "--clear-groups")
    enter = ("nsenter", f"--target={pid}", "--mount", "--root", "setpriv", *user, "sh", "-c")
    touch = "for d in {0}/var/log {0}/etc {0}/current/lib /etc /var; do touch $d/x && echo $d; done"
    said = installed.machine.run(*enter, touch.format(PREFIX), status=1)
    assert [line for line in said.splitlines() if line.startswith("/")] == [f"{PREFIX}/var/log"]
    exposure = installed.machine.run("systemd-analyze", "security", "--no-pager", UNIT)
    assert re.search(r"Overall exposure level for greenhouse.service: [0-4]\.", exposure)


def test_after_a_start_of_the_machine_it_answers(installed: Pi) -> None:
    installed.machine.cut()
    installed.machine.boot()
    wait_until(lambda: installed.answers == "1.4.2")


HURRY = (SPEC, '/health"}', '/health", within: 4}')


def test_a_release_that_is_not_well_is_undone_and_the_old_one_answers(installed: Pi) -> None:
    edit = (SERVER, '{"/health": self.server.health, ', "{")
    said = installed.install(installed.build("1.4.3", edit, HURRY), status=4)
    assert said.startswith(
        "provision: greenhouse: greenhouse is not healthy after 4 seconds:"
        " http://localhost:8080/health answers 404; its last output: "
    )
    assert said.endswith("; rolled back: 1.4.2 is current again\n")
    assert installed.answers == "1.4.2"


def test_a_release_that_does_not_start_is_undone(installed: Pi) -> None:
    edit = ("src/greenhouse/__main__.py", "def main", "oh no\ndef main")
    said = installed.install(installed.build("1.4.4", edit, HURRY), status=4)
    assert "SyntaxError: invalid syntax; rolled back: 1.4.2 is current again" in said
    assert installed.answers == "1.4.2"


SLOW = (SPEC, '/health"}', '/never", within: 60}')
PAUSE = ("hooks/enable-1wire.sh", "set -eu", "set -eu\nsleep 60")


@pytest.mark.parametrize(
    ("version", "edit", "current"), [("1.5.0", SLOW, "1.5.0"), ("1.5.1", PAUSE, "1.4.2")]
)
def test_a_start_in_the_middle_of_an_upgrade_ends_with_the_old_release(
    installed: Pi, version: str, edit: tuple[str, str, str], current: str
) -> None:
    archive = installed.build(version, edit)
    record = installed.machine.root / "opt/greenhouse/state/transaction.json"
    link = installed.machine.root / "opt/greenhouse/current"
    with ending(installed.machine.start(installed.tool(archive), "install", archive)) as upgrade:
        wait_until(lambda: record.exists() and f"/{current}-" in str(link.readlink()))
        if current == version:
            wait_until(lambda: installed.systemctl("is-active", UNIT) == "active")
            wait_until(lambda: installed.answers == version)
        installed.machine.cut()
        upgrade.communicate()
    assert record.exists()
    installed.machine.boot()
    wait_until(lambda: installed.answers == "1.4.2")
    assert not record.exists()
    log = installed.machine.run("journalctl", "-o", "cat", "-u", "provision-recover-greenhouse")
    assert "greenhouse: an interrupted upgrade was undone" in log
    assert installed.machine.run(f"{PREFIX}/current/install", "verify", "greenhouse")
