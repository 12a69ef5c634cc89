"""Reads what a platform or a spec says of the operating system: its release, glibc and Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.model.variant import OperatingSystem
from provisioning.spec.schema.rules import GLIBC, PYTHON, Rule, matches, one_of

if TYPE_CHECKING:
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Mapping


class _Debian(NamedTuple):
    """What a release of Debian has."""

    glibc: str
    python: str


_DEBIANS = {
    "bullseye": _Debian("2.31", "3.9"),
    "bookworm": _Debian("2.36", "3.11"),
    "trixie": _Debian("2.41", "3.13"),
}
_DEBIAN = Rule(
    "unknown-release",
    one_of(tuple(_DEBIANS), "release of Debian"),
    known=tuple(_DEBIANS),
    others=(("11", "bullseye"), ("12", "bookworm"), ("13", "trixie"), ("stable", "trixie")),
)

_MACOS = Rule(
    "unknown-release",
    matches("[1-9][0-9](?:[.][0-9]{1,2})?", "is not a release of macOS: write one such as 14.2"),
)


def read_system(system: Mapping, os: str, scope: Scope) -> OperatingSystem:
    """The system of a variant; a release of Debian says what is not said of it.

    Another distribution than Debian says its glibc and its Python, and no release.
    """
    rule = {"macos": _MACOS, "linux": _DEBIAN}.get(os)
    release = scope.read(system, "release", rule) or ""
    known = _DEBIANS.get(release, _Debian("", ""))
    if os == "macos" and "glibc" in system.items:
        message, hint = "macOS has no glibc", "remove it"
        scope.diagnostics.error(system.keys["glibc"], "no-glibc", message, hint)
    return OperatingSystem(
        release=release,
        glibc=scope.read(system, "glibc", GLIBC) or known.glibc,
        python=scope.read(system, "python", PYTHON) or known.python,
    )
