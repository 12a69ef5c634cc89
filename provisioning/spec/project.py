"""Knows a project's specs: all of them, each for all of its platforms, with every fault at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.fault import Fault, SpecError
from provisioning.spec.inputs import Inputs
from provisioning.spec.load import load
from provisioning.spec.node import Mapping, Origin, Scalar
from provisioning.spec.platform import Platforms
from provisioning.spec.resolve import Resolution
from provisioning.spec.rule import NAME
from provisioning.spec.schema import SPEC, check

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.variant import Variant


def load_variants(root: Path, specs: str = "specs") -> tuple[Variant, ...]:
    """Return every spec in the directory `specs` below `root`, for each platform it names.

    Sorted by name and platform. The project's own platforms are in `specs`/platforms.

    Raises:
        SpecError: with all faults of all specs.
    """
    reading = read_project(root, specs)
    if reading.faults:
        raise SpecError(reading.faults, root)
    return reading.variants


class Reading(NamedTuple):
    """What the specs of a project say: the variants without a fault, and all faults."""

    variants: tuple[Variant, ...]
    faults: tuple[Fault, ...]


def read_project(root: Path, specs: str = "specs") -> Reading:
    """Return what `load_variants` does and, beside faults, what can be used all the same.

    For a caller that can find more faults in those, to tell all in one report.
    """
    project = _Project(root, specs)
    variants = sorted(project.variants(), key=lambda each: (each.name, each.platform))
    faulty = {fault.origin.file for fault in project.faults}
    sound = (variant for variant in variants if variant.file not in faulty)
    return Reading(tuple(sound), tuple(project.faults))


class _Project:
    def __init__(self, root: Path, specs: str) -> None:
        self._inputs = Inputs(root)
        self._directory = specs
        self.faults: list[Fault] = []
        self._platforms = Platforms(self._inputs, f"{specs}/platforms", self.faults)

    def variants(self) -> list[Variant]:
        specs = self._specs()
        self._check_names(specs)
        return [variant for spec in specs for variant in self._variants(spec)]

    def _specs(self) -> list[Mapping]:
        files = self._inputs.yaml_files(self._directory, self.faults)
        if not files and not self.faults:
            origin = Origin(file=self._directory, line=0, column=1)
            hint = f"describe your package in {self._directory}/NAME.yaml"
            self.faults.append(Fault.at(origin, "no-specs", "there is no spec here", hint))
        loaded = [
            load(self._inputs, file, Origin(file=file, line=0, column=1), self.faults)
            for file in files
        ]
        return [check(node, SPEC, self.faults) for node in loaded if node is not None]

    def _check_names(self, specs: list[Mapping]) -> None:
        seen: dict[str, Origin] = {}
        for spec in specs:
            name = spec.items.get("name")
            if not isinstance(name, Scalar) or not NAME.holds(name.text, name.origin, self.faults):
                continue
            first = seen.setdefault(name.text, name.origin)
            if first != name.origin:
                message = f"another package is called {name.text}"
                related = ((first, "the other one"),)
                fault = Fault.at(name.origin, "duplicate-name", message, related=related)
                self.faults.append(fault)

    def _variants(self, spec: Mapping) -> list[Variant]:
        """Return the sound variants of `spec`; add each fault once, for all platforms."""
        variants: dict[str, Variant] = {}
        found: dict[Fault, list[str]] = {}
        for platform, origin in spec.mapping("platforms").keys.items():
            base = self._platforms.find(platform, origin)
            if base is None:
                continue
            faults: list[Fault] = []
            resolution = Resolution(
                inputs=self._inputs,
                spec=spec,
                platform=platform,
                base=base,
                base_is_sound=self._platforms.sound,
                faults=faults,
            )
            variants[platform] = resolution.variant()
            for fault in set(faults):
                found.setdefault(fault, []).append(platform)
        self.faults += [_told(*each, spec, len(variants)) for each in found.items()]
        faulty = {platform for platforms in found.values() for platform in platforms}
        return [variant for platform, variant in variants.items() if platform not in faulty]


def _told(fault: Fault, platforms: list[str], spec: Mapping, all_platforms: int) -> Fault:
    """Return `fault`, telling which platforms it is true of, where its place does not say so."""
    general = fault.origin.file == spec.origin.file and not fault.where.startswith("platforms.")
    if general and len(platforms) < all_platforms:
        return replace(fault, message=f"{fault.message} (on {', '.join(platforms)})")
    return fault
