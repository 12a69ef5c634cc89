"""Knows which time a member bears where its content is to show in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.entry import FILE
from provisioning.artifact.tar import EPOCH

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

_SPAN = 20 * 365 * 24 * 3600  # seconds: from EPOCH on, and never in the future


def of_content(entry: Entry) -> int:
    """The time of a file, in seconds, that another content would not have; else EPOCH."""
    return EPOCH + int(entry.digest[:16], 16) % _SPAN if entry.type == FILE else EPOCH
