"""Knows how a package becomes a plain directory, to look at or to copy with rsync."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from provisioning.artifact import archive
from provisioning.artifact.entry import FILE
from provisioning.artifact.extract import Writer
from provisioning.artifact.tar import EPOCH
from provisioning.build import members
from provisioning.build.format.mtime import mtime

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.build.format.order import Order
    from provisioning.build.output import Output


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
