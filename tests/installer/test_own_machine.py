"""On the machine itself services run and hooks are heard; what fails makes room for the one before.

systemctl(1), journalctl(1), useradd(8) and userdel(8) are programs of these tests, which note what
they are asked; `test_booted` asks the real ones.
"""

from __future__ import annotations

import grp
import os
import re
import shutil
import signal
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import Health, Hook, Package, Service
from provisioning.errors import TargetError
from provisioning.installer.cli.command_line import main
from provisioning.installer.services import lifecycle, subprocesses, systemd
from provisioning.installer.services.users import identity
from provisioning.installer.store import releases
from tests.artifact.making import PACKAGE, directory, file
from tests.waiting import ending, wait_until

from .machine import listing
from .making import items, package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.artifact.making import Item

UPTIME = Health("uptime", "1", 5)
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> {0}/asked
case $1 in
show) echo "ActiveState=$(cat {0}/state)"; echo SubState=dead; echo MainPID=7;;
restart) [ ! -e {0}/broken ] || {{ echo "Job for $2 failed." >&2; exit 1; }};;
esac
"""
OTHER = """#!/bin/sh
echo "${{0##*/}} $*" >> {0}/asked
[ "${{0##*/}}" != journalctl ] || echo "cannot open the valve"
"""

pytestmark = pytest.mark.needs("root", "Linux")


class Own:
    """This machine, with a prefix, units and a registry in a directory of the test's."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self.prefix = place / "opt/greenhouse"
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command: its exit code, and what it says."""
        code = main(words)
        out, err = self._capsys.readouterr()
        return code, (out + err).replace(str(self.place), "")

    def install(
        self, version: str, holding: Sequence[Item] = (), **said: object
    ) -> tuple[int, str]:
        """Install a version that says so much of itself."""
        return self.run("install", str(self.packed(version, holding, **said)))

    def packed(self, version: str, holding: Sequence[Item] = (), **said: object) -> Path:
        """Write an archive of such a version."""
        about = PACKAGE._replace(prefix=str(self.prefix), service_manager="systemd")
        made = (*items(version), *holding)
        return package(self.place, version, made, about._replace(**said))

    def asked(self) -> list[str]:
        """What the programs were asked, since the last time."""
        path = self.place / "asked"
        told = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return told

    @property
    def version(self) -> str:
        """The version that is current."""
        return (self.prefix / "current/VERSION").read_text()


@pytest.fixture
def own(
    open_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Own:
    programs = open_path / "programs"  # users of services have to reach theirs
    programs.mkdir()
    for name in ("systemctl", "journalctl", "useradd", "userdel"):
        text = SYSTEMCTL if name == "systemctl" else OTHER
        (programs / name).write_text(text.format(open_path))
        (programs / name).chmod(0o755)
    (open_path / "state").write_text("active")
    (open_path / "units").mkdir()
    monkeypatch.setitem(subprocesses._ENVIRONMENT, "PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(subprocesses, "_BOOTED", str(open_path))
    monkeypatch.setattr(systemd, "DIRECTORY", f"{open_path}/units"[1:])
    monkeypatch.setattr(systemd, "WANTS", f"{open_path}/units/wants"[1:])
    monkeypatch.setattr(releases, "REGISTRY", f"{open_path}/registry")
    monkeypatch.setattr(lifecycle, "FORMER_CACHES", f"{open_path}/caches")
    return Own(open_path, capsys)


def service(health: Health | None = UPTIME, user: str = "root") -> tuple[Service, ...]:
    return (Service("greenhouse", "bin/greenhouse", "always", user, "", (), "", health),)


def hook(name: str, script: str) -> tuple[Item, ...]:
    script = f"#!/bin/sh\n{script}\n"
    path = f".provisioning/hooks/{name}"
    return directory(".provisioning/hooks"), file(path, script.encode(), mode=0o755)


def test_a_service_is_started_and_seen_to_be_well(own: Own) -> None:
    code, told = own.install("1.4.2", services=service())
    assert (code, told.splitlines()[-1]) == (0, "greenhouse 1.4.2: installed in /opt/greenhouse")
    asked = own.asked()
    assert "systemctl daemon-reload" in asked
    assert "systemctl restart greenhouse.service" in asked
    assert (own.place / "units/greenhouse.service").exists()


@pytest.mark.parametrize(
    "health",
    [UPTIME, None, Health("command", "bin/greenhouse", 1)],
    ids=["uptime", "none", "command"],
)
def test_one_that_is_not_well_makes_room_for_what_was_there(
    own: Own, health: Health | None
) -> None:
    own.install("1.4.2")
    (own.place / "state").write_text("failed")
    health = health and health._replace(within=1)
    code, told = own.install("1.5.0", services=service(health))
    assert (code, own.version) == (4, "1.4.2")
    assert "cannot open the valve; rolled back: 1.4.2 is current again" in told


def test_one_that_does_not_start_makes_room_for_what_was_there(own: Own) -> None:
    own.install("1.4.2", services=service())
    (own.place / "broken").touch()
    code, told = own.install("1.5.0", services=service())
    assert (code, own.version) == (4, "1.4.2")
    assert "Job for greenhouse.service failed." in told
    assert "after rolling back: " in told


@pytest.mark.needs("Linux")
def test_a_hook_of_a_run_that_was_killed_is_ended_by_the_next(own: Own) -> None:
    # So long does the next run wait, too, which tries it again before it goes back.
    pids, hooks = own.place / "pids", (Hook("post_install", 10),)
    script = f"sleep 600 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait; touch {pids}.late"
    installer = os.fork()
    if not installer:
        own.install("1.4.2", hook("post_install", script), hooks=hooks)
        os._exit(0)
    wait_until(lambda: pids.exists() and (own.prefix / "state/hook").exists())
    os.kill(installer, signal.SIGKILL)
    os.waitpid(installer, 0)
    running = [Path("/proc") / pid for pid in pids.read_text().split()]
    with killed(running):
        assert all(each.exists() for each in running)
        status = own.run("status", str(own.prefix))[1].splitlines()
        state = [line for line in status if "1.4.2" in line]
        assert state[-1].endswith(": is not known to be good yet")
        code, told = own.install("1.5.0")
        assert (code, own.version) == (0, "1.5.0")
        assert "stopped a hook of an earlier run, which had been killed" in told
        assert not any(is_running(each) for each in running)
        assert not (own.place / "pids.late").exists()
        assert not (own.prefix / "state/hook").exists()


@contextmanager
def killed(processes: Sequence[Path]) -> Iterator[None]:
    """Leave none of these behind, whatever comes of the block."""
    try:
        yield
    finally:
        for each in filter(is_running, processes):
            os.kill(int(each.name), signal.SIGKILL)


def is_running(process: Path) -> bool:
    """Whether it is more than a zombie, which waits for whoever adopts it."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_of_that_number_that_is_another_is_let_be(own: Own) -> None:
    own.install("1.4.2")
    with ending(subprocess.Popen(["sleep", "600"], start_new_session=True)) as other:
        for born in ("", " 1 2", " elsewhere 3"):
            (own.prefix / "state/hook").write_text(f"{other.pid}{born}\n")
            assert own.run("recover", str(own.prefix)) == (0, "")
            assert other.poll() is None
            assert not (own.prefix / "state/hook").exists()


