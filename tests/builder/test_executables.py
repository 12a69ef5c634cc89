"""What code was made for is read from its first bytes, of whatever machine it is."""

from __future__ import annotations

import py_compile
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.builder.collect import executables
from provisioning.builder.collect.file_state import made_for as told_by_its_beginning
from tests.binaries import (
    ARM_64,
    EM_AARCH64,
    EM_ARM,
    X86_64,
    archive,
    elf,
    fat,
    mach_o,
    real_arch,
    real_elf,
    real_elf_of,
)


def made_for(content: bytes, path: str = "x") -> str:
    """What is told of a file that holds this."""
    return told_by_its_beginning(path, content, lambda: BytesIO(content))


@pytest.mark.parametrize(
    ("machine", "bits", "order", "flags", "name"),
    [
        (62, 64, "<", 0, "amd64"),
        (62, 32, "<", 0, "x32"),
        (3, 32, "<", 0, "i386"),
        (183, 64, "<", 0, "arm64"),
        (40, 32, "<", 0x5000400, "armhf"),
        (40, 32, "<", 0x5000200, "armel"),
        (40, 32, "<", 0x5000000, "arm"),
        (243, 64, "<", 0, "riscv64"),
        (21, 64, "<", 0, "ppc64el"),
        (21, 64, ">", 0, "ppc64"),
        (22, 64, ">", 0, "s390x"),
        (8, 64, "<", 0, "mips64el"),
        (247, 64, "<", 0, "ELF-machine-247"),
    ],
)
def test_elf_tells_its_machine(machine: int, bits: int, order: str, flags: int, name: str) -> None:
    assert made_for(elf(machine, bits=bits, order=order, flags=flags)) == f"elf {name} -"


def test_elf_tells_of_another_system_than_linux() -> None:
    assert made_for(elf(62, system=9)) == "elf amd64 FreeBSD"


@pytest.mark.needs("Linux")
def test_real_elf_tells_its_libraries_and_the_newest_version_of_glibc_that_it_needs() -> None:
    content, newest = real_elf()
    assert made_for(content) == f"elf {real_arch()} glibc-{newest};libc.so.6"
    assert made_for(real_elf_of("GLIBC_2.38")) == f"elf {real_arch()} glibc-2.38;libc.so.6"


@pytest.mark.needs("Linux")
def test_damaged_sections_of_elf_leave_its_machine() -> None:
    content, _ = real_elf()
    assert made_for(content[: len(content) // 2]).endswith(" -")


def test_mach_o_tells_its_machine_and_the_least_system() -> None:
    assert made_for(mach_o(ARM_64)) == "mach-o arm64 macos-14.0"
    least = (0x24, 16, 10 << 16 | 13 << 8, 14 << 16)
    assert made_for(mach_o(X86_64, least)) == "mach-o x86_64 macos-10.13"
    assert made_for(mach_o(ARM_64, (0x32, 24, 2, 17 << 16, 0, 0))) == "mach-o arm64 iOS-17.0"
    assert made_for(mach_o(ARM_64, (0x1B, 24, 0, 0, 0, 0))) == "mach-o arm64 -"


@pytest.mark.parametrize("wide", [False, True])
def test_a_fat_file_tells_each_of_its_builds(wide: bool) -> None:
    content = fat(mach_o(X86_64, (0x24, 16, 10 << 16 | 9 << 8, 0)), mach_o(ARM_64), wide=wide)
    assert made_for(content) == "mach-o x86_64 macos-10.9 arm64 macos-14.0"


def test_a_class_of_java_is_no_fat_file() -> None:
    assert made_for(struct.pack(">IHH", 0xCAFEBABE, 0, 65) + bytes(100)) == ""


@pytest.mark.parametrize("first", ["/", "__.SYMDEF SORTED and a long name"])
def test_a_static_archive_tells_of_its_first_object(first: str) -> None:
    content = archive({first: b"symbols", "a.o": elf(EM_AARCH64, kind=1), "b.o": b"text"})
    assert made_for(content) == "elf arm64 -"
    assert made_for(archive({"a very long name of an object.o": mach_o(ARM_64)})).startswith("mach")


def test_an_archive_of_something_else_is_no_code() -> None:
    assert made_for(archive({"debian-binary": b"2.0\n", "x": archive({"a": elf(62)})})) == ""


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("#!/home/me/app/.venv/bin/python", "/home/me/app/.venv/bin/python"),
        ("#! /opt/x/bin/python3.11 -I", "/opt/x/bin/python3.11"),
        ("#!/usr/bin/env /root/bin/node", "/root/bin/node"),
        ("#!/usr/bin/env -S /root/bin/node --x", "/root/bin/node"),
        ("#!/bin/sh\n'''exec' '/home/a b/bin/python' \"$0\" \"$@\"\n' '''", "/home/a b/bin/python"),
        ("#!/bin/sh\n'''exec' \"/home/a b/python\" \"$0\" \"$@\"\n' '''", "/home/a b/python"),
        ("#!/bin/sh\n'''exec' /home/long/python \"$0\" \"$@\"\n' '''", "/home/long/python"),
    ],
)
def test_a_script_tells_what_runs_it(line: str, program: str) -> None:
    assert made_for(f"{line}\nimport sys\n".encode()) == f"script {program}"


