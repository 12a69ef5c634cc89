"""Knows which time a member bears: that of all, or one in which its content shows.

Whatever compares sizes and times alone (rsync, Python's .pyc, an HTTP server's ETag) would not
notice a change that keeps the size, had all one time. No clock is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.entry import FILE
from provisioning.artifact.tar import EPOCH

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

_SPAN = 20 * 365 * 24 * 3600  # seconds: from EPOCH on, and never in the future


def of_content(entry: Entry) -> int:
    """The time of a file, in seconds, that another content would not have; else EPOCH.

    That of a file is never EPOCH, which tells how it is with all: not even where a zip halves it.
    """
    if entry.type != FILE:
        return EPOCH
    return EPOCH + max(2, int(entry.digest[:16], 16) % _SPAN)
