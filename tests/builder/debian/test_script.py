"""Maintainer scripts: their whole text, and what shells make of it."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact import compiler
from provisioning.artifact.deb import control
from provisioning.artifact.model import device
from provisioning.artifact.model.device import Value
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.model.package import Hook, Package, Service
from provisioning.builder.archive.debian import fields
from provisioning.builder.archive.debian.extras import DebSource
from provisioning.builder.archive.debian.scripts import scripts
from provisioning.errors import ArtifactError
from tests.artifact.making import PACKAGE, directory, file, link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.artifact.making import Item

GOLDEN = Path(__file__).with_name("golden")
SERVICE = Service("greenhouse", "bin/run", "always", "greenhouse", "", (), "", None)
HOOKS = tuple(
    Hook(name, 60) for name in ("post_install", "post_remove", "pre_install", "pre_remove")
)
TEXTS = {
    ".provisioning/hooks/pre_install": b"#!/bin/sh\necho 'before it comes'\n",
    ".provisioning/hooks/post_remove": b'#!/bin/sh\necho "after it went"\n',
}
FULL = PACKAGE._replace(
    service_manager="systemd",
    services=(SERVICE._replace(name="c++", user="1000"), SERVICE, SERVICE._replace(name="vents")),
    hooks=HOOKS,
    device=(Value("BROKER", "", False, ""), Value("PASSWORD", "", True, "")),
)
SHELLS = (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])


def made(package: Package, texts: Mapping[str, bytes] | None = None) -> dict[str, str]:
    """The scripts of a package with a link and a directory for data."""
    items = (
        *(directory("bin"), link("bin/green house", "../lib/main.py"), directory("lib")),
        *(file("lib/main.py"), directory("var"), directory("var/log")),
    )
    entries = tuple(item.entry for item in items)
    parsed = Manifest(package, entries)
    return scripts(DebSource(parsed, TEXTS if texts is None else texts))


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm"])
def test_a_script_is_this_to_the_letter(name: str) -> None:
    told = (GOLDEN / f"{name}.sh").read_text(encoding="utf-8")
    for module in (device, compiler):
        path = f"{module.__name__.replace('.', '/')}.py\n"
        told = told.replace(path, Path(module.__file__).read_text(encoding="utf-8"))
    assert made(FULL)[name] == told


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_shells_read_them(shell: list[str]) -> None:
    odd = FULL._replace(prefix="/opt/green house/it's $(here)", name="g++")
    for text in made(odd).values():
        subprocess.run([*shell, "-n"], input=text, text=True, check=True)


def test_a_package_of_files_alone_has_the_scripts_that_look_after_the_version_before() -> None:
    parsed = Manifest(PACKAGE, (file("VERSION").entry,))
    made = scripts(DebSource(parsed, {}))
    assert sorted(made) == ["postinst", "postrm", "preinst"]


def test_data_are_removed_where_nothing_else_can_lie() -> None:
    assert "for path in /opt/greenhouse/var/log; do\n" in made(PACKAGE)["postrm"]
    assert "find /usr/local" not in made(PACKAGE._replace(prefix="/usr/local"))["postrm"]


def _control(package: Package) -> str:
    return control._fields(fields.complete(package), 1)


@pytest.mark.parametrize("user", ["root", "1000", ""])
def test_nobody_is_made_where_nobody_has_a_name(user: str) -> None:
    package = FULL._replace(services=(SERVICE._replace(user=user),), hooks=())
    assert "adduser" not in made(package)["preinst"]
    assert "adduser" not in _control(package)


def test_adduser_is_there_before_what_needs_it() -> None:
    users = FULL._replace(device=())
    assert "\nPre-Depends: adduser\n" in _control(users)
    said = users._replace(debian=(("Pre-Depends", "libc6 (>= 2.36), adduser (>= 3)"),))
    assert "\nPre-Depends: libc6 (>= 2.36), adduser (>= 3)\n" in _control(said)
    other = users._replace(debian=(("Pre-Depends", "libc6"),))
    assert "\nPre-Depends: libc6, adduser\n" in _control(other)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Greenhouse team <team@example.org>", "Greenhouse team <team@example.org>"),
        ("team@example.org", "greenhouse <team@example.org>"),
        ("The authors", "The authors <root@localhost>"),
        ("The <authors>\nof it", "The authors of it <root@localhost>"),
        ("", "greenhouse <root@localhost>"),
    ],
)
def test_a_maintainer_has_a_name_and_an_address(said: str, told: str) -> None:
    assert control.maintainer(PACKAGE._replace(maintainer=said)) == told


def test_where_systemd_runs_nothing_there_is_nothing_about_it() -> None:
    launchd = made(FULL._replace(service_manager="launchd", hooks=(), device=()))
    assert "systemd" not in "".join(launchd.values())


def _with_hook(text: bytes, **changes: Any) -> str:
    """A preinst that does nothing but to run a hook."""
    package = PACKAGE._replace(hooks=(Hook("pre_install", changes.pop("timeout", 60)),), **changes)
    return made(package, {".provisioning/hooks/pre_install": text})["preinst"]


def run(shell: list[str], script: str, *arguments: str, **options: Any) -> tuple[int, str]:
    ended = subprocess.run(
        [*shell, "-c", script, "script", *arguments],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
    )  # fmt: skip
    return ended.returncode, ended.stdout


ODD = "".join(map(chr, (*range(1, 9), *range(0xC0, 0xD0), 0x2028, 0x1F331))) + "$HOME `id` \\ ' \""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize(
    "end", ["", "\n", "\n\n", "\nEND_OF_HOOK\n", "\nEND_OF_HOOK\nEND_OF_HOOK_"]
)
def test_a_hook_that_is_in_a_script_is_what_it_was(shell: list[str], end: str) -> None:
    text = f"#!/bin/cat\n{ODD}{end}"  # a program that prints itself
    status, told = run(shell, _with_hook(text.encode()), "install")
    assert (status, told) == (0, text if text.endswith("\n") else f"{text}\n")


def test_a_hook_that_holds_many_ends_takes_no_time() -> None:
    ends = "\n".join(f"END_OF_HOOK{'_' * count}" for count in range(1400))
    start = time.process_time()
    assert len(_with_hook(f"#!/bin/true\n{ends}\n".encode())) > 900_000
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_no_directory_is_taken_for_a_command(shell: list[str]) -> None:
    items = (directory("END_OF_DIRECTORIES"), directory("echo taken"), directory("é $(id)"))
    parsed = Manifest(PACKAGE, tuple(item.entry for item in items))
    for name, text in scripts(DebSource(parsed, {})).items():
        assert run(shell, text, "upgrade", "1.0") == (0, ""), name


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_hook_knows_what_the_reference_says_and_nothing_else(shell: list[str]) -> None:
    script = _with_hook(b"#!/bin/sh\nenv | grep -v ^_= | sort\npwd\nreadlink /proc/self/fd/0\n")
    status, told = run(shell, script, "upgrade", "1.4.1", env={"PATH": "/bin:/usr/bin", "X": "y"})
    told = re.sub(r"(?<=PREFIX=)/tmp/tmp\..*", "…", told)
    assert (status, told.splitlines()) == (
        0,
        [
            "LC_ALL=C.UTF-8",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PROVISIONING_ACTION=upgrade",
            "PROVISIONING_NAME=greenhouse",
            "PROVISIONING_OLD_VERSION=1.4.1",
            "PROVISIONING_PLATFORM=raspberry-pi",
            "PROVISIONING_PREFIX=/opt/greenhouse",
            "PROVISIONING_RELEASE=/opt/greenhouse",
            "PROVISIONING_VERSION=1.4.2",
            "PWD=/",
            "PYTHONPYCACHEPREFIX=…",
            "/",
            "/dev/null",
        ],
    )


IMPORTS = b"""#!/bin/sh
echo A = 1 > "$TMPDIR/m.py"
PYTHONPATH=$TMPDIR python3 -c 'import m, sys; print(m.__cached__.startswith(sys.pycache_prefix))'
"""


def test_byte_code_of_a_hook_goes_with_it(tmp_path: Path) -> None:
    script = _with_hook(IMPORTS.replace(b"$TMPDIR", str(tmp_path / "lib").encode()))
    (tmp_path / "lib").mkdir()
    (tmp_path / "temporary").mkdir()
    env = {"PATH": "/bin:/usr/bin", "TMPDIR": str(tmp_path / "temporary")}
    assert run(["dash"], script, "install", env=env) == (0, "True\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["lib", "m.py", "temporary"]


LISTS = """#!/bin/sh
[ "$*" = "--listfiles greenhouse" ] || exit 1
printf '%s\\n' {0}/lib {0}/lib/main.py {0}/lib/é.b.py {0}/x.py
"""
LEFT = ("main.cpython-311.pyc", "é.b.cpython-311.opt-1.pyc", "main.cpython-311.pyc.7")
LEGACY = ("main.pyc", "é.b.pyc", "main.pyc.7")  # of `compileall -b`


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("occasion", [("remove",), ("upgrade", "1.5")], ids=" ".join)
def test_what_python_left_goes_with_what_it_was_made_of(
    tmp_path: Path, shell: list[str], occasion: tuple[str, ...]
) -> None:
    """What dpkg lists its program says, which is one of this test's."""
    prefix = tmp_path / "it's $(here)"
    cache = prefix / "lib/__pycache__"
    programs = tmp_path / "programs"
    for path in (cache, programs):
        path.mkdir(parents=True)
    (programs / "dpkg-query").write_text(LISTS.format(shlex.quote(str(prefix))))
    (programs / "dpkg-query").chmod(0o755)
    script = made(PACKAGE._replace(prefix=str(prefix)))["prerm"]
    env = {"PATH": f"{programs}:/bin:/usr/bin"}
    for others in ((), ("another.cpython-311.pyc",)):
        cache.mkdir(exist_ok=True)
        for name in (*LEFT, *others):
            (cache / name).touch()
        for name in (*LEGACY, "another.pyc"):
            (prefix / "lib" / name).touch()
        assert run(shell, script, *occasion, env=env) == (0, "")
        assert [path.name for path in prefix.glob("lib/*.pyc*")] == ["another.pyc"]
        there = [path.name for path in cache.iterdir()] if cache.exists() else None
        assert there == ([*others] or None)
    cache.rename(tmp_path / "elsewhere")
    cache.symlink_to(tmp_path / "elsewhere")
    (cache / LEFT[0]).touch()
    assert run(shell, script, *occasion, env=env) == (0, "")
    assert sorted(path.name for path in cache.iterdir()) == sorted((LEFT[0], *others))


