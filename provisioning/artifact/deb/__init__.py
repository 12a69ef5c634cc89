"""Knows what a Debian package is spelt from: a manifest, and the few contents that dpkg needs.

dpkg runs some scripts when the files of the package are not there yet, or not any more, and wants
some texts at places of its own. So these contents are in the package twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import DEBIAN, FILE, HOOKS
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest

PRE_INSTALL, POST_REMOVE = f"{HOOKS}/pre_install", f"{HOOKS}/post_remove"
CHANGELOG, COPYRIGHT = f"{DEBIAN}/changelog", f"{DEBIAN}/copyright"
LONGEST = 1 << 20  # bytes of each

_EMBEDDED = frozenset({PRE_INSTALL, POST_REMOVE, CHANGELOG, COPYRIGHT})


class Described(NamedTuple):
    """All that the files of a Debian package are made of which are no entries of it."""

    manifest: Manifest
    texts: Mapping[str, bytes]
    """The contents of what `is_embedded`, by path."""


def is_embedded(entry: Entry) -> bool:
    """Whether dpkg needs a content elsewhere too. Raises ArtifactError for one that is large."""
    if entry.path not in _EMBEDDED or entry.type != FILE:
        return False
    if entry.size > LONGEST:
        raise ArtifactError(f"{entry.path}: a deb can have {LONGEST} bytes of it, not {entry.size}")
    return True
