"""Writes what goes with the artifacts: bill of materials, provenance, and SHA256SUMS."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.artifact import filesystem
from provisioning.artifact.formats import CODECS
from provisioning.artifact.model import sums
from provisioning.artifact.model.release import index_name
from provisioning.artifact.model.sums import Identity, Sums
from provisioning.artifact.signature.provenance import DIRTY, PROJECT
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.archive import EPOCH
from provisioning.builder.archive.encoders import names_of
from provisioning.builder.plan.needs import environments_of
from provisioning.builder.python.environment import materials_of
from provisioning.builder.python.wheel_cache import without_password
from provisioning.builder.workspace import output
from provisioning.builder.workspace.bill import bill
from provisioning.errors import BuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioning.builder.plan.variant_plan import Verdict
    from provisioning.builder.workspace.paths import Workspace


def write_sums(
    place: Workspace,
    specs: Iterable[tuple[str, str]] = (),
    verdict: Verdict | None = None,
    *,
    numbered: bool = False,
) -> None:
    """Read the artifacts of `place` back; write what goes with them, SHA256SUMS the last of all.

    `specs` are files and their digests. `verdict` is the commit, if git knows one, and whether
    anything differs from it. Sums that are going to be signed are `numbered`.

    Raises:
        BuildError: an archive is not what its index, written at the same time, says; or the release
            cannot be numbered.
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
    inside = bill(place, str(place.release.parent))
    files = {str(path.relative_to(place.release)): value for path, value in digests.items()}
    files[place.bill.name] = filesystem.of_bytes(inside)
    statement = _statement(place, sorted(files.items()), specs, verdict)
    with output.replacing() as made:
        made.file(place.bill).write(inside)
        made.file(place.provenance).write(statement)
    files[place.provenance.name] = filesystem.of_bytes(statement)
    about = _identity(place, files) if numbered else None
    data = sums.spelled(Sums(files, about))
    for stale in place.release.glob(f"{sums.SUMS}.*"):  # a signature of something else
        stale.unlink()  # guard: stale-signature
    output.write(place.sums, data)


def _identity(place: Workspace, files: Mapping[str, str]) -> Identity:
    from provisioning.builder.workspace import sequence  # noqa: PLC0415 - for those who sign

    package = place.package
    digest = filesystem.of_bytes(sums.spelled(Sums(files)))
    number = sequence.number_of(place, digest)
    return Identity(package.name, package.version, package.platform, number)


_LABELS = ("repository", "source", "sourcecode", "github")
_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD = "urn:doit-provisioning:build:1"
_BUILDER = "doit-provisioning"


def _statement(
    place: Workspace,
    files: Iterable[tuple[str, str]],
    specs: Iterable[tuple[str, str]],
    verdict: Verdict | None,
) -> bytes:
    """The provenance statement about `files`."""
    statement = {
        "_type": _TYPE,
        "subject": [_named(name, sha256=digest) for name, digest in files],
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
    return json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n"


def _parameters(place: Workspace) -> dict[str, Any]:
    variant = place.variant
    return {
        **{key: getattr(variant, key) for key in ("name", "version", "platform", "os", "arch")},
        "spec": variant.file,
        "formats": list(variant.formats),
    }


def _checkout(verdict: Verdict | None) -> Iterable[dict[str, Any]]:
    if verdict:
        named = _named(PROJECT, gitCommit=verdict.commit)
        url = _repository()
        where = {"uri": url} if url else {}
        yield {**named, **where, "annotations": {DIRTY: bool(verdict.edited)}}


def _repository() -> str:
    """The repository that pyproject.toml names, by one of the labels that PyPI knows; or "".

    A remote of git's is this clone's matter: another one would give another statement.
    """
    try:
        said = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        urls = said.get("project", {}).get("urls", {}).items()
        labels = {re.sub(r"[^a-z]", "", label.lower()): url for label, url in urls}
        return next((without_password(labels[each]) for each in _LABELS if each in labels), "")
    except (OSError, ValueError, AttributeError):
        return ""


def _wheels(place: Workspace) -> Iterable[dict[str, Any]]:
    for need in environments_of(place.variant, str(place.release.parent)):
        for each in materials_of(need.source):
            where = {"uri": each.url} if each.url else {}
            yield {**_named(each.file, sha256=each.digest), **where}


def _named(name: str, **digest: str) -> dict[str, Any]:
    return {"name": name, "digest": digest}