CACHE = "lib/__pycache__"


@pytest.mark.parametrize(
    "brought",
    [[directory(CACHE), file(f"{CACHE}/main.cpython-311.pyc")], [file("lib/main.pyc")]],
    ids=["cache", "beside"],
)
def test_byte_code_that_a_package_brings_is_left_alone(brought: list[Item]) -> None:
    items = [file("lib/main.py"), *brought]
    parsed = Manifest(PACKAGE, tuple(item.entry for item in items))
    assert "prerm" not in scripts(DebSource(parsed, {}))


def test_it_is_compiled_beside_the_sources_before_services_start(tmp_path: Path) -> None:
    """What dpkg lists its program says, which is one of this test's."""
    script = made(PACKAGE._replace(prefix=str(tmp_path)))["postinst"]
    programs = tmp_path / "programs"
    for path in (tmp_path / "lib", programs):
        path.mkdir()
    (programs / "dpkg-query").write_text(LISTS.format(shlex.quote(str(tmp_path))))
    (programs / "dpkg-query").chmod(0o755)
    for path, text in (("main", "import é\n"), ("é.b", "print 'old'\n")):
        (tmp_path / f"lib/{path}.py").write_text(text)
    (tmp_path / "x.py").symlink_to("lib/main.py")
    for path in ("/bin:/usr/bin", "/nowhere"):  # there, as on a machine without Python
        env = {"PATH": f"{programs}:{path}", "LC_ALL": "C"}
        shell = [which("dash") or "sh"]
        assert run(shell, script, "configure", env=env) == (0, "")
        found = sorted(each.name.partition(".")[0] for each in tmp_path.rglob("*.pyc*"))
        assert found == ["main", "x"]
    started = made(FULL)["postinst"]
    assert started.index("END_OF_PYTHON\n    fi") < started.index("deb-systemd-invoke")


