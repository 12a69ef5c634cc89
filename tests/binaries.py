"""Compiled code of any machine: headers as elf(5) and `mach-o/loader.h` have them; a real file."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import deflate

X86_64, ARM_64 = 0x01000007, 0x0100000C  # of Mach-O
EM_X86_64, EM_ARM, EM_AARCH64 = 62, 40, 183


def elf(  # noqa: PLR0913 - a header says all that
    machine: int,
    *,
    bits: int = 64,
    order: str = "<",
    flags: int = 0,
    system: int = 0,
    kind: int = 2,
) -> bytes:
    """An ELF header, of a program if nothing is said."""
    ident = bytes([0x7F, *b"ELF", bits // 32, 1 if order == "<" else 2, 1, system]).ljust(16, b"\0")
    address = "Q" if bits == 64 else "I"
    size = 64 if bits == 64 else 52
    fields = (kind, machine, 1, 0, 0, 0, flags, size, 0, 0, 0, 0, 0)
    return ident + struct.pack(f"{order}2HI3{address}I6H", *fields)


def mach_o(machine: int, command: tuple[int, ...] = (0x32, 24, 1, 14 << 16, 14 << 16, 0)) -> bytes:
    """A 64-bit Mach-O program with one load command: it says that it is for macOS 14 and later."""
    body = struct.pack(f"<{len(command)}I", *command)
    return struct.pack("<8I", 0xFEEDFACF, machine, 0, 2, 1, len(body), 0, 0) + body


def fat(*builds: bytes, wide: bool = False) -> bytes:
    """A fat Mach-O of several builds."""
    layout = struct.Struct(">2I2Q2I" if wide else ">5I")
    at = 8 + layout.size * len(builds)
    places, content = b"", b""
    for each in builds:
        machine = struct.unpack_from("<I", each, 4)[0]
        rest = (0, 0) if wide else (0,)
        places += layout.pack(machine, 0, at + len(content), len(each), *rest)
        content += each
    return struct.pack(">2I", 0xCAFEBABF if wide else 0xCAFEBABE, len(builds)) + places + content


def archive(members: dict[str, bytes]) -> bytes:
    """A static archive; names of more than 16 bytes as BSD has them."""
    whole = b"!<arch>\n"
    for name, content in members.items():
        before = name.encode() if len(name) > 16 else b""
        called = f"#1/{len(before)}" if before else name
        size = len(before) + len(content)
        header = f"{called:<16}{0:<12}{0:<6}{0:<6}{644:<8}{size:<10}`\n"
        whole += header.encode() + before + content + b"\n" * (size % 2)
    return whole


def real_elf() -> tuple[bytes, str]:
    """A real shared object, of the machine that runs the tests, and the glibc that it needs."""
    (path,) = Path(deflate.__file__).parent.glob("*.so")
    content = path.read_bytes()
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=\0)", content)
    return content, ".".join(map(str, max((int(a), int(b)) for a, b in versions)))


def real_elf_of(version: str) -> bytes:
    """The same, needing this version of glibc, as in `GLIBC_2.38`."""
    content, newest = real_elf()
    assert len(version) == len(f"GLIBC_{newest}")
    return content.replace(f"\0GLIBC_{newest}\0".encode(), f"\0{version}\0".encode())


def real_arch() -> str:
    """The processor of the machine that runs the tests, as Debian calls it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
