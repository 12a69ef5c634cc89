"""What a file that a machine executes was made for: its processor, its system, what runs it.

ELF is described in elf(5), Mach-O in Apple's `mach-o/loader.h` and `mach-o/fat.h`, an archive of
objects in ar(5), and the beginning of a .pyc in CPython's `Include/internal/pycore_magic_number.h`.
"""

from __future__ import annotations

import re
import struct
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

ELF, MACH_O, SCRIPT, BYTE_CODE, PATH = "elf", "mach-o", "script", "byte-code", "path"
ANY = "-"
"""What a build needs that needs nothing of its system."""
GLIBC, NOT_GLIBC, MACOS = "glibc", "not-glibc", "macos"


class Executable(NamedTuple):
    """What a file was made for."""

    form: str
    """ELF | MACH_O | SCRIPT | BYTE_CODE | PATH"""
    builds: tuple[tuple[str, str], ...] = ()
    """Of compiled code: each processor, and what is needed there: `-`, or `glibc-2.38`."""
    runs: str = ""
    """Of a script, what runs it; of byte code, the Python that does, as in `3.11`; of a .pth, the
    directory that it has Python search."""
    libraries: tuple[str, ...] = ()
    """The shared libraries that ELF names as needed."""

    def __str__(self) -> str:
        """All of it, as `read` takes it."""
        rest = self.runs or " ".join(f"{each} {needs}" for each, needs in self.builds)
        libraries = f";{' '.join(self.libraries)}" if self.libraries else ""
        return f"{self.form} {rest}{libraries}"


def read(text: str) -> Executable:
    """What a text of `made_for` says."""
    form, _, rest = text.partition(" ")
    if form in {SCRIPT, BYTE_CODE, PATH}:
        return Executable(form, runs=rest)
    builds, _, libraries = rest.partition(";")
    words = builds.split(" ")
    found = tuple(zip(words[::2], words[1::2], strict=True))
    return Executable(form, found, libraries=tuple(libraries.split()))


def made_for(path: str, head: bytes, opened: Callable[[], BinaryIO]) -> str:
    """What a file that begins with `head` was made for; "" if that is no question, or unknown.

    Raises OSError where it cannot be opened.
    """
    text = head[:_MOST_TEXT]
    if head.startswith(b"#!"):
        return script(text)
    if path.endswith(".pyc"):
        version = _python_of(head)
        return str(Executable(BYTE_CODE, runs=version)) if version else ""
    if path.endswith(".pth"):  # which models of PyTorch are called, too
        absolute = (
            each for each in text.splitlines() if each.startswith(b"/") and b"\0" not in text
        )
        directory = next(absolute, b"").decode("utf-8", "replace").rstrip()
        return str(Executable(PATH, runs=directory)) if directory else ""
    with opened() as file:
        try:
            form, builds, libraries = _compiled(file, 0, ())
        except (struct.error, ValueError, IndexError, OverflowError, OSError):
            return ""  # it ends too soon, or only begins like one: places in it are anywhere
    return str(Executable(form, builds, libraries=libraries)) if builds else ""


_MOST_TEXT = 4096  # bytes, as long as a path may be
# What every system has there, or a package of it.
_ORDINARY = re.compile(rb"/(?:usr/(?:local/)?)?s?bin/[^/]+")
# What installers write where a path is too long for a first line, or has blanks.
_HANDED_ON = re.compile(rb"#![^\n]*sh\n'''exec' (?:\"([^\"\n]+)\"|'([^'\n]+)'|(\S+)) ")


def script(head: bytes) -> str:
    """What a script that begins so was made for; "" if any system may have what runs it."""
    handed_on = _HANDED_ON.match(head)
    words = head[2:].partition(b"\n")[0].split()
    if handed_on:
        program = next(filter(None, handed_on.groups()))
    elif len(words) > 1 and words[0].endswith(b"/env"):
        program = next((each for each in words[1:] if each.startswith(b"/")), b"")
    else:
        program = words[0] if words else b""
    if not program.startswith(b"/") or _ORDINARY.fullmatch(program):
        return ""
    return str(Executable(SCRIPT, runs=program.decode("utf-8", "replace")))


_FROM_3_11, _PER_VERSION = range(3450, 5000), 50  # numbers, so many for each Python
_BEFORE_3_11 = (
    (range(3000, 3390), "3.6 or older"),
    (range(3390, 3400), "3.7"),
    (range(3400, 3420), "3.8"),
    (range(3420, 3430), "3.9"),
    (range(3430, 3450), "3.10"),
    (range(50000, 65536), "2"),
)


