"""Debian packages on machines of Debian: what dpkg does with them, from installing to purging."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import REVISION, Hook, Service
from provisioning.artifact.tool import tool
from provisioning.artifact.verification import verify
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import workspace
from provisioning.spec.model.variant import HookSpec, ServiceSpec
from tests.builder.conftest import HERE, content, variant, write
from tests.layouts import lay_out
from tests.machines.booted import booted
from tests.machines.machine import machine
from tests.machines.root import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.builder.collect.file_state import Digests
    from tests.machines.booted import Booted
    from tests.machines.machine import Machine

pytestmark = pytest.mark.sweep

MORE = ("adduser", "init-system-helpers", "perl-base", "systemd")  # as every Debian has
KINDS = [Kind("amd64", more=MORE), Kind("amd64", "trixie", MORE), Kind("arm64", more=MORE)]
NOTE = '#!/bin/sh\necho "$PROVISIONING_ACTION" "$PROVISIONING_OLD_VERSION" {} >>/hooks\n'
HOOKS = ("post_install", "post_remove", "pre_install", "pre_remove")
WANTS = "/etc/systemd/system/multi-user.target.wants"


def _service(name: str, user: str = "demo") -> ServiceSpec:
    return ServiceSpec(Service(name, "bin/run", "always", user, "", (), "", None), HERE, {})


def _deb(digests: Digests, version: str, **changes: Any) -> Path:
    """The package `demo`, whose configuration and program are as they lie in the project."""
    for name in HOOKS:
        write(f"hooks/{name}", NOTE.format(name), mode=0o755)
    contents = (
        content("src", "t", ""),
        content("src", "demo.ini", "etc/demo.ini", conffile=True, group="demo", number=1),
        content("dir", "", "var/log", owner="demo", group="demo", mode=0o750, number=2),
    )
    values = {
        "version": version,
        "arch": "all",
        "formats": ("deb",),
        "service_manager": "systemd",
        "services": (_service("demo"), _service("old")),
        "hooks": tuple(HookSpec(Hook(name, 60), f"hooks/{name}", HERE) for name in HOOKS),
    }
    described = variant(*contents, **{**values, **changes})
    place = write("artifacts/.work/install", mode=0o755)
    place.write_bytes(tool())
    (layout,) = lay_out([described], Sources("artifacts", str(place)))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place.artifact("deb")


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind.suite}-{kind.arch}")
def pi(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    with machine(request.param, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def files(project: Path) -> None:
    write("t/bin/run", "#!/bin/sh\nexec sleep 1000\n", mode=0o755)
    write("t/lib/text", "one\n")
    write("demo.ini", "port = 8080\n")


def _dpkg(pi: Machine, *arguments: str | Path) -> str:
    """What dpkg says; packages of this machine are handed over."""
    handed = []
    for each in arguments:
        if isinstance(each, Path):
            shutil.copy(each, pi.path("/tmp"))
        handed.append(f"/tmp/{each.name}" if isinstance(each, Path) else each)
    return pi.run("dpkg", *handed, env={"DEBIAN_FRONTEND": "noninteractive"})


def _hooks(pi: Machine) -> list[str]:
    told = pi.path("/hooks").read_text().splitlines()
    pi.path("/hooks").unlink()
    return told


def _state(pi: Machine) -> str:
    return pi.run("dpkg-query", "-Wf", "${Version} ${Status}", "demo")


def _owner(pi: Machine, path: str) -> str:
    return pi.run("stat", "-c", "%U:%G %a", path).strip()


def test_a_package_comes_changes_and_goes(pi: Machine, digests: Digests) -> None:
    _dpkg(pi, "-i", _deb(digests, "1.0"))
    assert _hooks(pi) == ["install  pre_install", "install  post_install"]
    assert _dpkg(pi, "--verify", "demo") == ""
    assert verify(pi.path("/opt/demo")).findings == ()
    told = pi.run("/opt/demo/install", "verify", "/opt/demo")
    assert re.fullmatch(r"demo: \d+ entries, verified\n", told)
    assert _owner(pi, "/opt/demo/var/log") == "demo:demo 750"
    assert _owner(pi, "/opt/demo/etc/demo.ini") == "root:demo 644"
    assert sorted(os.listdir(pi.path(WANTS))) == ["demo-old.service", "demo.service"]

    pi.path("/opt/demo/var/log/today").write_text("kept\n")
    pi.run("systemctl", "disable", "demo.service")
    write("t/lib/text", "two\n")
    services = (_service("demo"), _service("new"))
    _dpkg(pi, "-i", _deb(digests, "1.1", services=services))
    assert _hooks(pi) == ["upgrade 1.0 pre_install", "upgrade 1.0 post_install"]
    assert pi.path("/opt/demo/lib/text").read_text() == "two\n"
    assert os.listdir(pi.path(WANTS)) == ["demo-new.service"]  # one gone, one disabled
    assert pi.path("/opt/demo/var/log/today").exists()
    _dpkg(pi, "-i", _deb(digests, "1.1", services=services))  # again: nothing is in the way
    assert _hooks(pi) == ["upgrade 1.1 pre_install", "upgrade 1.1 post_install"]

    _dpkg(pi, "-r", "demo")
    assert _hooks(pi) == ["remove 1.1 pre_remove", "remove 1.1 post_remove"]
    left = sorted(str(path.relative_to(pi.root)) for path in pi.path("/opt/demo").rglob("*.*"))
    assert left == ["opt/demo/etc/demo.ini"]
    assert pi.path("/opt/demo/var/log/today").exists()
    _dpkg(pi, "-P", "demo")
    assert not pi.path("/hooks").exists()
    assert not pi.path("/opt/demo").exists()
    assert not list(pi.path("/etc/systemd/system").rglob("demo*"))
    assert not list(pi.path("/var/lib/systemd").rglob("demo*"))


def test_a_service_has_its_groups_or_does_not_come(tmp_path: Path, digests: Digests) -> None:
    service = _service("demo")
    grouped = service._replace(
        service=service.service._replace(groups=("gpio-x", "audio", "i2c-x"))
    )
    with machine(KINDS[0], tmp_path) as pi:
        shutil.copy(_deb(digests, "1.0", services=(grouped,)), pi.path("/tmp/demo.deb"))
        said = pi.run("dpkg", "-i", "/tmp/demo.deb", status=1)
        for name in ("gpio-x", "i2c-x"):
            assert f"demo: there is no group {name} on this machine; create it first\n" in said
        assert not pi.path("/opt/demo").exists()
        assert "demo" not in pi.path("/etc/passwd").read_text()
        for name in ("gpio-x", "i2c-x"):
            pi.run("addgroup", "--quiet", "--system", name)
        pi.run("dpkg", "-i", "/tmp/demo.deb")
        assert {*pi.run("id", "-nG", "demo").split()} == {"demo", "audio", "gpio-x", "i2c-x"}


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("changed", [False, True])
def test_an_edited_configuration_file_is_kept(
    tmp_path: Path, digests: Digests, edited: bool, changed: bool
) -> None:
    with machine(KINDS[0], tmp_path) as pi:
        live = pi.path("/opt/demo/etc/demo.ini")
        _dpkg(pi, "-i", _deb(digests, "1.0"))
        if edited:
            live.write_text("port = 9090\n")
        if changed:
            write("demo.ini", "port = 80\n")
        _dpkg(pi, "-i", _deb(digests, "1.1"))
        wanted = "port = 9090\n" if edited else Path("demo.ini").read_text()
        assert live.read_text() == wanted
        assert live.with_name("demo.ini.dpkg-dist").exists() == (edited and changed)
        _dpkg(pi, "-P", "demo")
        assert not live.parent.exists()


def test_a_hook_that_fails_leaves_the_old_version(tmp_path: Path, digests: Digests) -> None:
    with machine(KINDS[0], tmp_path) as pi:
        _dpkg(pi, "-i", _deb(digests, "1.0"))
        write("t/lib/text", "two\n")
        bad = HookSpec(Hook("pre_install", 60), "bad", HERE)
        write("bad", "#!/bin/sh\necho no room; exit 3\n")
        shutil.copy(_deb(digests, "1.1", hooks=(bad,)), pi.path("/tmp/bad.deb"))
        assert "no room" in pi.run("dpkg", "-i", "/tmp/bad.deb", status=1)
        assert _state(pi) == "1.0 install ok installed"
        assert pi.path("/opt/demo/lib/text").read_text() == "one\n"
        assert verify(pi.path("/opt/demo")).findings == ()
        assert sorted(os.listdir(pi.path(WANTS))) == ["demo-old.service", "demo.service"]


def test_a_machine_that_lacks_a_value_keeps_what_it_has(tmp_path: Path, digests: Digests) -> None:
    asked = Value("PIN", "[0-9]{4}", True, "Of this machine")
    file = "/opt/demo/etc/device.env"
    missing = f"{file}: there is no such file"
    new = _deb(digests, "1.1", device=(asked,)).read_bytes()
    old = _deb(digests, "1.0")
    with machine(KINDS[0], tmp_path) as pi:
        pi.path("/tmp/new.deb").write_bytes(new)
        told = pi.run("dpkg", "-i", "/tmp/new.deb", status=1)
        assert missing in told
        assert "\n  # Of this machine ([0-9]{4})\n  PIN=\n" in told
        assert not pi.path("/opt/demo").exists()
        assert not pi.path("/hooks").exists()
        assert "demo" not in pi.path("/etc/passwd").read_text()

        _dpkg(pi, "-i", old)
        assert missing in pi.run("dpkg", "-i", "/tmp/new.deb", status=1)
        assert _state(pi) == "1.0 install ok installed"
        assert verify(pi.path("/opt/demo")).findings == ()
        pi.path(file).write_text("PIN=12\n")
        pi.path(file).chmod(0o640)
        told = pi.run("dpkg", "-i", "/tmp/new.deb", status=1)
        exposed = f"other users can read it (mode 0640), but PIN is secret; run: chmod 600 {file}\n"
        assert f"{file}: {exposed}{file}: PIN: what is there does not match [0-9]{{4}}\n" in told

        pi.path(file).write_text("PIN=1234\n")
        pi.path(file).chmod(0o600)
        pi.run("dpkg", "-i", "/tmp/new.deb")
        assert _state(pi) == "1.1 install ok installed"


def _switched(digests: Digests, version: str, link: str) -> Path:
    """A package in which one of `a` and `b` is a directory, and the other a link to it."""
    shutil.rmtree("t/s", ignore_errors=True)
    kept = {"a": "b", "b": "a"}[link]
    write(f"t/s/{kept}/{version}", "text\n")
    os.symlink(kept, f"t/s/{link}")
    return _deb(digests, version)


def test_a_directory_becomes_a_link_and_a_link_a_directory(pi: Machine, digests: Digests) -> None:
    _dpkg(pi, "-i", _switched(digests, "1.0", "a"))
    for version, link in (("1.1", "b"), ("1.2", "a"), ("1.3", "b")):
        pi.run("mkdir", "/opt/demo/s/b/__pycache__")  # in what is a directory now, and no more
        pi.run("touch", "/opt/demo/s/b/__pycache__/run.pyc")
        _dpkg(pi, "-i", _switched(digests, version, link))
        assert verify(pi.path("/opt/demo")).findings == ()
    _dpkg(pi, "-P", "demo")
    assert not pi.path("/opt/demo").exists()


def test_a_switch_that_fails_is_undone(tmp_path: Path, digests: Digests) -> None:
    with machine(KINDS[0], tmp_path) as pi:
        _dpkg(pi, "-i", _switched(digests, "1.0", "a"))
        new = bytearray(_switched(digests, "1.1", "b").read_bytes())
        new[-20] ^= 1  # which dpkg finds when all is unpacked
        pi.path("/tmp/new.deb").write_bytes(new)
        pi.run("dpkg", "-i", "/tmp/new.deb", status=1)
        assert _state(pi) == "1.0 install ok installed"
        assert verify(pi.path("/opt/demo")).findings == ()
        pi.path("/opt/demo/s/b/mine").touch()
        pi.path("/tmp/new.deb").write_bytes(_switched(digests, "1.1", "b").read_bytes())
        told = pi.run("dpkg", "-i", "/tmp/new.deb", status=1)
        assert "'/opt/demo/s/b' contains files not owned by package demo" in told
        assert pi.path("/opt/demo/s/a/mine").exists()


def test_a_directory_that_somebody_has_moved_stays_where_it_is(
    tmp_path: Path, digests: Digests
) -> None:
    with machine(KINDS[0], tmp_path) as pi:
        _dpkg(pi, "-i", _deb(digests, "1.0"))
        pi.run("mv", "/opt/demo/lib", "/var/moved")
        pi.run("ln", "-s", "/var/moved", "/opt/demo/lib")
        write("t/lib/text", "two\n")
        _dpkg(pi, "-i", _deb(digests, "1.1"))
        assert pi.path("/var/moved/text").read_text() == "two\n"
        assert os.readlink(pi.path("/opt/demo/lib")) == "/var/moved"


def test_a_user_who_is_there_is_left_as_he_is(tmp_path: Path, digests: Digests) -> None:
    with machine(KINDS[0], tmp_path) as pi:
        pi.run("useradd", "--user-group", "--uid", "1234", "--shell", "/bin/bash", "demo")
        before = pi.path("/etc/passwd").read_text()
        _dpkg(pi, "-i", _deb(digests, "1.0"))
        assert pi.path("/etc/passwd").read_text() == before
        assert _owner(pi, "/opt/demo/var/log") == "demo:demo 750"


def _pid(pi: Booted, unit: str) -> int:
    return int(pi.run("systemctl", "show", "--value", "--property=MainPID", unit))


def _install(pi: Booted, deb: Path) -> str:
    shutil.copy(deb, pi.root / "root")
    return pi.run("dpkg", "-i", f"/root/{deb.name}")


def test_systemd_runs_what_dpkg_installs_and_nothing_that_it_removes(
    tmp_path: Path, digests: Digests
) -> None:
    with booted(tmp_path) as pi:
        _install(pi, _deb(digests, "1.0"))
        first, old = _pid(pi, "demo.service"), _pid(pi, "demo-old.service")
        assert first > 0 < old
        assert pi.run("ps", "-o", "user=", "-p", f"{first}").strip() == "demo"
        _install(pi, _deb(digests, "1.1", services=(_service("demo"), _service("new"))))
        second = _pid(pi, "demo.service")
        assert 0 < second != first  # restarted
        assert _pid(pi, "demo-new.service") > 0
        pi.run("sh", "-c", f"! kill -0 {old}")  # no unit of this version
        pi.cut()
        pi.boot()
        pi.run("systemctl", "is-active", "demo.service", "demo-new.service")
        pi.run("dpkg", "-r", "demo")
        assert "demo" not in pi.run("systemctl", "list-units", "--plain", "--no-legend")
        pi.run("dpkg", "-P", "demo")
        assert not list((pi.root / "etc/systemd/system").rglob("demo*"))


def test_another_s_unit_is_refused_and_what_was_stopped_stays_so(
    tmp_path: Path, digests: Digests
) -> None:
    with booted(tmp_path) as pi:
        first = _deb(digests, "1.0")
        for place in ("usr/lib", "usr/local/lib", "etc"):
            other = pi.root / place / "systemd/system/demo.service"
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_text("[Service]\nExecStart=/bin/sleep 1000\n")
            shutil.copy(first, pi.root / "root")
            said = pi.run("dpkg", "-i", f"/root/{first.name}", status=1)
            assert (
                f"demo: /{place}/systemd/system/demo.service: does not belong to demo; remove it"
                in said
            )
            assert other.read_text().startswith("[Service]")
            other.unlink()
        pi.run("systemctl", "mask", "demo-old.service")
        _install(pi, first)
        pi.run("systemctl", "stop", "demo.service")
        _install(pi, _deb(digests, "1.1"))
        pi.run("systemctl", "is-active", "demo.service", "demo-old.service", status=3)
        pi.run("systemctl", "start", "demo.service")
        pi.run("dpkg", "-r", "demo")
        # A copy that somebody has made to change it.
        (pi.root / "etc/systemd/system/demo.service").write_text(
            "[Service]\nExecStart=/bin/sleep 9\n"
        )
        _install(pi, _deb(digests, "1.2"))


def test_lintian_finds_no_error_nor_what_is_not_meant(digests: Digests) -> None:
    about = {"summary": "Greenhouse controller", "license": "MIT"}
    deb = _deb(digests, "1.0", maintainer="Greenhouse team <team@example.org>", **about)
    command = ["lintian", "--allow-root", "--fail-on=error", "--no-tag-display-limit", deb]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told.splitlines() == ["W: demo: non-standard-dir-perm 0750 != 0755 [opt/demo/var/log/]"]


def test_lintian_finds_no_error_in_a_revision_either(digests: Digests) -> None:
    about = {"summary": "Greenhouse controller", "license": "MIT", "debian": {REVISION: "deb12"}}
    deb = _deb(digests, "1.0", maintainer="Greenhouse team <team@example.org>", **about)
    command = ["lintian", "--allow-root", "--fail-on=error", deb]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "changelog" not in told


IMPORTS = """#!/bin/sh
cd /opt/demo/lib && python3 -c 'import m; print(m.A, m.__cached__)' >>/hooks
"""


def test_old_code_does_not_run_and_no_byte_code_stays(tmp_path: Path, digests: Digests) -> None:
    """What root imports leaves byte code, which upgrades and removals take along."""
    hooks = (HookSpec(Hook("post_install", 60), "imports", HERE),)
    write("imports", IMPORTS, mode=0o755)
    with machine(KINDS[0], tmp_path) as pi:
        for version in ("1", "2"):
            write("t/lib/m.py", f"A = {version}\n")
            _dpkg(pi, "-i", _deb(digests, f"1.{version}", hooks=hooks))
            told = pi.run("sh", "-c", "cd /opt/demo/lib && python3 -c 'import m; print(m.A)'")
            assert told == f"{version}\n"
            assert [*pi.path("/opt/demo/lib").glob("__pycache__/m.*.pyc")]
            assert verify(pi.path("/opt/demo")).findings == ()
        said = _hooks(pi)
        assert [line.split()[0] for line in said] == ["1", "2"]
        assert not any("/opt/demo/lib/__pycache__" in line for line in said)
        assert not [*pi.path("/tmp").glob("tmp.*")]
        _dpkg(pi, "-r", "demo")
        assert not pi.path("/opt/demo/lib").exists()
