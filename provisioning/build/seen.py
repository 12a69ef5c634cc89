"""Knows what the walks of the last run found: the next one then looks at what changed alone."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.build import output
from provisioning.build.signature import MARSHAL

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.build.tree import Found

    Trees = dict[str, list[Found]]


def keep(path: Path, trees: Trees) -> str:
    """Leave `trees` in a file, and return the digest that they are asked for by; "" if they cannot.

    Their loss costs time alone.
    """
    data = marshal.dumps(trees, MARSHAL)
    output.sweep_old(path)
    return digest.of_bytes(data) if output.remember(path, (data,)) else ""


def recall(path: Path, kept: str) -> Trees | None:
    """The trees that `keep` gave this digest, if they are undamaged, and the last ones."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    # Only what this tool has written is read: marshal trusts what it is given.
    trees: Trees | None = marshal.loads(data) if digest.of_bytes(data) == kept else None  # noqa: S302
    return trees