def test_what_rests_is_neither_started_nor_asked(own: Own) -> None:
    own.install("1.4.2", services=service())
    said = "LoadState=loaded\\nUnitFileState=disabled\\n"
    (own.place / "programs/systemctl").write_text(SYSTEMCTL.format(own.place).replace(
        "show) ", f"show) printf '{said}'; "))  # fmt: skip
    (own.place / "state").write_text("inactive")
    own.asked()
    code, told = own.install("1.5.0", services=service())
    assert (code, own.version) == (0, "1.5.0")
    assert "greenhouse.service: was stopped, disabled or masked by somebody; it stays so" in told
    asked = own.asked()
    assert len([line for line in asked if "systemctl show" in line]) == 1
    assert not [line for line in asked if "systemctl restart" in line]


def test_a_first_release_that_fails_leaves_nothing_that_runs(own: Own) -> None:
    (own.place / "broken").touch()
    code, told = own.install("1.4.2", services=service())
    assert code == 4
    assert told.splitlines()[-1].endswith("; rolled back: nothing is installed")
    assert not (own.prefix / "current").exists()
    assert not list((own.place / "units").glob("greenhouse*"))


def test_a_user_is_made_for_a_service_and_goes_with_it(own: Own) -> None:
    own.install("1.4.2", services=service(user="greenhouse-of-a-test"))
    (made,) = {line for line in own.asked() if line.startswith("useradd ")}
    assert made.endswith("--user-group --comment Services of greenhouse greenhouse-of-a-test")
    code, _ = own.run("uninstall", "--purge", "greenhouse")
    assert code == 0
    assert not own.prefix.exists()


