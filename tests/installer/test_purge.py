"""A purge takes what the package has made, all of it, and nothing else; and it comes to an end."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.device import Value
from tests.artifact.making import PACKAGE, directory

from .machine import listing
from .making import conf, items, package, release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .machine import Machine, Outcome

PREFIX = "/opt/greenhouse"
AGAIN = f"then run `provision uninstall --purge --root  {PREFIX}` again"


def purge(machine: Machine, name: str = "greenhouse") -> Outcome:
    return machine.run("uninstall", "--purge", name)


def leave_no_note(machine: Machine) -> None:
    """Have a package as an older tool left it, which noted nothing."""
    (machine.prefix / "state/made").unlink()


@pytest.mark.parametrize("through", ["purge", "uninstall, then purge", "upgrade, then purge"])
def test_what_was_there_before_is_there_afterwards(machine: Machine, through: str) -> None:
    machine.write("var/log/foreign", "mine")
    machine.write("etc/greenhouse.ini", "mine")
    machine.write("etc/greenhouse.ini.old", "mine")
    before = listing(machine.prefix)
    machine.install("1.4.2")
    machine.write("var/log/of-the-service", "line")
    if through.startswith("upgrade"):
        machine.install("1.5.0", items("1.5.0", b"port = 9\n"))
        assert machine.read("etc/greenhouse.ini.new") is not None
    if through.startswith("uninstall"):
        machine.run("uninstall", "greenhouse")
    stays = [f"{path}: kept (not created by the package)" for path in (
        "etc/greenhouse.ini", "etc/greenhouse.ini.old", "var/log")]  # fmt: skip
    done = purge(machine)
    assert (done.code, done.out.splitlines()[:-1]) == (0, stays)
    found = listing(machine.prefix)
    assert found.pop("var/log/of-the-service")
    assert found == before


def test_a_directory_that_was_there_and_empty_stays(machine: Machine) -> None:
    (machine.prefix / "var/log").mkdir(parents=True)
    machine.install("1.4.2")
    assert purge(machine).code == 0
    assert [*listing(machine.prefix)] == ["var", "var/log"]


def test_an_installation_that_is_refused_removes_no_directory_of_others(machine: Machine) -> None:
    machine.prefix.mkdir(parents=True)
    machine.prefix.joinpath("etc").symlink_to("/etc")
    assert machine.install("1.4.2").code == 3
    machine.prefix.joinpath("etc").unlink()
    assert machine.run("recover", PREFIX).code == 0
    assert machine.prefix.is_dir()


def test_what_the_package_made_in_any_version_goes(machine: Machine) -> None:
    machine.install("1.4.2", (*items("1.4.2"), directory("cache")))
    machine.write("cache/x", "x")
    machine.write("etc/greenhouse.ini", "mine")
    machine.install("1.5.0", items("1.5.0", None))
    assert machine.read("etc/greenhouse.ini") == "mine"
    assert purge(machine).code == 0
    assert not machine.prefix.exists()


def test_a_link_that_somebody_put_in_the_place_of_data_stays(machine: Machine) -> None:
    machine.install("1.4.2")
    elsewhere = machine.folder / "disk"
    (machine.prefix / "var/log").rename(elsewhere)
    (machine.prefix / "var/log").symlink_to(elsewhere)
    (elsewhere / "x").touch()
    assert purge(machine).code == 0
    assert (machine.prefix / "var/log/x").exists()


def test_what_was_made_for_the_values_of_a_device_alone_goes_too(machine: Machine) -> None:
    about = PACKAGE._replace(device=(Value("PIN", "", secret=False, summary=""),))
    machine.write("etc/device.env", "PIN=1\n")
    machine.run("install", package(machine.folder, "1", items("1", None), about))
    assert purge(machine).code == 0
    assert not machine.prefix.exists()


def test_of_what_an_older_tool_installed_what_is_not_known_stays(machine: Machine) -> None:
    machine.install("1.4.2", (*items("1.4.2"), conf("etc/other.ini", b"x"), directory("cache")))
    leave_no_note(machine)
    machine.write("etc/greenhouse.ini", "mine")
    machine.write("etc/other.ini.new", "mine")
    machine.write("var/log/x", "line")
    done = purge(machine)
    kept = ["etc/greenhouse.ini", "etc/other.ini.new", "var/log"]
    assert done.out.splitlines()[:-1] == [
        f"{path}: kept (not created by the package)" for path in kept
    ]
    assert sorted(listing(machine.prefix)) == ["etc", *kept[:2], "var", "var/log", "var/log/x"]


def test_of_what_an_older_tool_installed_the_values_of_a_device_go_with_their_directory(
    machine: Machine,
) -> None:
    about = PACKAGE._replace(device=(Value("PIN", "", secret=False, summary=""),))
    machine.write("etc/device.env", "PIN=1\n")
    others = [item for item in items("1", None) if item.entry.path != "etc"]
    machine.run("install", package(machine.folder, "1", others, about))
    leave_no_note(machine)
    assert purge(machine).code == 0
    assert not machine.prefix.exists()


def test_an_upgrade_of_what_an_older_tool_installed_notes_what_is_known(machine: Machine) -> None:
    machine.install("1.4.2")
    leave_no_note(machine)
    machine.write("var/log/x", "line")
    machine.install("1.5.0", (*items("1.5.0"), directory("cache")))
    machine.write("cache/x", "line")
    machine.write("etc/greenhouse.ini", "edited since")
    assert purge(machine).code == 0
    assert sorted(listing(machine.prefix)) == ["var", "var/log", "var/log/x"]


def test_a_purge_is_found_by_name_after_the_removal_and_once(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.run("uninstall", "greenhouse")
    assert purge(machine).code == 0
    assert not machine.prefix.exists()
    assert "greenhouse: is not installed" in purge(machine).err
    assert [*listing(machine.root / "var/lib/provisioning")] == []


def test_what_a_killed_purge_was_about_to_remove_is_swept(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.run("uninstall", "greenhouse")
    machine.write("var/.provisioning-0123456789abcdef/x", "half of the data")
    assert purge(machine).code == 0
    assert not machine.prefix.exists()


def test_what_came_to_nothing_can_be_purged(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("state/history", (machine.read("state/history") or "").replace("done", "failed"))
    for name in ("current", "state/removed.json"):
        (machine.prefix / name).unlink(missing_ok=True)
    assert purge(machine, PREFIX) == (0, f"removed from {PREFIX}\n", "")
    assert not machine.prefix.exists()


def test_a_dry_run_of_a_purge_lists_what_goes_and_what_stays(machine: Machine) -> None:
    machine.write("var/log/foreign", "mine")
    machine.install("1.4.2")
    machine.install("1.5.0", (*items("1.5.0"), directory("cache")))
    machine.write("etc/greenhouse.ini.new", "mine")
    before = listing(machine.root)
    told = machine.run("uninstall", "greenhouse", "--purge", "--dry-run")
    assert told.out.splitlines() == [
        f"remove releases/{release('1.4.2')}",
        f"remove releases/{next((machine.prefix / 'releases').glob('1.5.0-*')).name}",
        "remove cache (data)",
        "remove etc (if nothing else is in it)",
        "remove etc/greenhouse.ini (as installed)",
        "remove etc/greenhouse.ini.new (a version of an edited file)",
        "remove state: the history and all other notes",
        "var/log: kept (not created by the package)",
    ]
    asked = machine.asked("uninstall", "greenhouse", "--purge", "--dry-run")
    assert asked["goes"][0] == {"path": "cache", "what": "data"}
    assert asked["stays"] == [{"path": "var/log", "what": "before"}]
    assert len(asked["removed"]) == 2
    assert listing(machine.root) == before
    assert machine.asked("uninstall", "greenhouse", "--purge")["goes"] == asked["goes"]
    assert sorted(listing(machine.prefix)) == ["var", "var/log", "var/log/foreign"]


@contextmanager
def mounted(at: Path, *words: str) -> Iterator[None]:
    """Mount something for as long as the block runs, wherever it is moved meanwhile."""
    at.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *words, str(at)], check=True)
    made = {place: number for number, place in mounts().items()}[str(at)]
    try:
        yield
    finally:
        subprocess.run(["umount", mounts()[made]], check=True)


def mounts() -> dict[str, str]:
    """Where file systems are mounted, by the number of each mount: see proc_pid_mountinfo(5)."""
    fields = map(str.split, Path("/proc/self/mountinfo").read_text().splitlines())
    return {number: at for number, _, _, _, at, *_ in fields}


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Have a file that not even root can remove: FS_IMMUTABLE_FL, FS_IOC_SETFLAGS of linux/fs.h."""
    with path.open("rb") as file:
        fcntl.ioctl(file, 0x40086602, (0x10).to_bytes(8, "little"))
        try:
            yield
        finally:
            fcntl.ioctl(file, 0x40086602, bytes(8))


