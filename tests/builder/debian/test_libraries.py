"""What compiled code needs of Debian becomes relations of the deb, as dpkg-shlibdeps finds them."""

from __future__ import annotations

import platform
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.entry import FILE, Entry
from provisioning.builder.archive.debian import libraries
from provisioning.builder.collect.collect import Collected, Listing, collect
from provisioning.builder.collect.executables import ANY, ELF, Executable
from provisioning.builder.collect.layout import placed_by
from provisioning.builder.collect.sources import Sources
from provisioning.spec.model.variant import OperatingSystem
from tests.binaries import real_arch, real_elf
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.model.variant import Variant

BOOKWORM = OperatingSystem("bookworm", "2.36", "3.11")
HERE = {"os": "linux", "platform": "here", "arch": real_arch(), "formats": ("deb",)}


def described(system: OperatingSystem = BOOKWORM, **said: Any) -> Variant:
    contents = said.pop("contents", (content("src", "t", "lib/"),))
    return variant(*contents, system=system, **{**HERE, **said})


def listed(about: Variant, digests: Digests) -> Listing:
    (layout,) = lay_out([about], Sources("artifacts"))
    return Listing.of(collect(layout, digests.look))


def related(about: Variant, digests: Digests) -> list[str]:
    return libraries.relations(about, [*listed(about, digests)])


def faults(about: Variant, digests: Digests) -> list[Diagnostic]:
    place = partial(placed_by, about, Sources("artifacts"))
    return libraries.faults(about, listed(about, digests), place)


def elf_needing(library: str) -> bytes:
    """A real shared object that names a library of another name instead of libc.so.6."""
    code, _ = real_elf()
    assert code.count(b"\0libc.so.6\0") == 1
    assert len(library) == len("libc.so.6")
    return code.replace(b"\0libc.so.6\0", f"\0{library}\0".encode())


def put(name: str, data: bytes) -> None:
    write(name).write_bytes(data)


@pytest.mark.needs("Debian", "dpkg-shlibdeps", "openssl", "git", "rsync", "setfacl", "zstd")
def test_the_packages_are_those_that_dpkg_shlibdeps_finds(digests: Digests, tmp_path: Path) -> None:
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    programs = [f"/usr/bin/{name}" for name in ("openssl", "git", "rsync", "setfacl", "zstd")]
    for each in programs:
        put(f"t/{Path(each).name}", Path(each).read_bytes())
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian/control").write_text("Source: x\n\nPackage: x\nArchitecture: any\n")
    said = subprocess.run(
        ["dpkg-shlibdeps", "-O", *programs], cwd=tmp_path, check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    wanted = re.findall(r"(?:=|, )([a-z0-9+.-]+)", said)
    found = related(described(OperatingSystem(release, "2.99")), digests)
    assert [each.partition(" ")[0] for each in found] == sorted(wanted)


def test_the_c_library_has_the_version_that_the_newest_symbol_needs(digests: Digests) -> None:
    code, newest = real_elf()
    put("t/a.so", code)
    put("t/b.txt", b"no code")
    assert related(described(), digests) == [f"libc6 (>= {newest})"]


@pytest.mark.parametrize(("release", "package"), [("bookworm", "libuv1"), ("trixie", "libuv1t64")])
def test_a_package_has_the_name_of_its_release(release: str, package: str) -> None:
    made = Executable(ELF, ((real_arch(), ANY),), libraries=("libuv.so.1",))
    code = Collected(
        Entry("lib/a.so", FILE, 0o644, "root", "root"), "t/a.so", template=False, made_for=str(made)
    )
    assert libraries.relations(described(OperatingSystem(release)), [code]) == [package]


@pytest.mark.parametrize("release", ["", "forky"])
def test_of_another_release_nothing_is_claimed(digests: Digests, release: str) -> None:
    put("t/a.so", elf_needing("libx.so.9"))
    about = described(OperatingSystem(release))
    assert (related(about, digests), faults(about, digests)) == ([], [])


def test_what_the_package_brings_itself_it_does_not_need(digests: Digests) -> None:
    put("t/a.so", elf_needing("libx.so.9"))
    put("t/app.libs/libx.so.9", b"a library")
    about = described()
    assert (related(about, digests), faults(about, digests)) == ([], [])


@pytest.mark.parametrize("said", ["libc6 (>= 2.1)", "a, libc6 | musl", "libc6"])
def test_what_the_spec_says_itself_holds(digests: Digests, said: str) -> None:
    put("t/a.so", real_elf()[0])
    assert related(described(debian={"Depends": said}), digests) == []


def test_a_library_of_no_known_package_is_told_with_the_ways_out(digests: Digests) -> None:
    put("t/a.so", elf_needing("libx.so.9"))
    (fault,) = faults(described(contents=(content("src", "t", "lib/", number=3),)), digests)
    assert (fault.code, str(fault.origin)) == ("unknown-library", "specs/demo.yaml:13:5")
    assert fault.message == "lib/a.so needs libx.so.9, of which no package of bookworm is known"
    assert "debian.depends (such as libx)" in fault.hint


@pytest.mark.parametrize(
    "said",
    [
        {"debian": {"Depends": "libx9 (>= 1)"}},
        {"debian": {"Pre-Depends": "libx-tools"}},
        {"formats": ("tar.gz",)},
        {"contents": (content("src", "t", "lib/", foreign=True),)},
    ],
)
def test_it_is_no_fault_where_the_spec_names_it_or_no_deb_is_made(
    digests: Digests, said: dict[str, Any]
) -> None:
    put("t/a.so", elf_needing("libx.so.9"))
    assert faults(described(**said), digests) == []


def test_what_cannot_run_there_needs_nothing(digests: Digests) -> None:
    put("t/a.so", elf_needing("libx.so.9"))
    other = "arm64" if real_arch() == "amd64" else "amd64"
    about = described(arch=other)
    assert (related(about, digests), faults(about, digests)) == ([], [])


def test_the_table_has_each_library_once_in_a_release() -> None:
    for release in libraries.RELEASES:
        known = libraries._known(release)
        assert known["libssl.so.3"] == ("libssl3" if release == "bookworm" else "libssl3t64")
        assert ("libgpiod.so.2" in known) == (release == "bookworm")
    table = Path(libraries._TABLE).read_text("utf-8")
    lines = [line for line in table.splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: line.replace("- / ", ""))
    names = [name for line in lines for name in line.partition(": ")[2].split()]
    assert len(names) == len(set(names))
