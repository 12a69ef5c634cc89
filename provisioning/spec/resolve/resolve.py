"""Knows how a spec and a platform become one: merged, with the names that texts resolve to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from provisioning.spec.diagnostics import Diagnostic
from provisioning.spec.model.services import declared
from provisioning.spec.model.variant import key_of
from provisioning.spec.resolve.layers import Conditions, Fragments, dotted, merge, stack
from provisioning.spec.resolve.names import find_names
from provisioning.spec.resolve.variables import Scope
from provisioning.spec.resolve.version import find_version
from provisioning.spec.schema.rules import PREFIX, clean
from provisioning.spec.yaml.node import Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Collection

    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.resolve.platforms import Platform
    from provisioning.spec.yaml.node import Origin

_IDENTITY = ("name", "platform", "os", "arch")
_SETTLED = ("version", "prefix")
_NEEDED = ("os", "arch", "prefix", "formats")
DEFAULTS = ("owner", "group", "file_mode", "dir_mode")
_BY_NAME = ("services", "hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a spec and a platform say together; of no use once there are faults."""

    merged: Mapping
    """Every key, the texts as they were written; no `variables`, `secrets`, `contents`."""
    contents: tuple[Mapping, ...]
    """What `contents` list for the platform, fragments included, the texts as written."""
    scope: Scope
    """What the texts resolve to."""
    conditions: Conditions
    names: frozenset[str]
    """Those that the command line can give a value."""
    spec: Mapping
    asked: Origin
    said_by: tuple[str, ...]
    """The files of the project that say it, less those of secrets, which nobody commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A spec and a platform, on their way to be one; every fault is added to `faults`."""

    inputs: Inputs
    spec: Mapping
    asked: Origin
    """Where the spec names the platform."""
    platform: Platform
    known: Collection[str]
    """Every platform that there is."""
    sound: bool
    """The platforms were read without faults: what one lacks was not just refused."""
    faults: list[Diagnostic]

    def resolved(self) -> Resolved:
        """Merge, and settle every name."""
        with self.inputs.account() as asked:
            resolved = self._resolved()
        hidden = self.inputs.secret_files
        read = {each.name for each in asked if each.kind == "file"} - hidden
        said_by = {self.spec.origin.file, *self.platform.files, *read}
        return replace(resolved, said_by=tuple(sorted(said_by)))

    def _resolved(self) -> Resolved:
        overlay = self.spec.mapping("platforms").mapping(self.platform.family[0])
        layers = [self.platform.node, self.spec.without("platforms"), overlay]
        merged = reduce(merge, map(declared, layers))
        self._require(merged)
        identity: dict[str, Node] = {key: _literal(merged, key) for key in _IDENTITY}
        names = find_names(layers, identity, self.inputs, self.faults)
        settled = {key: merged.items[key] for key in _SETTLED if key in merged.items}
        values = {**names.values.items, **identity, **settled}
        scope = Scope(values, self.inputs, self.faults, complete=names.complete)
        scope = self._settled(merged, scope)
        conditions = Conditions(self.platform.family, self.known, scope, self.faults)
        fragments = Fragments(self.inputs, scope, conditions, self.faults)
        by_name = {
            key: stack([layer.mapping(key) for layer in layers], self.faults) for key in _BY_NAME
        }
        return Resolved(
            merged=replace(merged, items={**merged.items, **by_name}),
            contents=tuple(fragments.expand(merged.sequence("contents"))),
            scope=scope,
            conditions=conditions,
            names=frozenset(dotted(names.values)),
            spec=self.spec,
            asked=self.asked,
            said_by=(),
        )

    def _require(self, merged: Mapping) -> None:
        """Tell what no spec needs to say, and this platform does not say either."""
        defaults = merged.mapping("defaults").items
        missing = [key for key in _NEEDED if key not in merged.items]
        missing += [f"defaults.{key}" for key in DEFAULTS if key not in defaults]
        if missing and self.sound:
            message = f"the platform {self.platform.family[0]} does not say {', '.join(missing)}"
            hint = "let it extend linux or macos, or write these keys into its file"
            self.faults.append(Diagnostic.at(self.asked, "incomplete-platform", message, hint))

    def _settled(self, merged: Mapping, scope: Scope) -> Scope:
        """Return `scope` with the version found, and the prefix as it will be."""
        version = scope.resolve(merged.items["version"]) if "version" in merged.items else None
        found = None
        if version is not None:
            whose = key_of(_literal(merged, "name").text, self.platform.family[0])
            found = find_version(version, whose, self.inputs, self.faults)
        text, origin = (found.text, found.origin) if found else ("0", merged.origin)
        scope = scope.with_text("version", text, origin)
        prefix = scope.read(merged, "prefix", PREFIX)
        origin = merged.items["prefix"].origin if "prefix" in merged.items else merged.origin
        return scope.with_text("prefix", f"/{clean(prefix or '')}", origin)


def _literal(merged: Mapping, key: str) -> Scalar:
    """Return what names the variant, as written; where that is missing, something to go on with."""
    node = merged.items.get(key)
    if isinstance(node, Scalar):
        return replace(node, literal=True)
    return Scalar(value=key, origin=merged.origin, text=key, quoted=True, literal=True)
