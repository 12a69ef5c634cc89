"""What launchd is told and asked, as launchctl(1) documents it: it cannot be run here."""

from __future__ import annotations

import pytest

from provisioning.target import launchd

NAME = "provisioning.greenhouse.plist"


def test_each_command_is_one_that_launchctl_documents() -> None:
    # launchctl(1): bootstrap domain-target [service-path …]; bootout domain-target[/service-id];
    # list [label]; of a system's service the target is system/LABEL.
    assert launchd.taking_up(NAME, "/Library/LaunchDaemons") == [
        "launchctl", "bootstrap", "system", f"/Library/LaunchDaemons/{NAME}",
    ]  # fmt: skip
    assert launchd.letting_go(NAME) == ["launchctl", "bootout", "system/provisioning.greenhouse"]
    assert launchd.asking(NAME) == ["launchctl", "list", "provisioning.greenhouse"]


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
    assert launchd.last_words(NAME) == ("; what it said is in /var/log/provisioning.greenhouse.log")