TMPFS = ("-t", "tmpfs", "-o", "size=1m", "tmpfs")


@pytest.mark.needs("root")
@pytest.mark.parametrize("kind", ["file system", "directory of the same one"])
def test_what_is_mounted_in_data_is_told_and_goes_when_asked_again(
    machine: Machine, kind: str
) -> None:
    machine.install("1.4.2")
    at, other = machine.prefix / "var/log/disk", machine.folder / "other"
    other.mkdir()
    (other / "theirs").touch()
    machine.write("var/log/x", "line")
    with mounted(at, *(TMPFS if kind == "file system" else ("--bind", str(other)))):
        (at / "theirs").touch()
        done = purge(machine)
        assert (done.code, done.err.splitlines()) == (
            2,
            [
                f"provision: {PREFIX}/var/log/disk: is a mount point; unmount it",
                f"provision: {PREFIX}: not everything could be removed; {AGAIN}",
            ],
        )
        assert (at / "theirs").exists()
        assert not (machine.prefix / "var/log/x").exists()
        assert machine.asked("status", PREFIX)["packages"][0]["interrupted"] == ""
        assert purge(machine).code == 2
        assert machine.asked("uninstall", "--purge", PREFIX)["stuck"]
    assert purge(machine).code == 0
    assert not machine.prefix.exists()
    assert (other / "theirs").exists()