def test_a_user_who_is_made_is_a_member_of_the_service_s_groups(own: Own) -> None:
    named = service(user="greenhouse-of-a-test")[0]._replace(groups=("video", "dialout"))
    own.install("1.4.2", services=(named,))
    (made,) = {line for line in own.asked() if line.startswith("useradd ")}
    assert " --user-group --groups dialout,video --comment " in made


@pytest.mark.parametrize("said", [{"group": "no-such"}, {"groups": ("video", "no-such")}])
def test_a_group_that_is_missing_is_told_before_anything_is_changed(
    own: Own, said: dict[str, Any]
) -> None:
    named = service(user="greenhouse-of-a-test")[0]._replace(**said)
    told = "provision: there is no group no-such on this machine; create it first\n"
    assert own.install("1.4.2", services=(named,)) == (3, told)
    assert not own.prefix.exists()
    assert not [line for line in own.asked() if "useradd" in line]


def test_a_command_that_asks_a_service_has_its_groups(own: Own) -> None:
    said = grp.getgrnam("video").gr_gid
    found = identity(service(user="daemon")[0]._replace(groups=("video", "4321")))
    assert {said, 4321} <= {*found["extra_groups"]}
    with pytest.raises(TargetError, match="there is no group no-such"):
        identity(service()[0]._replace(groups=("no-such",)))


@pytest.mark.parametrize(("known", "told"), [("cpu io memory", False), ("cpu io", True)])
def test_a_limit_of_memory_that_the_kernel_does_not_keep_is_told(
    tmp_path: Path, known: str, told: bool
) -> None:
    controllers = tmp_path / "cgroup.controllers"
    limited = service()[0]._replace(memory_max="1G")
    assert lifecycle.unlimited(PACKAGE._replace(services=(limited,)), controllers) == ""
    controllers.write_text(f"{known}\n")
    assert lifecycle.unlimited(PACKAGE._replace(services=service()), controllers) == ""
    said = lifecycle.unlimited(PACKAGE._replace(services=(limited,)), controllers)
    expected = (
        "memory_max of greenhouse has no effect: this kernel limits no memory; on a Raspberry Pi,"
        " add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt, and restart it"
    )
    assert said == (expected if told else "")


def test_state_that_belongs_to_who_ran_the_service_before_is_told(own: Own) -> None:
    holding = (RUN, directory("var/lib", owner="daemon"))
    said = (("STATE_DIRECTORY", f"{own.prefix}/var/lib"),)
    for version, user, told in (("1.4.2", "daemon", False), ("1.5.0", "nobody", True)):
        named = run_by(user)[0]._replace(environment=said)
        code, output = own.install(version, holding, services=(named,))
        warning = "/opt/greenhouse/var/lib: belongs to daemon, and greenhouse runs as nobody;"
        assert (code, warning in output) == (0, told)


def test_a_hook_before_the_switch_stops_it(own: Own) -> None:
    own.install("1.4.2")
    hooks = (Hook("pre_install", 10),)
    code, told = own.install("1.5.0", hook("pre_install", "echo no room; exit 3"), hooks=hooks)
    assert (code, own.version) == (3, "1.4.2")
    assert told.endswith("; nothing was changed\n")
    assert (own.prefix / "state/pre_install.log").read_text() == "no room\n"


def test_a_hook_after_the_switch_takes_it_back(own: Own) -> None:
    own.install("1.4.2")
    hooks = (Hook("post_install", 10),)
    code, told = own.install("1.5.0", hook("post_install", "exit 3"), hooks=hooks)
    assert (code, own.version) == (4, "1.4.2")
    assert told.endswith("; rolled back: 1.4.2 is current again\n")


