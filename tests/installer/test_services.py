"""In a root that is not the machine's own, services are files, and nothing else."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.entry import DIR, Entry
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.service_files import recovery_unit, systemd_unit
from provisioning.errors import TargetError
from provisioning.installer.services import health, managers, systemd
from provisioning.installer.services.subprocesses import System, at
from tests.artifact.test_unit import package, service

if TYPE_CHECKING:
    from provisioning.artifact.model.package import Service

UNITS = "usr/local/lib/systemd/system"
FORMER = "etc/systemd/system"
WANTS = f"{FORMER}/multi-user.target.wants"
PUMP = service(name="pump")
RECOVERY = "provision-recover-greenhouse.service"


def manifest(*given: Service, **said: object) -> Manifest:
    return Manifest(package(*given, **said), (Entry("var", DIR, 0o755, "root", "root"),))


@pytest.fixture
def system(tmp_path: Path) -> System:
    return at(tmp_path, "systemd")


def arrange(system: System, wanted: Manifest | None) -> None:
    managers.arrange(system, package(), wanted, {})


def files(system: System) -> set[str]:
    found = (
        Path(directory, name) for directory, _, names in os.walk(system.root) for name in names
    )
    return {str(path.relative_to(system.root)) for path in found}


def test_each_service_has_its_unit_and_is_enabled(system: System) -> None:
    wanted = manifest(service(), PUMP)
    arrange(system, wanted)
    names = ["greenhouse.service", "greenhouse-pump.service", RECOVERY]
    assert files(system) == {f"{where}/{name}" for where in (UNITS, WANTS) for name in names}
    assert (system.root / UNITS / RECOVERY).read_text() == recovery_unit(wanted.package)
    text = systemd_unit(wanted.package, PUMP, "/opt/greenhouse/current", ["/opt/greenhouse/var"])
    link = system.root / WANTS / "greenhouse-pump.service"
    assert os.readlink(link) == f"/{UNITS}/greenhouse-pump.service"
    assert (system.root / UNITS / link.name).read_text() == text


def test_what_an_administrator_has_disabled_stays_so(system: System) -> None:
    arrange(system, manifest(service()))
    (system.root / WANTS / "greenhouse.service").unlink()
    arrange(system, manifest(service(restart="always"), PUMP))
    assert "Restart=always" in (system.root / UNITS / "greenhouse.service").read_text()
    assert f"{WANTS}/greenhouse.service" not in files(system)
    assert f"{WANTS}/greenhouse-pump.service" in files(system)


def test_a_service_that_is_no_more_is_gone_and_nobody_else_s(system: System) -> None:
    arrange(system, manifest(service(), PUMP))
    other = package(name="other")._replace(services=(service(name="other"),))
    managers.arrange(system, other, Manifest(other, ()), {})
    (system.root / UNITS / "ssh.service").write_text("[Unit]\n")
    (system.root / UNITS / "dangling.service").symlink_to("/nowhere")
    arrange(system, manifest(service(), version="2"))
    assert not any("pump" in path for path in files(system))
    arrange(system, None)
    assert {Path(path).name for path in files(system)} == {
        "other.service", "provision-recover-other.service", "ssh.service", "dangling.service",
    }  # fmt: skip


def test_again_is_the_same(system: System) -> None:
    arrange(system, manifest(service()))
    before = {path: os.lstat(system.root / path).st_ino for path in files(system)}
    arrange(system, manifest(service()))
    assert before == {path: os.lstat(system.root / path).st_ino for path in files(system)}


def test_what_sees_to_an_interruption_is_there_before_anything_else(system: System) -> None:
    managers.guard(system, package(service()))
    assert files(system) == {f"{UNITS}/{RECOVERY}", f"{WANTS}/{RECOVERY}"}


@pytest.mark.parametrize("place", [UNITS, FORMER])
@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_another_s_unit_is_a_fault_and_stays(system: System, kind: str, place: str) -> None:
    path = system.root / place / "greenhouse.service"
    path.parent.mkdir(parents=True)
    if kind == "file":
        path.write_text("[Unit]\n")
    elif kind == "link":
        path.symlink_to("/usr/lib/systemd/system/other.service")  # an alias
    else:
        path.mkdir()
    before = os.lstat(path).st_ino
    assert managers.faults(system, manifest(service())) == [
        f"{path}: does not belong to greenhouse; remove it, or rename the service"
    ]
    with pytest.raises(TargetError, match=r"greenhouse\.service: does not belong to greenhouse"):
        arrange(system, manifest(service()))
    assert os.lstat(path).st_ino == before


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/systemd/system/greenhouse.service",  # the distribution's, or that of a deb
        "lib/systemd/system/greenhouse-pump.service",
        "run/systemd/system/greenhouse.service",
        "run/systemd/transient/greenhouse.service",
        "run/systemd/generator.late/greenhouse.service",
        "etc/systemd/system.attached/greenhouse.service",
        "etc/init.d/greenhouse-pump",
        f"usr/lib/systemd/system/{RECOVERY}",
    ],
)
def test_a_unit_that_is_known_from_elsewhere_is_a_fault(system: System, path: str) -> None:
    wanted = manifest(service(), PUMP)
    there = system.root / path
    there.parent.mkdir(parents=True)
    # As in the package's own deb, which is dpkg's.
    there.write_text(systemd_unit(wanted.package, PUMP, "/opt/greenhouse", []))
    told = f"{there}: does not belong to greenhouse; remove it, or rename the service"
    assert managers.faults(system, wanted) == [told]


ALIAS = "[Install]\nWantedBy=multi-user.target\nAlias={}\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("usr/lib/systemd/system/other.service", "greenhouse.service"),
        ("lib/systemd/system/other.service", "b.service  greenhouse.service"),
        (f"{UNITS}/other.service", "b.service \\\n  greenhouse.service"),
        (f"{FORMER}/other@.service", "b.service\n Alias = greenhouse.service"),
        (f"{FORMER}/other.service.d/override.conf", "greenhouse.service"),
    ],
)
def test_a_name_that_another_s_unit_has_once_it_is_enabled_is_a_fault(
    system: System, path: str, said: str
) -> None:
    there = system.root / path
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text(ALIAS.format(said))
    assert managers.faults(system, manifest(service(), PUMP)) == [
        (
            f"{there}: does not belong to greenhouse, and also gets the name greenhouse.service"
            " when enabled (Alias=); rename the service"
        )
    ]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("usr/lib/systemd/system/other.service", "greenhouse-2.service my-greenhouse.service"),
        ("usr/lib/systemd/system/other.service", "greenhouse"),
        ("usr/lib/systemd/system/other.service", "b.service\n# Alias=greenhouse.service"),
        ("usr/lib/systemd/user/other.service", "greenhouse.service"),
        (f"{UNITS}/greenhouse.service", "greenhouse-pump.service"),  # its own, edited
    ],
)
def test_other_aliases_are_none(system: System, path: str, said: str) -> None:
    wanted = manifest(service(), PUMP)
    arrange(system, wanted)
    there = system.root / path
    there.parent.mkdir(parents=True, exist_ok=True)
    with open(there, "a") as file:
        file.write(ALIAS.format(said))
    assert managers.faults(system, wanted) == []


@pytest.mark.parametrize("place", [FORMER, "run/systemd/system"])
@pytest.mark.parametrize("empty", [True, False])
def test_what_is_masked_is_no_fault_and_stays_masked(
    system: System, place: str, empty: bool
) -> None:
    arrange(system, manifest(service()))
    mask = system.root / place / "greenhouse.service"
    mask.parent.mkdir(parents=True, exist_ok=True)
    mask.touch() if empty else mask.symlink_to("/dev/null")
    wanted = manifest(service(restart="always"))
    assert managers.faults(system, wanted) == []
    arrange(system, wanted)
    assert "Restart=always" in (system.root / UNITS / "greenhouse.service").read_text()
    arrange(system, None)
    assert files(system) == {str(mask.relative_to(system.root))}


def former(system: System, wanted: Manifest, *enabled: str) -> None:
    """Have units where older tools put them."""
    arrange(system, wanted)
    for path in (system.root / UNITS).iterdir():
        path.rename(system.root / FORMER / path.name)
        link = system.root / WANTS / path.name
        link.unlink()
        if path.name in enabled:
            link.symlink_to(f"../{path.name}")


@pytest.mark.parametrize("killed", [False, True])
def test_units_of_older_tools_are_moved_and_disabled_ones_stay_so(
    system: System, killed: bool
) -> None:
    wanted = manifest(service(), PUMP)
    former(system, wanted, "greenhouse.service", RECOVERY)
    assert managers.faults(system, wanted) == []
    if killed:  # when the old ones had made room, and before there were new ones
        for path in (system.root / FORMER).glob("*.service"):
            path.rename(f"{path}.moved")
    arrange(system, wanted)
    names = ["greenhouse.service", RECOVERY]
    here = {f"{UNITS}/{name}" for name in (*names, "greenhouse-pump.service")}
    assert files(system) == {*here, *(f"{WANTS}/{name}" for name in names)}
    assert os.readlink(system.root / WANTS / names[0]) == f"/{UNITS}/{names[0]}"


def test_a_copy_that_somebody_has_made_to_change_it_stays(system: System) -> None:
    arrange(system, manifest(service()))
    copy = system.root / FORMER / "greenhouse.service"  # as systemctl edit --full does
    copy.write_bytes((system.root / UNITS / copy.name).read_bytes() + b"Nice=5\n")
    wanted = manifest(service(restart="always"))
    assert managers.faults(system, wanted) == []
    arrange(system, wanted)
    arrange(system, None)
    assert files(system) == {f"{FORMER}/greenhouse.service"}


def test_units_of_older_tools_are_removed_too(system: System) -> None:
    former(system, manifest(service(), PUMP), "greenhouse.service")
    pump = system.root / FORMER / "greenhouse-pump.service"
    pump.rename(f"{pump}.moved")  # by a run that was killed then
    arrange(system, None)
    assert files(system) == set()


SAID = {
    "ActiveState": "inactive",
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "Restart": "on-failure",
    "ActiveExitTimestampMonotonic": "0",
    "ExecMainExitTimestampMonotonic": "0",
    "ExecMainCode": "1",
    "ExecMainStatus": "0",
}
STOPPED = {"ActiveExitTimestampMonotonic": "7", "ExecMainExitTimestampMonotonic": "8"}
ENDED = {"ActiveExitTimestampMonotonic": "8", "ExecMainExitTimestampMonotonic": "8"}


@pytest.mark.parametrize(
    ("said", "rests"),
    [
        ({}, False),  # never started
        (STOPPED, True),
        ({**STOPPED, "ActiveState": "failed", "ExecMainStatus": "143"}, True),
        ({**STOPPED, "ActiveState": "active"}, False),  # and started since
        (ENDED, False),
        ({**ENDED, "Restart": "always"}, True),  # stopped between two starts
        ({**ENDED, "ActiveState": "failed", "ExecMainStatus": "1"}, True),
        ({**ENDED, "ActiveState": "failed", "ExecMainStatus": "1", "Restart": "no"}, False),
        ({"UnitFileState": "disabled"}, True),
        ({"UnitFileState": "disabled", "ActiveState": "active"}, False),
        ({"UnitFileState": "disabled", "ActiveState": "activating"}, False),
        ({"LoadState": "masked", "ActiveState": "active"}, True),
        ({"LoadState": "not-found", "UnitFileState": ""}, False),
    ],
)
def test_who_rests_is_told_by_what_systemd_says(said: dict[str, str], rests: bool) -> None:
    assert systemd._is_resting({**SAID, **said}) == rests


def test_a_package_of_no_service_manager_has_no_files(system: System) -> None:
    wanted = manifest(service_manager="")
    managers.guard(system, wanted.package)
    managers.arrange(system, wanted.package, wanted, {})
    assert managers.faults(system, wanted) == []
    assert files(system) == set()


def test_nothing_is_started_or_asked_there(system: System) -> None:
    given = package(service())
    managers.restart(system, given)
    managers.stop(system, given)
    assert health.fault(system, given, {}) == ""
    assert not system.runs


def test_the_machine_itself_is_one_whose_manager_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_BOOT", "1")
    assert at(Path("/"), "launchd") == System(Path("/"), runs=False)
    booted = os.path.isdir("/run/systemd/system")
    assert at(Path("/"), "systemd") == System(Path("/"), runs=booted, boots=booted)


MAC = {"service_manager": "launchd", "prefix": "/usr/local/opt/greenhouse"}
DAEMONS = "Library/LaunchDaemons"


def test_on_a_mac_a_service_is_a_property_list_that_hides_its_values(tmp_path: Path) -> None:
    system, wanted = at(tmp_path, "launchd"), manifest(service(user=""), **MAC)
    managers.arrange(system, wanted.package, wanted, {"KEY": "secret"})
    assert files(system) == {
        f"{DAEMONS}/provisioning.greenhouse.plist",
        f"{DAEMONS}/provisioning-recover.greenhouse.plist",
    }
    path = tmp_path / DAEMONS / "provisioning.greenhouse.plist"
    assert b"secret" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / DAEMONS / "provisioning.other.plist").write_text("nonsense")
    managers.arrange(system, wanted.package, None, {})
    assert files(system) == {f"{DAEMONS}/provisioning.other.plist"}


def test_where_there_are_no_values_everybody_may_read_it(tmp_path: Path) -> None:
    system, wanted = at(tmp_path, "launchd"), manifest(service(user=""), **MAC)
    managers.arrange(system, wanted.package, wanted, {})
    path = tmp_path / DAEMONS / "provisioning.greenhouse.plist"
    assert path.stat().st_mode & 0o777 == 0o644


LABEL = "provisioning.greenhouse"


@pytest.mark.parametrize("place", ["Library/LaunchDaemons", "System/Library/LaunchDaemons"])
def test_a_label_of_another_is_a_fault(tmp_path: Path, place: str) -> None:
    system, wanted = at(tmp_path, "launchd"), manifest(service(user=""), **MAC)
    other = tmp_path / place / "com.example.other.plist"
    other.parent.mkdir(parents=True)
    other.write_bytes(plistlib.dumps({"Label": f"{LABEL}-of-others"}))
    assert managers.faults(system, wanted) == []
    other.write_bytes(plistlib.dumps({"Label": LABEL}, fmt=plistlib.FMT_BINARY))
    told = f"{other}: does not belong to greenhouse; remove it, or rename the service"
    assert managers.faults(system, wanted) == [told]
