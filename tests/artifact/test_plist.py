"""Property lists, as plistlib reads them, and with the keys that launchd.plist(5) has."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.service_files import label, launchd_plist, recovery_label, recovery_plist
from tests.artifact.test_unit import allowed, package, service

if TYPE_CHECKING:
    from provisioning.artifact.model.package import Package

MAC_LIMITS = {"nice": -5, "memory_max": "512M"}
HOME = "/usr/local/opt/greenhouse/current"
# Of launchd.plist(5), macOS 14, those that are used, with the types it gives them.
DOCUMENTED: dict[str, Any] = {
    "Label": str,
    "ProgramArguments": list,
    "WorkingDirectory": str,
    "RunAtLoad": bool,
    "KeepAlive": (bool, dict),
    "ThrottleInterval": int,
    "ProcessType": str,
    "Umask": int,
    "StandardOutPath": str,
    "StandardErrorPath": str,
    "UserName": str,
    "GroupName": str,
    "EnvironmentVariables": dict,
    "Nice": int,
    "SoftResourceLimits": dict,
    "HardResourceLimits": dict,
}


def mac(*services: Any) -> Package:
    return package(*services, prefix="/usr/local/opt/greenhouse", service_manager="launchd")


def read(given: Any, values: dict[str, str] | None = None) -> dict[str, Any]:
    spelt: dict[str, Any] = plistlib.loads(launchd_plist(mac(given), given, HOME, values or {}))
    return spelt


def test_each_key_is_one_that_launchd_documents() -> None:
    given = service(user="_greenhouse", group="staff", environment=(("TZ", "UTC"),))
    found = read(given._replace(nice=5, memory_max="1G"))
    assert set(found) == set(DOCUMENTED)
    assert all(isinstance(value, DOCUMENTED[key]) for key, value in found.items())


def test_a_program_is_started_from_home_with_the_words_of_exec() -> None:
    found = read(service(exec="bin/app 'a b' $X", directory="lib", user=""))
    assert found["ProgramArguments"] == [f"{HOME}/bin/app", "a b", "$X"]
    assert found["WorkingDirectory"] == f"{HOME}/lib"
    assert not {"UserName", "GroupName", "EnvironmentVariables"} & set(found)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("always", True), ("on-failure", {"SuccessfulExit": False}), ("never", False)],
)
def test_launchd_restarts_as_the_spec_says(said: str, expected: object) -> None:
    assert read(service(restart=said))["KeepAlive"] == expected


def test_limits_and_settings_are_these_keys() -> None:
    extra = (
        ("LowPriorityIO", "true"),
        ("ProcessType", '"Interactive"'),
        ("SoftResourceLimits", '{"NumberOfFiles":4096}'),
    )
    found, usual = (read(service(**said)) for said in ({"extra": extra, **MAC_LIMITS}, {}))
    assert {key: value for key, value in found.items() if usual.get(key) != value} == {
        "HardResourceLimits": {"ResidentSetSize": 512 << 20},
        "LowPriorityIO": True,
        "Nice": -5,
        "ProcessType": "Interactive",
        "SoftResourceLimits": {"NumberOfFiles": 4096, "ResidentSetSize": 512 << 20},
    }


def test_what_the_device_says_comes_last() -> None:
    given = service(environment=(("A", "1"), ("B", "<&>")))
    found = read(given, {"A": "2"})
    assert found["EnvironmentVariables"] == {"A": "2", "B": "<&>"}


def test_every_character_that_a_text_may_have_comes_back_from_a_property_list() -> None:
    texts = [text for text in map(allowed, range(0, 0x110000, 0x1000)) if text]
    spelt = launchd_plist(mac(), service(environment=(("A", "".join(texts)),)), HOME, {})
    found = plistlib.loads(spelt)["EnvironmentVariables"]["A"]
    assert [text for text in texts if text not in found] == []
    assert read(service(directory=" a "))["WorkingDirectory"] == f"{HOME}/ a "


def test_two_services_of_two_packages_have_two_labels() -> None:
    assert label(mac(), "greenhouse") == "provisioning.greenhouse"
    assert label(mac(), "pump") == "provisioning.greenhouse-pump"


def test_an_interrupted_installation_is_seen_to_at_start() -> None:
    found = plistlib.loads(recovery_plist(mac()))
    assert found == {
        "Label": recovery_label(mac()),
        "ProgramArguments": [
            "/usr/local/opt/greenhouse/state/tool",
            "recover",
            "--prefix",
            "/usr/local/opt/greenhouse",
        ],
        "RunAtLoad": True,
    }