@pytest.mark.parametrize(
    "line",
    [
        "#!/bin/sh",
        "#!/usr/bin/env python3",
        "#!/usr/bin/python3 -I",
        "#!/usr/local/bin/node",
        "#!python",
        "#!",
        "#!/bin/sh\n'''exec' \"$(dirname \"$0\")/python\" \"$0\" \"$@\"\n' '''",
    ],
)
def test_what_any_system_may_run_tells_nothing(line: str) -> None:
    assert made_for(f"{line}\n".encode()) == ""


def test_byte_code_tells_its_python(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("x = 1\n")
    compiled = Path(str(py_compile.compile(str(source)))).read_bytes()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert made_for(compiled, "x.pyc") == f"byte-code {here}"
    assert made_for(compiled, "x.txt") == ""


@pytest.mark.parametrize(
    ("magic", "version"),
    [
        (3379, "3.6 or older"),
        (3394, "3.7"),
        (3413, "3.8"),
        (3425, "3.9"),
        (3439, "3.10"),
        (3495, "3.11"),
        (3531, "3.12"),
        (3571, "3.13"),
        (3627, "3.14"),
        (62211, "2"),
    ],
)
def test_the_magic_number_of_each_python_is_known(magic: int, version: str) -> None:
    content = magic.to_bytes(2, "little") + b"\r\n" + bytes(12)
    assert made_for(content, "x.pyc") == f"byte-code {version}"
    assert made_for(b"text\r\n", "x.pyc") == ""


def test_what_is_told_is_read_again() -> None:
    for content in (fat(mach_o(X86_64), mach_o(ARM_64)), elf(EM_ARM, bits=32), b"#!/a b/c\n"):
        told = made_for(content)
        assert str(executables.read(told)) == told


_SEEDS = [
    elf(62),
    mach_o(ARM_64),
    fat(mach_o(X86_64), mach_o(ARM_64)),
    fat(mach_o(X86_64), wide=True),
    archive({"a": elf(62), "b": b""}),
]


@given(st.sampled_from(_SEEDS), st.data())
def test_damage_of_any_kind_raises_nothing(seed: bytes, data: st.DataObject) -> None:
    edited = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        edited[data.draw(st.integers(4, len(seed) - 1))] = data.draw(st.integers(0, 255))
    told = made_for(bytes(edited[: data.draw(st.integers(4, len(seed)))]))
    assert not told or str(executables.read(told)) == told


@pytest.mark.needs("Linux")
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_real_sections_that_are_damaged_raise_nothing(blocks: list[bytes]) -> None:
    content = bytearray(real_elf()[0])
    for number, block in enumerate(blocks):
        at = (number * 7919 + len(block) * 104729) % (len(content) - 100) + 20
        content[at : at + len(block)] = block
    assert made_for(bytes(content)).startswith("elf ")


def test_a_no_op_of_the_program_does_not_load_what_reads_elf() -> None:
    code = "import sys, provisioning.plugin, provisioning.builder.collect.file_state\n"
    code += "sys.exit(any('elftools' in each or 'executables' in each for each in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
