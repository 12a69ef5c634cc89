"""Knows what the specs say, and reads them only when something they are made from has changed."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import provisioning
from provisioning.artifact import digest
from provisioning.build import workspace
from provisioning.build.cache import Cache
from provisioning.build.layout import Layout, lay_out
from provisioning.errors import ProvisioningError
from provisioning.spec.fault import SpecError
from provisioning.spec.inputs import Input
from provisioning.spec.node import Origin
from provisioning.spec.variant import Content, Hook, Service, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from provisioning.build.digests import Digests
    from provisioning.spec.inputs import Inputs


_ROW = "variants"


class Plan(NamedTuple):
    """What is to be built: a layout for each variant."""

    layouts: tuple[Layout, ...]
    ignored: tuple[str, ...] = ()
    """Names given on the command line that no spec knows."""


def plan(inputs: Inputs, digests: Digests, artifacts: str) -> Plan:
    """Lay out every spec of the project, which is the working directory.

    Raises:
        SpecError: with every fault of every spec and layout.
    """
    memory = _Memory(workspace.specs(artifacts), inputs, digests)
    known = memory.recall()
    if known is not None:
        try:
            return Plan(lay_out(known, artifacts))
        except SpecError:
            pass  # what is remembered does not know all the places that a report shows
    # Imported here: readers and checkers of YAML are a cost for specs that changed alone.
    from provisioning.spec.project import read_project  # noqa: PLC0415

    with inputs.account() as account:
        reading = read_project(inputs)
    layouts = lay_out(reading.variants, artifacts, reading.faults)
    memory.keep(reading.variants, account)
    return Plan(layouts, reading.ignored)


class _Memory:
    """The variants of the last reading, as a row whose loss costs time and never correctness."""

    def __init__(self, path: Path, inputs: Inputs, digests: Digests) -> None:
        self._cache = Cache(path, ("name", "digest", "text"))
        self._inputs = inputs
        self._digests = digests

    def recall(self) -> tuple[Variant, ...] | None:
        """The variants, if nothing that they were made from has changed."""
        row = None if self._inputs.given else self._cache.row(_ROW)
        if row is None or row[1] != digest.of_bytes(row[2].encode()):
            return None
        kept = json.loads(row[2])
        try:
            if kept["code"] != _code() or not all(self._holds(*each) for each in kept["account"]):
                return None
        except (OSError, ProvisioningError):
            return None  # a file is gone, or can no longer be read: a fresh reading tells
        contents = [_part(Content, each, origins={}) for each in kept["contents"]]
        return tuple(_variant(each, contents) for each in kept["variants"])

    def keep(self, variants: Iterable[Variant], account: dict[Input, str]) -> None:
        """Write `variants` down, unless a secret stands in one."""
        if self._inputs.given or any(variant.secrets for variant in variants):
            return
        # The platforms of one package share most of their contents.
        contents: dict[str, int] = {}
        kept = {
            "code": _code(),
            "account": [(*asked, state) for asked, state in account.items()],
            "variants": [_values(variant, contents) for variant in variants],
            "contents": [json.loads(content) for content in contents],
        }
        text = json.dumps(kept, separators=(",", ":"))
        self._cache.put([(_ROW, digest.of_bytes(text.encode()), text)])

    def _holds(self, kind: Any, name: str, state: str) -> bool:
        return self._inputs.state(Input(kind, name), self._digest) == state

    def _digest(self, path: str) -> str:
        return self._digests.look(os.path.relpath(path)).digest


@cache
def _code() -> str:
    """What tells apart two states of the code that makes variants, and its platforms."""
    package = os.path.dirname(provisioning.__file__)
    files = [
        (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
        for directory in ("spec", "platforms", "build")
        for entry in os.scandir(os.path.join(package, directory))
        if entry.is_file()
    ]
    return hashlib.sha256(repr(sorted(files)).encode()).hexdigest()


def _values(part: Any, contents: dict[str, int] | None = None) -> Any:
    """The fields of a variant, or of a part of it, as JSON has them; a content as its number."""
    if isinstance(part, Content) and contents is not None:
        return contents.setdefault(json.dumps(_values(part)), len(contents))
    if isinstance(part, Origin):
        return [part.file, part.line, part.column, part.path]
    if isinstance(part, tuple):
        return [_values(each, contents) for each in part]
    if not isinstance(part, (Variant, Content, Service, Hook)):
        return sorted(part) if isinstance(part, frozenset) else part
    made: Any = type(part)
    return [_values(getattr(part, name), contents) for name in _names(made)]


def _variant(values: list[Any], contents: Sequence[Content]) -> Variant:
    named = dict(zip(_names(Variant), values, strict=True))
    named["contents"] = tuple(contents[number] for number in named["contents"])
    named["services"] = tuple(_part(Service, each) for each in named["services"])
    named["hooks"] = tuple(_part(Hook, each) for each in named["hooks"])
    named["formats"] = tuple(named["formats"])
    named["secrets"] = frozenset(named["secrets"])
    return Variant(**{**named, "origin": _origin(named["origin"])})


def _part(made: Any, values: list[Any], **others: Any) -> Any:
    named = dict(zip(_names(made), values, strict=True))
    if "exclude" in named:
        named["exclude"] = tuple(named["exclude"])
    return made(**{**named, **others, "origin": _origin(named["origin"])})


def _origin(values: list[Any]) -> Origin:
    file, line, column, path = values
    return Origin(file=file, line=line, column=column, path=path)


@cache
def _names(made: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(made) if each.name != "origins")
