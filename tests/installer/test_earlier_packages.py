"""Packages and tools of earlier code, and of today's, work on one machine, in any order."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import MANIFEST
from provisioning.artifact.tool import tool
from tests.artifact.making import Item, file

from .machine import listing
from .making import conf, package

if TYPE_CHECKING:
    from .machine import Machine

EARLIER = Path(__file__).parent / "earlier/station-1.0-raspberry-pi.tar.gz"
# Runs a tool, and kills it before its first change after a file was given its name.
KILLED = """
import os, runpy, signal, sys
name, given = sys.argv.pop(1), False
def kill(event, arguments):
    global given
    if given and event in {"os.mkdir", "os.remove", "os.rename", "os.symlink"}:
        os.kill(os.getpid(), signal.SIGKILL)
    given = given or (event == "os.rename" and arguments[1] == name)
sys.addaudithook(kill)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Said(NamedTuple):
    """What a tool said, and its exit code."""

    code: int
    out: str
    err: str


class Station:
    """A scratch root, and the tools and packages of both ages."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.prefix = self.root / "opt/station"
        self.packages = {"earlier": EARLIER, "today": _todays(folder)}
        self.tools = {}
        for age, path in self.packages.items():
            with tarfile.open(path) as archive:
                data = archive.extractfile("station/install")
                assert data is not None
                self.tools[age] = folder / f"{age}.pyz"
                self.tools[age].write_bytes(data.read())

    def run(self, age: str, *words: str | Path, killed_after: str = "") -> Said:
        """Run a command with the tool of an age."""
        python = [sys.executable, *(["-c", KILLED, killed_after] if killed_after else [])]
        command = [*python, self.tools[age], *words, "--root", self.root]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        out, err = (text.replace(str(self.root), "") for text in (done.stdout, done.stderr))
        return Said(done.returncode, out, err)

    def done(self, age: str, *words: str | Path) -> str:
        """The same, which has to go well: what it said."""
        said = self.run(age, *words)
        assert said.code == 0, said.err
        return said.out

    def status(self, age: str) -> dict[str, Any]:
        """The package as the tool of an age knows it."""
        (found,) = json.loads(self.done(age, "status", "station", "--json"))["packages"]
        return dict(found)


def _todays(folder: Path) -> Path:
    """The earlier package as today's code makes it: version 1.1, with other settings."""
    with tarfile.open(EARLIER) as archive:

        def content(path: str) -> bytes:
            found = archive.extractfile(f"station/{path}")
            assert found is not None
            return found.read()

        about, entries = manifest.parse(content(MANIFEST), MANIFEST)
        others = (each for each in entries if each.path not in {"install", "etc/station.ini"})
        items = [Item(each, content(each.path) if each.size else b"") for each in others]
    changed = [file("install", tool(), 0o755), conf("etc/station.ini", b"port = 9090\n", 0o644)]
    return package(folder, "1.1", [*items, *changed], about)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Nothing is installed yet."""
    return Station(tmp_path)


def test_todays_tool_does_everything_with_an_earlier_package(machine: Machine) -> None:
    """With its services: their units are written, and not started in a scratch root."""
    assert machine.run("install", EARLIER).out.endswith("station 1.0: installed in /opt/station\n")
    assert (machine.root / "usr/local/lib/systemd/system/station.service").exists()
    assert machine.run("verify", "station").out == "station 1.0: 9 entries, verified\n"
    (machine.root / "opt/station/etc/station.ini").write_text("port = 1\n")
    assert machine.run("install", _todays(machine.folder)).code == 0
    assert machine.run("rollback", "station").out.endswith(
        "current again in /opt/station, was 1.1\n"
    )
    assert machine.run("verify", "station").code == 0
    assert machine.run("gc", "station", "--keep", "0").code == 0
    assert machine.run("uninstall", "station", "--purge").code == 0
    assert not (machine.root / "opt/station").exists()


@pytest.mark.parametrize(("first", "second"), [("earlier", "today"), ("today", "earlier")])
def test_whoever_does_what_both_find_and_leave_the_same(
    station: Station, first: str, second: str
) -> None:
    turns, judges = cycle((first, second)), cycle((second, first))

    def run(*words: str | Path, version: str) -> None:
        station.done(next(turns), *words)
        known = station.status("today")
        assert (known, known["version"]) == (station.status("earlier"), version)
        assert station.done(next(judges), "verify", "station").endswith("entries, verified\n")

    run("install", station.packages["earlier"], version="1.0")
    run("install", station.packages["today"], version="1.1")
    assert (station.prefix / "etc/station.ini").read_text() == "port = 9090\n"
    run("rollback", "station", version="1.0")
    assert (station.prefix / "etc/station.ini").read_text() == "port = 8080\n"
    (station.prefix / "etc/station.ini").write_text("port = 1\n")
    run("install", station.packages["today"], version="1.1")
    assert (station.prefix / "etc/station.ini.new").read_text() == "port = 9090\n"
    run("rollback", "station", "1.0", version="1.0")
    assert (station.prefix / "etc/station.ini").read_text() == "port = 1\n"
    station.done(next(turns), "uninstall", "station")
    assert {path for path in listing(station.prefix) if not path.startswith("state/")} == {
        *("etc", "etc/station.ini", "state", "var", "var/log"),
    }
    run("install", station.packages["earlier"], version="1.0")
    station.done(next(turns), "uninstall", "station", "--purge")
    assert not station.prefix.exists()


@pytest.mark.parametrize("killed", ["earlier", "today"])
@pytest.mark.parametrize(
    ("after", "done", "version"),
    [("transaction.json", "undone", "1.0"), ("current", "finished", "1.1")],
)
def test_what_one_was_killed_in_is_ended_by_way_of_the_other(
    station: Station, killed: str, after: str, done: str, version: str
) -> None:
    """By the tool that began it, which the other one runs: it alone knows what its record means."""
    station.done("earlier", "install", station.packages["earlier"])
    station.run(killed, "install", station.packages["today"], killed_after=after)
    other = {"earlier": "today", "today": "earlier"}[killed]
    assert station.status(other)["interrupted"] == "upgrade"
    said = station.done(other, "recover", "station")
    assert said == f"station: an interrupted upgrade was {done}\n"
    assert station.status(other) == station.status(killed)
    assert station.status(killed)["version"] == version
    assert station.done(killed, "verify", "station")
