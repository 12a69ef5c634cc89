"""Knows how a data member of one stream is read: dpkg reads no further than the first.

So only gzip is cut into chunks there: of several xz or zstd streams dpkg installs the first, and
tells nothing of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.codec.gzip import GzipReader
from provisioning.artifact.codec.xz import XzReader
from provisioning.artifact.codec.zstd import ZstdReader

if TYPE_CHECKING:
    from provisioning.artifact.codec.reader import ChunkReader


class OneXzReader(XzReader):
    """The uncompressed bytes of one xz stream: see ChunkReader."""

    is_single = True


class OneZstdReader(ZstdReader):
    """The uncompressed bytes of one zstd frame, of which no size is told: see ChunkReader."""

    is_single = True
    # Magic, a frame with a checksum and without its size, a window of 8 MiB (RFC 8878, section
    # 3.1.1.1).
    header = b"\x28\xb5\x2f\xfd\x04\x68"

    def fault(self, begin: bytes, length: int) -> str | None:
        """See ChunkReader: what is not covered by a checksum stands in `header`."""
        del begin, length
        return None


READERS: dict[str, type[ChunkReader]] = {
    "gzip": GzipReader,
    "xz": OneXzReader,
    "zstd": OneZstdReader,
}
"""What reads a data member, by its codec."""
