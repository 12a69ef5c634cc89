"""Holds what a release was built from against what somebody expects.

The statement is one of in-toto with SLSA's predicate (https://slsa.dev/spec/v1.0/provenance). Only
what was recorded can be held against anything: a commit, and the repository that a project names.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.filesystem import of_file, read_bounded, reason
from provisioning.artifact.model import canonical
from provisioning.artifact.model.entry import MANIFEST, shown
from provisioning.artifact.model.release import provenance_name
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.package import Package

PROJECT = "project"
"""What the statement calls the sources of a project, among all that it was built from."""
DIRTY = "dirty"
"""The annotation that says whether anything that was packaged differs from the commit."""

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_USER_AT_HOST = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")  # as scp(1) has it
_URL = re.compile(r"(?:git\+)?[a-z+]+://(?:[^@/]*@)?([^/:]+)(?::\d+)?/(.+)")


class BuiltFrom(NamedTuple):
    """What a statement says of a project's sources."""

    commit: str
    """"" if there was no git repository."""
    is_dirty: bool
    repository: str
    """The URL that the project itself names; "" if it names none."""


def fault(beside: Path, package: Package, expected: str) -> str:
    """Why a release is not built from a commit or repository that is expected; "" if it is.

    `expected` is a commit, in full or its first 7 digits or more, or the URL of a repository.
    """
    name = provenance_name(package)
    try:
        statement = json.loads(read_bounded(beside.with_name(name), canonical.LIMIT))
        sources, digests = _sources(statement), _subjects(statement)
        digest = of_file(beside / MANIFEST if beside.is_dir() else beside)
    except (OSError, ArtifactError) as error:
        return f"{name}: {reason(error)}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"{name}: is no statement of this program"
    # SHA256SUMS may be absent, or of a version that did not list the statement.
    if digest not in digests:  # guard: statement-of-something-else
        return f"{name}: is about other artifacts, not about this one"
    if _COMMIT.fullmatch(expected):
        return _of_commit(sources, expected.lower())
    return _of_repository(sources, expected)


def _of_repository(sources: BuiltFrom, expected: str) -> str:
    if not sources.repository:
        return (
            "does not say which repository it was built from; name it in pyproject.toml,"
            " [project.urls], as Repository"
        )
    if plain_url(sources.repository) != plain_url(expected):  # guard: repository-that-is-expected
        return f"was built from {shown(sources.repository)}, not from {shown(expected)}"
    return ""


def _of_commit(sources: BuiltFrom, expected: str) -> str:
    if not sources.commit:
        return "does not say which commit it was built from: there was no git repository"
    if not sources.commit.startswith(expected):  # guard: commit-that-is-expected
        return f"was built from commit {shown(sources.commit)}, not from {expected}"
    if sources.is_dirty:  # guard: clean-commit-is-expected
        return f"was built from commit {sources.commit[:12]} with changes that are not in it"
    return ""


def _subjects(statement: Any) -> set[str]:
    """The digests of what a statement is about: as in-toto matches them, whatever their names."""
    return {str(each["digest"]["sha256"]) for each in statement["subject"]}


def _sources(statement: Any) -> BuiltFrom:
    materials = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    for each in materials:
        if each["name"] == PROJECT:
            commit = each.get("digest", {}).get("gitCommit", "")
            is_dirty = each.get("annotations", {}).get(DIRTY, True)
            return BuiltFrom(str(commit), bool(is_dirty), str(each.get("uri", "")))
    return BuiltFrom("", is_dirty=True, repository="")


def plain_url(url: str) -> str:
    """The host and path of a repository, however its URL is spelt: by https, ssh or scp's way."""
    match = _URL.fullmatch(url) or _USER_AT_HOST.fullmatch(url)
    host, path = match.groups() if match else ("", url)
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}".lstrip("/")
