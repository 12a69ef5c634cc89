"""Finds the Debian packages whose shared libraries the code in a package needs.

As dpkg-shlibdeps(1) does, but for the platform's release: that program asks what is installed on
the machine that builds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.formats import DEB
from provisioning.artifact.model.entry import shown
from provisioning.builder.archive.debian.fields import NAMES, STRONG
from provisioning.builder.collect import executables
from provisioning.builder.collect.executables import ELF, GLIBC
from provisioning.builder.collect.expand import content_fault
from provisioning.builder.collect.foreign import numbers, why_not_compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from provisioning.builder.collect.collect import Collected, Listing
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.model.variant import Content, Variant

RELEASES = ("bookworm", "trixie")
"""The releases of Debian of which the packages are known."""
_TABLE = Path(__file__).with_name("libraries.txt")
_NONE = "-"
_C_LIBRARY = "libc6"
_LOADER = "ld-linux"


def relations(variant: Variant, collected: Sequence[Collected]) -> list[str]:
    """The packages that the code in a package needs, as `Depends` has them, sorted.

    Those are left out that the spec names itself.
    """
    wanted, glibc = _wanted(variant, collected) if variant.system.release in RELEASES else ({}, ())
    if not wanted:
        return []
    known, said = _known(variant.system.release), _said(variant)
    brought = {_name_of(each) for each in collected}
    found = {known.get(library, "") for library in wanted if library not in brought}
    found = {each for each in found if each and said.isdisjoint(NAMES.findall(each))}
    if glibc and _C_LIBRARY in found:
        found.remove(_C_LIBRARY)
        found.add(f"{_C_LIBRARY} (>= {'.'.join(map(str, glibc))})")
    return sorted(found)


def faults(
    variant: Variant, listing: Listing, placed_by: Callable[[], Mapping[str, Content]]
) -> list[Diagnostic]:
    """Check that it is known which packages have what the code in a deb needs.

    `placed_by` tells which content put each path there, and is asked only where something is found.
    """
    if DEB not in variant.formats or variant.system.release not in RELEASES:
        return []
    wanted, _ = _wanted(variant, listing.code())
    known, said = _known(variant.system.release), _said(variant)
    strange = {
        library: path
        for library, path in wanted.items()
        if library not in known
        and not library.startswith(_LOADER)
        and not any(name.startswith(_stem(library)) for name in said)
    }
    brought = set(map(_name_of, listing)) if strange else set()
    strange = {each: path for each, path in strange.items() if each not in brought}
    placed = placed_by() if strange else {}
    found = []
    for library, path in sorted(strange.items()):
        content = placed.get(path)
        if content and not content.foreign:
            message = (
                f"{shown(path)} needs {library}, of which no package of {variant.system.release} "
                "is known"
            )
            hint = (
                f"name the package that has it in debian.depends (such as {_stem(library)}), "
                "exclude the file, or say `foreign: true` if it can do without"
            )
            found.append(
                content_fault("unknown-library", content, content.kind, message, hint=hint)
            )
    return found


def _name_of(collected: Collected) -> str:
    return collected.entry.path.rpartition("/")[2]


def _said(variant: Variant) -> set[str]:
    """The packages that the spec names as needed."""
    return {name for key in STRONG for name in NAMES.findall(variant.debian.get(key, ""))}


def _wanted(
    variant: Variant, collected: Iterable[Collected]
) -> tuple[dict[str, str], tuple[int, ...]]:
    """The libraries that code needs, each with a path, and the newest version of glibc."""
    wanted: dict[str, str] = {}
    versions = []
    for entry, _, _, made_for in collected:
        if not made_for.startswith(f"{ELF} "):
            continue
        made = executables.read(made_for)
        if why_not_compiled(variant, made):
            continue  # it does not run there, whether that is meant or a fault of its own
        for library in made.libraries:
            wanted.setdefault(library, entry.path)
        for _, needs in made.builds:
            name, _, version = needs.partition("-")
            if name == GLIBC:
                versions.append(numbers(version))
    return wanted, max(versions, default=())


def _stem(library: str) -> str:
    """What the name of a library's package begins with (Debian Policy 8.1)."""
    return library.partition(".so")[0].lower().replace("_", "-")


@cache
def _known(release: str) -> dict[str, str]:
    """The relation for each library of a release."""
    known = {}
    column = RELEASES.index(release)
    for line in _TABLE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        packages, _, libraries = line.partition(": ")
        relation = (packages.split(" / ") * len(RELEASES))[column]
        if relation != _NONE:
            known.update(dict.fromkeys(libraries.split(), relation))
    return known