def _python_of(head: bytes) -> str:
    """The Python whose byte code begins like this, as in `3.11`; "" if no known one's does."""
    if head[2:4] != b"\r\n":
        return ""
    magic = int.from_bytes(head[:2], "little")
    if magic in _FROM_3_11:
        return f"3.{11 + (magic - _FROM_3_11.start) // _PER_VERSION}"
    return next((name for numbers, name in _BEFORE_3_11 if magic in numbers), "")


_ARCHIVE = b"!<arch>\n"
_MEMBER = 60  # bytes of a header in it
_THIN = {
    b"\xfe\xed\xfa\xce": ">28x",
    b"\xfe\xed\xfa\xcf": ">32x",
    b"\xce\xfa\xed\xfe": "<28x",
    b"\xcf\xfa\xed\xfe": "<32x",
}
_FAT = {b"\xca\xfe\xba\xbe": ">2I3I", b"\xca\xfe\xba\xbf": ">2I2Q2I"}
_Builds: TypeAlias = "tuple[tuple[str, str], ...]"
_MOST_BUILDS = 40  # a class file of Java begins as a fat one does, and its version is greater


def _compiled(
    file: BinaryIO, at: int, within: tuple[str, ...]
) -> tuple[str, _Builds, tuple[str, ...]]:
    """The form, builds and libraries of what begins at a place in a file; no builds if it is not
    compiled.
    """
    file.seek(at)
    head = file.read(64)
    if head.startswith(b"\x7fELF"):
        # An object in an archive needs what links it.
        needs, libraries = (ANY, ()) if at else _needs(file, head)
        return ELF, ((_elf_machine(head), needs),), libraries
    if head[:4] in _THIN:
        return MACH_O, (_mach_o_build(file, at, head),), ()
    if head[:4] in _FAT and not within:
        found = [_compiled(file, place, ("fat",)) for place in _slices(file, head)]
        return MACH_O, tuple(dict.fromkeys(build for _, builds, _ in found for build in builds)), ()
    if head.startswith(_ARCHIVE) and "archive" not in within:
        places = _members(file, at + len(_ARCHIVE))
        objects = (_compiled(file, place, (*within, "archive")) for place in places)
        return next((each for each in objects if each[1]), ("", (), ()))
    return "", (), ()


def _slices(file: BinaryIO, head: bytes) -> list[int]:
    """Where each of the builds in a fat file begins."""
    count = int.from_bytes(head[4:8], "big")
    if count > _MOST_BUILDS:
        return []
    layout = struct.Struct(_FAT[head[:4]])
    file.seek(8)
    return [layout.unpack(file.read(layout.size))[2] for _ in range(count)]


def _members(file: BinaryIO, at: int) -> Iterator[int]:
    """Where the content of each member of an archive begins."""
    while True:
        file.seek(at)
        header = file.read(_MEMBER)
        if len(header) < _MEMBER:
            return
        name, size = header[:16], max(int(header[48:58]), 0)
        # BSD's archives have long names in front of what they name.
        yield at + _MEMBER + (int(name[3:]) if name.startswith(b"#1/") else 0)
        at += _MEMBER + size + size % 2


