"""Units, as systemd reads them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.entry import DIR, FILE, Entry
from provisioning.artifact.model.package import Package, Service, _is_line, parse, plain
from provisioning.artifact.service_files import (
    recovery_name,
    recovery_unit,
    systemd_unit,
    unit_name,
    writable,
)
from tests.artifact.systemd import dumped, split

if TYPE_CHECKING:
    from pathlib import Path

ODD = [
    "a b", "", "$X", "${X}", "$$", "100%", "%n", ";", "\\", "\\n", "\\x41", '"', "'", "it's \"so\"",
    "a=b", "#c", "é😀", "-", "  ", "*", "{a,b}", "\\\\", "x\\",
]  # fmt: skip
DATA = ["/opt/greenhouse/var/log"]


def service(**said: object) -> Service:
    usual = Service("greenhouse", "bin/greenhouse", "on-failure", "greenhouse", "", (), "", None)
    return usual._replace(**said)


def package(*services: Service, **said: object) -> Package:
    about = ("greenhouse", "1.4.2", "pi", "linux", "arm64", "/opt/greenhouse", "Opens", "MIT", "")
    return Package(*about, "systemd", services)._replace(**said)


def unit(given: Service, writable: list[str] = DATA, **said: object) -> str:
    return systemd_unit(package(given, **said), given, "/opt/greenhouse/current", writable)


def test_a_unit_is_this_to_the_letter() -> None:
    given = service(environment=(("TZ", "UTC"),), restart="always")
    assert (
        unit(given, device=(Value("TOKEN", "", True, ""),))
        == """\
# Made by provision, of greenhouse 1.4.2. It will be overwritten;
# use `systemctl edit greenhouse.service` for your changes.
[Unit]
Description=Opens (greenhouse)
After=network.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/opt/greenhouse/current/bin/greenhouse
WorkingDirectory=/opt/greenhouse/current
User=greenhouse
Environment=TZ=UTC
EnvironmentFile=/opt/greenhouse/etc/device.env
Restart=always
RestartSec=5
SyslogIdentifier=greenhouse

NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0027
ProtectHome=yes
CapabilityBoundingSet=
ReadWritePaths=-/opt/greenhouse/var/log

