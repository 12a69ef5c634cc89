"""Knows which codecs chunks are compressed with, and what reads each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.codec.gzip import GzipReader
from provisioning.artifact.codec.xz import XzReader
from provisioning.artifact.codec.zstd import ZstdReader

if TYPE_CHECKING:
    from provisioning.artifact.codec.reader import ChunkReader

READERS: dict[str, type[ChunkReader]] = {"gzip": GzipReader, "xz": XzReader, "zstd": ZstdReader}
"""What reads the chunks of each codec."""
