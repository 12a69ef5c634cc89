"""Knows how each format may be compressed, and how a spec says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.rule import FORMAT

if TYPE_CHECKING:
    from provisioning.spec.node import Mapping
    from provisioning.spec.variables import Scope

_CODECS = {
    "tar.gz": ("gzip",),
    "tar.zst": ("zstd",),
    "tar.xz": ("xz",),
    "zip": ("deflate",),
    "deb": ("gzip", "xz", "zstd"),
}
_LEVELS = {"gzip": 12, "deflate": 12, "xz": 9, "zstd": 19}
_WRITTEN = re.compile(r"([a-z]+)(?::([0-9]{1,2}))?")


def read_compression(compression: Mapping, scope: Scope, faults: list[Fault]) -> dict[str, str]:
    """Return what a spec says of some of the formats, as in `gzip:9`; faults are added."""
    found = {}
    for format, origin in compression.keys.items():
        if not FORMAT.holds(format, origin, faults):
            continue
        text = scope.read(compression, format)
        reason = text and _reason(format, text)
        if reason:
            where = compression.items[format].origin
            faults.append(Fault.at(where, "bad-compression", f'"{text}" {reason}'))
        elif text:
            found[format] = text
    return found


def _reason(format: str, text: str) -> str:
    """Why a format cannot be compressed as `text` says, or ""."""
    codecs = _CODECS.get(format)
    if not codecs:
        return f"means nothing: {format} is not compressed"
    match = _WRITTEN.fullmatch(text)
    if not match or match[1] not in codecs:
        return f"is not how {format} can be compressed: {', '.join(codecs)}, as in {codecs[0]}:6"
    most = _LEVELS[match[1]]
    if match[2] and not 1 <= int(match[2]) <= most:
        return f"is no level of {match[1]}: 1 to {most}"
    return ""
