"""Knows how bytes become a gzip member, and the like, that is the same on every machine."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.variant import Variant

LEVEL = 7
_DEFAULTS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz"}


class Encoder(NamedTuple):
    """What compresses chunks."""

    codec: str
    name: str
    """Recorded with the archive, and part of every chunk's key: another library, which each
    version of its binding carries inside, or another level makes other bytes."""
    press: Callable[[bytes | bytearray], bytes | bytearray]
    """Compress bytes on their own: what it makes of them can follow each other. Other threads run
    meanwhile."""


def encoder_of(variant: Variant, format: str) -> Encoder:
    """What compresses a format of a variant: as its `compression` says, as in `gzip:9`."""
    codec, _, level = variant.compression.get(format, _DEFAULTS[format]).partition(":")
    return encoder(codec, int(level) if level else None)


@lru_cache
def encoder(codec: str, level: int | None = None) -> Encoder:
    """What makes chunks of a codec, at its own level where none is given."""
    level = LEVEL if level is None else level

    def press(data: bytes | bytearray) -> bytearray:
        # Imported here: graph.py needs the name for a build that compresses nothing.
        from deflate import gzip_compress  # noqa: PLC0415

        # Its header is codec.HEADER: no name, no time, no system, nor how hard it was tried.
        made = gzip_compress(data, level)
        made[8] = 0
        return made

    return Encoder(codec, f"gzip, deflate {version('deflate')} -{level}", press)
