"""On a machine that has booted, services of all kinds come, are seen to be well or not, and go."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.entry import HOOKS
from provisioning.artifact.model.package import Health, Hook, Service
from provisioning.artifact.tool import tool
from provisioning.installer.cli.command_line import main
from tests.artifact.making import PACKAGE, Item, directory, file
from tests.installer import making
from tests.machines.booted import booted
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.booted import Booted

pytestmark = pytest.mark.sweep

RUNS = "exec sleep 1000"
ENDS = "sleep 0.3; echo no water; exit 1"
APP = Service("greenhouse", "bin/app", "on-failure", "greenhouse", "", (), "", None)
UNITS = "usr/local/lib/systemd/system"
FILE = "opt/greenhouse/etc/device.env"


class Pi:
    """A machine with the tool, on which packages are installed that are made for it."""

    def __init__(self, machine: Booted, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        path = machine.root / "usr/local/bin/provision"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tool())
        path.chmod(0o755)

    def provision(self, *words: str, status: int = 0) -> str:
        return self.machine.run("/usr/local/bin/provision", *words, status=status)

    def install(
        self, version: str, *services: Service, script: str = RUNS, status: int = 0, **said: Any
    ) -> str:
        """Install a package with these services, all of which run the script."""
        hooks = {name: said.pop(name) for name in ("pre_install", "post_install") if name in said}
        holding = [directory("bin"), file("bin/app", f"#!/bin/sh\n{script}\n".encode(), 0o755)]
        holding += [directory("var"), *([directory(HOOKS)] if hooks else [])]
        holding += said.pop("more", ())
        for name, text in hooks.items():
            holding.append(file(f"{HOOKS}/{name}", f"#!/bin/sh\n{text}\n".encode(), 0o755))
        about = PACKAGE._replace(
            services=services,
            service_manager="systemd",
            hooks=tuple(Hook(name, 20) for name in hooks),
            **said,
        )
        made = making.package(self.folder, version, holding, about)
        made.rename(self.machine.root / "root" / made.name)
        return self.provision("install", f"/root/{made.name}", status=status)

    def state(self, unit: str = "greenhouse.service") -> str:
        with self.machine.start("systemctl", "is-active", unit) as process:
            return process.communicate()[0].strip()

    def has(self, path: str) -> bool:
        return (self.machine.root / path).exists()


@pytest.fixture(scope="module")
def booted_pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pi]:
    place = tmp_path_factory.mktemp("pi")
    with booted(place) as machine:
        yield Pi(machine, place)


@pytest.fixture
def pi(booted_pi: Pi) -> Iterator[Pi]:
    """A machine on which nothing is installed, neither before nor after."""
    yield booted_pi
    if booted_pi.has("opt/greenhouse/current"):
        booted_pi.provision("uninstall", "greenhouse", "--purge")
        assert not booted_pi.has("opt/greenhouse")
        booted_pi.machine.run("getent", "passwd", "greenhouse", status=2)
    else:  # what came to nothing leaves its history, and its user, whose data may be there
        shutil.rmtree(booted_pi.machine.root / "opt/greenhouse", ignore_errors=True)
        booted_pi.machine.run("sh", "-c", "userdel greenhouse || true")


def health(check: str, what: str, within: int = 8) -> Service:
    return APP._replace(health=Health(check, what, within))


@pytest.mark.parametrize(
    ("script", "check", "what"),
    [
        (RUNS, "uptime", "2"),
        ("exec python3 -m http.server 8000", "tcp", "localhost:8000"),
        ("exec python3 -m http.server 8000", "http", "http://localhost:8000/"),
        ('[ "$1" ] && exec test "$(id -un)" = greenhouse; ' + RUNS, "command", "bin/app check"),
    ],
)
def test_a_service_that_is_well_is_installed(pi: Pi, script: str, check: str, what: str) -> None:
    pi.install("1", health(check, what), script=script)
    assert pi.state() == "active"


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (health("uptime", "3", 5), "greenhouse is not healthy after 5 seconds: it is "),
        (health("tcp", "localhost:8000", 2), "localhost:8000: Connection refused"),
        (health("command", "bin/app check", 2), "bin/app check "),
        (APP, "greenhouse is "),
    ],
)
def test_a_service_that_is_not_is_undone_and_nothing_of_it_is_left(
    pi: Pi, service: Service, told: str
) -> None:
    said = pi.install("1", service, script=ENDS, status=4)
    assert told in said
    assert "; its last output: no water; rolled back: nothing is installed" in said
    assert pi.state() == "inactive"
    assert not pi.has(f"{UNITS}/greenhouse.service")


def test_another_program_that_answers_does_not_make_it_well(pi: Pi) -> None:
    pi.machine.run("systemd-run", "--unit=other", "python3", "-m", "http.server", "8001")
    said = pi.install("1", health("tcp", "localhost:8001", 3), script=ENDS, status=4)
    pi.machine.run("systemctl", "stop", "other")
    assert "localhost:8001: healthy, but it is " in said


def test_values_of_the_device_are_demanded_and_given_to_the_service_alone(pi: Pi) -> None:
    asked = (Value("PIN", "[a-z]{8}", True, "Of this machine"),)
    said = pi.install("1", APP, device=asked, status=3)
    missing, *lines = said.splitlines()
    assert missing.startswith(f"provision: /{FILE}: there is no such file")
    assert lines == ["provision:   # Of this machine ([a-z]{8})", "provision:   PIN="]
    path = pi.machine.root / FILE
    path.parent.mkdir(parents=True)
    path.write_text("PIN=moss\n")
    said = pi.install("1", APP, device=asked, status=3)
    assert f"/{FILE}: PIN: what is there does not match [a-z]{{8}}" in said
    assert f"run: chmod 600 /{FILE}" in said
    path.write_text("PIN='mossmoss'\n")
    path.chmod(0o600)
    pi.install("1", APP, device=asked)
    pid = pi.machine.run("systemctl", "show", "-P", "MainPID", "greenhouse").strip()
    assert "PIN=mossmoss" in pi.machine.run("cat", f"/proc/{pid}/environ").split("\0")
    assert "mossmoss" not in pi.machine.run("systemctl", "show", "greenhouse")


def test_a_service_that_a_new_release_has_no_more_is_stopped_and_gone(pi: Pi) -> None:
    pi.install("1", APP, APP._replace(name="pump"))
    assert pi.state("greenhouse-pump.service") == "active"
    pi.install("2", APP)
    assert pi.state("greenhouse-pump.service") == "inactive"
    assert not pi.has(f"{UNITS}/greenhouse-pump.service")
    pi.provision("rollback", "greenhouse")
    assert pi.state("greenhouse-pump.service") == "active"


def test_one_that_was_disabled_stays_so_and_runs_until_the_next_start(pi: Pi) -> None:
    pi.install("1", APP)
    pi.machine.run("systemctl", "disable", "greenhouse")
    pi.install("2", APP._replace(restart="always"))
    assert pi.state() == "active"
    pi.machine.cut()
    pi.machine.boot()
    assert pi.state() == "inactive"


def test_a_user_whom_the_administrator_has_made_stays(pi: Pi) -> None:
    pi.machine.run("useradd", "--system", "keeper")
    pi.install("1", APP._replace(user="keeper"))
    pi.provision("uninstall", "greenhouse", "--purge")
    assert "keeper" in pi.machine.run("getent", "passwd", "keeper")
    pi.machine.run("userdel", "keeper")


def test_a_group_that_is_not_there_is_told(pi: Pi) -> None:
    said = pi.install("1", APP._replace(group="gpio-x"), status=3)
    assert "there is no group gpio-x" in said


STATE = "/opt/greenhouse/var/lib"
CHIP = "/dev/gpiochip-of-a-test"
MEASURES = f'exec 3<>{CHIP}; echo "$STATE_DIRECTORY" >>"$STATE_DIRECTORY/told"; {RUNS}'
MEASURING = APP._replace(
    groups=("gpio-of-a-test",),
    after=("network-online.target",),
    wants=("network-online.target",),
    memory_max="64M",
    cpu_quota="50%",
    nice=5,
    environment=(("STATE_DIRECTORY", STATE),),
    extra=(("LimitNOFILE", '"777"'), ("ProtectKernelTunables", '"no"')),
)


@pytest.fixture
def chip(pi: Pi) -> Iterator[Pi]:
    """A machine with a device that only a group may open, as /dev/gpiochip0 is."""
    pi.machine.run("groupadd", "gpio-of-a-test")
    pi.machine.run("mknod", "-m", "660", CHIP, "c", "1", "3")
    pi.machine.run("chgrp", "gpio-of-a-test", CHIP)
    yield pi
    pi.machine.run("rm", CHIP)
    pi.machine.run("groupdel", "gpio-of-a-test")


def measuring(pi: Pi, version: str, service: Service = MEASURING, status: int = 0) -> str:
    state = directory("var/lib", owner="greenhouse", mode=0o700)
    return pi.install(version, service, script=MEASURES, more=(state,), status=status)


def test_a_service_has_its_groups_limits_and_settings(chip: Pi) -> None:
    measuring(chip, "1")
    show = ("systemctl", "show", "greenhouse", "-P")
    said = {
        "SupplementaryGroups": "gpio-of-a-test",
        "MemoryMax": str(64 << 20),
        "CPUQuotaPerSecUSec": "500ms",
        "ProtectKernelTunables": "no",
    }
    assert {key: chip.machine.run(*show, key).strip() for key in said} == said
    for key in ("After", "Wants"):
        assert "network-online.target" in chip.machine.run(*show, key).split()
    pid = chip.machine.run(*show, "MainPID").strip()
    assert chip.machine.run("ps", "-o", "ni=", "-p", pid).strip() == "5"
    assert "777" in chip.machine.run("grep", "open files", f"/proc/{pid}/limits")
    group = chip.machine.run("getent", "group", "gpio-of-a-test").strip()
    number, members = group.split(":")[2:]
    assert members == "greenhouse"
    assert number in chip.machine.run("grep", "Groups", f"/proc/{pid}/status").split()


def test_without_the_group_its_device_is_closed(chip: Pi) -> None:
    said = measuring(chip, "1", MEASURING._replace(groups=()), status=4)
    assert "Permission denied" in said


def test_a_setting_that_is_usual_gives_way_to_one_that_is_said(pi: Pi) -> None:
    port = health("tcp", "localhost:80", 10)
    script = "exec python3 -m http.server 80"
    assert "Permission denied" in pi.install("1", port, script=script, status=4)
    extra = (
        ("AmbientCapabilities", '"CAP_NET_BIND_SERVICE"'),
        ("CapabilityBoundingSet", '"CAP_NET_BIND_SERVICE"'),
    )
    pi.install("2", port._replace(extra=extra), script=script)
    assert pi.state() == "active"


def test_state_outlives_releases_and_goes_with_a_purge(chip: Pi) -> None:
    told = chip.machine.root / STATE[1:] / "told"
    measuring(chip, "1")
    measuring(chip, "2")
    chip.provision("rollback", "greenhouse")
    said = chip.provision("uninstall", "greenhouse")
    assert "var/lib: kept (data)" in said
    assert told.read_text() == f"{STATE}\n" * 3
    number = int(chip.machine.run("id", "-u", "greenhouse"))
    assert (told.stat().st_uid, told.parent.stat().st_uid) == (number, number)
    measuring(chip, "3")
    assert told.read_text() == f"{STATE}\n" * 4
    chip.provision("uninstall", "greenhouse", "--purge")
    assert not chip.has("opt/greenhouse")


def test_what_a_hook_refuses_is_not_begun(pi: Pi) -> None:
    pi.install("1", APP)
    said = pi.install("2", APP, pre_install="echo no disk; exit 1", status=3)
    log = "/opt/greenhouse/state/pre_install.log"
    assert said == (
        f"provision: greenhouse: pre_install ended with 1: no disk; its output is in {log};"
        " nothing was changed\n"
    )
    assert pi.machine.run("cat", log) == "no disk\n"
    assert "greenhouse 1\n" in pi.provision("status", "greenhouse")


def test_what_a_hook_cannot_finish_is_undone(pi: Pi) -> None:
    pi.install("1", APP)
    said = pi.install("2", APP, post_install="exit 7", status=4)
    assert "post_install ended with 7" in said
    assert said.endswith("; rolled back: 1 is current again\n")
    assert pi.state() == "active"


def test_what_removal_cannot_stop_short_of_is_all_gone(pi: Pi) -> None:
    pi.install("1", APP)
    pi.provision("uninstall", "greenhouse")
    assert pi.state() == "inactive"
    for place in (UNITS, "etc/systemd/system", "etc/systemd/system/multi-user.target.wants"):
        assert "greenhouse" not in pi.machine.run("ls", f"/{place}")


PUMP = APP._replace(name="pump")
UNWELL = PUMP._replace(health=Health("command", "bin/app fail", 2))
PUMP_UNIT = "greenhouse-pump.service"
# Says 143 when it is told to end, as what Java runs does.
STUBBORN = '[ "$1" = fail ] && exit 1; trap "exit 143" TERM; sleep 1000 & wait'


@pytest.mark.parametrize(
    "command", ["stop", "disable --now", "mask --now", "mask --runtime --now", "stop, and a boot"]
)
def test_what_somebody_has_stopped_disabled_or_masked_stays_so(pi: Pi, command: str) -> None:
    pi.install("1", APP, PUMP, script=STUBBORN)
    pi.machine.run("systemctl", *command.partition(",")[0].split(), PUMP_UNIT)
    if "boot" in command:
        pi.machine.run("systemctl", "disable", PUMP_UNIT)
        pi.machine.cut()
        pi.machine.boot()
    enabled = is_enabled(pi)
    said = pi.install("2", APP, UNWELL, script=STUBBORN)
    assert f"{PUMP_UNIT}: was stopped, disabled or masked" in said
    assert (pi.state(), pi.state(PUMP_UNIT) in {"inactive", "failed"}) == ("active", True)
    pi.provision("rollback", "greenhouse")
    assert (pi.state(), pi.state(PUMP_UNIT) in {"inactive", "failed"}) == ("active", True)
    assert is_enabled(pi) == enabled
    pi.machine.run(
        "sh", "-c", f"systemctl unmask {PUMP_UNIT}; systemctl unmask --runtime {PUMP_UNIT}"
    )
    pi.machine.run("systemctl", "start", PUMP_UNIT)
    pi.install("3", APP, PUMP, script=STUBBORN)
    assert pi.state(PUMP_UNIT) == "active"


def is_enabled(pi: Pi) -> str:
    with pi.machine.start("systemctl", "is-enabled", PUMP_UNIT) as process:
        return process.communicate()[0].strip()


def test_what_rests_does_so_where_the_new_release_does_not_come_up(pi: Pi) -> None:
    pi.install("1", APP, PUMP)
    pi.machine.run("systemctl", "stop", PUMP_UNIT)
    pi.install("2", health("command", "bin/app fail", 2), PUMP, script=STUBBORN, status=4)
    assert (pi.state(), pi.state(PUMP_UNIT)) == ("active", "inactive")


@pytest.mark.parametrize("how", ["exit 0", "exit 3"])
def test_what_has_ended_by_itself_is_started(pi: Pi, how: str) -> None:
    ends = APP._replace(restart="never")
    pi.install("1", ends, script=f"sleep 2; {how}")
    pi.machine.run("sh", "-c", "while systemctl is-active -q greenhouse; do sleep 0.1; done")
    pi.install("2", ends)
    assert pi.state() == "active"


def test_what_was_crashing_is_started_and_what_was_stopped_between_is_not(pi: Pi) -> None:
    crashes = "[ -e /run/crash ] && exit 1; exec sleep 1000"
    pi.install("1", APP, PUMP, script=crashes)
    pi.machine.run("touch", "/run/crash")
    for unit in ("greenhouse", "greenhouse-pump"):
        pi.machine.run("sh", "-c", f"kill $(systemctl show -P MainPID {unit})")
        pi.machine.run("sh", "-c", f"systemctl kill -s KILL {unit}; sleep 0.5")
        pi.machine.run("systemctl", "restart", unit)
        until = f'[ "$(systemctl show -P SubState {unit})" = auto-restart ]'
        pi.machine.run("sh", "-c", f"until {until}; do sleep 0.1; done")
    pi.machine.run("systemctl", "stop", PUMP_UNIT)
    pi.machine.run("rm", "/run/crash")
    pi.install("2", APP, PUMP, script=crashes)
    assert (pi.state(), pi.state(PUMP_UNIT)) == ("active", "inactive")


def test_units_of_an_older_tool_are_moved_while_they_run(pi: Pi) -> None:
    pi.install("1", APP, PUMP)
    pi.machine.run("systemctl", "disable", PUMP_UNIT)
    old, wants = "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"
    pi.machine.run("sh", "-ec", f"""
        mv /{UNITS}/*greenhouse* {old}
        rm {wants}/*greenhouse*
        ln -s ../greenhouse.service ../provision-recover-greenhouse.service {wants}
        systemctl daemon-reload""")  # fmt: skip
    pi.install("2", APP, PUMP)
    said = pi.machine.run("systemctl", "show", "-P", "FragmentPath", "greenhouse", PUMP_UNIT)
    assert said.split() == [f"/{UNITS}/greenhouse.service", f"/{UNITS}/{PUMP_UNIT}"]
    assert pi.machine.run("systemctl", "is-enabled", "greenhouse") == "enabled\n"
    assert is_enabled(pi) == "disabled"
    assert pi.state() == "active"
    assert "greenhouse" not in pi.machine.run("sh", "-c", f"ls {old}/*.service")


def test_a_unit_of_the_distribution_is_neither_stopped_nor_shadowed(pi: Pi) -> None:
    unit = "[Service]\nExecStart=/bin/sleep 1000\n"
    (pi.machine.root / "usr/lib/systemd/system/greenhouse.service").write_text(unit)
    pi.machine.run("systemctl", "daemon-reload")
    pi.machine.run("systemctl", "start", "greenhouse")
    try:
        said = pi.install("1", APP, status=3)
        where = "/usr/lib/systemd/system/greenhouse.service"
        assert said.startswith(f"provision: {where}: does not belong to greenhouse")
        assert pi.state() == "active"
        assert not pi.has("opt/greenhouse")
    finally:
        pi.machine.run("systemctl", "stop", "greenhouse")
        (pi.machine.root / "usr/lib/systemd/system/greenhouse.service").unlink()
        pi.machine.run("systemctl", "daemon-reload")


@pytest.mark.parametrize("where", ["water.service", "water.service.d/override.conf"])
def test_a_unit_that_systemd_would_call_so_once_it_is_enabled_is_refused(
    pi: Pi, where: str
) -> None:
    vendor = pi.machine.root / "usr/lib/systemd/system"
    (vendor / "water.service.d").mkdir()
    (vendor / "water.service").write_text("[Service]\nExecStart=/bin/sleep 1000\n")
    with (vendor / where).open("a") as file:
        file.write("[Install]\nAlias=greenhouse.service\n")
    try:
        said = pi.install("1", APP, status=3)
        assert said.startswith(f"provision: /usr/lib/systemd/system/{where}: does not belong to")
        assert "greenhouse.service when enabled" in said
        pi.machine.run("systemctl", "enable", "water")
        link = pi.machine.root / "etc/systemd/system/greenhouse.service"
        assert os.readlink(link).endswith("/water.service")
    finally:
        pi.machine.run("systemctl", "disable", "water")
        shutil.rmtree(vendor / "water.service.d")
        (vendor / "water.service").unlink()
        pi.machine.run("systemctl", "daemon-reload")


IMPORTS = """cd /opt/greenhouse/var/own
PYTHONPATH=/opt/greenhouse/current/lib python3 -v -c 'import m; print(m.A)' >said 2>&1
mv said all
exec sleep 1000"""
OWN = "opt/greenhouse/var/own/all"


def imports(version: str, user: str = "greenhouse") -> list[Item]:
    """Sources that say a version, and where the service notes what it was told."""
    held = file("lib/m.py", f"A = {version}\n".encode())
    place = Item(directory("var/own").entry._replace(owner=user))
    return [place, directory("lib"), held, file(f"lib/only{version}.py")]


def demand_warm(pi: Pi, version: str) -> None:
    """Demand that the service has run the byte code of this version, and has compiled nothing."""
    path = pi.machine.root / OWN
    wait_until(path.exists)
    said = path.read_text().splitlines()
    path.unlink()
    cache = "/opt/greenhouse/current/lib/__pycache__/m.cpython-"
    assert any(line.startswith(f"# code object from '{cache}") for line in said)
    assert version in said
    assert not [line for line in said if line.startswith("# code object from /opt")]  # a source


def test_a_service_starts_warm_with_each_release(pi: Pi) -> None:
    for version in ("1", "2"):
        pi.install(f"{version}.0", APP, script=IMPORTS, more=imports(version))
        demand_warm(pi, version)
        told = pi.machine.run(
            "stat", "-L", "-c", "%U %a", "/opt/greenhouse/current/lib/__pycache__"
        )
        assert told == "root 755\n"
    pi.provision("verify", "--strict", "greenhouse")
    pi.provision("rollback", "greenhouse")
    demand_warm(pi, "1")


def test_what_was_installed_into_another_machine_s_disk_starts_warm(pi: Pi) -> None:
    pi.machine.cut()
    script = f"#!/bin/sh\n{IMPORTS}\n".encode()
    holding = [directory("bin"), file("bin/app", script, 0o755), directory("var")]
    services = (APP._replace(user="root"),)
    about = PACKAGE._replace(services=services, service_manager="systemd")
    made = making.package(pi.folder, "1.0", [*holding, *imports("1", "root")], about)
    assert main(["install", str(made), "--root", str(pi.machine.root)]) == 0
    assert not pi.has("opt/greenhouse/bytecode")
    pi.machine.boot()
    demand_warm(pi, "1")
    assert not pi.has("opt/greenhouse/state/uncompiled")
    wait_until(lambda: not pi.has("opt/greenhouse/state/transaction.json"))  # its check has ended
    pi.provision("verify", "--strict", "greenhouse")
