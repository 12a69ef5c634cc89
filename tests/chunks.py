"""Knows how a test has chunks of a few files each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import chunk

if TYPE_CHECKING:
    import pytest


def shrink(patch: pytest.MonkeyPatch, by: int) -> None:
    """Make all chunks, of every codec, so many times smaller."""
    levels = tuple(chunk.Sizes(*(size // by for size in level)) for level in chunk.LEVELS)
    patch.setattr(chunk, "LEVELS", levels)
    patch.setattr(chunk, "MAX", levels[0].max)
