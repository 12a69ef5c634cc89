"""The tool that a package brings along: it knows what it belongs to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import extract
from provisioning.artifact.tool import tool
from tests.artifact.making import file

from .making import items, package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.artifact.making import Item

    from .machine import Machine, Outcome

LAZY = """
import sys
from provisioning.installer.cli.command_line import _command, main
_command(sys.argv[1])
import provisioning.artifact.tar.reader  # as soon as the archive is opened, before any change
before = set(sys.modules)
code = main(sys.argv[1:])
print(sorted(name for name in set(sys.modules) - before if "provisioning" in name))
sys.exit(code)
"""


def with_tool(version: str) -> tuple[Item, ...]:
    return (*items(version), file("install", tool(), mode=0o755))


@pytest.fixture
def unpacked(machine: Machine) -> Path:
    """Version 1.4.2, unpacked."""
    path = machine.folder / "greenhouse"
    path.mkdir()
    extract(package(machine.folder, "1.4.2", with_tool("1.4.2")), path)
    return path


def run(machine: Machine, *words: str | Path) -> Outcome:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    return type(machine.run("list"))(
        done.returncode, machine.named(done.stdout), machine.named(done.stderr)
    )


def installed(machine: Machine, *words: str) -> Outcome:
    """What the tool of the current release says."""
    return run(machine, machine.prefix / "current/install", *words)


def test_it_installs_the_package_in_which_it_lies(machine: Machine, unpacked: Path) -> None:
    outcome = run(machine, unpacked / "install", "--root", machine.root)
    assert outcome == (
        0,
        "etc/greenhouse.ini: installed\ngreenhouse 1.4.2: installed in /opt/greenhouse\n",
        "",
    )
    assert machine.run("verify", "greenhouse").code == 0


def test_installed_it_needs_no_name(machine: Machine) -> None:
    machine.install("1.4.2", with_tool("1.4.2"))
    machine.install("1.5.0", with_tool("1.5.0"))
    assert installed(machine).out.startswith("greenhouse 1.5.0\n  prefix    /opt/greenhouse\n")
    assert installed(machine, "verify").out == "greenhouse 1.5.0: 10 entries, verified\n"
    assert installed(machine, "gc").code == 0
    assert installed(machine, "rollback").out == (
        "greenhouse 1.4.2: current again in /opt/greenhouse, was 1.5.0\n"
    )
    assert installed(machine, "rollback", "1.5.0").code == 0
    assert installed(machine, "uninstall", "--purge").code == 0
    assert not machine.prefix.exists()


def test_its_help_tells_a_first_user_what_to_do(machine: Machine, unpacked: Path) -> None:
    outcome = run(machine, unpacked / "install", "--help")
    called = "greenhouse/install"
    assert outcome.out.startswith(
        f"usage: {called} [COMMAND] [OPTION ...]\n\n"
        "Installs greenhouse 1.4.2 into /opt/greenhouse. This usually needs root:"
        f"\n\n    sudo {called}\n\n"
    )
    assert f"    mkdir scratch && {called} --root scratch\n" in outcome.out
    own = run(machine, unpacked / "install", "install", "--help").out
    assert own.startswith(f"usage: {called} install")
    assert "[--allow-downgrade]" in own


def test_installed_its_help_tells_that_no_name_is_needed(machine: Machine) -> None:
    machine.install("1.4.2", with_tool("1.4.2"))
    told = installed(machine, "--help").out
    assert "Without a command, shows how greenhouse 1.4.2 is installed in /opt/greenhouse." in told


@pytest.mark.parametrize("words", [("--version",), ("--completion", "bash"), ("-h",)])
def test_what_it_tells_of_itself_is_told_wherever_it_lies(
    machine: Machine, unpacked: Path, words: tuple[str, ...]
) -> None:
    outcome = run(machine, unpacked / "install", *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert not machine.prefix.exists()


def test_a_damaged_package_does_not_hinder_help(machine: Machine, unpacked: Path) -> None:
    (unpacked / ".provisioning/manifest.json").write_text("{}")
    told = run(machine, unpacked / "install", "--help")
    assert "Install and verify packages." in told.out


def test_a_link_to_it_by_another_name_belongs_to_nothing(machine: Machine) -> None:
    machine.install("1.4.2", with_tool("1.4.2"))
    link = machine.folder / "provision"
    link.symlink_to(machine.prefix / "current/install")
    assert run(machine, link, "list", "--root", machine.root).code == 0
    assert "which package?" in run(machine, link, "rollback").err


@pytest.mark.parametrize("command", ["install", "rollback", "uninstall"])
def test_no_part_of_it_is_loaded_once_a_command_runs(machine: Machine, command: str) -> None:
    # Behind its name lies another file after the switch.
    machine.install("1.4.2")
    machine.install("1.5.0")
    what = package(machine.folder, "1.6.0") if command == "install" else "greenhouse"
    outcome = run(machine, "-c", LAZY, command, what, "--root", str(machine.root))
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "[]")


def test_without_a_package_it_asks_for_one(machine: Machine) -> None:
    assert machine.run("install") == (
        2,
        "",
        "provision: which package? give an archive, or an unpacked package\n",
    )
    assert machine.run("verify") == (
        2,
        "",
        "provision: nothing to verify: give artifacts, or names of installed packages\n",
    )
