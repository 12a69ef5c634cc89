"""The formats that a package can be built in, and the module that writes each.

What reads and proves them stands in artifact/formats.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.formats import CODECS, DEB, DIR, ZIP
from provisioning.builder.archive import deb, directory, tar
from provisioning.builder.archive import zip as zip_format

if TYPE_CHECKING:
    from provisioning.builder.archive.format import FormatWriter

WRITERS: dict[str, FormatWriter] = {
    **dict.fromkeys(CODECS, tar),
    ZIP: zip_format,
    DEB: deb,
    DIR: directory,
}
