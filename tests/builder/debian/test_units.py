"""What maintainer scripts ask of systemd and adduser, which are programs of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_script import FULL, SHELLS, made, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGE = FULL._replace(hooks=(), device=())
OWN = ("greenhouse-c\\x2b\\x2b.service", "greenhouse.service", "greenhouse-vents.service")
WORDS = " ".join(OWN)
PROGRAMS = (
    *("deb-systemd-helper", "deb-systemd-invoke", "systemctl", "dpkg-query"),
    *("getent", "adduser", "addgroup", "setpriv"),
)
# It notes what is asked of it, and does what a test says for that.
PROGRAM = """#!/bin/sh
printf '%s\\n' "${{0##*/}} $*" >>{log}
case "${{0##*/}} $*" in
{cases}
esac
"""


class Asked:
    """A machine on which scripts run, and what they have asked of it."""

    def __init__(self, root: Path, shell: list[str]) -> None:
        self._root, self._shell = root, shell
        self.systemd = root / "systemd"
        (root / "bin").mkdir()
        self.systemd.mkdir()

    def by(self, name: str, *arguments: str, answers: Mapping[str, str] | None = None) -> list[str]:
        """What the script of this name asks for, but for what systemctl and dpkg-query tell."""
        cases = "".join(f"    {what}) {does} ;;\n" for what, does in (answers or {}).items())
        log = self._root / "log"
        log.write_text("")
        for each in PROGRAMS:
            program = self._root / "bin" / each
            program.write_text(PROGRAM.format(log=log, cases=cases))
            program.chmod(0o755)
        script = made(PACKAGE._replace(prefix=str(self._root / "greenhouse")))[name]
        script = script.replace("/run/systemd/system ]", f"{self.systemd} ]")
        script = script.replace("/var/cache/provisioning", f"{self._root}/cache")
        env = {"PATH": f"{self._root}/bin:/usr/bin:/bin"}
        assert run(self._shell, script, *arguments, env=env) == (0, "")
        told = log.read_text().splitlines()
        asks = ("systemctl show", "systemctl is-", "dpkg-query --listfiles")
        return [each for each in told if not each.startswith(asks)]


@pytest.fixture(params=SHELLS, ids=" ".join)
def asked(tmp_path: Path, request: pytest.FixtureRequest) -> Asked:
    return Asked(tmp_path, request.param)


NOBODY = {"'getent passwd greenhouse'": "exit 2"}
NO_GROUP = {**NOBODY, "'getent group greenhouse'": "exit 2"}
MADE = (
    "adduser --quiet --system --ingroup greenhouse --no-create-home --home /nonexistent greenhouse"
)


@pytest.mark.parametrize("occasion", [("install",), ("upgrade", "1.0")], ids=" ".join)
@pytest.mark.parametrize(
    ("answers", "makes"),
    [
        ({}, []),
        (NOBODY, [MADE]),
        (NO_GROUP, ["addgroup --quiet --system greenhouse", MADE]),
    ],
    ids=["there", "a group", "nobody"],
)
def test_who_runs_a_service_is_made_where_he_is_not_there(
    asked: Asked, occasion: tuple[str, ...], answers: dict[str, str], makes: list[str]
) -> None:
    told = asked.by("preinst", *occasion, answers=answers)
    assert [each for each in told if each.startswith("add")] == makes


def test_nobody_is_made_for_a_version_that_did_not_go(asked: Asked) -> None:
    told = asked.by("preinst", "abort-upgrade", "1.5", answers=NO_GROUP)
    assert [each for each in told if each.startswith("add")] == []


UNITS = "/usr/lib/systemd/system"
LISTED = {
    "dpkg-query*": f"printf '%s\\n' {UNITS}/greenhouse.service {UNITS}/greenhouse-old.service"
}


@pytest.mark.parametrize("runs", [True, False], ids=["runs", "does not run"])
def test_a_unit_that_a_version_no_longer_has_is_stopped_and_forgotten(
    asked: Asked, *, runs: bool
) -> None:
    if not runs:
        asked.systemd.rmdir()
    told = asked.by("preinst", "upgrade", "1.0", answers=LISTED)
    stop = ["deb-systemd-invoke stop greenhouse-old.service"] if runs else []
    forget = ["deb-systemd-helper purge greenhouse-old.service"]
    assert [each for each in told if each.startswith("deb-")] == [*stop, *forget]
    told = asked.by("preinst", "install", "1.0", answers=LISTED)
    assert [each for each in told if each.startswith("deb-")] == []


def test_a_unit_is_enabled_unless_somebody_has_disabled_it(asked: Asked) -> None:
    asked.systemd.rmdir()
    disabled = {"'deb-systemd-helper --quiet was-enabled greenhouse.service'": "exit 1"}
    for occasion in ("configure", "abort-upgrade", "abort-deconfigure", "abort-remove"):
        assert asked.by("postinst", occasion, "1.0", answers=disabled) == [
            f"deb-systemd-helper {words} {unit}"
            for unit in OWN
            for words in (
                "unmask",
                "--quiet was-enabled",
                "update-state" if unit == "greenhouse.service" else "enable",
            )
        ]
    assert asked.by("postinst", "triggered", "x") == []


def _starts(told: list[str]) -> list[str]:
    return [each for each in told if not each.startswith("deb-systemd-helper")]


def test_what_comes_is_started_and_what_changes_is_started_again(asked: Asked) -> None:
    reload = "systemctl --system daemon-reload"
    for arguments, action in ((("configure", ""), "start"), (("configure", "1.0"), "restart")):
        assert _starts(asked.by("postinst", *arguments)) == [
            *(reload, *(f"deb-systemd-invoke {action} {unit}" for unit in OWN))
        ]
    asked.systemd.rmdir()
    assert _starts(asked.by("postinst", "configure", "")) == []


def _state(left: str, ended: str) -> dict[str, str]:
    """What systemctl tells of a unit that does not run: when it was left, and when it ended."""
    return {
        "'systemctl is-active'*": "exit 3",
        "'systemctl show --property=ActiveExit'*": f"echo {left}",
        "'systemctl show --property=ExecMainExit'*": f"echo {ended}",
    }


@pytest.mark.parametrize(
    ("state", "stopped"),
    [
        ({}, False),  # it runs
        (_state("5", "7"), True),  # it was told to end, and did
        (_state("7", "5"), False),  # it ended, and was left therefore
        (_state("5", "5"), False),
        (_state("0", "7"), False),  # it never came up
        (_state("", ""), False),
        (_state("0", "0"), False),  # it was never started
        ({**_state("5", "7"), "'systemctl is-active'*": "exit 0"}, False),
    ],
)
def test_what_somebody_has_stopped_stays_so_in_an_upgrade(
    asked: Asked, state: dict[str, str], *, stopped: bool
) -> None:
    told = _starts(asked.by("postinst", "configure", "1.0", answers=state))
    assert len(told) == (1 if stopped else 1 + len(OWN))
    told = _starts(asked.by("postinst", "configure", "", answers=state))
    assert len(told) == 1 + len(OWN)  # what comes is started, whatever was before it


def test_what_goes_is_stopped_and_forgotten_with_a_purge(asked: Asked) -> None:
    assert asked.by("prerm", "remove")[0] == f"deb-systemd-invoke stop {WORDS}"
    assert not any(each.startswith("deb-") for each in asked.by("prerm", "upgrade", "1.5"))
    assert asked.by("postrm", "remove") == ["systemctl --system daemon-reload"]
    assert asked.by("postrm", "upgrade", "1.5") == []
    assert asked.by("postrm", "purge") == [f"deb-systemd-helper purge {WORDS}"]
    asked.systemd.rmdir()
    assert not any(each.startswith("deb-") for each in asked.by("prerm", "remove"))
    assert asked.by("postrm", "remove") == []


FAILS = {"deb-systemd-helper*": "exit 1", "deb-systemd-invoke*": "exit 1", "systemctl*": "exit 1"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("postinst", ("configure", "")),
        ("postinst", ("configure", "1.0")),
        ("prerm", ("remove",)),
        ("postrm", ("remove",)),
        ("postrm", ("purge",)),
        ("preinst", ("upgrade", "1.0")),
    ],
)
def test_a_service_that_is_not_well_fails_nothing(
    asked: Asked, name: str, arguments: tuple[str, ...]
) -> None:
    assert asked.by(name, *arguments, answers={**FAILS, **LISTED})
