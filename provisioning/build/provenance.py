"""Knows what a release was built from and with: as an in-toto statement beside it.

The format is in-toto's Statement v1 with SLSA's predicate Provenance v1 (slsa.dev/spec/v1.0). It
holds nothing of the machine, the user or the time: two builds of one commit say the same.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from provisioning.artifact.tar import EPOCH
from provisioning.build import output
from provisioning.build.encode import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.build.verdict import Verdict
    from provisioning.build.workspace import Workspace

_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD = "urn:doit-provisioning:build:1"
_BUILDER = "doit-provisioning"


def write(place: Workspace, specs: Iterable[tuple[str, str]], verdict: Verdict | None) -> None:
    """Leave the statement beside what SHA256SUMS lists; `specs` are files and their digests.

    `verdict` says which commit that is, where git knows of one, and whether all is as in it.
    """
    statement = {
        "_type": _TYPE,
        "subject": [_named(name, sha256=digest) for digest, name in _listed(place)],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD,
                "externalParameters": _asked(place),
                "internalParameters": {"epoch": EPOCH, "encoders": names_of(place.variant)},
                "resolvedDependencies": [
                    *_checkout(verdict),
                    *(_named(name, sha256=digest) for name, digest in specs),
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


def _asked(place: Workspace) -> dict[str, Any]:
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


def _named(name: str, **digest: str) -> dict[str, Any]:
    return {"name": name, "digest": digest}
