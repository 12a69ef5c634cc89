"""Knows the package as its manifest has it: with what a Debian package makes of the entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.release import DEB

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from provisioning.artifact.package import Package
    from provisioning.build.listing import Collected


def stating(package: Package, formats: Collection[str], collected: Iterable[Collected]) -> Package:
    """The package that holds what was collected, templates as they became, in these formats.

    A hook, and whatever else a Debian package has elsewhere too, is read: raises like
    `members.whole`.
    """
    if DEB not in formats:
        return package
    # Imported here: a cost that a package without a deb does not owe.
    from provisioning.build.format.deb import described, files  # noqa: PLC0415

    return package._replace(debian_files=files(described(package, collected)))
