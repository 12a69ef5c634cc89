"""In a root that is not the machine's own, services are files, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.entry import DIR, Entry
from provisioning.artifact.manifest import Manifest
from provisioning.artifact.unit import recovery_unit, systemd_unit
from provisioning.errors import TargetError
from provisioning.target import health, services
from provisioning.target.system import System, at
from tests.artifact.test_unit import package, service

if TYPE_CHECKING:
    from provisioning.artifact.package import Service

UNITS = "etc/systemd/system"
WANTS = f"{UNITS}/multi-user.target.wants"
PUMP = service(name="pump")
RECOVERY = "provision-recover-greenhouse.service"


def manifest(*given: Service, **said: object) -> Manifest:
    return Manifest(package(*given, **said), (Entry("var", DIR, 0o755, "root", "root"),))


@pytest.fixture
def system(tmp_path: Path) -> System:
    return at(tmp_path, "systemd")


def arrange(system: System, wanted: Manifest | None) -> None:
    services.arrange(system, package(), wanted, {})


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
    assert os.readlink(link) == "../greenhouse-pump.service"
    assert link.read_text() == text


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
    services.arrange(system, other, Manifest(other, ()), {})
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
    services.guard(system, package(service()))
    assert files(system) == {f"{UNITS}/{RECOVERY}", f"{WANTS}/{RECOVERY}"}


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_another_s_unit_is_a_fault_and_stays(system: System, kind: str) -> None:
    path = system.root / UNITS / "greenhouse.service"
    path.parent.mkdir(parents=True)
    if kind == "file":
        path.write_text("[Unit]\n")
    elif kind == "link":
        path.symlink_to("/dev/null")  # masked
    else:
        path.mkdir()
    before = os.lstat(path).st_ino
    assert services.faults(system, manifest(service())) == [
        f"{path}: is not of greenhouse; remove it, or call the service another name"
    ]
    with pytest.raises(TargetError, match=r"greenhouse\.service: is not of greenhouse"):
        arrange(system, manifest(service()))
    assert os.lstat(path).st_ino == before


def test_a_package_of_no_service_manager_has_no_files(system: System) -> None:
    wanted = manifest(service_manager="")
    services.guard(system, wanted.package)
    services.arrange(system, wanted.package, wanted, {})
    assert services.faults(system, wanted) == []
    assert files(system) == set()


def test_nothing_is_started_or_asked_there(system: System) -> None:
    given = package(service())
    services.restart(system, given)
    services.stop(system, given)
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
    services.arrange(system, wanted.package, wanted, {"KEY": "secret"})
    assert files(system) == {
        f"{DAEMONS}/provisioning.greenhouse.plist",
        f"{DAEMONS}/provisioning-recover.greenhouse.plist",
    }
    path = tmp_path / DAEMONS / "provisioning.greenhouse.plist"
    assert b"secret" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / DAEMONS / "provisioning.other.plist").write_text("nonsense")
    services.arrange(system, wanted.package, None, {})
    assert files(system) == {f"{DAEMONS}/provisioning.other.plist"}
