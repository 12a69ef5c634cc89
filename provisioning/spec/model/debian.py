"""Reads what a spec says for a Debian package alone, and checks that the package can be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.model.variant import Document
from provisioning.spec.schema.rules import (
    ARCHITECTURES,
    DOCUMENTS,
    FIELDS,
    OTHERWISE,
    PATH,
    RELATIONS,
    clean,
    spelt,
)
from provisioning.spec.yaml.node import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Mapping, Node, Origin

_SHORTEST_NAME = 2  # Policy 5.6.1
_LONGEST_PART = 246  # bytes: dpkg puts a suffix of nine more behind what it unpacks
_LONGEST_PREFIX = 4000  # bytes, of the 4,095 that a path may have


def read_fields(debian: Mapping, scope: Scope) -> dict[str, str]:
    """Return the fields of the control file that a spec says, each in one line."""
    found = {key: scope.read(debian, key, rule) for key, rule in FIELDS.items()}
    for key, rule in RELATIONS.items():
        texts = dict.fromkeys(map(spelt, scope.texts(debian, key, rule)))
        found[key] = ", ".join(texts)
    return {key.replace("_", "-").title(): text for key, text in found.items() if text}


def read_documents(debian: Mapping, scope: Scope) -> tuple[Document, ...]:
    """Return the files of the project that a spec names."""
    found = []
    for name in DOCUMENTS:
        node = debian.items.get(name)
        path = scope.text(node, PATH) if isinstance(node, Scalar) else None
        if isinstance(node, Scalar) and path is not None:
            found.append(Document(name=name, source=clean(path), origin=node.origin))
    return tuple(found)


def demand_debian(values: dict[str, Node], formats: Node, diagnostics: Diagnostics) -> None:
    """Report whatever keeps a package that is to be a deb from being one."""
    for origin, message, hint in _obstacles(values, formats.origin):
        diagnostics.error(origin, "not-debian", message, hint)


def _obstacles(values: dict[str, Node], formats: Origin) -> Iterator[tuple[Origin, str, str]]:
    name, version, os, arch, prefix = map(values.get, ("name", "version", "os", "arch", "prefix"))
    if isinstance(name, Scalar) and len(name.text) < _SHORTEST_NAME:
        message = f"{name.text} is not a valid name for a deb, which needs at least two characters"
        yield name.origin, message, "write a longer one, or leave deb out"
    if isinstance(version, Scalar) and "_" in version.text:
        message = f"{version.text} is not a valid version for a deb, which cannot have a _"
        yield version.origin, message, f"write {version.text.replace('_', '.')}, or leave deb out"
    if isinstance(prefix, Scalar) and (reason := _prefix_reason(prefix.text)):
        yield prefix.origin, f"{prefix.text} {reason}", "write a shorter one, or leave deb out"
    if isinstance(os, Scalar) and os.text != "linux":
        yield formats, f"a deb is for linux, but the os of this platform is {os.text}", ""
    elif isinstance(arch, Scalar) and arch.text not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        meant = OTHERWISE.get(arch.text)
        hint = f"Debian calls it {meant}" if meant else f"known: {known}"
        yield arch.origin, f"{arch.text} is not a Debian architecture", hint


def _prefix_reason(prefix: str) -> str:
    longest = max(len(part.encode()) for part in prefix.split("/"))
    if longest > _LONGEST_PART:
        return f"has a name of {longest} bytes, but dpkg unpacks at most {_LONGEST_PART}"
    whole = len(prefix.encode())
    too_long = f"has {whole} bytes, but a deb allows at most {_LONGEST_PREFIX}"
    return too_long if whole > _LONGEST_PREFIX else ""