@pytest.mark.needs("root")
def test_meanwhile_the_package_can_be_installed_with_its_configuration(machine: Machine) -> None:
    machine.install("1.4.2")
    with mounted(machine.prefix / "var/log", *TMPFS):
        assert purge(machine).code == 2
        assert machine.install("1.5.0").code == 0
        assert machine.read("etc/greenhouse.ini") == "port = 8080\n"
        assert machine.run("verify", PREFIX).code == 0


@pytest.mark.needs("root")
@pytest.mark.parametrize("options", [[], ["--purge"]], ids=["uninstall", "purge"])
def test_a_mount_among_releases_is_told_and_removal_goes_on(
    machine: Machine, options: list[str]
) -> None:
    machine.install("1.4.2")
    machine.install("1.5.0")
    at = machine.prefix / "releases" / release("1.4.2") / "lib"
    with mounted(at, *TMPFS):
        done = machine.run("uninstall", *options, PREFIX)
        assert done.code == 2
        assert f"provision: {PREFIX}/{at.relative_to(machine.prefix)}: is a mount point" in done.err
        assert machine.releases() == ["1.4.2"]
    assert machine.run("uninstall", *options, PREFIX).code == 0
    assert machine.releases() == []
    assert machine.prefix.exists() != bool(options)


@pytest.mark.needs("root")
def test_where_releases_themselves_are_mounted_all_else_goes(machine: Machine) -> None:
    with mounted(machine.prefix / "releases", *TMPFS):
        machine.install("1.4.2")
        assert purge(machine).err.startswith(f"provision: {PREFIX}/releases: is a mount point")
        assert {path.partition("/")[0] for path in listing(machine.prefix)} == {"releases", "state"}
    assert purge(machine).code == 0


@pytest.mark.needs("root")
def test_what_is_mounted_in_an_old_release_hinders_no_upgrade(machine: Machine) -> None:
    for version in ("1", "2", "3"):
        machine.install(version)
    (oldest,) = (machine.prefix / "releases").glob("1-*")
    with mounted(oldest / "lib", *TMPFS):
        done = machine.install("4")
        assert (done.code, machine.version) == (0, "4")
        assert "old releases could not be removed" in done.err
        assert [*machine.root.rglob(".provisioning-*")] == []
        assert machine.run("rollback", "greenhouse").code == 0
    assert machine.run("gc", "greenhouse").code == 0
    assert not oldest.exists()


@pytest.mark.needs("root")
def test_what_cannot_be_removed_for_ever_hinders_no_other_command(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("var/log/x", "line")
    path = machine.prefix / "var/log/x"
    with immutable(path):
        done = purge(machine)
        assert f"provision: {PREFIX}/var/log/x: Operation not permitted" in done.err
        assert (done.code, machine.install("1.5.0").code) == (2, 0)
    assert purge(machine).code == 0
    assert not path.exists()


@pytest.fixture
def layered(machine: Machine) -> Iterator[Machine]:
    """A machine whose releases lie on the lower layer of an overlay, as in an image."""
    with mounted(machine.folder / "layers", *TMPFS[:2], "tmpfs"):
        layers = machine.folder / "layers"
        for name in ("lower", "upper", "work"):
            (layers / name).mkdir()
        root, machine.root = machine.root, layers / "lower"
        machine.prefix = machine.root / "opt/greenhouse"
        for version in ("1", "2", "3", "4"):
            machine.install(version)
        machine.root = root
        machine.prefix = machine.root / "opt/greenhouse"
        options = ",".join(f"{name}dir={layers / name}" for name in ("lower", "upper", "work"))
        with mounted(root, "-t", "overlay", "overlay", "-o", options):
            yield machine


@pytest.mark.needs("root")
def test_a_release_on_a_lower_layer_is_removed(layered: Machine) -> None:
    done = layered.install("5")
    assert (done.code, done.err) == (0, "")
    assert layered.releases() == ["3", "4", "5"]
    assert layered.run("uninstall", "greenhouse").code == 0
    assert layered.releases() == []
    assert layered.install("5").code == 0
    assert purge(layered).code == 0
    assert not layered.prefix.exists()


def test_a_line_of_history_without_a_release_is_none(machine: Machine) -> None:
    machine.install("1.4.2")
    text = machine.read("state/history") or ""
    line = json.dumps({**json.loads(text), "sequence": 2, "release": "", "version": ""})
    machine.write("state/history", f"{text}{line}\n")
    assert machine.install("1.5.0").code == 0
    assert machine.run("gc", "greenhouse").code == 0
    assert os.path.lexists(machine.prefix / "current")
