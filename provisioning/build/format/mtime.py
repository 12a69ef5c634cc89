"""Knows which time the files of a package bear, where the reader of a format keeps it.

One time for all would be simplest, and is the default. But whatever compares sizes and times alone
(rsync, an HTTP server's ETag, Python's .pyc) would not notice a change that keeps the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import tar
from provisioning.artifact.mtime import of_content

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry
    from provisioning.spec.variant import Variant

EPOCH, CONTENT = "epoch", "content"


def mtime(variant: Variant, entry: Entry) -> int:
    """The time of an entry, in seconds: EPOCH, or one that another content would not have."""
    return of_content(entry) if variant.mtime == CONTENT else tar.EPOCH
