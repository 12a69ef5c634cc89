"""Knows the file `control` of a Debian package: deb-control(5), Debian Policy 5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.artifact.deb import user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.package import Package

# As dpkg-gencontrol(1) orders them.
_BEFORE = ("Package", "Version", "Architecture", "Maintainer", "Installed-Size")
_RELATIONS = (
    *("Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances"),
    *("Conflicts", "Breaks", "Replaces", "Provides"),
)
_AFTER = ("Section", "Priority", "Homepage", "Description")
_ORDER = (*_BEFORE, *_RELATIONS, *_AFTER)
_DEFAULTS = {"Section": "misc", "Priority": "optional"}
_STRONG = ("Pre-Depends", "Depends", "Recommends")
_ADDRESS = re.compile(r"[^<>@\s]+@[^<>@\s]+")
_CONTACT = re.compile(rf"[^<>]+ <{_ADDRESS.pattern}>")
_NAMES = re.compile(r"(?:^|[,|])\s*([a-z0-9+.-]+)")


def control(package: Package, installed_size: int) -> str:
    """Spell the file; the size is in KiB."""
    fields = {
        **_DEFAULTS,
        **dict(package.debian),
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.arch,
        "Maintainer": maintainer(package),
        "Installed-Size": str(installed_size),
        "Description": "\n ".join(_description(package)),
    }
    return "".join(f"{key}: {fields[key]}\n" for key in _ORDER if key in fields)


def complete(package: Package) -> Package:
    """The same package with what the scripts of this version need, for its manifest to say."""
    fields = dict(package.debian)
    if user.users(package):  # before it is unpacked, since its files may be theirs
        _add(fields, "Pre-Depends", "adduser", ("Pre-Depends",))
    if package.device:  # preinst asks for them
        _add(fields, "Pre-Depends", "python3", ("Pre-Depends",))
    # What is needed to verify what lies there; the package may have no other use for it.
    _add(fields, "Recommends", "python3", _STRONG)
    return package._replace(debian=tuple(sorted(fields.items())))


def maintainer(package: Package) -> str:
    """Who answers for a package: a name and an address, which every package must have."""
    said = line(package.maintainer)
    if _CONTACT.fullmatch(said):
        return said
    name = said.translate({ord("<"): None, ord(">"): None}) or package.name
    # Without an address, those who installed it are who can be asked.
    return f"{package.name} <{said}>" if _ADDRESS.fullmatch(said) else f"{name} <root@localhost>"


def line(text: str) -> str:
    """What can stand in one line, and do nothing to a terminal."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())


def _add(fields: dict[str, str], field: str, name: str, known: tuple[str, ...]) -> None:
    """Add a package to a field, unless the spec names it in one of `known`."""
    named = {each for key in known for each in _NAMES.findall(fields.get(key, ""))}
    if name not in named:
        fields[field] = ", ".join(filter(None, (fields.get(field), name)))


def _description(package: Package) -> Iterator[str]:
    """What it is in short, and then more of it, line by line."""
    first, *more = package.summary.strip().splitlines() or [package.name]
    yield line(first) or package.name
    told = [line(each) or "." for each in more]
    while told[:1] == ["."]:
        del told[0]
    yield from told or [f"It is installed in {package.prefix}."]
