"""Installing a package, and another release of it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import extract
from provisioning.installer.cli.command_line import main
from tests.artifact.making import PACKAGE

from .machine import listing
from .making import items, manifest_of, package, release

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine

RELEASE = f"releases/{release('1.4.2')}"


def test_a_package_is_installed(machine: Machine) -> None:
    assert machine.install("1.4.2") == (
        0,
        "etc/greenhouse.ini: installed\ngreenhouse 1.4.2: installed in /opt/greenhouse\n",
        "",
    )
    assert os.readlink(machine.prefix / "current") == RELEASE
    assert (machine.prefix / "current/bin/greenhouse").read_text().startswith("print")
    assert machine.run("verify", "greenhouse").out == "greenhouse 1.4.2: 9 entries, verified\n"


def test_configuration_and_data_lie_beside_the_releases(machine: Machine) -> None:
    machine.install("1.4.2")
    assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
    assert os.readlink(machine.prefix / "current/etc/greenhouse.ini") == (
        "../../../etc/greenhouse.ini"
    )
    (machine.prefix / "current/var/log/x").write_text("line\n")
    assert machine.read("var/log/x") == "line\n"
    modes = [
        stat.S_IMODE((machine.prefix / path).stat().st_mode)
        for path in ("etc", "etc/greenhouse.ini", "var/log", RELEASE, "state")
    ]
    assert modes == [0o755, 0o640, 0o750, 0o755, 0o700]


def test_an_upgrade_keeps_the_release_before(machine: Machine) -> None:
    machine.install("1.4.2")
    assert machine.install("1.5.0") == (
        0,
        "greenhouse 1.5.0: installed in /opt/greenhouse, was 1.4.2\n",
        "",
    )
    assert machine.version == "1.5.0"
    assert os.readlink(machine.prefix / "previous") == RELEASE
    assert machine.releases() == ["1.4.2", "1.5.0"]


def test_what_nobody_knows_to_be_installed_is_known_after_another_try(machine: Machine) -> None:
    machine.install("1.4.2")
    entry = machine.root / "var/lib/provisioning/greenhouse"
    entry.unlink()
    machine.install("1.4.2")
    assert os.readlink(entry) == "/opt/greenhouse"


def test_what_is_installed_already_is_left_alone(machine: Machine) -> None:
    machine.install("1.4.2")
    before = listing(machine.root)
    assert machine.install("1.4.2") == (
        0,
        "greenhouse 1.4.2: already installed in /opt/greenhouse\n",
        "",
    )
    assert listing(machine.root) == before


def test_what_is_damaged_is_repaired(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current/lib/main.py").write_text("broken")
    assert machine.run("verify", "greenhouse").code == 1
    assert machine.install("1.4.2").code == 0
    assert machine.run("verify", "greenhouse").code == 0
    assert os.readlink(machine.prefix / "current") == f"{RELEASE}.1"
    assert machine.releases() == ["1.4.2"]
    assert not os.path.lexists(machine.prefix / "previous")


def test_a_damaged_manifest_is_repaired(machine: Machine) -> None:
    machine.install("1.4.2")
    (machine.prefix / "current/.provisioning/manifest.json").write_text("{}")
    told = "is not what was installed; install the package again"
    where = f"/opt/greenhouse/{RELEASE}/.provisioning/manifest.json"
    assert machine.install("1.5.0").err == f"provision: {where}: {told}\n"
    assert machine.install("1.4.2").code == 0
    assert machine.install("1.5.0").code == 0


def test_an_older_version_is_refused_unless_it_is_allowed(machine: Machine) -> None:
    machine.install("1.5.0")
    before = listing(machine.root)
    assert machine.install("1.5.0~rc1") == (
        3,
        "",
        (
            "provision: greenhouse: 1.5.0~rc1 is older than 1.5.0, which is installed;"
            " use --allow-downgrade to install it anyway\n"
        ),
    )
    assert listing(machine.root) == before
    assert machine.install("1.5.0~rc1", None, "--allow-downgrade").code == 0
    assert machine.version == "1.5.0~rc1"


def test_the_same_version_with_other_content_is_another_release(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.install("1.4.2", items("1.4.2", None))
    assert machine.releases() == ["1.4.2", "1.4.2"]


def test_a_dry_run_tells_all_and_writes_nothing(machine: Machine) -> None:
    size = len(manifest_of("1.4.2", None, PACKAGE)) + sum(
        item.entry.size for item in items("1.4.2")
    )
    assert machine.install("1.4.2", None, "--dry-run") == (
        0,
        (
            f"write {RELEASE}: 14 entries, {size} bytes\n"
            "create the directory etc\n"
            "create the directory var\n"
            "create the directory var/log\n"
            f"switch current to {RELEASE}\n"
            "etc/greenhouse.ini: installed\n"
        ),
        "",
    )
    assert listing(machine.root) == {}
    machine.install("1.4.2")
    before = listing(machine.root)
    assert machine.install("1.4.2", None, "--dry-run").out == ("already installed and intact\n")
    assert machine.install("1.5.0", None, "--dry-run").code == 0
    assert listing(machine.root) == before


def test_what_is_for_another_system_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = package(tmp_path, "1.4.2", None, PACKAGE._replace(os="macos"))
    assert main(["install", str(path), "--dry-run"]) == 3
    told = f"{path}: is for macos, and this is linux; use --root DIR to install it for inspection"
    assert capsys.readouterr().err == f"provision: {told}\n"


def test_what_needs_another_python_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = PACKAGE._replace(python="3.99", os="macos" if sys.platform == "darwin" else "linux")
    path = package(tmp_path, "1.4.2", None, about)
    assert main(["install", str(path), "--dry-run"]) == 3
    assert "needs Python 3.99, and there is no python3.99" in capsys.readouterr().err
    assert main(["install", str(path), "--dry-run", "--root", str(tmp_path)]) == 0


def test_a_package_that_was_unpacked_is_installed(machine: Machine) -> None:
    unpacked = machine.folder / "greenhouse"
    unpacked.mkdir()
    extract(package(machine.folder, "1.4.2"), unpacked)
    assert machine.run("install", unpacked).code == 0
    assert machine.run("verify", "greenhouse").code == 0
    assert os.readlink(machine.prefix / "current") == RELEASE


def test_a_damaged_artifact_changes_nothing(machine: Machine) -> None:
    path = package(machine.folder, "1.4.2")
    data = path.read_bytes()
    path.write_bytes(data[:-40] + b"\0" + data[-39:])
    outcome = machine.run("install", path)
    assert outcome.code == 3
    assert outcome.err.startswith("provision: greenhouse-1.4.2-raspberry-pi.tar.gz: is damaged")
    assert listing(machine.root) == {}


def test_a_damaged_upgrade_leaves_the_old_release(machine: Machine) -> None:
    machine.install("1.4.2")
    before = listing(machine.root)
    path = package(machine.folder, "1.5.0")
    path.write_bytes(path.read_bytes()[:-1])
    assert machine.run("install", path).code == 3
    assert listing(machine.root) == before


def test_who_names_the_directory_of_a_release_is_told_what_is_in_it(machine: Machine) -> None:
    folder = machine.folder / "release"
    folder.mkdir()
    name = package(folder, "1.4.2").name
    told = "is a directory, but no package was unpacked there"
    assert machine.run("install", folder) == (
        3,
        "",
        f"provision: release: {told}; install {name} in it\n",
    )


def test_what_is_no_package_is_refused(machine: Machine) -> None:
    (machine.folder / "x.deb").touch()
    (machine.folder / "x.txt").touch()
    (machine.folder / "empty").mkdir()
    told = {name: machine.run("install", machine.folder / name) for name in ("x.deb", "empty", "y")}
    assert {name: outcome.code for name, outcome in told.items()} == {
        "x.deb": 3,
        "empty": 3,
        "y": 2,
    }
    assert [outcome.err for outcome in told.values()] == [
        "provision: x.deb: is for dpkg; install it with `dpkg -i x.deb`\n",
        "provision: empty: is a directory, but no package was unpacked there\n",
        "provision: y: No such file or directory\n",
    ]


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("/usr/local", "is shared with others; use a directory of the package's own"),
        ("/opt", "is shared with others; use a directory of the package's own"),
        ("/srv", "is shared with others; use a directory of the package's own"),
        ("/var/lib/provisioning/greenhouse", "is where provision records what is installed"),
        ("/run/greenhouse", "is not a place for permanent files"),
    ],
)
def test_a_prefix_that_is_not_the_package_s_own_is_refused(
    machine: Machine, prefix: str, why: str
) -> None:
    made = package(machine.folder, "1.4.2", None, PACKAGE._replace(prefix=prefix))
    assert machine.run("install", made) == (3, "", f"provision: {prefix}: {why}\n")
    assert [*machine.root.iterdir()] == []


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("/opt/greenhouse/pump", "lies in /opt/greenhouse, where greenhouse is installed"),
        ("/opt/greenhouse/releases", "lies in /opt/greenhouse, where greenhouse is installed"),
        ("/opt/green", ""),
    ],
)
def test_a_prefix_in_that_of_another_package_is_refused(
    machine: Machine, prefix: str, told: str
) -> None:
    machine.install("1.4.2")
    other = PACKAGE._replace(name="pump", prefix=prefix)
    done = machine.run("install", package(machine.folder, "1", items("1"), other))
    assert done.err == (f"provision: {prefix}: {told}\n" if told else "")
    assert done.code == (3 if told else 0)


def test_a_prefix_around_that_of_another_package_is_refused(machine: Machine) -> None:
    inner = PACKAGE._replace(name="pump", prefix="/opt/greenhouse/pump")
    machine.run("install", package(machine.folder, "1", items("1"), inner))
    assert machine.install("1.4.2").err == (
        "provision: /opt/greenhouse: contains /opt/greenhouse/pump, where pump is installed\n"
    )
    assert machine.run("uninstall", "pump", "--purge").code == 0
    assert machine.install("1.4.2").code == 0


def test_a_version_unpacked_over_another_one_is_told_with_the_way_out(machine: Machine) -> None:
    tree = machine.folder / "unpacked"
    shutil.unpack_archive(package(machine.folder, "1.5.0"), tree)
    (tree / "greenhouse/lib/old.py").write_text("of the version before")
    outcome = machine.run("install", tree / "greenhouse")
    assert outcome.code == 3
    assert "lib/old.py: is not in the manifest; if another version was unpacked here" in outcome.err