def test_caches_of_services_go_with_their_version() -> None:
    scripts = made(FULL)
    removes = "    rm -rf /var/cache/provisioning/greenhouse\n    ;;\nesac\n"
    configured = "configure | abort-upgrade | abort-deconfigure | abort-remove"
    assert f'case "$1" in {configured})\n{removes}' in scripts["postinst"]
    of_files = made(FULL._replace(services=()))
    assert removes not in "".join(of_files.values())


def test_a_hook_that_fails_fails_the_script_and_leaves_nothing(tmp_path: Path) -> None:
    script = _with_hook(b"#!/bin/sh\necho $PROVISIONING_ACTION; exit 7\n")
    env = {"PATH": "/bin:/usr/bin", "TMPDIR": str(tmp_path)}
    assert run(["dash"], script, "install", env=env) == (7, "install\n")
    assert list(tmp_path.iterdir()) == []


def test_a_hook_that_is_late_is_ended_with_all_that_it_started() -> None:
    # Its output is read to its end, which comes when the last of them is gone.
    script = _with_hook(b"#!/bin/sh\nsleep 60 & sleep 60\n", timeout=1)
    assert run(["dash"], script, "install", timeout=20)[0] == 124


OCCASIONS = {  # what dpkg calls each script with: Debian Policy 6.5
    "preinst": ("install", "install 1.0", "upgrade 1.0", "abort-upgrade 1.5"),
    "postinst": (
        *("configure", "configure 1.0", "abort-upgrade 1.5", "abort-remove"),
        *("abort-deconfigure in-favour x 1", "triggered x"),
    ),
    "prerm": ("remove", "upgrade 1.5", "failed-upgrade 1.0", "deconfigure in-favour x 1"),
    "postrm": (
        *("remove", "purge", "upgrade 1.5", "failed-upgrade 1.0", "disappear x 1"),
        *("abort-install", "abort-install 1.0", "abort-upgrade 1.0"),
    ),
}
RUN = {  # whom that has run: what is done, which version was there, and which it is
    "preinst install": "pre_install install  1.4.2",
    "preinst install 1.0": "pre_install upgrade 1.0 1.4.2",
    "preinst upgrade 1.0": "pre_install upgrade 1.0 1.4.2",
    "postinst configure": "post_install install  1.4.2",
    "postinst configure 1.0": "post_install upgrade 1.0 1.4.2",
    "prerm remove": "pre_remove remove 1.4.2 1.4.2",
    "postrm remove": "post_remove remove 1.4.2 1.4.2",
}
SAYS = """#!/bin/sh
echo "{} $PROVISIONING_ACTION $PROVISIONING_OLD_VERSION $PROVISIONING_VERSION"
"""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_hook_runs_on_its_occasions_alone(tmp_path: Path, shell: list[str]) -> None:
    place = tmp_path / ".provisioning/hooks"
    place.mkdir(parents=True)
    for hook in HOOKS:
        (place / hook.name).write_text(SAYS.format(hook.name))
        (place / hook.name).chmod(0o755)
    texts = {
        f".provisioning/hooks/{name}": SAYS.format(name).encode()
        for name in ("pre_install", "post_remove")
    }
    package = PACKAGE._replace(prefix=str(tmp_path), hooks=HOOKS)
    named = scripts(DebSource(Manifest(package, (directory("bin").entry,)), texts))
    told = {
        f"{name} {occasion}": run(shell, named[name], *occasion.split())
        for name, occasions in OCCASIONS.items()
        for occasion in occasions
    }
    assert told == {each: (0, f"{RUN[each]}\n" if each in RUN else "") for each in told}