def open_to_others(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("place", ["state", "releases"])
def test_what_others_could_have_written_is_not_believed(own: Own, place: str) -> None:
    own.install("1.4.2")
    own.install("1.5.0")
    (own.prefix / "state/users").write_text("root\n")
    open_to_others(own.prefix / place)
    where = f"/opt/greenhouse/{place}"
    told = (
        f"provision: {where}: belongs to nobody, and could contain anything; if you trust it, run"
        f" `chown -R root {where}` and `chmod -R go-w {where}`\n"
    )
    assert own.install("1.6.0") == (3, told)
    for words in (["rollback"], ["uninstall"], ["uninstall", "--purge"], ["gc"], ["recover"]):
        assert own.run(*words, "greenhouse") == (3, told)
    assert [line for line in own.asked() if "userdel" in line] == []
    os.chown(own.prefix / place, 0, 0)
    assert own.run("rollback", "greenhouse")[0] == 0


@pytest.mark.parametrize("way", ["opt", "opt/greenhouse"])
def test_no_hook_is_run_where_others_could_exchange_it(own: Own, way: str) -> None:
    open_to_others(own.place / way)
    hooks, script = (Hook("pre_install", 10),), hook("pre_install", f"touch {own.place}/ran")
    code, told = own.install("1.4.2", script, hooks=hooks)
    assert (code, (own.place / "ran").exists()) == (3, False)
    assert told == (
        "provision: greenhouse: runs programs from /opt/greenhouse, but /" + way + " belongs to"
        " nobody; change that\n"
    )
    open_to_others(own.place / way)
    assert own.install("1.4.2", services=service())[0] == 3
    open_to_others(own.place / way)
    assert own.install("1.4.2")[0] == 0  # of which nothing runs by itself


def test_nor_one_of_a_package_that_goes(own: Own) -> None:
    hooks, script = (Hook("pre_remove", 10),), hook("pre_remove", f"touch {own.place}/ran")
    assert own.install("1.4.2", script, hooks=hooks)[0] == 0
    open_to_others(own.place / "opt")
    code, told = own.run("uninstall", "greenhouse")
    assert (code, (own.place / "ran").exists(), own.version) == (2, False, "1.4.2")
    assert told == (
        "provision: greenhouse: pre_remove: is not run, since /opt belongs to nobody; nothing was"
        " changed\n"
    )


RUN = file("bin/run", b"#!/bin/sh\n", mode=0o755)


def run_by(user: str) -> tuple[Service, ...]:
    return (service(user=user)[0]._replace(exec="bin/run"),)


@pytest.mark.parametrize("way", ["opt", "opt/greenhouse", "opt/greenhouse/releases"])
@pytest.mark.parametrize("user", ["daemon", "greenhouse-of-a-test"])
def test_a_way_that_is_closed_to_a_service_is_told_before_the_switch(
    own: Own, way: str, user: str
) -> None:
    (own.place / way).mkdir(parents=True)
    (own.place / way).chmod(0o700)
    code, told = own.install("1.4.2", (RUN,), services=run_by(user))
    assert (code, (own.prefix / "current").exists()) == (3, False)
    assert told == (
        f"provision: /{way}: its mode 0700 keeps out the user {user}, who runs bin/run;"
        " `chmod a+x` it\n"
    )
    (own.place / way).mkdir(parents=True, exist_ok=True)
    (own.place / way).chmod(0o711)
    assert own.install("1.4.2", (RUN,), services=run_by(user))[0] == 0


def test_what_is_closed_may_be_open_to_the_group_or_the_owner(own: Own) -> None:
    own.prefix.mkdir(parents=True)
    os.chown(own.prefix, 0, 1)
    own.prefix.chmod(0o750)
    assert own.install("1.4.2", (RUN,), services=run_by("daemon"))[0] == 0
    assert own.install("1.5.0", (RUN,), services=run_by("games"))[0] == 3
    assert own.install("1.5.0", (RUN,), services=run_by("root"))[0] == 0


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ("u:daemon:x", 0),
        ("g:daemon:x", 0),
        ("u:daemon:rw", 3),
        ("u:daemon:-,o::x", 3),  # of whom the list says something, not the rest
        ("g:daemon:-,o::x", 3),
        ("u:daemon:x,m::r", 3),
        ("u:games:x", 3),
        ("u:games:-,o::x", 0),
    ],
)
def test_what_is_closed_may_be_open_by_a_list(own: Own, entries: str, code: int) -> None:
    own.prefix.mkdir(parents=True)
    own.prefix.chmod(0o700)
    subprocess.run(["setfacl", "-m", entries, str(own.prefix)], check=True)
    assert own.install("1.4.2", (RUN,), services=run_by("daemon"))[0] == code


