"""Knows which formats a package can be built in: what writes each, and what tells its chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.formats import CODECS, DEB, DIR, ZIP
from provisioning.builder.archive import deb, directory, tar
from provisioning.builder.archive import zip as zip_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.job import Order
    from provisioning.builder.archive.members import Read, Run
    from provisioning.builder.workspace.output import Output
    from provisioning.spec.model.variant import Variant

    Write = Callable[[Order, Output], object]
    Planned = Callable[[Order], Iterator[Run]]
    RunOf = Callable[[Variant, str, Group, Read], Run | None]

WRITERS: dict[str, Write] = {
    **dict.fromkeys(CODECS, tar.write),
    ZIP: zip_format.write,
    DEB: deb.write,
    DIR: directory.write,
}

PLANNED: dict[str, Planned] = {
    **dict.fromkeys(CODECS, tar.planned),
    ZIP: zip_format.planned,
    DEB: deb.planned,
}
"""For formats that are made of chunks, what tells all of these beforehand."""


RUN_OF: dict[str, RunOf] = {
    **dict.fromkeys(CODECS, tar.run),
    ZIP: zip_format.run,
    DEB: deb.run,
}
"""For the same formats, what tells which chunks hold one group."""
