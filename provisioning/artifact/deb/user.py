"""Knows whom a Debian package makes: the users that run its services."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from provisioning.artifact.package import Package

_ROOT = frozenset({"", "root"})


class Names(NamedTuple):
    """Who has to be there."""

    users: tuple[str, ...]
    """Each with a group of the same name."""
    groups: tuple[str, ...]
    """Besides."""


def names(package: Package) -> Names | None:
    """Who has to be there before the files are, sorted; None for nobody but root.

    A number is nobody that could be made.
    """
    users = sorted({each.user for each in package.services if _is_name(each.user)})
    groups = {each.group for each in package.services if _is_name(each.group)}
    if not users and not groups:
        return None
    return Names(tuple(users), tuple(sorted(groups - {*users})))


def _is_name(owner: str) -> bool:
    return owner not in _ROOT and not owner.isdigit()