@pytest.mark.parametrize("path", ["state", "releases"])
def test_whom_a_list_lets_write_to_what_is_known_is_told(own: Own, path: str) -> None:
    own.install("1.4.2")
    where = own.prefix / path
    subprocess.run(["setfacl", "-m", "u:nobody:rwx", str(where)], check=True)
    code, told = own.install("1.5.0")
    assert (code, own.version) == (3, "1.4.2")
    assert f"/{path}: can be written to by nobody, as its ACL says, and could contain" in told
    (way_out,) = re.findall("`(chmod -R [^`]*)`", told)
    subprocess.run(way_out.replace("/opt", f"{own.place}/opt").split(), check=True)
    assert own.install("1.5.0")[0] == 0


def test_a_program_that_its_user_may_not_run_is_told(own: Own) -> None:
    closed = file("bin/run", b"#!/bin/sh\n", mode=0o700)
    code, told = own.install("1.4.2", (closed,), services=run_by("daemon"))
    assert (code, told.startswith("provision: bin/run: its mode 0700 keeps out")) == (3, True)


def test_a_hook_that_fails_behind_a_removal_is_told_and_undoes_nothing(own: Own) -> None:
    failing = hook("post_remove", "echo no water; exit 3")
    own.install("1.4.2", failing, hooks=(Hook("post_remove", 10),))
    code, told = own.run("uninstall", "greenhouse")
    assert (code, (own.prefix / "current").exists()) == (0, False)
    assert "provision: warning: post_remove" in told
    assert "no water" in told


def test_what_sees_to_an_interruption_is_known_before_anything_else_is_done(own: Own) -> None:
    script = f"echo hook >>{own.place}/asked; cat {own.prefix}/state/transaction.json"
    first = hook("pre_install", f"{script}; {own.prefix}/state/tool --version")
    assert own.install("1.4.2", first, hooks=(Hook("pre_install", 10),), services=service())[0] == 0
    assert own.asked()[:2] == ["systemctl daemon-reload", "hook"]
    said = (own.prefix / "state/pre_install.log").read_text()
    assert '"phase": "begun"' in said
    assert "provision " in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        ("rm -r etc/greenhouse.ini", None),
        ("rm -r etc/greenhouse.ini; echo mine >etc/greenhouse.ini", "mine\n"),
    ],
    ids=["deleted", "edited"],
)
@pytest.mark.parametrize("before", ["file", "empty directory"])
def test_what_is_done_to_configuration_while_it_is_installed_is_kept(
    own: Own, before: str, meanwhile: str, left: str | None
) -> None:
    path = own.prefix / "etc/greenhouse.ini"
    if before == "file":
        own.install("1.4.2")
    else:
        path.mkdir(parents=True)
    first = hook("pre_install", f"cd {own.prefix} && {meanwhile}")
    changed = (*items("1.5.0", b"port = 9\n"), *first)
    about = PACKAGE._replace(prefix=str(own.prefix), service_manager="systemd")
    about = about._replace(hooks=(Hook("pre_install", 10),))
    assert own.run("install", str(package(own.place, "1.5.0", changed, about)))[0] == 0
    if before == "empty directory" and left is None:  # which was in nobody's way
        left = "port = 9\n"
    assert (path.read_text() if path.exists() else None) == left
    is_beside = (own.prefix / "etc/greenhouse.ini.new").exists()
    assert is_beside == (left != "port = 9\n")


