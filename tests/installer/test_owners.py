"""Whose the files of an installed package are."""

from __future__ import annotations

import json
import os
import pkgutil
import stat
import subprocess
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning import installer
from provisioning.installer.cli.command_line import main
from provisioning.installer.services import users
from provisioning.installer.store import releases
from tests.artifact.making import PACKAGE, directory, file, link

from .machine import Outcome
from .making import conf, package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.artifact.making import Item

    from .machine import Machine

pytestmark = pytest.mark.needs("root")

NOBODY = 65534


def owned(owner: str, group: str) -> list[Item]:
    made = [
        directory("bin"),
        file("bin/tool", b"x", mode=0o4755),
        link("bin/link", "tool"),
        conf("etc.ini", b"x"),
        directory("data"),
    ]
    return [each._replace(entry=each.entry._replace(owner=owner, group=group)) for each in made]


def ids(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_each_belongs_to_whom_the_package_says(machine: Machine) -> None:
    machine.install("1", owned("daemon", "12345"))
    for path in ("current/bin", "current/bin/tool", "current/bin/link", "etc.ini", "data"):
        assert ids(machine.prefix / path) == (1, 12345)
    assert ids(machine.prefix / "current/.provisioning/manifest.json") == (0, 0)
    assert (machine.prefix / "current/bin/tool").stat().st_mode & 0o7777 == 0o4755
    assert machine.run("verify", "greenhouse").code == 0


def test_another_owner_is_told(machine: Machine) -> None:
    machine.install("1", owned("daemon", "daemon"))
    os.chown(machine.prefix / "current/bin/tool", 0, 1)
    os.chmod(machine.prefix / "current/bin/tool", 0o4755)
    assert machine.run("verify", "greenhouse").out == (
        "bin/tool: owner 0, the manifest says 1\ngreenhouse 1: 1 difference, not verified\n"
    )


def test_who_is_not_there_is_root_in_a_rehearsal(machine: Machine) -> None:
    assert machine.install("1", owned("nosuchuser", "nosuchgroup")).code == 0
    assert ids(machine.prefix / "current/bin/tool") == (0, 0)
    assert machine.run("verify", "greenhouse").code == 0


@pytest.fixture(autouse=True, scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have imported what commands need: the library of this Python may be root's alone."""
    root = tmp_path_factory.mktemp("imported")
    path = str(package(root, "1"))
    name = "greenhouse"
    for words in (["install", path], ["verify", name], ["status", name], ["list"], ["gc", name]):
        main([*words, "--root", str(root)])
    main(["uninstall", name, "--purge", "--root", str(root)])
    for found in pkgutil.walk_packages(installer.__path__, f"{installer.__name__}."):
        import_module(found.name)  # what only a fault needs, too


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A prefix on this very machine, for a package of that name; its registry is the test's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setattr(releases, "REGISTRY", f"{folder}/registry")
        yield Path(folder) / f"greenhouse-{Path(folder).name}"
    assert not os.path.lexists(f"/var/lib/provisioning/greenhouse-{Path(folder).name}")


def run(*words: str | Path, user: int = 0) -> Outcome:
    """Run a command of `provision` as a user."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = os.fork()
        if not process:
            try:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
                sys.stdout, sys.stderr = out, err
                os._exit(_flushed(main([str(word) for word in words])))
            finally:  # whatever has failed here, nobody else goes on with the tests
                traceback.print_exc(file=err)
                err.flush()
                os._exit(70)
        _, status = os.waitpid(process, 0)
        out.seek(0)
        err.seek(0)
        return Outcome(os.waitstatus_to_exitcode(status), out.read(), err.read())


def _flushed(code: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def archive(prefix: Path, holding: list[Item] | None = None) -> Path:
    about = PACKAGE._replace(name=prefix.name, prefix=str(prefix))
    return package(prefix.parent, "1", holding, about)


def test_who_is_not_there_is_refused(real: Path) -> None:
    path = archive(real, owned("nosuchuser", "nosuchgroup"))
    told = "there is no user nosuchuser, no group nosuchgroup on this machine; create it first"
    assert run("install", path) == (3, "", f"provision: {path}: {told}\n")
    assert not real.exists()


def test_a_package_is_installed_on_the_system(real: Path) -> None:
    assert run("install", archive(real)).code == 0
    assert os.readlink(real.parent / "registry" / real.name) == str(real)
    assert run("verify", real.name).out == f"{real.name} 1: 9 entries, verified\n"
    assert run("uninstall", real.name, "--purge").code == 0
    assert not real.exists()
    assert not os.path.lexists(real.parent / "registry" / real.name)


def test_the_way_to_a_prefix_may_lead_over_a_link(real: Path) -> None:
    target = real.parent / "elsewhere"
    target.mkdir()
    (real.parent / "link").symlink_to(target)
    about = PACKAGE._replace(name=real.name, prefix=f"{real.parent}/link/greenhouse")
    assert run("install", package(real.parent, "1", None, about)).code == 0
    assert (target / "greenhouse/current/VERSION").read_text() == "1"
    assert run("uninstall", real.name, "--purge").code == 0


def test_without_root_files_are_the_user_s_and_it_is_told(real: Path) -> None:
    path = archive(real)
    real.mkdir()
    os.chown(real, NOBODY, NOBODY)
    done = run("install", path, user=NOBODY)
    assert done.code == 0
    assert f"warning: {real.name}: not entered in {real.parent}/registry" in done.err
    assert ids(real / "current/lib/main.py") == (NOBODY, NOBODY)
    assert "without owners" in run("status", real, user=NOBODY).out
    assert run("verify", real, user=NOBODY).code == 0
    assert run("verify", real).code == 0
    assert run("uninstall", real, "--purge", user=NOBODY).code == 0


def test_without_root_a_prefix_of_root_is_refused(real: Path) -> None:
    path = archive(real)
    done = run("install", path, user=NOBODY)
    assert done == (
        3,
        "",
        (
            f"provision: {real}: Permission denied; {real.parent} belongs to root: run"
            f" `sudo provision install {path}`\n"
        ),
    )


def test_without_root_a_scratch_root_will_do(real: Path) -> None:
    path, root = archive(real, owned("daemon", "daemon")), real.parent / "root"
    root.mkdir()
    os.chown(root, NOBODY, NOBODY)
    assert run("install", path, "--root", root, user=NOBODY).code == 0
    assert run("verify", real.name, "--root", root, user=NOBODY).code == 0
    closed = root / str(real)[1:] / "current/bin"
    closed.chmod(0o555)
    assert run("uninstall", real.name, "--purge", "--root", root, user=NOBODY).code == 0


def readable(owner: str = "root", group: str = "root") -> list[Item]:
    """What everybody may read."""
    made = [file("VERSION", b"1"), directory("data"), conf("etc.ini", b"x", mode=0o644)]
    return [each._replace(entry=each.entry._replace(owner=owner, group=group)) for each in made]


@pytest.mark.parametrize("whose", ["root", "daemon"])
def test_who_may_change_nothing_is_told_and_may_verify(real: Path, whose: str) -> None:
    assert run("install", archive(real, readable(whose, whose))).code == 0
    name = real.name
    assert run("list", user=NOBODY) == (0, f"{name} 1 {real}\n", "")
    release = os.readlink(real / "current").partition("/")[2]
    assert run("status", user=NOBODY) == (
        0,
        (
            f"{name} 1\n  prefix    {real}\n  current   {release}\n"
            f"  release   {release}: known to its owner alone\n"
        ),
        "",
    )
    (only,) = json.loads(run("status", name, "--json", user=NOBODY).out)["packages"]
    assert (only["owned"], only["interrupted"]) == (True, None)
    assert run("verify", name, user=NOBODY) == (0, f"{name} 1: 3 entries, verified\n", "")
    (real / "current/VERSION").chmod(0o600)
    assert run("verify", name, user=NOBODY).out.splitlines() == [
        "VERSION: cannot be read: Permission denied",
        "VERSION: mode 0600, the manifest says 0644",
        f"{name} 1: 2 differences, not verified",
    ]


UNREAD = {
    ("gc",): "transaction.json",
    ("gc", "--dry-run"): "transaction.json",
    ("rollback",): "transaction.json",
    ("uninstall",): "transaction.json",
    ("uninstall", "--purge", "--dry-run"): "users",
    ("recover",): "transaction.json",
}


@pytest.mark.parametrize("words", UNREAD, ids=" ".join)
def test_who_may_change_nothing_is_told_whose_it_is_and_what_to_type(
    real: Path, words: tuple[str, ...]
) -> None:
    assert run("install", archive(real, readable())).code == 0
    asked = (words[0], real.name, *words[1:])
    state, typed = f"{real}/state", " ".join(asked)
    told = f"provision: {state}/{UNREAD[words]}: Permission denied; {state} belongs to root: run"
    assert run(*asked, user=NOBODY) == (2, "", f"{told} `sudo provision {typed}`\n")


def test_what_is_another_s_is_asked_for_as_that_user(real: Path) -> None:
    real.mkdir()
    os.chown(real, 1, 1)
    assert run("install", archive(real, readable()), user=1).code == 0
    told = f"{real}/releases: Permission denied; {real}/releases belongs to daemon: run"
    command = f"`sudo -u daemon provision gc {real}`"
    assert run("gc", real, user=NOBODY) == (2, "", f"provision: {told} {command}\n")


def test_what_is_one_s_own_and_closed_is_no_matter_of_whose_it_is(real: Path) -> None:
    real.mkdir()
    os.chown(real, NOBODY, NOBODY)
    assert run("install", archive(real, readable()), user=NOBODY).code == 0
    (real / "state").chmod(0)
    told = f"provision: {real}/state/transaction.json: Permission denied\n"
    assert run("gc", real, user=NOBODY).err == told


def test_a_package_that_is_its_owner_s_alone_hides_no_other(real: Path) -> None:
    for prefix in (real, real.with_name(f"{real.name}-2")):
        assert run("install", archive(prefix, readable())).code == 0
    real.chmod(0o700)
    other = f"{real.name}-2 1 {real}-2\n"
    told = f"provision: {real}: Permission denied\n"
    assert run("list", user=NOBODY) == (2, other, told)
    assert run("status", user=NOBODY).err == told
    way_out = f"; {real} belongs to root: run `sudo provision status {real.name}`\n"
    assert run("status", real.name, user=NOBODY) == (3, "", told.rstrip("\n") + way_out)
    answer = json.loads(run("list", "--json", user=NOBODY).out)
    assert [each["name"] for each in answer["packages"]] == [f"{real.name}-2"]
    assert answer["error"] == f"{real}: Permission denied"


def test_what_another_installed_is_verified_by_anybody(real: Path) -> None:
    real.mkdir()
    os.chown(real, NOBODY, NOBODY)
    assert run("install", archive(real, owned("daemon", "daemon")), user=NOBODY).code == 0
    for user in (0, NOBODY):
        assert run("verify", str(real), user=user).code == 0


def with_rights(owner: str, group: str) -> list[Item]:
    made = [
        file("both", b"x", mode=0o6755),
        directory("shared", mode=0o2775),
        file("shared/x", b"x"),
        directory("tmp", mode=0o1777),
        file("tmp/x", b"x"),
    ]
    return [each._replace(entry=each.entry._replace(owner=owner, group=group)) for each in made]


def modes(machine_prefix: Path) -> list[int]:
    current = machine_prefix / "current"
    return [stat.S_IMODE((current / path).stat().st_mode) for path in ("both", "shared", "tmp")]


@pytest.mark.parametrize(
    ("owner", "group", "expected", "told"),
    [
        ("root", "root", [0o6755, 0o2775, 0o1777], ""),
        ("daemon", "12345", [0o6755, 0o2775, 0o1777], ""),
        ("nosuchuser", "root", [0o2755, 0o2775, 0o1777], "both: without setuid, {user}\n"),
        (
            *("root", "nosuchgroup", [0o4755, 0o775, 0o1777]),
            "both: without setgid, {group}\nshared: without setgid, {group}\n",
        ),
        (
            *("nosuchuser", "nosuchgroup", [0o755, 0o775, 0o1777]),
            (
                "both: without setuid, {user}\nboth: without setgid, {group}\n"
                "shared: without setgid, {group}\n"
            ),
        ),
    ],
)
def test_setuid_comes_with_its_owner_alone(
    machine: Machine, owner: str, group: str, expected: list[int], told: str
) -> None:
    lines = told.format(
        user="since there is no user nosuchuser on this machine",
        group="since there is no group nosuchgroup on this machine",
    ).splitlines()
    dry = machine.install("1", with_rights(owner, group), "--dry-run")
    assert [line for line in dry.out.splitlines() if ": without " in line] == lines
    outcome = machine.install("1", with_rights(owner, group))
    assert outcome.err == "".join(f"provision: warning: {line}\n" for line in lines)
    assert modes(machine.prefix) == expected
    assert machine.run("verify", "greenhouse").code == 0
    assert (
        machine.install("1", with_rights(owner, group)).out
        == "greenhouse 1: already installed in /opt/greenhouse\n"
    )
    machine.install("2", with_rights(owner, group))
    assert machine.run("rollback", "greenhouse").code == 0
    assert modes(machine.prefix) == expected


def test_without_root_nobody_gets_the_rights_of_who_installs(real: Path) -> None:
    real.mkdir()
    os.chown(real, NOBODY, NOBODY)
    done = run("install", archive(real, with_rights("root", "12345")), user=NOBODY)
    why = "since only root can give it to the"
    warnings = [line for line in done.err.splitlines() if ": without " in line]
    assert warnings == [
        f"provision: warning: both: without setuid, {why} user root",
        f"provision: warning: both: without setgid, {why} group 12345",
        f"provision: warning: shared: without setgid, {why} group 12345",
    ]
    assert modes(real) == [0o755, 0o775, 0o1777]
    for user in (0, NOBODY):
        assert run("verify", str(real), user=user).code == 0


def test_without_root_what_is_one_s_own_has_its_rights(real: Path) -> None:
    real.mkdir()
    os.chown(real, NOBODY, NOBODY)
    holding = with_rights("nobody", str(NOBODY))
    assert run("install", archive(real, holding), user=NOBODY).code == 0
    assert modes(real) == [0o6755, 0o2775, 0o1777]
    assert run("verify", str(real)).code == 0


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("item", "told"),
    [
        (file("secret", b"x", mode=0), "secret: has the mode 0000"),
        (directory("data", mode=0), "data: has the mode 0000"),
        (directory("shut", mode=0o400), "shut: has the mode 0400"),
    ],
)
def test_who_is_not_root_is_told_of_what_only_root_can_install(
    real: Path, item: Item, told: str
) -> None:
    os.chmod(real.parent, 0o777)
    path = archive(real, [item])
    done = run("install", path, "--root", real.parent, user=65534)
    assert done.code == 3
    assert done.err.endswith(f"{told}, which only root can install\n")
    assert not [*real.parent.glob("tmp*")]


@pytest.mark.needs("Linux")
def test_a_user_s_last_process_may_take_a_moment_to_end() -> None:
    subprocess.run(["sh", "-c", "sleep 0.3 >/dev/null 2>&1 &"], check=True, user=4711)
    assert 4711 in users._with_processes()
    users._wait_for_processes(4711)
    assert 4711 not in users._with_processes()