[Install]
WantedBy=multi-user.target
"""
    )


LIMITED = {
    "groups": ("gpio", "video"),
    "after": ("network-online.target", r"dev-serial-a\x2db.device"),
    "wants": ("network-online.target",),
    "memory_max": "512M",
    "cpu_quota": "50%",
    "nice": -5,
}
EXTRA = (
    ("CapabilityBoundingSet", '"CAP_NET_BIND_SERVICE"'),
    ("LimitNOFILE", '"4096"'),
    ("ProtectKernelTunables", '"no"'),
    ("ReadWritePaths", '["/srv/a","","/srv/b"]'),
    ("RequiresMountsFor", '"/srv"'),
    ("RestartSec", '"1"'),
)


def test_groups_order_limits_and_settings_are_these_lines() -> None:
    usual, told = unit(service()), unit(service(extra=EXTRA, **LIMITED))
    lines = [{*text.splitlines()} for text in (usual, told)]
    assert sorted(lines[0] - lines[1]) == [
        "CapabilityBoundingSet=", "ProtectKernelTunables=yes", "RestartSec=5",
    ]  # fmt: skip
    assert sorted(lines[1] - lines[0]) == [
        r"After=network-online.target dev-serial-a\x2db.device",
        "CPUQuota=50%",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "LimitNOFILE=4096",
        "MemoryMax=512M",
        "Nice=-5",
        "ProtectKernelTunables=no",
        "ReadWritePaths=",
        "ReadWritePaths=/srv/a",
        "ReadWritePaths=/srv/b",
        "RequiresMountsFor=/srv",
        "RestartSec=1",
        "SupplementaryGroups=gpio video",
        "Wants=network-online.target",
    ]
    head, _, body = told.partition("[Service]")
    assert ("RequiresMountsFor=" in head, "LimitNOFILE=" in body) == (True, True)


def test_systemd_reads_them_and_takes_nothing_back_that_is_ours(open_path: Path) -> None:
    text = unit(service(extra=EXTRA, **LIMITED))
    found = dumped({"greenhouse.service": text}, open_path)["greenhouse.service"]
    assert found["SupplementaryGroups"] == ["gpio video"]
    assert found["ReadWritePaths"] == ["/srv/b -/opt/greenhouse/var/log"]
    assert found["Nice"] == ["-5"]
    assert found["MemoryMax"] == [str(512 << 20)]
    assert found["CPUQuotaPerSecSec"] == ["500ms"]
    assert found["LimitNOFILE"] == ["4096"]
    assert "network-online.target" in " ".join(found["After"])


def test_no_setting_of_a_manifest_gets_out_of_its_line(open_path: Path) -> None:
    # What a reader refuses: the unit itself would not stand it.
    given = service(extra=(("LimitNOFILE", '"1\\nUser=root"'),))
    assert "\nUser=root\n" in unit(given)
    with pytest.raises(ValueError, match="LimitNOFILE is not one line of text"):
        parse(plain(package(given)))


def test_systemd_reads_each_odd_text_as_it_was_written(open_path: Path) -> None:
    given = [
        service(name=f"odd{number}", exec=f"bin/a {shlex.quote(text)}", environment=(("A", text),))
        for number, text in enumerate(ODD)
    ]
    found = dumped({f"{each.name}.service": unit(each) for each in given}, open_path)
    for each, text in zip(given, ODD, strict=True):
        settings = found[f"{each.name}.service"]
        assert settings["Environment"] == [f"A={text}"]
        assert passed(settings) == ["/opt/greenhouse/current/bin/a", text]


def test_systemd_reads_every_character_that_a_text_may_have(open_path: Path) -> None:
    texts = [text for text in map(allowed, range(0, 0x110000, 0x1000)) if text]
    named = tuple((f"V{number}", text) for number, text in enumerate(texts))
    settings = dumped({"a.service": unit(service(environment=named))}, open_path)["a.service"]
    assert settings["Environment"] == [f"{name}={text}" for name, text in named]


def allowed(start: int) -> str:
    """The characters from `start` on that the text of a package may have."""
    return "".join(each for each in map(chr, range(start, start + 0x1000)) if _is_line(each))


@pytest.mark.parametrize("number", [0xFFFE, 0xFFFF, 0xFDD0, 0x1FFFF, 0x10FFFE])
def test_what_is_no_character_is_in_no_text_of_a_package(open_path: Path, number: int) -> None:
    assert not _is_line(chr(number))
    text = unit(service(environment=(("A", f"a{chr(number)}"), ("B", "b"))))
    assert dumped({"a.service": text}, open_path)["a.service"]["Environment"] != [
        f"A=a{chr(number)}",
        "B=b",
    ], "systemd reads it, so that it could be allowed"
    described = unit(service(), summary=f"Opens{chr(number)}")
    assert dumped({"b.service": described}, open_path)["b.service"]["Description"] == [
        "Opens  (greenhouse)"
    ]


@pytest.mark.parametrize("directory", ["w ", "w  ", " w", "a b/ w ", " "])
@pytest.mark.parametrize("home", ["/opt/greenhouse/current", "/opt/green house "])
def test_blanks_around_a_directory_are_of_its_name(
    open_path: Path, directory: str, home: str
) -> None:
    for given in (service(directory=directory), service(directory="")):
        text = systemd_unit(package(given), given, home, [f"{home}/var "])
        settings = dumped({"a.service": text}, open_path)["a.service"]
        assert settings["WorkingDirectory"] == [f"{home}/{given.directory}".rstrip("/")]
        assert split(settings["Command Line"][0]) == [f"{home}/bin/greenhouse"]


def passed(settings: dict[str, list[str]]) -> list[str]:
    """The words that a program is given: of what systemd has read, it makes one $ of two."""
    (command,) = settings["Command Line"]
    words = split(command)
    assert not any(re.search(r"(?<!\$)\$(\$\$)*(?!\$)", word) for word in words)
    return [word.replace("$$", "$") for word in words]


def test_an_odd_summary_prefix_and_data_directory_are_taken_as_they_are(open_path: Path) -> None:
    given = service(directory="a b/100%")
    odd = package(given, prefix="/opt/a b%", summary="50% \\\nof it\\")
    text = systemd_unit(odd, given, "/opt/a b%", ["/opt/a b%/var"])
    settings = dumped({"greenhouse.service": text}, open_path)["greenhouse.service"]
    assert settings["Description"] == ["50% \\ of it\\ (greenhouse)"]
    assert settings["WorkingDirectory"] == ["/opt/a b%/a b/100%"]
    assert settings["Command Line"] == ['"/opt/a b%/bin/greenhouse"']
    assert settings["ReadWritePaths"] == ["-/opt/a b%/var"]


@pytest.mark.needs("root")
def test_units_are_read_whichever_pytest_starts_meanwhile(open_path: Path) -> None:
    """Each closes again what holds the `tmp_path` of all."""
    (open_path / "test_it.py").write_text("def test_it(tmp_path): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    subprocess.run(command, cwd=open_path, stdout=subprocess.DEVNULL, check=True)
    assert "Restart" in dumped({"a.service": unit(service())}, open_path)["a.service"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [("on-failure", "on-failure"), ("always", "always"), ("never", "no")],
)
def test_systemd_restarts_as_the_spec_says(open_path: Path, said: str, expected: str) -> None:
    found = dumped({"a.service": unit(service(restart=said))}, open_path)["a.service"]
    assert (found["Restart"], found["RestartSec"]) == ([expected], ["5s"])


def test_root_keeps_what_root_may_and_nobody_is_named_where_none_is() -> None:
    assert "CapabilityBoundingSet" not in unit(service(user="root"))
    assert "User=root\n" in unit(service(user="root"))
    nobody = unit(service(user="", group="gpio"))
    assert "CapabilityBoundingSet" not in nobody
    assert "User=" not in nobody
    assert "Group=gpio\n" in nobody


def test_a_package_below_a_home_directory_is_seen_by_its_service() -> None:
    assert "ProtectHome=read-only\n" in unit(service(), prefix="/home/pi/greenhouse")
    assert "ProtectHome=yes\n" in unit(service(), prefix="/homes/greenhouse")


def test_a_service_may_write_where_its_package_holds_nothing() -> None:
    entries = [Entry(path, DIR, 0o755, "root", "root") for path in ("etc", "var", "var/log")]
    entries.insert(1, Entry("etc/greenhouse.ini", FILE, 0o644, "root", "root"))
    assert writable(package(), entries) == ("/opt/greenhouse/var/log",)


@pytest.mark.parametrize(
    ("name", "service_", "expected"),
    [
        ("greenhouse", "greenhouse", "greenhouse.service"),
        ("greenhouse", "pump", "greenhouse-pump.service"),
        ("g++", "a.b", r"g\x2b\x2b-a.b.service"),
    ],
)
def test_a_unit_is_called_as_its_package_and_its_service(
    name: str, service_: str, expected: str
) -> None:
    assert unit_name(package(name=name), service_) == expected


def test_an_interrupted_installation_is_seen_to_before_the_services_start(open_path: Path) -> None:
    given = package(service(), service(name="pump"))
    name = recovery_name(given)
    units = {unit_name(given, each.name): unit(each) for each in given.services}
    recovery = recovery_unit(given)
    found = dumped({name: recovery, **units}, open_path)[name]
    assert name == "provision-recover-greenhouse.service"
    before = [each.split()[0] for each in found["Before"]]
    assert {"greenhouse.service", "greenhouse-pump.service"} <= {*before}
    assert found["Environment"] == ["PROVISIONING_BOOT=1"]
    assert found["Type"] == ["oneshot"]
    assert split(found["Command Line"][0]) == [
        "/opt/greenhouse/state/tool", "recover", "--prefix", "/opt/greenhouse",
    ]  # fmt: skip
    for path in ("transaction.json", "uncompiled"):  # either of them
        assert f"\nConditionPathExists=|/opt/greenhouse/state/{path}\n" in recovery


@pytest.mark.parametrize(
    "given",
    [
        service(),
        service(user="root"),
        service(user=""),
        service(extra=EXTRA, **{**LIMITED, "groups": ("daemon",)}),
    ],
)
def test_systemd_finds_no_fault_in_a_unit(tmp_path: Path, given: Service) -> None:
    program = tmp_path / "current" / "bin" / "greenhouse"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    about = package(given, prefix=str(tmp_path))
    text = systemd_unit(about, given, f"{tmp_path}/current", [f"{tmp_path}/var"])
    assert verified({"greenhouse.service": text}, tmp_path) == ""


def test_a_misspelt_setting_would_be_found(tmp_path: Path) -> None:
    told = verified({"greenhouse.service": unit(service()) + "[Service]\nUsr=x\n"}, tmp_path)
    assert ":38: Unknown key 'Usr' in section [Service], ignoring." in told


def verified(units: dict[str, str], directory: Path) -> str:
    """What systemd-analyze says against units."""
    for name, text in units.items():
        (directory / name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no"]
    result = subprocess.run(
        [*command, *(str(directory / name) for name in units)],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_what_a_service_could_do_to_the_system_is_little(tmp_path: Path) -> None:
    path = tmp_path / "greenhouse.service"
    path.write_text(unit(service()))
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=42", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
