"""In the root of a machine that does not run, all is put that the machine needs when it starts.

The root is a directory with the few files by which it is known; `tests/machines` boots a real one.
"""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.package import Health, Hook, Package, Service
from provisioning.artifact.service_files import BOOT
from provisioning.installer.cli.command_line import main
from provisioning.installer.ops import first_start
from provisioning.installer.ops.journal import PREPARED, STARTING
from provisioning.installer.services import lifecycle, subprocesses, systemd
from provisioning.installer.store import releases
from provisioning.installer.store.prefix import opened
from tests.artifact.making import PACKAGE, Item, directory, file

from .machine import Machine, listing
from .making import conf, items, package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .machine import Outcome

pytestmark = pytest.mark.needs("root", "Linux", "systemd")

PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
GROUP = "root:x:0:\ndialout:x:72:\n"
HEALTH = Health("uptime", "1", 5)
SERVICE = Service("greenhouse", "bin/greenhouse", "always", "greenhouse", "", (), "", HEALTH)
UNIT = "usr/local/lib/systemd/system/greenhouse.service"
LINK = "etc/systemd/system/multi-user.target.wants/greenhouse.service"
DECLARED = "usr/local/lib/sysusers.d/provisioning-greenhouse.conf"


def make_image(root: Path) -> None:
    """Make what a root is known by, and its users."""
    for path, text in {
        "etc/passwd": PASSWD,
        "etc/group": GROUP,
        "usr/lib/systemd/systemd": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def hook(name: str, script: str) -> tuple[Item, ...]:
    path = f".provisioning/hooks/{name}"
    return (
        directory(".provisioning/hooks"),
        file(path, f"#!/bin/sh\n{script}\n".encode(), mode=0o755),
    )


def owned(items: Sequence[Item], owner: str) -> tuple[Item, ...]:
    return tuple(
        Item(item.entry._replace(owner=owner, group=owner), item.content) for item in items
    )


class Card(Machine):
    """A root that is not this machine's."""

    about = PACKAGE._replace(service_manager="systemd", services=(SERVICE,))

    def put(self, version: str, about: Package | None = None, more: Sequence[Item] = ()) -> Outcome:
        """Install a version of a package that has a service."""
        theirs = owned([conf("etc/own.ini", b"a\n"), directory("var/own")], "greenhouse")
        lent = owned([file("bin/lent", b"", mode=0o4755)], "greenhouse")
        holding = (*items(version), *theirs, *lent, *more)
        return self.run("install", package(self.folder, version, holding, about or self.about))

    @property
    def user(self) -> int:
        """The number of the user that the service runs as."""
        lines = (self.root / "etc/passwd").read_text().splitlines()
        return next(int(each.split(":")[2]) for each in lines if each.startswith("greenhouse:"))

    def phase(self) -> str:
        """How far the first start has come; "" if nothing waits for it."""
        with opened(self.root, "/opt/greenhouse") as home:
            found = first_start.awaited(home)
            return found.phase if found else ""


@pytest.fixture
def card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Card:
    made = Card(tmp_path, capsys)
    make_image(made.root)
    return made


@pytest.fixture
def without_sysusers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that cannot create users in the root of another, as a Mac."""
    monkeypatch.setitem(subprocesses._ENVIRONMENT, "PATH", str(tmp_path / "none"))


def test_it_says_what_it_put_where_and_what_the_first_start_does(card: Card) -> None:
    said = card.put("1.0").out
    assert said == (
        "user greenhouse: created in /etc/passwd\n"
        "etc/greenhouse.ini: installed\n"
        "etc/own.ini: installed\n"
        "greenhouse 1.0: installed in /opt/greenhouse\n"
        "greenhouse.service: enabled in /usr/local/lib/systemd/system\n"
        "when the machine starts, it will:\n"
        "  1. start greenhouse.service\n"
        "  2. wait for the health checks\n"
        "`provision status greenhouse` on the machine says whether that went well\n"
    )
    assert os.readlink(card.root / LINK) == f"/{UNIT}"
    assert "User=greenhouse\n" in (card.root / UNIT).read_text()
    assert card.phase() == PREPARED


def test_owners_are_those_of_that_machine(card: Card) -> None:
    card.put("1.0")
    for path in ("etc/own.ini", "var/own", "current/bin/lent"):
        assert (card.prefix / path).stat().st_uid == card.user
    assert stat.S_IMODE((card.prefix / "current/bin/lent").stat().st_mode) == 0o4755
    assert card.run("verify", "greenhouse").code == 0


def test_what_this_machine_cannot_create_the_first_start_does(
    card: Card, without_sysusers: None
) -> None:
    said = card.put("1.0").out
    assert "  1. create the user greenhouse and give it its files\n" in said
    assert (card.root / DECLARED).read_text() == (
        "# Made by provision: the users of the services in /opt/greenhouse.\n"
        'u greenhouse - "Services of greenhouse" /nonexistent /usr/sbin/nologin\n'
    )
    assert (card.root / "etc/passwd").read_text() == PASSWD
    assert stat.S_IMODE((card.prefix / "current/bin/lent").stat().st_mode) == 0o755


def test_an_owner_that_machine_does_not_have_is_refused(card: Card) -> None:
    said = card.put("1.0", more=owned([file("x", b"")], "nobody"))  # whom this machine has
    assert said.code == 3
    assert "there is no user nobody, no group nobody in " in said.err


def test_a_group_that_machine_does_not_have_is_refused(card: Card) -> None:
    about = card.about._replace(services=(SERVICE._replace(groups=("gpio",)),))
    assert "there is no group gpio in " in card.put("1.0", about).err
    about = card.about._replace(services=(SERVICE._replace(groups=("dialout",)),))
    assert card.put("1.0", about).code == 0
    assert "dialout:x:72:greenhouse\n" in (card.root / "etc/group").read_text()


def test_a_python_that_machine_does_not_have_is_refused(card: Card) -> None:
    about = card.about._replace(python="3.11")
    said = card.put("1.0", about)
    assert said.code == 3
    assert "needs Python 3.11, and there is no python3.11 in ;" in said.err
    (card.root / "usr/bin").mkdir()
    (card.root / "usr/bin/python3.11").symlink_to("../lib/python")
    assert card.put("1.0", about).code == 0


def test_a_rehearsal_beside_it_is_none(card: Card) -> None:
    (card.root / "etc/passwd").unlink()
    assert card.put("1.0").out.endswith("greenhouse 1.0: installed in /opt/greenhouse\n")
    assert card.phase() == ""


def test_a_dry_run_says_the_same_and_writes_nothing(card: Card) -> None:
    before = listing(card.root)
    path = package(card.folder, "1.0", None, card.about)
    said = card.run("install", path, "--dry-run").out
    assert "create the user greenhouse\n" in said
    assert "  1. start greenhouse.service\n" in said
    assert listing(card.root) == before


def test_a_hook_waits_for_the_first_start(card: Card) -> None:
    about = card.about._replace(hooks=(Hook("post_install", 20),))
    said = card.put("1.0", about, hook("post_install", f"touch {card.folder}/ran"))
    assert "  1. run the hook post_install, as root\n" in said.out
    assert not (card.folder / "ran").exists()


def test_another_release_can_be_prepared_over_it_and_the_one_before_again(card: Card) -> None:
    card.put("1.0")
    assert "greenhouse 2.0: installed in /opt/greenhouse, was 1.0\n" in card.put("2.0").out
    assert card.run("rollback", "greenhouse").out.startswith("greenhouse 1.0: current again")
    assert card.version == "1.0"
    assert card.phase() == PREPARED
    assert card.run("recover", "greenhouse").code == 0
    assert card.phase() == PREPARED


def test_a_purge_leaves_what_was_there_before(card: Card) -> None:
    before = listing(card.root)
    card.put("1.0")
    assert card.run("uninstall", "--purge", "greenhouse").code == 0
    left = {
        path: what
        for path, what in listing(card.root).items()
        if what[0] != oct(stat.S_IFDIR) and not path.endswith("-")
    }
    assert left.keys() - before.keys() <= {"etc/.pwd.lock", "etc/shadow", "etc/gshadow"}
    assert left["etc/passwd"] == before["etc/passwd"]


def test_a_hook_of_a_removal_is_not_run_and_that_is_told(card: Card) -> None:
    card.put("1.0", card.about._replace(hooks=(Hook("pre_remove", 20),)), hook("pre_remove", "x"))
    said = card.run("uninstall", "greenhouse")
    assert said.code == 0
    assert said.err == (
        "provision: warning: pre_remove: was not run, since only the machine itself can run hooks\n"
    )


def test_the_status_says_that_it_is_awaited(card: Card) -> None:
    card.put("1.0")
    assert "  first start of the machine: awaited\n" in card.run("status", "greenhouse").out


class Started:
    """A machine that starts, of which the prefix was prepared in the root of another."""

    def __init__(
        self, place: Path, card: Card, monkeypatch: pytest.MonkeyPatch, prefix: Path
    ) -> None:
        self.place, self.card, self._patch = place, card, monkeypatch
        self.prefix = prefix

    def put(
        self, version: str, hooks: dict[str, str], more: Sequence[Item] = (), user: str = "root"
    ) -> None:
        """Install a version in the root, and put that in the machine."""
        made = [item for name, text in hooks.items() for item in hook(name, text)]
        about = self.card.about._replace(
            prefix=str(self.prefix),
            services=(SERVICE._replace(user=user),),
            hooks=tuple(Hook(name, 20) for name in hooks),
        )
        here = self.card.root / str(self.prefix)[1:]
        here.parent.mkdir(parents=True, exist_ok=True)
        if self.prefix.exists():
            self.prefix.rename(here)
        holding = (*items(version), *dict.fromkeys(made), *more)
        done = self.card.run("install", package(self.place, version, holding, about))
        assert done.code == 0, done.err
        here.rename(self.prefix)

    def boot(self) -> tuple[int, list[str]]:
        """What the recovery unit comes to, and which commands it gave."""
        self._patch.setenv(BOOT, "1")
        code = main(["recover", "--prefix", str(self.prefix)])
        self._patch.delenv(BOOT)
        return code, self.asked()

    def check(self) -> int:
        """What the unit comes to that runs after the services."""
        return main(["recover", "--prefix", str(self.prefix)])

    def asked(self) -> list[str]:
        path = self.place / "asked"
        told = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [each for each in told if not each.startswith("systemctl show")]

    def phase(self) -> str:
        with opened(lifecycle.subprocesses.SYSTEM, str(self.prefix)) as home:
            found = first_start.awaited(home)
            return found.phase if found else ""


ASKED = """#!/bin/sh
echo "${{0##*/}} $*" >> {0}/asked
[ "$1" != show ] || {{ echo "ActiveState=$(/bin/cat {0}/state)"; echo MainPID=7; }}
"""


@pytest.fixture
def started(
    open_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Started:
    programs, machine = open_path / "programs", open_path / "machine"
    for each in (programs, machine / "opt", open_path / "units", open_path / "card"):
        each.mkdir(parents=True)
    for name in ("systemctl", "journalctl", "systemd-run"):
        (programs / name).write_text(ASKED.format(open_path))
        (programs / name).chmod(0o755)
    (open_path / "state").write_text("active")
    card = Card(open_path / "card", capsys)
    make_image(card.root)
    monkeypatch.setitem(subprocesses._ENVIRONMENT, "PATH", str(programs))
    monkeypatch.setattr(subprocesses, "_BOOTED", str(open_path))
    monkeypatch.setattr(systemd, "DIRECTORY", f"{open_path}/units"[1:])
    monkeypatch.setattr(systemd, "WANTS", f"{open_path}/units/wants"[1:])
    monkeypatch.setattr(releases, "REGISTRY", f"{open_path}/registry")
    monkeypatch.setattr(lifecycle, "FORMER_CACHES", f"{open_path}/caches")
    return Started(open_path, card, monkeypatch, machine / "opt/greenhouse")


def note(place: Path) -> str:
    return f'echo "$PROVISIONING_ACTION $PROVISIONING_OLD_VERSION" >> {place}/ran'


def test_the_first_start_runs_hooks_before_services_and_then_asks_after_their_health(
    started: Started,
) -> None:
    said = note(started.place)
    started.put("1.0", {"pre_install": said, "post_install": said})
    code, asked = started.boot()
    assert code == 0
    assert (started.place / "ran").read_text() == "install \ninstall \n"
    (later,) = (each for each in asked if each.startswith("systemd-run"))
    assert later == (
        "systemd-run --no-block --unit=provision-check-greenhouse.service"
        f" --property=After=greenhouse.service {started.prefix}/state/tool recover"
        f" --prefix {started.prefix}"
    )
    assert started.phase() == STARTING
    assert started.check() == 0
    assert started.phase() == ""
    assert (started.place / "ran").read_text() == "install \ninstall \n"


def test_files_of_a_user_that_nobody_knew_get_their_owner(started: Started) -> None:
    theirs = [conf("etc/own.ini", b"a\n"), directory("var/own"), file("lent", b"", mode=0o4755)]
    started.put("1.0", {}, owned(theirs, "daemon"), user="daemon")
    paths = [started.prefix / each for each in ("etc/own.ini", "var/own", "current/lent")]
    assert {path.stat().st_uid for path in paths} == {0}
    assert stat.S_IMODE(paths[-1].stat().st_mode) == 0o755
    assert started.boot()[0] == 0
    assert {path.stat().st_uid for path in paths} == {pwd.getpwnam("daemon").pw_uid}
    assert stat.S_IMODE(paths[-1].stat().st_mode) == 0o4755
    assert main(["verify", str(started.prefix)]) == 0


def test_a_hook_that_fails_keeps_the_services_from_starting_until_it_does_not(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.put("1.0", {"post_install": f"[ -e {started.place}/water ]"})
    code, asked = started.boot()
    assert code == 4
    assert "systemctl --no-block stop greenhouse.service" in asked
    assert "`provision recover greenhouse` tries again" in capsys.readouterr().err
    assert main(["status", str(started.prefix)]) == 0
    assert "first start of the machine: post_install ended with 1" in capsys.readouterr().out
    (started.place / "water").touch()
    assert started.check() == 0
    assert "systemctl restart greenhouse.service" in started.asked()
    assert started.phase() == ""


def test_a_power_cut_repeats_what_it_interrupted(started: Started) -> None:
    started.put("1.0", {"post_install": note(started.place)})
    assert started.boot()[0] == 0
    code, asked = started.boot()  # before the health was seen
    assert code == 0
    assert any(each.startswith("systemd-run") for each in asked)
    assert (started.place / "ran").read_text() == "install \n"
    assert started.check() == 0


def test_a_release_that_is_not_well_waits_where_none_ran_before(started: Started) -> None:
    started.put("1.0", {})
    started.boot()
    (started.place / "state").write_text("failed")
    assert started.check() == 4
    assert started.phase() == STARTING
    (started.place / "state").write_text("active")
    assert started.check() == 0


def test_and_makes_room_for_one_that_did(started: Started) -> None:
    started.put("1.0", {})
    started.boot()
    assert started.check() == 0
    started.put("2.0", {"post_install": f"{note(started.place)}; exit 1"})
    assert started.boot()[0] == 0
    assert (started.place / "ran").read_text() == "upgrade 1.0\n"
    assert (started.prefix / "current/VERSION").read_text() == "1.0"
    assert started.phase() == ""


def test_a_release_that_was_only_prepared_is_none_that_ran(started: Started) -> None:
    started.put("1.0", {})
    started.put("2.0", {"post_install": note(started.place)})
    assert started.boot()[0] == 0
    assert (started.place / "ran").read_text() == "install \n"


def test_power_cuts_without_end_end_with_the_release_that_ran(started: Started) -> None:
    started.put("1.0", {})
    started.boot()
    started.check()
    started.put("2.0", {})
    for _ in range(4):
        assert started.boot()[0] == 0
    assert (started.prefix / "current/VERSION").read_text() == "1.0"
