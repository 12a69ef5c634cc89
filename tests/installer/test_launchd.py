"""What launchd is told and asked, as launchctl(1) documents it: it cannot be run here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.errors import TargetError
from provisioning.installer.services import launchd, subprocesses

if TYPE_CHECKING:
    from pathlib import Path

NAME = "provisioning.greenhouse.plist"


def test_each_command_is_one_that_launchctl_documents() -> None:
    # launchctl(1): bootstrap domain-target [service-path …]; bootout domain-target[/service-id];
    # list [label]; of a system's service the target is system/LABEL.
    assert launchd.taking_up(NAME, "/Library/LaunchDaemons") == [
        "launchctl", "bootstrap", "system", f"/Library/LaunchDaemons/{NAME}",
    ]  # fmt: skip
    assert launchd.letting_go(NAME) == ["launchctl", "bootout", "system/provisioning.greenhouse"]
    assert launchd.asking(NAME) == ["launchctl", "list", "provisioning.greenhouse"]


LAUNCHCTL = """#!/bin/sh
echo "$*" >> {0}/asked
case $1 in
list) [ ! -e {0}/has ] || echo '"PID" = 7;';;
bootout) rm {0}/has;;
bootstrap) [ ! -e {0}/busy ] || {{ rm {0}/busy; echo "Bootstrap failed: 5" >&2; exit 5; }};;
esac
"""


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a launchctl of the test notes what it is asked; it has a service if `has` is there."""
    program = tmp_path / "launchctl"
    program.write_text(LAUNCHCTL.format(tmp_path))
    program.chmod(0o755)
    monkeypatch.setitem(subprocesses._ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(launchd.time, "sleep", lambda _: None)
    return tmp_path


LIST, BOOTOUT, BOOTSTRAP = (
    "list provisioning.greenhouse",
    "bootout system/provisioning.greenhouse",
    f"bootstrap system /Library/LaunchDaemons/{NAME}",
)


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ((), [LIST, BOOTSTRAP]),
        (("has",), [LIST, BOOTOUT, BOOTSTRAP]),
        (("has", "busy"), [LIST, BOOTOUT, BOOTSTRAP, BOOTSTRAP]),
    ],
)
def test_a_service_is_let_go_and_taken_up_again(
    mac: Path, state: tuple[str, ...], asked: list[str]
) -> None:
    for name in state:
        (mac / name).touch()
    launchd.restart([NAME], "/Library/LaunchDaemons")
    assert (mac / "asked").read_text().splitlines() == asked


def test_what_launchd_does_not_take_up_is_told(mac: Path) -> None:
    (mac / "launchctl").write_text("#!/bin/sh\necho x >> $0.asked\necho no >&2\nexit 5\n")
    with pytest.raises(TargetError, match=f"{BOOTSTRAP}: no"):
        launchd._take_up(launchd.taking_up(NAME, "/Library/LaunchDaemons"))
    assert len((mac / "launchctl.asked").read_text()) == 2 * launchd._TRIES


LISTED = """\
{
\t"LimitLoadToSessionType" = "System";
\t"Label" = "provisioning.greenhouse";
\t"OnDemand" = false;
\t"LastExitStatus" = %s;
%s\t"Program" = "/usr/local/opt/greenhouse/current/bin/greenhouse";
};
"""


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (LISTED % (0, '\t"PID" = 4711;\n'), ("active", 4711, "running")),
        (LISTED % (256, '\t"PID" = 4711;\n'), ("active", 4711, "running")),
        (LISTED % (256, ""), ("failed", 0, "not running, ended with 256")),
        (LISTED % (0, ""), ("inactive", 0, "not running, ended with 0")),
        ("", ("unknown", 0, "not known to launchd")),
    ],
)
def test_how_a_service_is_is_read_of_what_launchd_lists(said: str, state: object) -> None:
    assert launchd.told(said) == state


def test_what_is_disabled_is_read_of_what_launchd_prints() -> None:
    # As macOS 12 and later print it, and earlier ones.
    said = """
\tdisabled services = {
\t\t"com.apple.ftpd" => disabled
\t\t"provisioning.greenhouse" => disabled
\t\t"provisioning.pump" => enabled
\t\t"provisioning.fan" => true
\t\t"provisioning.light" => false
\t}
"""
    told = launchd.told_disabled(said)
    assert told == {"com.apple.ftpd", "provisioning.greenhouse", "provisioning.fan"}
    assert launchd.disabling() == ["launchctl", "print-disabled", "system"]


def test_where_its_last_words_are_is_told() -> None:
    assert launchd.last_words(NAME) == ("; its output is in /var/log/provisioning.greenhouse.log")
