"""Knows how a package becomes a plain directory, to look at or to copy with rsync."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact.extract import Writer
from provisioning.artifact.model.entry import FILE
from provisioning.artifact.tar import archive
from provisioning.artifact.tar.ustar import EPOCH
from provisioning.builder.archive import members
from provisioning.builder.archive.job import mtime

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.builder.archive.job import Order
    from provisioning.builder.workspace.output import Output


def write(order: Order, made: Output) -> None:
    """Make the directory NAME, as `tar` would unpack it, but for owners."""
    collected = [each for group in order.groups for each in group.members]
    reserved = archive.reserved(order.manifest)
    entries = (*reserved, *(each.entry for each in collected))
    root = made.directory(order.place.artifact(order.format))
    with Writer(root, entries) as writer:
        writer.write(reserved[1], [order.manifest])
        for each in collected:
            if each.entry.type == FILE:
                writer.write(each.entry, members.content(each))
        writer.finish()
    root.chmod(0o755)  # whatever the umask is
    for entry in entries:
        _set_time(root / entry.path, mtime(order.variant, entry))
    _set_time(root, EPOCH)


def _set_time(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds), follow_symlinks=False)
