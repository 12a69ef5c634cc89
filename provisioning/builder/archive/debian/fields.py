"""Adds to a package's control fields what the scripts of its Debian package need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.artifact.model.package import Package

_ROOT = ("", "root", "0")
STRONG = ("Pre-Depends", "Depends")
"""The fields that name what a package cannot do without."""

NAMES = re.compile(r"(?:^|[,|])\s*([a-z0-9+.-]+)")
"""The names of packages in a field of relations."""


def complete(package: Package) -> Package:
    """The same package with the fields that the scripts of this version need."""
    fields = dict(package.debian)
    if users(package):  # before it is unpacked, since its files may be theirs
        _add(fields, "Pre-Depends", "adduser", ("Pre-Depends",))
    if package.device:  # preinst asks for them
        _add(fields, "Pre-Depends", "python3", ("Pre-Depends",))
    if package.python:
        major, minor = package.python.split(".")
        bounds = (f">= {package.python}", f"<< {major}.{int(minor) + 1}")
        _depend(fields, [f"python3 ({bound})" for bound in bounds])
    # What is needed to verify what lies there; the package may have no other use for it.
    _add(fields, "Recommends", "python3", (*STRONG, "Recommends"))
    return package._replace(debian=tuple(sorted(fields.items())))


def depending(package: Package, relations: Sequence[str]) -> Package:
    """The same package, which depends on others, too."""
    fields = dict(package.debian)
    _depend(fields, relations)
    return package._replace(debian=tuple(sorted(fields.items())))


def _depend(fields: dict[str, str], relations: Sequence[str]) -> None:
    if relations:
        fields["Depends"] = ", ".join(filter(None, (fields.get("Depends"), *relations)))


def runners(package: Package) -> tuple[str, ...]:
    """The users who run services, sorted; root is there anyway."""
    return tuple(sorted({each.user for each in package.services}.difference(_ROOT)))


def users(package: Package) -> tuple[str, ...]:
    """The users to create before files are unpacked, sorted: a number cannot be created."""
    return tuple(user for user in runners(package) if not user.isdigit())


def groups(package: Package) -> tuple[str, ...]:
    """The groups that services need and no user brings along, sorted."""
    named = {name for each in package.services for name in (each.group, *each.groups)}
    found = named.difference(_ROOT, users(package))
    return tuple(sorted(group for group in found if not group.isdigit()))


def _add(fields: dict[str, str], field: str, name: str, known: tuple[str, ...]) -> None:
    """Add a package to a field, unless the spec names it in one of `known`."""
    named = {each for key in known for each in NAMES.findall(fields.get(key, ""))}
    if name not in named:
        fields[field] = ", ".join(filter(None, (fields.get(field), name)))
