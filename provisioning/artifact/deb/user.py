"""Knows whom a Debian package makes: the users that run its services."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioning.artifact.package import Package

_ROOT = ("", "root")


def users(package: Package) -> tuple[str, ...]:
    """Who has to be there before the files are, sorted; a number is nobody that could be made."""
    named = {each.user for each in package.services if not each.user.isdigit()}
    return tuple(sorted(named.difference(_ROOT)))
