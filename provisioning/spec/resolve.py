"""Knows how a spec and a platform become a Variant: merged, then resolved, then checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from provisioning.spec.content import Contents
from provisioning.spec.data import read_variables
from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Node, Origin, Scalar
from provisioning.spec.overlay import merge, merge_maps
from provisioning.spec.rule import FORMAT, MODE, OWNER, PATH, PREFIX, clean
from provisioning.spec.variables import BUILT_IN, Scope
from provisioning.spec.variant import Variant
from provisioning.spec.version import find_version

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs

_IDENTITY = ("name", "platform", "os", "arch")
_SETTLED = ("version", "prefix")
_ABOUT = ("summary", "license", "maintainer")
_NEEDED = ("os", "arch", "prefix", "formats")
_DEFAULTS = ("owner", "group", "file_mode", "dir_mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A spec on its way to be one platform's variant, which is of no use once there are faults."""

    inputs: Inputs
    spec: Mapping
    platform: str
    base: Mapping
    """What the platform says, its ancestors' values merged in."""
    base_is_sound: bool
    faults: list[Fault]

    def variant(self) -> Variant:
        """Merge, resolve and check; every fault on the way is added to `faults`."""
        platforms = self.spec.mapping("platforms")
        written = merge(self.spec.without("platforms"), platforms.mapping(self.platform))
        merged = merge(self.base, written)
        self._require(merged, platforms.keys[self.platform])
        identity: dict[str, Node] = {key: _literal(merged, key) for key in _IDENTITY}
        files = self._files(written, Scope(identity, self.faults))
        whole = [layer for layer in files if layer is not None]
        names = self._names([self.base.mapping("variables"), *whole, written.mapping("variables")])
        settled = {key: merged.items[key] for key in _SETTLED if key in merged.items}
        scope = Scope(
            {**names, **identity, **settled}, self.faults, complete=len(whole) == len(files)
        )
        return self._variant(merged, self._settled(merged, scope))

    def _require(self, merged: Mapping, asked: Origin) -> None:
        """Tell what no spec needs to say, and this platform does not say either."""
        defaults = merged.mapping("defaults").items
        missing = [key for key in _NEEDED if key not in merged.items]
        missing += [f"defaults.{key}" for key in _DEFAULTS if key not in defaults]
        if missing and self.base_is_sound:
            message = f"the platform {self.platform} does not say {', '.join(missing)}"
            hint = "let it extend linux or macos, or write these keys into its file"
            self.faults.append(Fault.at(asked, "incomplete-platform", message, hint))

    def _files(self, written: Mapping, scope: Scope) -> list[Mapping | None]:
        """Return what each of `variables_from` says; None where it cannot be read."""
        found: list[Mapping | None] = []
        for node in written.sequence("variables_from"):
            file = scope.text(node, PATH) if isinstance(node, Scalar) else None
            read = file and read_variables(self.inputs, file, node.origin, self.faults)
            found.append(read or None)
        return found

    def _names(self, layers: list[Mapping]) -> dict[str, Node]:
        for layer in layers:
            for key in sorted(layer.items.keys() & set(BUILT_IN)):
                message = f"{key} is the same for every template, and nobody sets it as a variable"
                fault = Fault.at(layer.keys[key], "reserved-variable", message, "rename it")
                self.faults.append(fault)
        return reduce(merge_maps, layers).items

    def _settled(self, merged: Mapping, scope: Scope) -> Scope:
        """Return `scope` with the version found, and the prefix as it will be."""
        version = scope.resolve(merged.items["version"]) if "version" in merged.items else None
        found = None if version is None else find_version(version, self.inputs, self.faults)
        scope = scope.with_text("version", found or "0")
        prefix = scope.read(merged, "prefix", PREFIX)
        return scope.with_text("prefix", f"/{clean(prefix or '')}")

    def _variant(self, merged: Mapping, scope: Scope) -> Variant:
        defaults = merged.mapping("defaults")
        modes = [scope.read(defaults, key, MODE) or "0" for key in ("file_mode", "dir_mode")]
        owner, group = (scope.read(defaults, key, OWNER) or "" for key in ("owner", "group"))
        variables = scope.variables()
        return Variant(
            **{key: variables.get(key, "") for key in BUILT_IN},
            **{key: scope.read(merged, key) or "" for key in _ABOUT},
            formats=tuple(dict.fromkeys(scope.texts(merged, "formats", FORMAT))),
            file_mode=int(modes[0], 8),
            dir_mode=int(modes[1], 8),
            owner=owner,
            group=group,
            contents=Contents(scope, (owner, group), self.faults).read(merged),
            variables=variables,
            file=self.spec.origin.file,
            origin=self.spec.mapping("platforms").keys[self.platform],
        )


def _literal(merged: Mapping, key: str) -> Scalar:
    """Return what names the variant, as written; where that is missing, something to go on with."""
    node = merged.items.get(key)
    if isinstance(node, Scalar):
        return replace(node, literal=True)
    return Scalar(value=key, origin=merged.origin, text=key, quoted=True, literal=True)
