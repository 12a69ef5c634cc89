"""From the specs of a project to its variants: read, check, merge, substitute, make."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.formats import DEB
from provisioning.artifact.model.placement import (
    is_within,
    prefix_fault,
    recovery_name,
    service_name,
)
from provisioning.spec.diagnostics import Diagnostic, Diagnostics, nearest
from provisioning.spec.model.content import Contents, read_compression
from provisioning.spec.model.debian import demand_debian, read_documents, read_fields
from provisioning.spec.model.services import DEVICE, Services, declared, read_device, with_state
from provisioning.spec.model.system import read_system
from provisioning.spec.model.variant import BuiltFor, Variant, key_of
from provisioning.spec.resolve.data_files import find_names, load, python_node
from provisioning.spec.resolve.inputs import SPECS
from provisioning.spec.resolve.layers import (
    COMMAND_LINE,
    Conditions,
    Fragments,
    dotted,
    merge,
    stack,
)
from provisioning.spec.resolve.platforms import Platforms
from provisioning.spec.resolve.variables import BUILT_IN, RESERVED, Scope
from provisioning.spec.resolve.version import find_version
from provisioning.spec.schema.check import check
from provisioning.spec.schema.rules import (
    ABOUT,
    FORMAT,
    MODE,
    MTIME,
    NAME,
    OWNER,
    PREFIX,
    SERVICE_MANAGER,
    clean,
    place_reason,
)
from provisioning.spec.schema.schema import SPEC
from provisioning.spec.yaml.node import Mapping, Origin, Scalar, doubtful, plain, scalars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.spec.model.variant import Content
    from provisioning.spec.resolve.inputs import Inputs
    from provisioning.spec.resolve.platforms import Platform
    from provisioning.spec.yaml.node import Node

PLATFORMS = f"{SPECS}/platforms"
"""Where a project keeps its own platform files, beside its dodo.py."""
DEFAULTS = ("owner", "group", "file_mode", "dir_mode")

_IDENTITY = ("name", "platform", "os", "arch")
_SETTLED = ("version", "prefix")
_NEEDED = ("os", "arch", "prefix", "formats")
_BY_NAME = ("services", "hooks")
_ABOUT = ("summary", "license", "maintainer")


class ProjectSpecs(NamedTuple):
    """What the specs of a project say: the sound variants, and all that is wrong."""

    variants: tuple[Variant, ...]
    """Sorted by name and platform."""
    resolved: tuple[Resolved, ...]
    """What each of the variants was made from."""
    diagnostics: tuple[Diagnostic, ...]
    ignored: tuple[str, ...]
    """Names on the command line that no spec knows: another task may use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A spec and a platform merged, with the values of their placeholders."""

    merged: Mapping
    """Every key, its texts as written; no `variables`, `secrets`, `contents`."""
    contents: tuple[Mapping, ...]
    """The items of `contents` for the platform, fragments included, their texts as written."""
    scope: Scope
    """Replaces placeholders in the texts."""
    conditions: Conditions
    names: frozenset[str]
    """The variables that the command line can set."""
    spec: Mapping
    platform: Origin
    """Where the spec names the platform."""
    files: tuple[str, ...]
    """The files of the project that it was read from, less those of secrets."""


class _Candidate(NamedTuple):
    variant: Variant
    resolved: Resolved
    is_sound: bool


def read_project(inputs: Inputs) -> ProjectSpecs:
    """Read every spec in specs/, for each platform that it names.

    The variants in whose files nothing is wrong are returned beside the diagnostics: a caller can
    find more that is wrong with them, so that one report shows all.
    """
    diagnostics = Diagnostics()
    platforms = Platforms(inputs, PLATFORMS, diagnostics)
    specs = _read_specs(inputs, diagnostics)
    _demand_own_names(specs, diagnostics)
    made = [each for spec in specs for each in _variants(spec, platforms, diagnostics)]
    made.sort(key=lambda each: (each.variant.name, each.variant.platform))
    sound = [each for each in made if each.is_sound]
    diagnostics += _conflicts(sound)  # guard: prefix-nested
    diagnostics += _idle_locks(sound)  # guard: lock-of-no-platform
    ignored = _ignored_overrides(inputs, made, diagnostics)
    faulty = {each.origin.file for each in diagnostics}
    sound = [each for each in sound if each.variant.file not in faulty]
    return ProjectSpecs(
        variants=tuple(each.variant for each in sound),
        resolved=tuple(each.resolved for each in sound),
        diagnostics=tuple(diagnostics),
        ignored=tuple(ignored),
    )


def _idle_locks(made: Sequence[_Candidate]) -> Iterator[Diagnostic]:
    """A fault for each lock whose packages are for no platform of the spec, by their markers."""
    used: dict[Origin, list[tuple[Content, str]]] = defaultdict(list)
    for each in made:
        for content in each.variant.contents:
            if content.environment:
                used[content.origin].append((content, each.variant.platform))
    for found in used.values():
        if all(each.environment and each.environment.is_for_others for each, _ in found):
            content, names = found[0][0], ", ".join(platform for _, platform in found)
            message = f"no package of {content.source} is for {names}, by their markers"
            origin = content.origins.get("python", content.origin)
            yield Diagnostic.at(origin, "lock-for-another", message, "make a lock that is for them")


def _read_specs(inputs: Inputs, diagnostics: Diagnostics) -> list[Mapping]:
    """Read and check the YAML files in specs/, and the specs that are written in Python."""
    files = inputs.yaml_files(SPECS, diagnostics)
    python_specs = inputs.python_specs()
    if not files and not python_specs and not diagnostics:
        origin = Origin(file=SPECS, line=0, column=1)
        hint = f"describe your package in {SPECS}/NAME.yaml, or have `provision init` do it"
        diagnostics.error(origin, "no-specs", "there is no spec here", hint)
    origins = [Origin(file=file, line=0, column=1) for file in files]
    nodes = [load(inputs, origin.file, origin, diagnostics) for origin in origins]
    nodes += [python_node(each, diagnostics) for each in python_specs]
    return [check(node, SPEC, diagnostics) for node in nodes if node is not None]


def _demand_own_names(specs: list[Mapping], diagnostics: Diagnostics) -> None:
    seen: dict[str, Origin] = {}
    for spec in specs:
        name = spec.items.get("name")
        if not isinstance(name, Scalar) or not NAME.holds(name.text, name.origin, diagnostics):
            continue
        if name.text in seen:
            message = f"another package has the name {name.text}"
            related = ((seen[name.text], "the other one"),)
            diagnostics.error(name.origin, "duplicate-name", message, related=related)
        seen.setdefault(name.text, name.origin)


def _variants(spec: Mapping, platforms: Platforms, diagnostics: Diagnostics) -> list[_Candidate]:
    """Make the variants of `spec`; what is wrong with several is added once, for all of them."""
    made: dict[str, tuple[Variant, Resolved]] = {}
    found: dict[Diagnostic, list[str]] = {}
    for name, origin in spec.mapping("platforms").keys.items():
        platform = platforms.find(name, origin)
        if platform is None:
            continue
        own = Diagnostics()
        with platforms.inputs.account() as asked:
            resolved = _resolve(spec, origin, platform, platforms, own)
        read = {each.name for each in asked if each.kind == "file"} - platforms.inputs.secret_files
        files = sorted({spec.origin.file, *platform.files, *read})
        resolved = replace(resolved, files=tuple(files))
        made[name] = _variant(resolved, own), resolved
        for each in set(own):
            found.setdefault(each, []).append(name)
    for each, names in found.items():
        # Where the place does not say which platforms it is true of, the message does.
        is_general = each.origin.file == spec.origin.file
        is_general &= not each.where.startswith("platforms.")
        on = f" (on {', '.join(names)})" if is_general and len(names) < len(made) else ""
        diagnostics.append(replace(each, message=f"{each.message}{on}"))
    faulty = {name for names in found.values() for name in names}
    return [_Candidate(*pair, name not in faulty) for name, pair in made.items()]


def _resolve(
    spec: Mapping,
    asked: Origin,
    platform: Platform,
    platforms: Platforms,
    diagnostics: Diagnostics,
) -> Resolved:
    """Merge a spec with its overlay and the platform, and find what its placeholders stand for."""
    inputs = platforms.inputs
    # The later layer wins: platform, spec, the spec's overlay for the platform.
    overlay = spec.mapping("platforms").mapping(platform.family[0])
    layers = [platform.node, spec.without("platforms"), overlay]
    merged = reduce(merge, map(declared, layers))
    by_name = {
        key: stack([layer.mapping(key) for layer in layers], diagnostics) for key in _BY_NAME
    }
    defaults = merged.mapping("defaults").items
    missing = [key for key in _NEEDED if key not in merged.items]
    missing += [f"defaults.{key}" for key in DEFAULTS if key not in defaults]
    if missing and platforms.sound:
        message = f"the platform {platform.family[0]} does not set {', '.join(missing)}"
        hint = "let it extend linux or macos, or write these keys into its file"
        diagnostics.error(asked, "incomplete-platform", message, hint)

    # Placeholders: first the names that variables may use, then the version, then the prefix.
    identity: dict[str, Node] = {key: _literal(merged, key) for key in _IDENTITY}
    names = find_names(layers, Scope(identity, inputs, diagnostics))
    settled = {key: merged.items[key] for key in _SETTLED if key in merged.items}
    values = {**names.values.items, **identity, **settled}
    scope = Scope(values, inputs, diagnostics, complete=names.complete)
    version = scope.resolve(merged.items["version"]) if "version" in merged.items else None
    key = key_of(_literal(merged, "name").text, platform.family[0])
    found = None if version is None else find_version(version, key, scope)
    scope = scope.with_text("version", *(found or ("0", merged.origin)))
    prefix = clean(scope.read(merged, "prefix", PREFIX) or "")
    origin = merged.items["prefix"].origin if "prefix" in merged.items else merged.origin
    scope = scope.with_text("prefix", f"/{prefix}", origin)

    conditions = Conditions(platform.family, platforms.names, scope)
    contents = Fragments(scope, conditions).expand(merged.sequence("contents"))
    return Resolved(
        merged=merged._replace(items={**merged.items, **by_name}),
        contents=tuple(contents),
        scope=scope,
        conditions=conditions,
        names=frozenset(dotted(names.values)),
        spec=spec,
        platform=asked,
        files=(),
    )


def _literal(merged: Mapping, key: str) -> Scalar:
    """Return what names the variant, as written; where that is missing, something to go on with."""
    node = merged.items.get(key)
    if isinstance(node, Scalar):
        return node._replace(literal=True)
    return Scalar(value=key, origin=merged.origin, text=key, quoted=True, literal=True)


def _variant(resolved: Resolved, diagnostics: Diagnostics) -> Variant:
    """Return the variant that `resolved` describes, its placeholders replaced."""
    merged, scope = resolved.merged, resolved.scope
    values = scope.variables()
    variables = {name: plain(node) for name, node in values.items()}
    defaults = merged.mapping("defaults")
    owner, group = (scope.read(defaults, key, OWNER) or "" for key in ("owner", "group"))
    file_mode, dir_mode = (
        int(scope.read(defaults, key, MODE) or "0", 8) for key in ("file_mode", "dir_mode")
    )
    debian = merged.mapping("debian")
    manager = scope.read(merged, "service_manager", SERVICE_MANAGER) or ""
    services = Services(scope, resolved.conditions, str(variables.get("name", "")), manager)
    os, arch = (str(variables.get(key, "")) for key in ("os", "arch"))
    system = read_system(merged.mapping("system"), os, scope)
    built_for = BuiltFor(str(variables.get("platform", "")), os, arch, system)
    variant = Variant(
        system=system,
        **{key: variables.get(key, "") for key in BUILT_IN},
        **{key: scope.read(merged, key, ABOUT) or "" for key in _ABOUT},
        formats=tuple(dict.fromkeys(scope.texts(merged, "formats", FORMAT))),
        compression=read_compression(merged.mapping("compression"), scope),
        mtime=scope.read(merged, "mtime", MTIME) or "",
        debian=read_fields(debian, scope),
        documents=read_documents(debian, scope),
        service_manager=manager,
        file_mode=file_mode,
        dir_mode=dir_mode,
        owner=owner,
        group=group,
        contents=Contents(scope, (owner, group), built_for).read(resolved.contents),
        services=services.read(merged.mapping("services")),
        hooks=services.hooks(merged.mapping("hooks")),
        device=read_device(merged.mapping(DEVICE), scope),
        variables=variables,
        doubtful=tuple(place for name in values for place in doubtful(values[name], (name,))),
        secrets=frozenset(
            name for name, node in values.items() if any(each.secret for each in scalars(node))
        ),
        file=resolved.spec.origin.file,
        origin=resolved.platform,
        said_by=resolved.files,
    )
    variant = with_state(variant, diagnostics)
    _check_prefix(variant, merged, diagnostics)  # guard: prefix-shared
    if variant.services and "service_manager" not in merged.items:
        message = f"the platform {variant.platform} does not set service_manager"
        hint = "add service_manager: systemd (or launchd) to the platform, or except: to this"
        for each in variant.services:
            diagnostics.error(each.origin, "no-service-manager", message, hint)
    if DEB in variant.formats:
        demand_debian(values, merged.items["formats"], diagnostics)
        return variant
    return variant._replace(debian={}, documents=())


def _check_prefix(variant: Variant, merged: Mapping, diagnostics: Diagnostics) -> None:
    """Refuse a prefix that is shared with others, or that no service could be started from."""
    prefix = variant.prefix.rstrip("/")  # "" after a diagnostic of its rule
    if "prefix" not in merged.items:
        return
    origin = merged.items["prefix"].origin
    if reason := prefix and prefix_fault(prefix, variant.os):
        usual = "/usr/local/opt" if variant.os == "macos" else "/opt"
        hint = f"as in {usual}/{variant.name}"
        diagnostics.error(origin, "shared-prefix", f"{variant.prefix} {reason}", hint)
    if variant.services and (reason := place_reason(variant.prefix[1:])):
        diagnostics.error(origin, "bad-path", f"{variant.prefix} {reason}")


def _conflicts(made: list[_Candidate]) -> Iterable[Diagnostic]:
    """Return what two packages cannot both have on one machine, each once."""
    platforms: dict[str, list[_Candidate]] = {}
    for each in made:
        platforms.setdefault(each.variant.platform, []).append(each)
    found = (
        each
        for packages in platforms.values()
        for each in (*_nested_prefixes(packages), *_shared_services(packages))
    )
    return dict.fromkeys(found)


def _nested_prefixes(packages: list[_Candidate]) -> Iterator[Diagnostic]:
    # A prefix that holds another stands before it, with none between but those that it holds too.
    ordered = sorted(packages, key=lambda each: (f"{_folded(each.variant)}/", each.variant.name))
    for number, (variant, resolved, _) in enumerate(ordered):
        for other, _, _ in reversed(ordered[:number]):
            inner = is_within(variant.prefix, other.prefix, variant.os)
            if inner and variant.name != other.name:  # two of one name are told as such
                same = _folded(variant) == _folded(other)
                where = "where" if same else "in the directory where"
                message = f"{variant.prefix} is {where} {other.name} is installed"
                origin = resolved.merged.items["prefix"].origin
                yield Diagnostic.at(origin, "nested-prefix", message, "give each package its own")
                break


def _folded(variant: Variant) -> str:
    return variant.prefix.casefold() if variant.os == "macos" else variant.prefix


def _shared_services(packages: list[_Candidate]) -> Iterator[Diagnostic]:
    variants = sorted((each.variant for each in packages), key=lambda each: each.name)
    known = {
        recovery_name(each.name): (each.name, each.origin)
        for each in variants
        if each.service_manager
    }
    for variant in variants:
        for spec in variant.services:
            name = service_name(variant.name, spec.service.name)
            other, origin = known.setdefault(name, (variant.name, spec.origin))
            if other != variant.name:  # guard: service-twice
                message = f"the service {name} has the same name as one of {other}"
                hint = "rename one of them"
                related = ((origin, "the other one"),)
                yield Diagnostic.at(spec.origin, "duplicate-service", message, hint, related)


def _ignored_overrides(
    inputs: Inputs, made: list[_Candidate], diagnostics: Diagnostics
) -> list[str]:
    """Return the names on the command line that no spec knows, less typing errors."""
    names = {name for each in made for name in each.resolved.names} if inputs.overrides else set()
    ignored = []
    for name in inputs.overrides:
        if name in names:
            continue
        near = nearest(name, {*names, *RESERVED})
        if near is None:
            ignored.append(name)
            continue
        origin = Origin(file=COMMAND_LINE, line=0, column=1, path=name)
        message, hint = "no spec has this variable", f"did you mean {near}?"
        if near == name:
            message = "this is not a variable: a spec or a platform sets it"
            hint = f'set it in the spec, as in {name}: "{{{{ env.{name.upper()} }}}}"'
        diagnostics.error(origin, "unknown-variable", message, hint)
    return ignored
