"""What Python leaves in a release while it runs is no damage, and stops nobody."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import extract
from tests.artifact.making import file

from .making import conf, items, package

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine

NOTE = (
    "greenhouse {}: note: Python has left byte code (lib/__pycache__ and 1 more);"
    " --strict counts it as a difference\n"
)


def imported(lib: Path) -> None:
    """Import what lies in a directory without a link to byte code, as older tools install it."""
    if (lib / "__pycache__").is_symlink():
        (lib / "__pycache__").unlink()
    # Nothing of this environment, which may forbid byte code.
    command = [sys.executable, "-c", "import main"]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(lib)}, stdout=subprocess.DEVNULL)
    assert [*lib.glob("__pycache__/main.*.pyc")]


@pytest.fixture
def upgraded(machine: Machine) -> Machine:
    """A machine on which both of two releases have run."""
    for version in ("1.0", "2.0"):
        machine.install(version)
        imported(machine.prefix / "current/lib")
    return machine


def test_it_is_told_and_is_no_difference(upgraded: Machine) -> None:
    told = f"{NOTE.format('2.0')}greenhouse 2.0: 9 entries, verified\n"
    assert upgraded.run("verify", "greenhouse") == (0, told, "")
    assert upgraded.run("verify", "greenhouse", "--quiet") == (0, "", "")
    (answer,) = upgraded.asked("verify", "greenhouse")["artifacts"]
    assert (answer["verified"], answer["findings"]) == (True, [])
    cache, file = answer["byte_code"]
    assert (cache, file.rpartition("/")[0]) == ("lib/__pycache__", "lib/__pycache__")


def compiled(lib: Path) -> None:
    """Leave byte code beside the sources, as a build for a Python of old has it."""
    subprocess.run([sys.executable, "-m", "compileall", "-qb", str(lib)], check=True)
    assert (lib / "main.pyc").exists()


def test_what_compileall_leaves_beside_a_source_is_told_and_goes(upgraded: Machine) -> None:
    for link in ("current", "previous"):
        compiled(upgraded.prefix / link / "lib")
    told = upgraded.run("verify", "greenhouse")
    assert (told.code, "byte code (lib/__pycache__ and 2 more)" in told.out) == (0, True)
    assert upgraded.run("verify", "greenhouse", "--strict").code == 1
    assert upgraded.run("rollback", "greenhouse").code == 0
    assert upgraded.run("verify", "greenhouse", "--strict").code == 0
    assert not (upgraded.prefix / "current/lib/main.pyc").exists()


def test_beside_no_source_it_is_what_python_would_run(upgraded: Machine) -> None:
    (upgraded.prefix / "current/lib/evil.pyc").touch()
    code, told, _ = upgraded.run("verify", "greenhouse")
    assert (code, told.splitlines()[0]) == (1, "lib/evil.pyc: is not in the manifest")


def test_whoever_is_strict_is_told_a_difference(upgraded: Machine) -> None:
    code, told, _ = upgraded.run("verify", "greenhouse", "--strict")
    assert (code, told.splitlines()[0], told.splitlines()[-1]) == (
        1,
        "lib/__pycache__: is byte code, which the manifest does not list",
        "greenhouse 2.0: 2 differences, not verified",
    )
    (answer,) = upgraded.asked("verify", "greenhouse", "--strict")["artifacts"]
    assert (answer["verified"], len(answer["findings"]), answer["byte_code"]) == (False, 2, [])


def test_what_is_not_of_a_source_is_a_difference_beside_it(upgraded: Machine) -> None:
    (upgraded.prefix / "current/lib/__pycache__/evil.cpython-311.pyc").touch()
    code, told, _ = upgraded.run("verify", "greenhouse")
    assert (code, told) == (
        1,
        (
            "lib/__pycache__/evil.cpython-311.pyc: is not in the manifest\n"
            f"{NOTE.format('2.0')}greenhouse 2.0: 1 difference, not verified\n"
        ),
    )


def test_a_release_that_has_run_comes_back_without_it(upgraded: Machine) -> None:
    assert upgraded.run("rollback", "greenhouse").code == 0
    assert upgraded.version == "1.0"
    assert upgraded.run("verify", "greenhouse", "--strict").code == 0
    assert upgraded.run("rollback", "greenhouse", "2.0").code == 0
    assert upgraded.run("verify", "greenhouse", "--strict").code == 0


def test_what_is_not_python_s_stops_a_rollback_still(upgraded: Machine) -> None:
    (upgraded.prefix / "previous/lib/__pycache__/main.so").touch()
    code, _, told = upgraded.run("rollback", "greenhouse")
    assert code == 3
    assert "is damaged (lib/__pycache__/main.so: is not in the manifest)" in told
    assert [*upgraded.prefix.glob("previous/lib/__pycache__/main.*.pyc")]


def test_a_release_that_has_run_is_not_written_again(upgraded: Machine) -> None:
    assert upgraded.install("2.0").out == "greenhouse 2.0: already installed in /opt/greenhouse\n"
    assert upgraded.releases() == ["1.0", "2.0"]
    upgraded.install("1.0", None, "--allow-downgrade")
    assert (upgraded.version, upgraded.releases()) == ("1.0", ["1.0", "2.0"])
    assert upgraded.run("verify", "greenhouse", "--strict").code == 0


def test_releases_that_have_run_go_as_others_do(upgraded: Machine) -> None:
    for version in ("3.0", "4.0", "5.0"):
        upgraded.install(version)
        imported(upgraded.prefix / "current/lib")
    assert upgraded.releases() == ["3.0", "4.0", "5.0"]
    assert upgraded.run("gc", "greenhouse", "--keep", "1").code == 0
    assert upgraded.releases() == ["4.0", "5.0"]
    assert upgraded.run("uninstall", "greenhouse", "--purge").code == 0
    assert not upgraded.prefix.exists()


def test_configuration_that_was_imported_keeps_nothing_from_a_purge(machine: Machine) -> None:
    machine.install("1.0", [*items("1.0"), conf("etc/web.conf.py", b"port = 8080\n")])
    code = "import sys; from importlib.machinery import SourceFileLoader as S"
    path = machine.prefix / "etc/web.conf.py"
    command = [sys.executable, "-c", f"{code}; S('web', sys.argv[1]).load_module()", str(path)]
    subprocess.run(command, check=True, env={"PYTHONWARNINGS": "ignore"})
    assert [*machine.prefix.glob("etc/__pycache__/web.conf.*.pyc")]
    machine.run("uninstall", "greenhouse")
    assert path.exists()
    assert machine.run("uninstall", "--purge", "/opt/greenhouse").code == 0
    assert not machine.prefix.exists()


def test_what_was_unpacked_and_has_run_can_be_installed(machine: Machine) -> None:
    unpacked = machine.folder / "greenhouse"
    unpacked.mkdir()
    extract(package(machine.folder, "1.0"), unpacked)
    imported(unpacked / "lib")
    assert machine.run("verify", unpacked).code == 0
    assert machine.run("verify", unpacked, "--strict").code == 1
    assert machine.run("install", unpacked).code == 0
    assert machine.run("verify", "greenhouse", "--strict").code == 0


def test_what_one_release_has_left_is_not_run_as_another(machine: Machine) -> None:
    """Not even where it lies in one place for all, and both were installed in one second."""
    cache, said = machine.folder / "cache", []
    for version in ("1.0", "2.0", "1.0"):
        held = file("lib/main.py", f"A = {version}\n".encode())
        others = [item for item in items(version) if item.entry.path != "lib/main.py"]
        machine.install(version, [*others, held], "--allow-downgrade")
        lib = machine.prefix / "current/lib"
        environment = {"PYTHONPATH": str(lib), "PYTHONPYCACHEPREFIX": str(cache)}
        command = [sys.executable, "-c", "import main; print(main.A)"]
        said.append(subprocess.check_output(command, env=environment, text=True).strip())
    assert said == ["1.0", "2.0", "1.0"]
    assert len([*cache.rglob("main.*.pyc")]) == 1


@pytest.mark.needs("root")
def test_what_cannot_be_removed_stops_no_rollback(upgraded: Machine) -> None:
    cache = (upgraded.prefix / "previous/lib/__pycache__").resolve()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(cache)], check=True)
    try:
        code, _, told = upgraded.run("rollback", "greenhouse")
    finally:
        subprocess.run(["umount", str(cache)], check=True)
    assert (code, upgraded.version) == (0, "1.0")
    assert "byte code could not be removed: lib/__pycache__: Device or resource busy" in told
