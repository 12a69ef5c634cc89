"""Code that a platform cannot run stops its build, and no other's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.binaries import (
    ARM_64,
    EM_AARCH64,
    EM_X86_64,
    X86_64,
    elf,
    fat,
    mach_o,
    real_arch,
    real_elf,
)
from tests.plugin.conftest import Project

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms:
  raspberry-pi: {}
  pc: {}
contents:
  - src: src/
    dst: lib/
  - src: tools/run
    dst: bin/run
"""
PC = "platform: pc\nextends: linux\narch: amd64\n"
DODO = """
from provisioning.plugin import configure, tasks
DOIT_CONFIG = {**configure(), "continue": True}
def task_provisioning():
    yield from tasks()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {"dodo.py": DODO, "specs/demo.yaml": SPEC, "specs/platforms/pc.yaml": PC}
    project = Project(tmp_path, {**files, "src/x.txt": "x", "tools/run": "#!/bin/sh\n"})
    project.path("src/x.so").write_bytes(elf(EM_AARCH64, kind=3))
    return project


def test_what_cannot_run_stops_the_build_until_it_is_meant(project: Project) -> None:
    project.path("tools/run").write_text("#!/home/me/venv/bin/python\n")
    project.path("tools/run").chmod(0o755)
    said = project.doit(status=2)
    assert "specs/demo.yaml:8:10: contents[0].src: src/x.so is compiled for 64-bit ARM, " in said
    assert said.count("specs/demo.yaml:10:10: contents[1].src: tools/run is run by ") == 2
    assert "raspberry-pi is arm64" not in said
    assert not project.path("artifacts/demo-1.0-pc").exists()
    project.edit("specs/demo.yaml", "dst: bin/run", "dst: bin/run\n    foreign: true")
    said = project.doit(status=2)
    assert "tools/run" not in said
    assert project.path("artifacts/demo-1.0-raspberry-pi").exists()
    project.edit("specs/demo.yaml", "dst: lib/", "dst: lib/\n    foreign: true")
    project.doit()
    assert "Nothing to do" in project.doit()
    project.edit("specs/demo.yaml", "dst: lib/\n    foreign: true", "dst: lib/")
    assert "src/x.so is compiled for 64-bit ARM, and pc is amd64" in project.doit(status=2)


def test_another_processor_judges_anew(project: Project) -> None:
    project.edit("specs/platforms/pc.yaml", "amd64", "arm64")
    project.doit()
    project.edit("specs/platforms/pc.yaml", "arm64", "amd64")
    assert "src/x.so is compiled for 64-bit ARM, and pc is amd64" in project.doit(status=2)
    project.path("src/x.so").write_bytes(elf(EM_X86_64, kind=3))
    said = project.doit(status=2)
    assert "src/x.so is compiled for x86-64, and raspberry-pi is arm64" in said
    assert "and pc is" not in said


def test_another_system_judges_anew(project: Project) -> None:
    project.path("src/x.so").unlink()
    project.path("tools/run").unlink()
    project.path("tools/x.pyc").write_bytes((3495).to_bytes(2, "little") + b"\r\n" + bytes(12))
    project.edit(
        "specs/demo.yaml", "tools/run\n    dst: bin/run", "tools/x.pyc\n    dst: lib/y.pyc"
    )
    project.edit("specs/demo.yaml", "  raspberry-pi: {}", "  raspberry-pi-bookworm: {}")
    project.doit()
    project.edit("specs/platforms/pc.yaml", "amd64", 'amd64\nsystem: {python: "3.12"}')
    assert "tools/x.pyc is byte code of Python 3.11, and pc has 3.12" in project.doit(status=2)
    project.edit("specs/platforms/pc.yaml", "3.12", "3.11")
    project.doit()


OWN = f"""
platform: pc
extends: linux
arch: {real_arch()}
formats: [deb]
system: {{release: bookworm}}
"""


@pytest.fixture
def own(project: Project) -> Project:
    """The same with real code for this machine, in a deb of bookworm."""
    project.write("specs/platforms/pc.yaml", OWN)
    project.edit("specs/demo.yaml", "  raspberry-pi: {}\n", "")
    project.path("src/x.so").write_bytes(real_elf()[0])
    return project


@pytest.mark.needs("dpkg")
def test_a_deb_depends_on_the_packages_of_what_its_code_needs(own: Project) -> None:
    assert "verified" in own.doit()
    (deb,) = own.root.glob("artifacts/demo-1.0-pc/*.deb")
    said = ["dpkg-deb", "-f", str(deb), "Depends"]
    told = subprocess.run(said, check=True, capture_output=True, text=True).stdout
    assert told == f"libc6 (>= {real_elf()[1]})\n"
    assert "Nothing to do" in own.doit()
    assert "verified" in own.doit("verify", "--rebuild")
    own.edit("specs/demo.yaml", "contents:", "debian: {depends: [libc6]}\ncontents:")
    own.doit()
    told = subprocess.run(said, check=True, capture_output=True, text=True).stdout
    assert told == "libc6\n"


def test_a_library_of_no_known_package_stops_a_deb_until_it_is_named(own: Project) -> None:
    code = real_elf()[0].replace(b"\0libc.so.6\0", b"\0libx.so.9\0")
    own.path("src/x.so").write_bytes(code)
    assert "lib/x.so needs libx.so.9, of which no package of bookworm is known" in own.doit(
        status=2
    )
    own.edit("specs/demo.yaml", "contents:", "debian: {depends: [libx9]}\ncontents:")
    own.doit()
    own.edit("specs/demo.yaml", "debian: {depends: [libx9]}\n", "")
    assert "libx.so.9" in own.doit(status=2)
    own.edit("specs/platforms/pc.yaml", "[deb]", "[tar.gz]")
    own.doit()


def test_many_files_are_judged_while_they_are_read(project: Project) -> None:
    for number in range(1200):
        project.write(f"src/many/{number}.txt", f"{number}")
    project.path("src/many/mac").write_bytes(fat(mach_o(X86_64), mach_o(ARM_64)))
    said = project.doit(status=2)
    assert "src/many/mac is compiled for macOS, and raspberry-pi is Linux" in said
    assert (
        "src/many/mac is compiled for macOS, and pc is Linux; "
        "src/x.so is compiled for 64-bit ARM, and pc is amd64"
    ) in said
    project.path("src/many/mac").unlink()
    project.path("src/x.so").unlink()
    project.doit()
    project.path("src/many/7.txt").write_bytes(mach_o(ARM_64))
    assert "src/many/7.txt is compiled for macOS" in project.doit(status=2)
