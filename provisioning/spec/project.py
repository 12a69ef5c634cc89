"""Knows a project's specs: all of them, each for all of its platforms, with every fault at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.beside import faults_beside
from provisioning.spec.check import check
from provisioning.spec.fault import Fault, nearest
from provisioning.spec.given import COMMAND_LINE
from provisioning.spec.inputs import SPECS
from provisioning.spec.load import load
from provisioning.spec.make import make_variant
from provisioning.spec.node import Mapping, Scalar
from provisioning.spec.origin import Origin
from provisioning.spec.platform import Platforms
from provisioning.spec.resolve import Resolution
from provisioning.spec.rule import NAME
from provisioning.spec.schema import SPEC
from provisioning.spec.variables import RESERVED

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs
    from provisioning.spec.resolve import Resolved
    from provisioning.spec.variant import Variant

PLATFORMS = f"{SPECS}/platforms"
"""Where a project keeps them, beside its dodo.py."""


class Reading(NamedTuple):
    """What the specs of a project say: the variants without a fault, and all faults."""

    variants: tuple[Variant, ...]
    """Sorted by name and platform."""
    resolved: tuple[Resolved, ...]
    """What each of the variants was made from."""
    faults: tuple[Fault, ...]
    ignored: tuple[str, ...]
    """Names on the command line that mean nothing to any spec: another task may use them."""


def read_project(inputs: Inputs) -> Reading:
    """Return every spec in specs/, for each platform that it names.

    Beside faults, those variants are returned that have none: a caller can find more faults in
    them, to tell all in one report.
    """
    project = _Project(inputs)
    made = sorted(project.variants(), key=lambda each: (each[0].name, each[0].platform))
    project.faults += faults_beside(made)
    ignored = project.check_given()
    faulty = {fault.origin.file for fault in project.faults}
    sound = [each for each in made if each[0].file not in faulty]
    return Reading(
        variants=tuple(variant for variant, _ in sound),
        resolved=tuple(resolved for _, resolved in sound),
        faults=tuple(project.faults),
        ignored=tuple(ignored),
    )


class _Project:
    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._names: set[str] = set()
        self.faults: list[Fault] = []
        self._platforms = Platforms(inputs, PLATFORMS, self.faults)

    def variants(self) -> list[tuple[Variant, Resolved]]:
        specs = self._specs()
        self._check_names(specs)
        return [made for spec in specs for made in self._variants(spec)]

    def check_given(self) -> list[str]:
        """Return the names given on the command line that no spec knows, less typing errors."""
        ignored = []
        for name in self._inputs.given:
            if name in self._names:
                continue
            near = nearest(name, {*self._names, *RESERVED})
            if near is None:
                ignored.append(name)
                continue
            origin = Origin(file=COMMAND_LINE, line=0, column=1, path=name)
            message, hint = "no spec has this variable", f"did you mean {near}?"
            if near == name:
                message = "this is no variable: a spec or a platform says it"
                hint = f'let the spec say it, as in {name}: "{{{{ env.{name.upper()} }}}}"'
            self.faults.append(Fault.at(origin, "unknown-variable", message, hint))
        return ignored

    def _specs(self) -> list[Mapping]:
        files = self._inputs.yaml_files(SPECS, self.faults)
        written = self._inputs.written()
        if not files and not written and not self.faults:
            origin = Origin(file=SPECS, line=0, column=1)
            hint = f"describe your package in {SPECS}/NAME.yaml"
            self.faults.append(Fault.at(origin, "no-specs", "there is no spec here", hint))
        loaded = [
            load(self._inputs, file, Origin(file=file, line=0, column=1), self.faults)
            for file in files
        ]
        loaded += [each.node(self.faults) for each in written]
        return [check(node, SPEC, self.faults) for node in loaded if node is not None]

    def _check_names(self, specs: list[Mapping]) -> None:
        seen: dict[str, Origin] = {}
        for spec in specs:
            name = spec.items.get("name")
            if not isinstance(name, Scalar) or not NAME.holds(name.text, name.origin, self.faults):
                continue
            first = seen.get(name.text)
            seen.setdefault(name.text, name.origin)
            if first is not None:
                message = f"another package is called {name.text}"
                related = ((first, "the other one"),)
                fault = Fault.at(name.origin, "duplicate-name", message, related=related)
                self.faults.append(fault)

    def _variants(self, spec: Mapping) -> list[tuple[Variant, Resolved]]:
        """Return the sound variants of `spec`; add each fault once, for all platforms."""
        variants: dict[str, tuple[Variant, Resolved]] = {}
        found: dict[Fault, list[str]] = {}
        for name, origin in spec.mapping("platforms").keys.items():
            platform = self._platforms.find(name, origin)
            if platform is None:
                continue
            faults: list[Fault] = []
            resolution = Resolution(
                inputs=self._inputs,
                spec=spec,
                asked=origin,
                platform=platform,
                known=self._platforms.names,
                sound=self._platforms.sound,
                faults=faults,
            )
            resolved = resolution.resolved()
            variants[name] = make_variant(resolved, faults), resolved
            self._names.update(resolved.names if self._inputs.given else ())
            for fault in set(faults):
                found.setdefault(fault, []).append(name)
        self.faults += [_told(*each, spec, len(variants)) for each in found.items()]
        faulty = {platform for platforms in found.values() for platform in platforms}
        return [made for platform, made in variants.items() if platform not in faulty]


def _told(fault: Fault, platforms: list[str], spec: Mapping, all_platforms: int) -> Fault:
    """Return `fault`, telling which platforms it is true of, where its place does not say so."""
    general = fault.origin.file == spec.origin.file and not fault.where.startswith("platforms.")
    if general and len(platforms) < all_platforms:
        return replace(fault, message=f"{fault.message} (on {', '.join(platforms)})")
    return fault