def test_a_release_that_comes_back_has_its_users_made_again(own: Own) -> None:
    assert own.install("1.4.2", (RUN,), services=run_by("greenhouse-of-a-test"))[0] == 0
    assert own.install("1.5.0")[0] == 0
    own.asked()
    assert own.run("rollback", "greenhouse")[0] == 0
    assert [line.split()[-1] for line in own.asked() if line.startswith("useradd ")] == [
        "greenhouse-of-a-test"
    ]


def test_who_is_not_there_for_a_service_is_told_before_the_switch(own: Own) -> None:
    grouped = service()[0]._replace(group="nosuchgroup")
    code, told = own.install("1.4.2", services=(grouped,))
    assert (code, (own.prefix / "current").exists()) == (3, False)
    assert told == "provision: there is no group nosuchgroup on this machine; create it first\n"


def test_a_service_that_a_version_no_longer_has_is_stopped(own: Own) -> None:
    pump = service()[0]._replace(name="pump")
    own.install("1.4.2", services=(*service(), pump))
    own.asked()
    assert own.install("1.5.0", services=service())[0] == 0
    assert [line for line in own.asked() if " stop " in line] == [
        "systemctl stop greenhouse-pump.service"
    ]
    assert own.run("uninstall", "greenhouse")[0] == 0
    # The service before and after: here all runs for ever. What may have started this, never.
    assert {line for line in own.asked() if " stop " in line} == {
        "systemctl stop greenhouse.service"
    }


def test_a_version_is_that_of_the_release_which_came_up(own: Own) -> None:
    own.install("1.4.2")
    own.install("1.5.0")
    hooks = (Hook("post_install", 10),)
    failing = hook("post_install", "exit 3")
    code, told = own.run(
        "install", "--allow-downgrade", str(own.packed("1.4.2", failing, hooks=hooks))
    )
    assert (code, own.version) == (4, "1.5.0")
    code, told = own.run("rollback", "greenhouse", "1.4.2")
    assert (code, told) == (0, "greenhouse 1.4.2: current again in /opt/greenhouse, was 1.5.0\n")


def test_of_releases_that_never_came_up_the_last_is_tried_again(own: Own) -> None:
    own.install("1.4.2")
    hooks = (Hook("post_install", 10),)
    waiting = hook("post_install", f"test -e {own.place}/pump")
    assert own.install("1.5.0", waiting, hooks=hooks)[0] == 4
    (own.place / "pump").touch()
    assert own.run("rollback", "greenhouse", "1.5.0")[0] == 0


@pytest.mark.parametrize("words", [("rollback", "greenhouse", "1.4.2"), ("install", "old")])
def test_what_keeps_a_good_release_from_coming_up_again_makes_it_no_bad_one(
    own: Own, words: tuple[str, ...]
) -> None:
    own.install("1.4.2", services=service())
    old = str(own.packed("1.4.2", services=service()))
    own.install("1.5.0", services=service())
    own.install("1.6.0", services=service())
    (own.place / "broken").touch()  # a port is taken, say
    again = (*words[:1], "--allow-downgrade", old) if words[0] == "install" else words
    assert own.run(*again)[0] == 4
    (own.place / "broken").unlink()
    assert "1.4.2" in own.run("status", "greenhouse")[1]
    assert "did not come up" not in own.run("status", "greenhouse")[1]
    assert own.run("gc", "greenhouse") == (0, "")
    assert own.run("rollback", "greenhouse", "1.4.2")[0] == 0


@pytest.mark.parametrize("umask", [0, 0o077])
def test_modes_are_the_same_whatever_the_umask(own: Own, umask: int) -> None:
    hooks = tuple(Hook(name, 10) for name in ("pre_install", "post_install"))
    script = f"echo said; mkdir -p {own.place}/made; touch {own.place}/made/$PROVISIONING_VERSION"
    holding = (*hook("pre_install", script), hook("post_install", script)[1])
    modes = {}
    for mask in (0o022, umask):
        before = os.umask(mask)
        try:
            for version in ("1.4.2", "1.5.0"):
                own.install(version, holding, hooks=hooks, services=service())
            own.run("rollback", "greenhouse")
            for top in ("opt", "units", "registry", "made"):
                shutil.copytree(own.place / top, own.place / str(mask) / top, symlinks=True)
            own.run("uninstall", "greenhouse", "--purge")
            shutil.rmtree(own.place / "made")
        finally:
            os.umask(before)
        modes[mask] = {path: entry[:2] for path, entry in listing(own.place / str(mask)).items()}
    assert modes[umask] == modes[0o022]
    assert modes[umask]["made/1.5.0"] == (oct(stat.S_IFREG), 0o644)


