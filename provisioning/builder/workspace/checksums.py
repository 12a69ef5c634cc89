"""Writes SHA256SUMS, from what is on disk, and the provenance statement."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from provisioning.artifact import filesystem
from provisioning.artifact.formats import CODECS
from provisioning.artifact.model.release import index_name
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.archive import EPOCH
from provisioning.builder.archive.encoders import names_of
from provisioning.builder.plan.needs import environments_of
from provisioning.builder.python.environment import materials_of
from provisioning.builder.workspace import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.builder.plan.variant_plan import Verdict
    from provisioning.builder.workspace.paths import Workspace


def write_sums(place: Workspace) -> None:
    """Read the artifacts of `place` back and write SHA256SUMS, which makes the release complete.

    Raises:
        BuildError: an archive is not what its index, written at the same time, says.
        OSError: a file cannot be read or written.
    """
    digests = {path: filesystem.of_file(path) for path in place.packed}
    for format in CODECS.keys() & {*place.formats}:
        archive = place.artifact(format)
        indexed = archive.with_name(index_name(archive.name))
        if digests[archive] != chunking.parse(indexed.read_bytes(), str(indexed)).digest:
            raise BuildError(
                f"{archive}: not what was written there; is the disk sound? Run doit again"
            )
    names = {str(path.relative_to(place.release)): value for path, value in digests.items()}
    lines = (f"{value}  {name}\n" for name, value in sorted(names.items()))
    output.write(place.sums, "".join(lines).encode())


_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD = "urn:doit-provisioning:build:1"
_BUILDER = "doit-provisioning"


def write_provenance(
    place: Workspace, specs: Iterable[tuple[str, str]], verdict: Verdict | None
) -> None:
    """Write the statement about what SHA256SUMS lists; `specs` are files and their digests.

    `verdict` is the commit, if git knows one, and whether anything differs from it.
    """
    statement = {
        "_type": _TYPE,
        "subject": [_named(name, sha256=digest) for digest, name in _listed(place)],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD,
                "externalParameters": _parameters(place),
                "internalParameters": {"epoch": EPOCH, "encoders": names_of(place.variant)},
                "resolvedDependencies": [
                    *_checkout(verdict),
                    *(_named(name, sha256=digest) for name, digest in specs),
                    *_wheels(place),
                ],
            },
            "runDetails": {
                "builder": {"id": f"urn:{_BUILDER}", "version": {_BUILDER: version(_BUILDER)}}
            },
        },
    }
    output.write(place.provenance, json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n")


def _listed(place: Workspace) -> Iterable[list[str]]:
    lines = place.sums.read_text(encoding="utf-8").splitlines()
    return (line.split("  ", 1) for line in lines)


def _parameters(place: Workspace) -> dict[str, Any]:
    variant = place.variant
    return {
        **{key: getattr(variant, key) for key in ("name", "version", "platform", "os", "arch")},
        "spec": variant.file,
        "formats": list(variant.formats),
    }


def _checkout(verdict: Verdict | None) -> Iterable[dict[str, Any]]:
    if verdict:
        dirty = bool(verdict.edited)
        yield {**_named("project", gitCommit=verdict.commit), "annotations": {"dirty": dirty}}


def _wheels(place: Workspace) -> Iterable[dict[str, Any]]:
    for need in environments_of(place.variant, str(place.release.parent)):
        for each in materials_of(need.source):
            where = {"uri": each.url} if each.url else {}
            yield {**_named(each.file, sha256=each.digest), **where}


def _named(name: str, **digest: str) -> dict[str, Any]:
    return {"name": name, "digest": digest}
