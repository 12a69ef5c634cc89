"""Knows what two packages of a project cannot both have on one machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.formats import DEB
from provisioning.artifact.model.placement import (
    is_within,
    prefix_fault,
    recovery_name,
    service_name,
)
from provisioning.spec.diagnostics import Diagnostic, nearest
from provisioning.spec.model.content import Contents, read_compression
from provisioning.spec.model.debian import demand_debian, read_documents, read_fields
from provisioning.spec.model.services import DEVICE, Services, read_device
from provisioning.spec.model.variant import Variant
from provisioning.spec.resolve.inputs import SPECS
from provisioning.spec.resolve.layers import COMMAND_LINE
from provisioning.spec.resolve.platforms import Platforms
from provisioning.spec.resolve.resolve import Resolution
from provisioning.spec.resolve.variables import BUILT_IN, RESERVED
from provisioning.spec.schema.check import check
from provisioning.spec.schema.rules import (
    ABOUT,
    FORMAT,
    MODE,
    MTIME,
    NAME,
    OWNER,
    SERVICE_MANAGER,
    place_reason,
)
from provisioning.spec.schema.schema import SPEC
from provisioning.spec.yaml.node import Mapping, Origin, Scalar, doubtful, plain, scalars
from provisioning.spec.yaml.reader import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.resolve.resolve import Resolved
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Node

    _Made = tuple[Variant, Resolved]


_PREFIX = "prefix"


def faults_beside(made: Iterable[_Made]) -> Iterable[Diagnostic]:
    """Tell what is the matter with packages that are for one platform, each fault once."""
    platforms: dict[str, list[_Made]] = {}
    for each in made:
        platforms.setdefault(each[0].platform, []).append(each)
    found = ((*_places(packages), *_names(packages)) for packages in platforms.values())
    return dict.fromkeys(fault for faults in found for fault in faults)


def _places(packages: list[_Made]) -> Iterator[Diagnostic]:
    """Tell which prefixes are those of others, or in them."""
    # A prefix that holds another stands before it, with none between but those that it holds too.
    ordered = sorted(packages, key=lambda each: (f"{_folded(each[0])}/", each[0].name))
    for number, (variant, resolved) in enumerate(ordered):
        for other, _ in reversed(ordered[:number]):
            inner = is_within(variant.prefix, other.prefix, variant.os)
            if inner and variant.name != other.name:  # of which names tell
                message = f"{variant.prefix} is {_where(variant, other)} {other.name} is installed"
                origin = resolved.merged.items[_PREFIX].origin
                yield Diagnostic.at(origin, "nested-prefix", message, "give each package its own")
                break


def _folded(variant: Variant) -> str:
    return variant.prefix.casefold() if variant.os == "macos" else variant.prefix


def _where(variant: Variant, other: Variant) -> str:
    return "where" if _folded(variant) == _folded(other) else "in the directory where"


def _names(packages: list[_Made]) -> Iterator[Diagnostic]:
    """Tell which services have a name that is one of another package, too."""
    known: dict[str, tuple[str, Origin]] = {
        recovery_name(variant.name): (variant.name, variant.origin)
        for variant, _ in packages
        if variant.service_manager
    }
    for variant, _ in sorted(packages, key=lambda each: each[0].name):
        for spec in variant.services:
            name = service_name(variant.name, spec.service.name)
            other, origin = known.setdefault(name, (variant.name, spec.origin))
            if other != variant.name:  # guard: service-twice
                message = f"the service is called {name}, and so is one of {other}"
                hint = "call one of them another name"
                related = ((origin, "the other one"),)
                yield Diagnostic.at(
                    spec.origin, "duplicate-service", message, hint, related=related
                )


_ABOUT = ("summary", "license", "maintainer")


def make_variant(resolved: Resolved, faults: list[Diagnostic]) -> Variant:
    """Return the variant that `resolved` describes; every fault of it is added to `faults`."""
    merged, scope = resolved.merged, resolved.scope
    values = scope.variables()
    variables = {name: plain(node) for name, node in values.items()}
    defaults = merged.mapping("defaults")
    file_mode, dir_mode = (_mode(defaults, key, scope) for key in ("file_mode", "dir_mode"))
    owner, group = (scope.read(defaults, key, OWNER) or "" for key in ("owner", "group"))
    debian = merged.mapping("debian")
    services = Services(scope, resolved.conditions, faults)
    manager = scope.read(merged, "service_manager", SERVICE_MANAGER) or ""
    variant = Variant(
        **{key: variables.get(key, "") for key in BUILT_IN},
        **{key: scope.read(merged, key, ABOUT) or "" for key in _ABOUT},
        formats=tuple(dict.fromkeys(scope.texts(merged, "formats", FORMAT))),
        compression=read_compression(merged.mapping("compression"), scope, faults),
        mtime=scope.read(merged, "mtime", MTIME) or "",
        debian=read_fields(debian, scope),
        documents=read_documents(debian, scope),
        service_manager=manager,
        file_mode=file_mode,
        dir_mode=dir_mode,
        owner=owner,
        group=group,
        contents=Contents(scope, (owner, group), faults).read(resolved.contents),
        services=services.read(merged.mapping("services"), _account(variables, manager)),
        hooks=services.hooks(merged.mapping("hooks")),
        device=read_device(merged.mapping(DEVICE), scope, faults),
        variables=variables,
        doubtful=tuple(place for name in values for place in doubtful(values[name], (name,))),
        secrets=frozenset(name for name, node in values.items() if _is_secret(node)),
        file=resolved.spec.origin.file,
        origin=resolved.asked,
        said_by=resolved.said_by,
    )
    _check_prefix(variant, merged, faults)  # guard: prefix-shared
    _check_services(variant, merged, faults)
    if DEB in variant.formats:
        demand_debian(values, merged.items["formats"], faults)
        return variant
    return variant._replace(debian={}, documents=())


def _mode(defaults: Mapping, key: str, scope: Scope) -> int:
    return int(scope.read(defaults, key, MODE) or "0", 8)


def _is_secret(node: Node) -> bool:
    return any(each.secret for each in scalars(node))


def _account(variables: dict[str, Any], manager: str) -> str:
    """Who runs a service that names no user; "" leaves it to the service manager."""
    # One of its own keeps a service from the files of all others. macOS has no command that makes
    # a user in a way that Apple documents, so there one has to be named.
    return str(variables.get("name", "")) if manager == "systemd" else ""


def _check_prefix(variant: Variant, merged: Mapping, faults: list[Diagnostic]) -> None:
    """Add the fault of a prefix that is not the package's own."""
    prefix = variant.prefix.rstrip("/")  # none where its rule has told what is the matter
    reason = prefix and prefix_fault(prefix, variant.os)
    if reason and "prefix" in merged.items:
        origin = merged.items["prefix"].origin
        usual = "/usr/local/opt" if variant.os == "macos" else "/opt"
        hint = f"as in {usual}/{variant.name}"
        faults.append(Diagnostic.at(origin, "shared-prefix", f"{variant.prefix} {reason}", hint))


