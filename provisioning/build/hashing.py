"""Knows how the digests of many files are read on all processors."""

from __future__ import annotations

import hashlib
import mmap
from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact.team import Team
from provisioning.build.digests import read_digest
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.build.signature import Signature

_SHARE = 250  # files that one process reads at a time
_WIDTH = hashlib.sha256().digest_size


def read_all(files: Sequence[tuple[str, Signature]]) -> Iterator[str]:
    """The SHA-256 (hex) of each of `files`, in order; "" for one that could not be read."""
    with mmap.mmap(-1, _WIDTH * len(files)) as digests:  # memory that the processes share

        def read(share: int) -> bool:
            first = share * _SHARE
            for number, (path, now) in enumerate(files[first : first + _SHARE], first):
                with suppress(OSError, BuildError):
                    digest = bytes.fromhex(read_digest(path, now))
                    digests[number * _WIDTH : (number + 1) * _WIDTH] = digest
            return True

        with Team(read, -(-len(files) // _SHARE)) as team:
            team.agrees()  # a process that was killed has left some unread
        for start in range(0, len(digests), _WIDTH):
            digest = digests[start : start + _WIDTH]
            yield digest.hex() if any(digest) else ""