def test_nobody_but_root_reads_or_changes_what_is_run_as_root() -> None:
    assert run(["dash"], _with_hook(b'#!/bin/sh\nstat -c %a "$0"\n'), "install") == (0, "700\n")


def test_a_hook_that_lies_in_the_package_is_run_there(tmp_path: Path) -> None:
    prefix = tmp_path / "green house"
    hook = prefix / ".provisioning/hooks/post_install"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\npwd\necho $0\n")
    hook.chmod(0o755)
    package = PACKAGE._replace(prefix=str(prefix), hooks=(Hook("post_install", 60),))
    told = run(["dash"], made(package)["postinst"], "configure", "")
    assert told == (0, f"{prefix}\n{hook}\n")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_package_does_not_come_where_provision_has_installed(
    tmp_path: Path, shell: list[str]
) -> None:
    prefix = tmp_path / "it's green"
    script = made(PACKAGE._replace(prefix=str(prefix)), {})["preinst"]
    (prefix / "releases").mkdir(parents=True)
    (prefix / "current").symlink_to("releases/1.4.2-01234567")  # wherever it leads
    why = "is installed by provision; run `provision uninstall greenhouse` first"
    assert run(shell, script, "install", "1.4.1") == (1, f"greenhouse: {prefix}: {why}\n")
    assert sorted(path.name for path in prefix.iterdir()) == ["current", "releases"]
    (prefix / "current").unlink()  # as it is after a removal, of which configuration may be left
    assert run(shell, script, "install", "1.4.1") == (0, "")
    (prefix / "releases").rmdir()
    (prefix / "current").symlink_to("mine")  # which is somebody's own
    assert run(shell, script, "install", "1.4.1") == (0, "")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_package_does_not_come_where_the_machine_lacks_values(
    tmp_path: Path, shell: list[str]
) -> None:
    place = tmp_path / 'it\'s a "pläce"/etc'
    values = (Value("BROKER", "[a-z]+", False, "Its broker's näme"), Value("PIN", "", True, ""))
    package = PACKAGE._replace(prefix=str(place.parent), device=values)
    script, file = made(package, {})["preinst"], place / "device.env"
    status, told = run(shell, script, "install")
    missing, *lines = told.splitlines()
    assert (status, lines) == (1, ["  # Its broker's näme ([a-z]+)", "  BROKER=", "  PIN="])
    assert missing.startswith(f"{file}: there is no such file")
    place.mkdir(parents=True)
    file.write_text("BROKER=5\nPIN=1\n")
    file.chmod(0o644)
    status, told = run(shell, script, "upgrade", "1.4.1")
    assert (status, told.splitlines()) == (
        1,
        [
            (
                f"{file}: other users can read it (mode 0644), but PIN is secret; run: chmod 600 "
                f"{file}"
            ),
            f"{file}: BROKER: 5 does not match [a-z]+",
        ],
    )
    file.write_text("BROKER=here\nPIN=1\n")
    file.chmod(0o600)
    assert run(shell, script, "upgrade", "1.4.1") == (0, "")
    assert run(shell, script, "abort-upgrade", "1.4.3") == (0, "")


