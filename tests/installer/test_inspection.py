"""What somebody did to an installed package is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import extract
from provisioning.artifact.filesystem import of_bytes
from provisioning.installer.cli.command_line import main

from .making import conf, directory, release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .machine import Machine


MAIN, OTHER = b"print('Hello')\n" * 50, b"print('Hallo')\n" * 50


def tampered(current: Path) -> None:
    (current / "lib/main.py").write_bytes(OTHER)


def chmodded(current: Path) -> None:
    (current / "lib/main.py").chmod(0o700)


def removed(current: Path) -> None:
    (current / "VERSION").unlink()


def added(current: Path) -> None:
    (current / "lib/new").touch()


def turned(current: Path) -> None:
    (current / "bin/greenhouse").unlink()
    (current / "bin/greenhouse").symlink_to("/bin/sh")


def without_data(current: Path) -> None:
    (current / "var/log").resolve().rmdir()


def vendors(current: Path) -> None:
    (current / ".provisioning/conffiles/etc/greenhouse.ini").write_text("port = 1234\n")


DONE: dict[Callable[[Path], None], str] = {
    tampered: (
        f"lib/main.py: sha256 {of_bytes(OTHER)[:16]}…, the manifest says {of_bytes(MAIN)[:16]}…"
    ),
    chmodded: "lib/main.py: mode 0700, the manifest says 0755",
    removed: "VERSION: is missing",
    added: "lib/new: is not in the manifest",
    turned: "bin/greenhouse: link /bin/sh, the manifest says ../lib/main.py",
    without_data: "var/log: is missing",
}


@pytest.mark.parametrize("do", DONE, ids=lambda do: do.__name__)
@pytest.mark.parametrize("word", ["greenhouse", "/opt/greenhouse"])
def test_each_difference_is_told(machine: Machine, do: Callable[[Path], None], word: str) -> None:
    machine.install("1.4.2")
    do(machine.prefix / "current")
    told = f"{DONE[do]}\ngreenhouse 1.4.2: 1 difference, not verified\n"
    assert machine.run("verify", word) == (1, told, "")


def test_the_vendor_s_configuration_is_part_of_the_release(machine: Machine) -> None:
    machine.install("1.4.2")
    vendors(machine.prefix / "current")
    assert machine.run("verify", "greenhouse").out.startswith(
        ".provisioning/conffiles/etc/greenhouse.ini: sha256 "
    )


def test_a_configuration_file_may_be_edited_or_deleted(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("etc/greenhouse.ini", "port = 1234\n")
    assert machine.run("verify", "greenhouse").code == 0
    (machine.prefix / "etc/greenhouse.ini").unlink()
    assert machine.run("verify", "greenhouse").code == 0
    (machine.prefix / "etc/greenhouse.ini").mkdir()
    assert machine.run("verify", "greenhouse").out.startswith("etc/greenhouse.ini: is not a file\n")


def test_a_damaged_manifest_is_told(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current/.provisioning/manifest.json").write_text("{}")
    where = f"/opt/greenhouse/releases/{release('1.4.2')}/.provisioning/manifest.json"
    assert machine.run("verify", "greenhouse") == (
        1,
        (
            f"{where}: is not what was installed; install the package again\n"
            "/opt/greenhouse: 1 difference, not verified\n"
        ),
        "",
    )


def test_a_name_is_that_of_what_is_installed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current/VERSION").write_text("other")
    unpacked = machine.folder / "greenhouse"
    unpacked.mkdir()
    extract(machine.folder / "greenhouse-1.4.2-raspberry-pi.tar.gz", unpacked)
    monkeypatch.chdir(machine.folder)
    assert machine.run("verify", "greenhouse").code == 1
    assert machine.run("verify", "./greenhouse") == (0, "greenhouse: 9 entries, verified\n", "")


def test_what_is_not_installed_any_more_is_told(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current").unlink()
    assert machine.run("verify", "greenhouse").out.startswith(
        "/opt/greenhouse: nothing is installed\n"
    )


@pytest.mark.parametrize("path", ["", "current", f"releases/{release('1.4.2')}"])
def test_a_path_in_a_scratch_root_is_known_for_what_it_is(
    machine: Machine, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    machine.install("1.4.2")
    assert main(["verify", str(machine.prefix / path)]) == 0
    assert capsys.readouterr().out.endswith("greenhouse 1.4.2: 9 entries, verified\n")


def test_a_prefix_that_was_moved_is_told(machine: Machine) -> None:
    machine.install("1.4.2")
    os.rename(machine.prefix, machine.root / "opt/other")
    assert machine.run("uninstall", "/opt/other").err == (
        f"provision: /opt/other/releases/{release('1.4.2')}: belongs below /opt/greenhouse;"
        " was it moved?\n"
    )


def test_a_directory_of_data_in_the_way_is_none_of_the_package_s(machine: Machine) -> None:
    machine.install("1.4.2", [conf("x.ini", b""), directory("data")])
    (machine.prefix / "data/file").touch()
    assert machine.run("verify", "greenhouse").code == 0