def test_no_signal_is_blocked_for_a_hook(own: Own) -> None:
    hooks = (Hook("post_install", 10),)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        code, _ = own.install("1.4.2", hook("post_install", "kill $$; exit 0"), hooks=hooks)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {*before, signal.SIGTERM}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert code == 4


def test_a_hook_fails_whatever_signals_its_grandparent_ignores(own: Own) -> None:
    own.install("1.4.2")
    hooks = (Hook("post_install", 10),)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        code, _ = own.install("1.5.0", hook("post_install", "exit 3"), hooks=hooks)
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (code, own.version) == (4, "1.4.2")


def test_what_the_device_has_to_say_is_asked_for_before_anything(own: Own) -> None:
    device = (Value("PIN", "[0-9]+", False, "the pin of the thermometer"),)
    code, told = own.install("1.4.2", device=device)
    assert (code, own.prefix.exists()) == (3, False)
    assert "PIN" in told


def test_an_owner_that_nobody_knows_is_refused(own: Own) -> None:
    entry, content = file("share", b"x")
    strange = type(file("a", b""))(entry._replace(owner="nobody-at-all", group="none"), content)
    code, told = own.install("1.4.2", (strange,))
    assert (code, own.prefix.exists()) == (3, False)
    assert "there is no user nobody-at-all, no group none on this machine" in told


def test_a_package_for_another_service_manager_is_refused(own: Own) -> None:
    about: dict[str, object] = {"service_manager": "launchd", "services": service()}
    assert own.install("1.4.2", **about)[0] == 3
    assert isinstance(PACKAGE, Package)


def test_a_hook_leaves_no_byte_code(own: Own) -> None:
    told = "import main, os; print(os.environ['PYTHONPYCACHEPREFIX'], main.__cached__)"
    script = hook("post_install", f'cd lib && exec python3 -c "{told}"')
    assert own.install("1.4.2", script, hooks=(Hook("post_install", 20),))[0] == 0
    cache, cached = (own.prefix / "state/post_install.log").read_text().split()[-2:]
    assert cached.startswith(f"{cache}/")
    assert cache.startswith(f"{own.prefix}/state/.provisioning-")
    assert not [*own.prefix.glob("releases/**/*.pyc")]
    assert not [*own.prefix.glob("state/.provisioning-*")]
    assert own.run("verify", "--strict", "greenhouse")[0] == 0


def test_byte_code_that_services_of_older_tools_left_goes(own: Own) -> None:
    another = own.place / "caches/other/other/m.pyc"
    for version in ("1.4.2", "1.5.0", ""):
        cache = own.place / "caches/greenhouse/greenhouse"
        (cache / "opt").mkdir(parents=True)
        (cache / "opt/m.pyc").symlink_to(own.place)  # whatever its user does there
        another.parent.mkdir(parents=True, exist_ok=True)
        another.touch()
        if version:
            own.install(version, services=service())
        else:
            own.run("uninstall", "greenhouse")
        assert not cache.exists()
        assert another.exists()


def test_where_it_cannot_be_removed_services_run_all_the_same(own: Own) -> None:
    (own.place / "caches").symlink_to("/nowhere")
    assert own.install("1.5.0", services=service())[0] == 0
    assert own.run("uninstall", "--purge", "greenhouse")[0] == 0


def test_it_is_compiled_before_services_start(own: Own) -> None:
    systemctl = own.place / "programs/systemctl"
    noted = f"ls {own.prefix}/current/lib/__pycache__ >>{own.place}/compiled"
    systemctl.write_text(SYSTEMCTL.format(own.place).replace("restart) ", f"restart) {noted};"))
    own.install("1.4.2", services=service())
    text = (own.place / "units/greenhouse.service").read_text()
    assert "PYTHONPYCACHEPREFIX" not in text
    assert re.fullmatch(r"main\.[\w-]+\.pyc\n", (own.place / "compiled").read_text())
