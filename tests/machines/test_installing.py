"""A stock machine of another processor or Python installs a package, and goes back, as this one."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.tool import tool
from tests.artifact.making import directory, file
from tests.installer import kills
from tests.installer.making import items, package
from tests.machines.machine import machine
from tests.machines.root import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machines.machine import Machine

pytestmark = pytest.mark.sweep

STOCK = [Kind("arm64"), Kind("armhf"), Kind("amd64", "bullseye")]
TOOL, PREFIX = "/srv/tool", "/opt/greenhouse"
MANY = 300  # files: more than one processor has to do with
KILLED = """
import sys
sys.path[:0] = ["/srv", "/srv/tool"]
import kills
sys.addaudithook(kills.After(sys.argv.pop(1)))
kills.main(sys.argv[1:])
"""


@pytest.fixture(scope="module", params=STOCK, ids=lambda kind: f"{kind.suite}-{kind.arch}")
def stock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    with machine(request.param, tmp_path_factory.mktemp("stock")) as made:
        made.path(TOOL).parent.mkdir(exist_ok=True)
        made.path(TOOL).write_bytes(tool())
        shutil.copy(kills.__file__, made.path("/srv/kills.py"))
        yield made


@pytest.fixture
def pi(stock: Machine) -> Iterator[Machine]:
    """A machine on which 1.4.2 is installed, of many files."""
    say(stock, "install", packed(stock, "1.4.2"))
    yield stock
    say(stock, "uninstall", "greenhouse", "--purge")
    assert not stock.path(PREFIX).exists()
    assert os.listdir(stock.path("/var/lib/provisioning")) == []


def packed(on: Machine, version: str) -> str:
    """The package of a version, as the machine calls it."""
    many = (file(f"lib/all/{n:03}", f"{n}\n".encode() * n * 10) for n in range(MANY))
    made = (*items(version), directory("lib/all"), *many)
    return f"/srv/{package(on.path('/srv'), version, made, indexed=True).name}"


def say(on: Machine, *words: str, status: int = 0) -> str:
    """What the tool says there, run by the machine's own Python."""
    return on.run("python3", "-I", TOOL, *words, status=status)


def version(on: Machine) -> str:
    return on.path(PREFIX).joinpath(os.readlink(on.path(PREFIX) / "current"), "VERSION").read_text()


def test_it_upgrades_and_goes_back(pi: Machine) -> None:
    assert say(pi, "verify", "greenhouse").endswith("entries, verified\n")
    assert say(pi, "install", packed(pi, "1.5.0")) == (
        f"greenhouse 1.5.0: installed in {PREFIX}, was 1.4.2\n"
    )
    assert version(pi) == "1.5.0"
    assert say(pi, "verify", "greenhouse").endswith("entries, verified\n")
    assert say(pi, "rollback", "greenhouse") == (
        f"greenhouse 1.4.2: current again in {PREFIX}, was 1.5.0\n"
    )
    assert version(pi) == "1.4.2"
    assert say(pi, "status", "greenhouse").startswith(f"greenhouse 1.4.2\n  prefix    {PREFIX}\n")


def test_what_was_tampered_with_is_told_and_mended(pi: Machine) -> None:
    name = os.readlink(pi.path(PREFIX) / "current")
    pi.path(f"{PREFIX}/{name}/lib/all/007").write_bytes(b"8\n" * 70)
    told = say(pi, "verify", "greenhouse", status=1)
    assert "lib/all/007: sha256 " in told
    say(pi, "install", packed(pi, "1.4.2"))
    assert os.readlink(pi.path(PREFIX) / "current") == f"{name}.1"
    assert say(pi, "verify", "greenhouse").endswith("entries, verified\n")


@pytest.mark.parametrize(
    ("after", "done", "found"), [("previous", "undone", "1.4.2"), ("current", "finished", "1.5.0")]
)
def test_who_is_killed_on_the_way_leaves_what_recover_ends(
    pi: Machine, after: str, done: str, found: str
) -> None:
    words = ["install", packed(pi, "1.5.0")]
    pi.run("python3", "-c", KILLED, after, *words, status=-signal.SIGKILL)
    assert say(pi, "recover", "greenhouse") == (f"greenhouse: an interrupted upgrade was {done}\n")
    assert version(pi) == found
    assert say(pi, "verify", "greenhouse").endswith("entries, verified\n")


def test_a_damaged_package_changes_nothing(pi: Machine) -> None:
    path = packed(pi, "1.5.0")
    data = pi.path(path).read_bytes()
    middle = len(data) // 2
    flipped = bytes([data[middle] ^ 1])
    pi.path(path).write_bytes(data[:middle] + flipped + data[middle + 1 :])
    assert say(pi, "install", path, status=3).startswith("provision: ")
    assert version(pi) == "1.4.2"
    assert len(os.listdir(pi.path(f"{PREFIX}/releases"))) == 1
