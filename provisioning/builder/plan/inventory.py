"""What a package holds, entry by entry, and where each comes from: before a build, or of one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import FILE
from provisioning.builder.collect.collect import mode_of
from provisioning.builder.collect.layout import draft_of
from provisioning.builder.collect.patterns import base_of, is_glob, matcher
from provisioning.builder.collect.sources import excluding, is_left_out
from provisioning.builder.python import environment
from provisioning.spec.diagnostics import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.artifact.model.manifest import Manifest
    from provisioning.builder.collect.expand import Item
    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.spec.model.variant import Content, Variant

_NOT_FETCHED = "not-fetched"


class Held(NamedTuple):
    """One path of a package."""

    path: str
    type: str  # FILE | DIR | LINK
    mode: int
    owner: str
    group: str
    size: int | None
    """In bytes; None where it is not known before the build: of a template."""
    link: str = ""
    conffile: bool = False
    source: str = ""
    """The file that it comes from: relative to the project, or in the cache of wheels."""
    origin: str = ""
    """The line of the spec that puts it there, as FILE:LINE."""
    distribution: str = ""
    """Of a file from a wheel: the name and version of its project, as in `aiohttp 3.12.15`."""


class Inventory(NamedTuple):
    """What a package holds, by path."""

    name: str
    version: str
    platform: str
    prefix: str
    entries: tuple[Held, ...]
    unknown: tuple[str, ...] = ()
    """What is not known before a build, a sentence each."""


def of_manifest(manifest: Manifest) -> Inventory:
    """What an artifact holds; nothing tells from where."""
    package = manifest.package
    entries = (
        Held(each.path, each.type, each.mode, each.owner, each.group, each.size, each.link,
             conffile=each.conffile)
        for each in manifest.entries
    )  # fmt: skip
    return Inventory(
        package.name, package.version, package.platform, package.prefix, tuple(entries)
    )


def as_built(built: Manifest, planned: Inventory) -> Inventory:
    """What an artifact holds, with the origins of what the specs give now."""
    known = {each.path: each for each in planned.entries}
    found = of_manifest(built)
    entries = (
        each._replace(source=now.source, origin=now.origin, distribution=now.distribution)
        if (now := known.get(each.path))
        else each
        for each in found.entries
    )
    return found._replace(entries=tuple(entries))


def of_plan(part: VariantPlan) -> Inventory:
    """What a package will hold.

    Raises:
        SpecError: the spec has faults, other than Python packages that have not been fetched.
    """
    variant, sources = part.variant, part.findings.sources_now()
    layout, placed, faults = draft_of(variant, sources)
    if left := [each for each in faults if each.code != _NOT_FETCHED]:
        raise SpecError(left, Path())
    wheels = _wheels(variant, sources.output)
    entries = [_held(item, placed, wheels, variant, sources) for item in layout.items]
    unknown = (f"{each.message}: {each.hint}" for each in faults)
    return Inventory(
        variant.name, variant.version, variant.platform, variant.prefix, tuple(entries),
        tuple(unknown),
    )  # fmt: skip


def _held(
    item: Item,
    placed: Mapping[str, Content],
    wheels: Mapping[str, str],
    variant: Variant,
    sources: Sources,
) -> Held:
    size: int | None = 0
    executable = False
    if item.type == FILE:
        seen = sources.signature(item.source)
        size = None if item.template else seen.size
        executable = bool(seen.mode & stat.S_IXUSR)
    mode = mode_of(item, variant.file_mode, executable=executable)
    content = placed.get(item.path)
    origin = f"{content.origin.file}:{content.origin.line}" if content else ""
    return Held(
        item.path, item.type, mode, item.owner, item.group, size, item.link, item.conffile,
        item.source, origin, wheels.get(item.path, ""),
    )  # fmt: skip


def _wheels(variant: Variant, output: str) -> dict[str, str]:
    """The project and version that brings each file of a Python environment."""
    found = {}
    for content in variant.contents:
        if not content.environment:
            continue
        try:
            known = environment.recall(environment.place_of(variant, content, output))
        except OSError:
            continue  # it has not been fetched, which is told
        for each in known.files:
            name, _, rest = each.wheel.partition("-")
            if rest:
                found[each.path] = f"{name.replace('_', '-')} {rest.partition('-')[0]}"
    return found


def sizes(entries: tuple[Held, ...]) -> dict[str, int]:
    """The bytes of each path: of a directory, of all that is in it."""
    found: dict[str, int] = {}
    for each in entries:
        size, path = each.size or 0, each.path
        found[path] = found.get(path, 0) + (size if each.type == FILE else 0)
        while size and each.type == FILE and path:
            path = path.rpartition("/")[0]
            found[path] = found.get(path, 0) + size
    return found


def inside(word: str, inventory: Inventory) -> str:
    """The path in the package that a path on the target means: /opt/NAME/current/lib is lib."""
    rest = word.removeprefix(f"{inventory.prefix}/")
    if rest != word:
        first, _, below = rest.partition("/")
        if first == "current":
            rest = below
        elif first == "releases":
            rest = below.partition("/")[2]
    return os.path.normpath(rest) if rest else ""


def why_left_out(path: str, part: VariantPlan) -> Iterator[str]:
    """Why a file or directory of the project is not in a package, a sentence for each content."""
    named = False
    for content in part.variant.contents:
        if content.kind != "src":
            continue
        base = base_of(content.source)
        is_tree = is_glob(content.source) or os.path.isdir(content.source)
        if not is_tree or not f"{path}/".startswith(base):
            continue
        named = True
        below = path[len(base) :]
        where = f"{content.origin.file}:{content.origin.line}"
        if is_left_out(below):
            yield f"{where}: src: {content.source} passes over it: no package wants such a file"
        elif (
            is_glob(content.source)
            and not os.path.isdir(path)
            and not matcher(content.source[len(base) :])(below)
        ):
            yield f"{where}: src: {content.source} does not match it"
        elif (number := excluding(below, content.exclude)) is not None:
            origin = content.origins.get(f"exclude[{number}]", content.origin)
            yield f"{origin.file}:{origin.line}: exclude: {content.exclude[number]}"
    if not named:
        yield f"{part.variant.file}: no content of the spec names it, or a directory it is in"