_ELF_NAMES = {
    (3, 32, "<"): "i386",
    (4, 32, ">"): "m68k",
    (8, 32, "<"): "mipsel",
    (8, 32, ">"): "mips",
    (8, 64, "<"): "mips64el",
    (8, 64, ">"): "mips64",
    (15, 32, ">"): "hppa",
    (20, 32, ">"): "powerpc",
    (21, 64, "<"): "ppc64el",
    (21, 64, ">"): "ppc64",
    (22, 64, ">"): "s390x",
    (42, 32, "<"): "sh4",
    (43, 64, ">"): "sparc64",
    (50, 64, "<"): "ia64",
    (62, 32, "<"): "x32",
    (62, 64, "<"): "amd64",
    (183, 64, "<"): "arm64",
    (243, 32, "<"): "riscv32",
    (243, 64, "<"): "riscv64",
    (258, 64, "<"): "loong64",
}
"""Debian's names, by machine, word size and order of bytes."""
ELF_MACHINES = frozenset(_ELF_NAMES.values())
"""Those; ARM of 32 bits has three more: `armhf`, `armel`, and `arm` where nothing tells which."""
_ARM = 40
_SOFT, _HARD = 0x200, 0x400  # EF_ARM_ABI_FLOAT_SOFT and _HARD
_SYSTEMS = {2: "NetBSD", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD"}
OTHER_SYSTEMS = frozenset(_SYSTEMS.values())
"""That have ELF as well."""
_PROGRAM, _SHARED_OBJECT = 2, 3


_WORDS, _ORDERS = {1: 32, 2: 64}, {1: "<", 2: ">"}
_CLASS, _DATA = 4, 5  # where they are told


def _elf_machine(head: bytes) -> str:
    word, order = _WORDS.get(head[_CLASS], 0), _ORDERS.get(head[_DATA], "<")
    (machine,) = struct.unpack_from(f"{order}H", head, 18)
    if machine == _ARM and (word, order) == (32, "<"):
        (flags,) = struct.unpack_from(f"{order}I", head, 36)
        return "armhf" if flags & _HARD else "armel" if flags & _SOFT else "arm"
    return _ELF_NAMES.get((machine, word, order), f"ELF-machine-{machine}")


def _needs(file: BinaryIO, head: bytes) -> tuple[str, tuple[str, ...]]:
    """What ELF needs of its system: another one than Linux, or a C library; and all libraries."""
    if system := _SYSTEMS.get(head[7]):
        return system, ()
    (kind,) = struct.unpack_from(f"{_ORDERS.get(head[_DATA], '<')}H", head, 16)
    return _libraries(file) if kind in {_PROGRAM, _SHARED_OBJECT} else (ANY, ())


_MOST_NEEDED = 10_000  # versions, of which a damaged file may claim any number
_VERSION = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_IMPLIED = {"GLIBC_ABI_DT_RELR": (2, 36)}
_WEAK = 2  # VER_FLG_WEAK: it does without
_MUSL = ("libc.musl-", "ld-musl-")
_MOST_LIBRARIES = 1000
_NAME = re.compile(r"[\w.+-]{1,100}", re.ASCII)


def _libraries(file: BinaryIO) -> tuple[str, tuple[str, ...]]:
    """The C library that dynamic ELF needs, as `glibc-2.38`, another one, or any; and all others.

    The names of these are as the file has them (DT_NEEDED), without those that are none.
    """
    # Imported here: a cost that a package without compiled code does not owe.
    from elftools.elf.dynamic import DynamicSection  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.gnuversions import GNUVerNeedSection  # noqa: PLC0415

    least, left = (0, 0), 2
    libraries: tuple[str, ...] = ()
    try:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                needed = (aux for _, some in section.iter_versions() for aux in some)
                firm = (aux for aux in needed if not aux["vna_flags"] & _WEAK)
                versions = (_glibc(aux.name) for aux in islice(firm, _MOST_NEEDED))
                least, left = max(versions, default=(0, 0)), left - 1
            elif isinstance(section, DynamicSection):
                tags = islice(section.iter_tags("DT_NEEDED"), _MOST_LIBRARIES)
                named = (str(getattr(tag, "needed", "")) for tag in tags)
                libraries, left = tuple(filter(_NAME.fullmatch, named)), left - 1
            if not left:
                break
    except Exception:  # noqa: BLE001 - what the reader raises of damaged sections has no one class
        return ANY, ()
    # glibc is libc.so.6. Another one's libgcc_s may have versions of GLIBC all the same.
    if any(each == "libc.so" or each.startswith(_MUSL) for each in libraries):
        return NOT_GLIBC, libraries
    # What needs no version of it, most often needs none at all.
    return f"{GLIBC}-{least[0]}.{least[1]}" if least > (0, 0) else ANY, libraries


def _glibc(name: str) -> tuple[int, int]:
    """The glibc that has such a version of symbols; 0.0 if none has."""
    found = _VERSION.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else _IMPLIED.get(name, (0, 0))


_MACH_O_NAMES = {
    7: "i386",
    12: "arm",
    18: "ppc",
    0x01000007: "x86_64",
    0x0100000C: "arm64",
    0x0200000C: "arm64_32",
    0x01000012: "ppc64",
}
MACH_O_MACHINES = frozenset(_MACH_O_NAMES.values())
_BUILD_VERSION = 0x32
_LEAST_VERSIONS = {0x24: MACOS, 0x25: "iOS", 0x2F: "tvOS", 0x30: "watchOS"}
_PLATFORMS = {1: MACOS, 2: "iOS", 3: "tvOS", 4: "watchOS", 6: "Catalyst", 7: "iOS-simulator"}
_MOST_COMMANDS = 10_000


def _mach_o_build(file: BinaryIO, at: int, head: bytes) -> tuple[str, str]:
    """The processor of one build, and the system that it needs."""
    header = _THIN[head[:4]]
    order, size = header[0], struct.calcsize(header)
    machine, _, _, count = struct.unpack_from(f"{order}4I", head, 4)
    name = _MACH_O_NAMES.get(machine, f"Mach-O-machine-{machine}")
    at += size
    for _ in range(min(count, _MOST_COMMANDS)):
        file.seek(at)
        command, length, first, second = struct.unpack(f"{order}4I", file.read(16).ljust(16, b"\0"))
        if command == _BUILD_VERSION:
            return name, f"{_PLATFORMS.get(first, f'platform{first}')}-{_release(second)}"
        if command in _LEAST_VERSIONS:
            return name, f"{_LEAST_VERSIONS[command]}-{_release(first)}"
        if not length:
            break
        at += length
    return name, ANY


def _release(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}"