def _check_services(variant: Variant, merged: Mapping, faults: list[Diagnostic]) -> None:
    """Add the faults of what a platform, or a prefix, has to be where there are services."""
    if "service_manager" not in merged.items:
        _demand_manager(variant, faults)
    reason = place_reason(variant.prefix[1:]) if variant.services else ""
    if reason and "prefix" in merged.items:
        origin = merged.items["prefix"].origin
        faults.append(Diagnostic.at(origin, "bad-path", f"{variant.prefix} {reason}"))


def _demand_manager(variant: Variant, faults: list[Diagnostic]) -> None:
    for spec in variant.services:
        message = f"the platform {variant.platform} does not say what keeps services running"
        hint = "add service_manager: systemd (or launchd) to the platform, or except: to this"
        faults.append(Diagnostic.at(spec.origin, "no-service-manager", message, hint))


PLATFORMS = f"{SPECS}/platforms"
"""Where a project keeps them, beside its dodo.py."""


class ProjectSpecs(NamedTuple):
    """What the specs of a project say: the variants without a fault, and all faults."""

    variants: tuple[Variant, ...]
    """Sorted by name and platform."""
    resolved: tuple[Resolved, ...]
    """What each of the variants was made from."""
    diagnostics: tuple[Diagnostic, ...]
    ignored: tuple[str, ...]
    """Names on the command line that mean nothing to any spec: another task may use them."""


def read_project(inputs: Inputs) -> ProjectSpecs:
    """Return every spec in specs/, for each platform that it names.

    Beside faults, those variants are returned that have none: a caller can find more faults in
    them, to tell all in one report.
    """
    project = _Project(inputs)
    made = sorted(project.variants(), key=lambda each: (each[0].name, each[0].platform))
    project.faults += faults_beside(made)  # guard: prefix-nested
    ignored = project.check_given()
    faulty = {fault.origin.file for fault in project.faults}
    sound = [each for each in made if each[0].file not in faulty]
    return ProjectSpecs(
        variants=tuple(variant for variant, _ in sound),
        resolved=tuple(resolved for _, resolved in sound),
        diagnostics=tuple(project.faults),
        ignored=tuple(ignored),
    )


class _Project:
    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._names: set[str] = set()
        self.faults: list[Diagnostic] = []
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
            self.faults.append(Diagnostic.at(origin, "unknown-variable", message, hint))
        return ignored

    def _specs(self) -> list[Mapping]:
        files = self._inputs.yaml_files(SPECS, self.faults)
        written = self._inputs.written()
        if not files and not written and not self.faults:
            origin = Origin(file=SPECS, line=0, column=1)
            hint = f"describe your package in {SPECS}/NAME.yaml"
            self.faults.append(Diagnostic.at(origin, "no-specs", "there is no spec here", hint))
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
                fault = Diagnostic.at(name.origin, "duplicate-name", message, related=related)
                self.faults.append(fault)

    def _variants(self, spec: Mapping) -> list[tuple[Variant, Resolved]]:
        """Return the sound variants of `spec`; add each fault once, for all platforms."""
        variants: dict[str, tuple[Variant, Resolved]] = {}
        found: dict[Diagnostic, list[str]] = {}
        for name, origin in spec.mapping("platforms").keys.items():
            platform = self._platforms.find(name, origin)
            if platform is None:
                continue
            faults: list[Diagnostic] = []
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


def _told(fault: Diagnostic, platforms: list[str], spec: Mapping, all_platforms: int) -> Diagnostic:
    """Return `fault`, telling which platforms it is true of, where its place does not say so."""
    general = fault.origin.file == spec.origin.file and not fault.where.startswith("platforms.")
    if general and len(platforms) < all_platforms:
        return replace(fault, message=f"{fault.message} (on {', '.join(platforms)})")
    return fault
