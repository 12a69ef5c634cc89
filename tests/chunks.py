"""Makes tests use chunks of a few files each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.tar import chunking

if TYPE_CHECKING:
    import pytest


def shrink(patch: pytest.MonkeyPatch, by: int) -> None:
    """Make all chunks, of every codec, so many times smaller."""
    levels = tuple(chunking.Sizes(*(size // by for size in level)) for level in chunking.LEVELS)
    patch.setattr(chunking, "LEVELS", levels)
    patch.setattr(chunking, "MAX", levels[0].max)
