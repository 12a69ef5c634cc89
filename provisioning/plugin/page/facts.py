"""What a page tells of a package: gathered from the specs, the artifacts and doit's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.difference import compare, view
from provisioning.artifact.formats import format_of
from provisioning.artifact.model.manifest import parse
from provisioning.artifact.model.release import artifacts, is_tree
from provisioning.builder.plan.inventory import as_built, of_plan
from provisioning.builder.verify import prove
from provisioning.builder.workspace.build_history import builds
from provisioning.builder.workspace.paths import ARTIFACTS, releases, workspace
from provisioning.errors import ArtifactError, ProvisioningError
from provisioning.plugin.task_graph import FETCH, SIGN, STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from provisioning.artifact.difference import Difference
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.plan.inventory import Inventory
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.builder.workspace.paths import Workspace

_MOST_RELEASES = 12  # that are opened for their sizes: there may be hundreds


class StageRun(NamedTuple):
    """The last run of a stage."""

    stage: str
    purpose: str
    values: Mapping[str, Any]
    """What doit has recorded of it; empty if it has not run."""


class BuiltSizes(NamedTuple):
    """The bytes of each artifact of a build or release, by format."""

    version: str
    bytes: Mapping[str, int]


class BuiltRelease(NamedTuple):
    """A release in artifacts/."""

    directory: str
    version: str
    manifest: Manifest
    bytes: Mapping[str, int]


class Facts(NamedTuple):
    """What a page tells of one package."""

    inventory: Inventory
    is_built: bool
    release: BuiltRelease | None
    """What was built of it; None if nothing was, or no manifest of it can be read."""
    previous: BuiltRelease | None
    """The last release before that one."""
    difference: Difference | None
    """What has changed since then."""
    faults: tuple[str, ...]
    """What verification has found."""
    stages: tuple[StageRun, ...]
    history: tuple[BuiltSizes, ...]
    """The sizes of the last builds, the last one at the end."""


def gather(
    part: VariantPlan, digests: Digests, values_of: Callable[[str], Mapping[str, Any]]
) -> Facts:
    """All that is known of a package; `values_of` is what is recorded of a task.

    What was built is verified on the way, which reads it whole.

    Raises:
        SpecError: the spec has faults.
        OSError: something cannot be read.
    """
    place = workspace(part.variant, ARTIFACTS)
    planned = of_plan(part)
    is_built = place.release.is_dir() and bool(artifacts(place.release))
    built = _built(place) if is_built else None
    earlier = list(_earlier(place))
    previous = earlier[-1] if earlier else None
    return Facts(
        inventory=as_built(built.manifest, planned) if built else planned,
        is_built=is_built,
        release=built,
        previous=previous,
        difference=compare(previous.manifest, built.manifest) if previous and built else None,
        faults=_faults(part, place, digests) if is_built else (),
        stages=tuple(_stages(part, values_of)),
        history=tuple(_history(place, earlier, built)),
    )


def _built(place: Workspace) -> BuiltRelease | None:
    """What was built, as the manifest beside it says; else that of an artifact; None if neither."""
    try:
        manifest = parse(place.manifest.read_bytes(), str(place.manifest))
    except (OSError, ArtifactError):
        try:
            manifest = view(place.release, str(place.release)).manifest
        except ArtifactError:
            return None
    return _release(place.release, manifest)


def _earlier(place: Workspace) -> Iterator[BuiltRelease]:
    """The releases of the package that were built before, the latest at the end."""
    found: list[BuiltRelease] = []
    listed = releases(ARTIFACTS, place.package.name, place.package.platform)
    if place.release in listed:  # what was built after it is nothing that it came from
        listed = listed[listed.index(place.release) + 1 :]
    for path in listed:
        if len(found) == _MOST_RELEASES:
            break
        try:
            manifest = view(path, str(path)).manifest
        except ArtifactError:
            continue  # what is damaged is not this page's matter
        is_ours = manifest.package.name == place.package.name  # and not another one's NAME-…
        if is_ours and manifest.package.platform == place.package.platform:
            found.append(_release(path, manifest))
    return reversed(found)


def _release(path: Path, manifest: Manifest) -> BuiltRelease:
    sizes = {
        format: each.stat().st_size
        for each in artifacts(path)
        if (format := format_of(each.name)) and not is_tree(each)
    }
    return BuiltRelease(str(path), manifest.package.version, manifest, sizes)


def _faults(part: VariantPlan, place: Workspace, digests: Digests) -> tuple[str, ...]:
    try:
        with place.lock():
            return tuple(map(str, prove.faults(part, place, digests)))
    except ProvisioningError as error:
        return (str(error),)


def _stages(part: VariantPlan, values_of: Callable[[str], Mapping[str, Any]]) -> Iterator[StageRun]:
    for stage, purpose in STAGES.items():
        values = values_of(f"{stage}:{part.variant.name}:{part.variant.platform}")
        if values or stage not in {FETCH, SIGN}:  # which few packages have
            yield StageRun(stage, purpose, values)


def _history(
    place: Workspace, earlier: list[BuiltRelease], built: BuiltRelease | None
) -> Iterator[BuiltSizes]:
    """The builds that are remembered, behind the releases that are older than that."""
    known = builds(place)
    told = {each.version for each in known}
    for each in (*earlier, built):
        if each and each.version not in told:
            yield BuiltSizes(each.version, each.bytes)
    for build in known:
        yield BuiltSizes(build.version, build.sizes)