def test_whoever_needs_values_needs_python_before() -> None:
    assert "\nPre-Depends: adduser, python3\n" in _control(FULL)
    assert "Recommends" not in _control(FULL)


def test_a_purge_leaves_what_is_somebody_else_s(tmp_path: Path) -> None:
    prefix = tmp_path / "greenhouse"
    for name in ("var/log/today", "lib/__pycache__/main.pyc", "lib/mine", "etc/device.env"):
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).touch()
    device = (Value("BROKER", "", False, ""),)
    script = made(PACKAGE._replace(prefix=str(prefix), device=device))["postrm"]
    assert run(["dash"], script, "remove") == (0, "")
    assert (prefix / "var/log/today").exists()
    assert run(["dash"], script, "purge") == (0, "")
    left = {"lib": ["mine"], "var": []}  # which dpkg removes where it is empty
    assert {path.name: [each.name for each in path.iterdir()] for path in prefix.iterdir()} == left
    assert run(["dash"], script, "purge") == (0, "")


@pytest.mark.needs("Linux", "root")
@pytest.mark.parametrize("mounted", ["var/log", "var/log/usb"])
def test_a_purge_removes_nothing_of_what_is_mounted(tmp_path: Path, mounted: str) -> None:
    prefix = tmp_path / "greenhouse"
    place = prefix / mounted
    place.mkdir(parents=True)
    script = made(PACKAGE._replace(prefix=str(prefix)))["postrm"]
    mount = 'mount -t tmpfs none "$1" && touch "$1/mine" || exit 9\n'
    purge = 'sh -c "$2" postrm purge && exit 8; ls "$1"; umount "$1"; sh -c "$2" postrm purge'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount + purge, "sh", place, script],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    told, left = done.stdout.splitlines()
    assert str(place) in told
    assert left == "mine"
    assert not (prefix / "var/log").exists()


def test_a_script_runs_in_the_root_that_it_is_for_or_not_at_all() -> None:
    env = {"PATH": "/bin:/usr/bin", "DPKG_ROOT": "/mnt"}
    told = "greenhouse: cannot be installed with --force-script-chrootless\n"
    for script in made(FULL).values():
        assert run(["dash"], script, "install", env=env) == (1, told)


@pytest.mark.parametrize("text", [b"\x7fELF\0", b"\xff"])
def test_a_hook_that_is_no_text_is_refused(text: bytes) -> None:
    with pytest.raises(ArtifactError) as raised:
        _with_hook(text)
    told = ".provisioning/hooks/pre_install: is not UTF-8 text, as a deb requires"
    assert str(raised.value) == told


def test_a_hook_that_is_not_there_is_refused() -> None:
    with pytest.raises(ArtifactError) as raised:
        made(FULL, {})
    assert str(raised.value) == ".provisioning/hooks/pre_install: is missing"
