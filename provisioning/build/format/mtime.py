"""Knows which times the files of a package bear: see artifact/mtime.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import tar
from provisioning.artifact.mtime import of_content

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry
    from provisioning.spec.variant import Variant

_EPOCH = "epoch"


def is_by_content(variant: Variant) -> bool:
    """Tell whether another content has another time."""
    return variant.mtime != _EPOCH


def mtime(variant: Variant, entry: Entry) -> int:
    """The time of an entry, in seconds: that of all, or one that another content would not have."""
    return of_content(entry) if is_by_content(variant) else tar.EPOCH
