"""Knows which version the tags of a repository give to what is checked out."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.git import GitError, NoVersion, ask
from provisioning.spec.reading import Doubtful, version_in
from provisioning.spec.rule import VERSION
from provisioning.version import latest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioning.spec.git import Refs

TAGS = "v*"
"""How tags of versions are called, where a spec does not say it."""

_ABBREVIATED = 12
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g[0-9a-f]+")
_FALLBACK = 'or say what it is before the first one: {from: git, fallback: "0.1"}'


class Asked(NamedTuple):
    """What a spec says of a version that comes from git."""

    tags: str
    """A glob with one `*`, which stands for the version."""
    fallback: str
    """The version before the first tag; "" where none is named."""


def version_of(root: Path, refs: Refs | NoVersion, asked: Asked) -> str | NoVersion:
    """Return the version of what is checked out at `root`, or why there is none.

    1.4.2 at the tag v1.4.2, 1.4.2+5.gabcdef123456 five commits later, and 0.1+5.gabcdef123456 at
    the fifth of all commits with the fallback 0.1. What a tag says is read as any other text of a
    version: v1.4.2-rc1 is 1.4.2~rc1.
    """
    if isinstance(refs, NoVersion):
        return refs if refs.failed or not asked.fallback else asked.fallback
    try:
        return _version_of(root, refs, asked)
    except GitError as error:
        return error.why


def _version_of(root: Path, refs: Refs, asked: Asked) -> str | NoVersion:
    tagged = _by_commit(refs, asked.tags)
    if refs.commit in tagged:
        return _latest(tagged[refs.commit], asked.tags)
    base, distance = _described(root, refs, asked.tags) if tagged else ("", 0)
    cut_off = _cut_off(root)
    # What was not fetched may hold a tag that is nearer, and commits that count.
    if base and not (cut_off and cut_off.intersection(_since(root, base, refs))):
        version = _latest(tagged[base], asked.tags)
        return version if isinstance(version, NoVersion) else _after(version, distance, refs)
    if asked.fallback:
        return _after(asked.fallback, _age(root, refs, known=not cut_off), refs)
    return _no_tag(asked.tags, shallow=bool(cut_off), elsewhere=bool(tagged))


def cut(tag: str, tags: str) -> str:
    """Return what the `*` of the glob `tags` stands for in `tag`, "" where it is no version.

    That begins with a digit, and reaches over no slash, by which tags are sorted into groups.
    """
    head, _, tail = tags.partition("*")
    pattern = rf"{re.escape(head)}(\d[^/]*){re.escape(tail)}"
    found = re.fullmatch(pattern, tag)
    return found[1] if found else ""


def _by_commit(refs: Refs, tags: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag, commit in refs.tags:
        if cut(tag, tags):
            found.setdefault(commit, []).append(tag)
    return found


def _latest(found: Sequence[str], tags: str) -> str | NoVersion:
    """The highest of the versions that the tags `found` of one commit say."""
    read = [version_in(cut(tag, tags)) for tag in found]
    versions = [each for each in read if isinstance(each, str) and not VERSION.reason(each)]
    return latest(versions) if versions else _unread(found[0], tags)


def _unread(tag: str, tags: str) -> NoVersion:
    """Why a tag says no version; its commit can have another one beside it that does."""
    said = cut(tag, tags)
    read = version_in(said)

    def tagging(version: str) -> str:
        return f"git tag {tags.replace('*', version)} {tag}"

    if isinstance(read, Doubtful):
        return NoVersion(f"the tag {tag}: {said} {read.why}", read.advice(tagging))
    ways = f"{tagging('1.0')} gives its commit one, git tag -d {tag} takes this one away"
    return NoVersion(f"the tag {tag}: {said} {VERSION.reason(said)}", ways)


def _described(root: Path, refs: Refs, tags: str) -> tuple[str, int]:
    """The nearest commit that has a tag, and how many commits there were since; "" for none."""
    head, _, tail = tags.partition("*")
    only = (f"--match={head}[0-9]*{tail}", f"--exclude={head}*/*{tail}")
    told = ask(root, "describe", "--tags", "--long", "--always", *only, refs.commit)
    found = _DESCRIBED.fullmatch(told.strip())
    return (dict(refs.tags)[found["tag"]], int(found["distance"])) if found else ("", 0)


def _since(root: Path, base: str, refs: Refs) -> list[str]:
    return ask(root, "rev-list", f"{base}..{refs.commit}").split()


def _cut_off(root: Path) -> set[str]:
    """The commits whose parents were not fetched, in a shallow clone."""
    path = ask(root, "rev-parse", "--git-path", "shallow").removesuffix("\n")
    try:
        return set((root / path).read_text(encoding="ascii").split())
    except FileNotFoundError:
        return set()


def _after(base: str, distance: int, refs: Refs) -> str:
    return f"{base}+{distance}.g{refs.commit[:_ABBREVIATED]}"


def _age(root: Path, refs: Refs, *, known: bool) -> int:
    """What grows from commit to commit: their number or, where it is not `known`, the time."""
    if known:
        return int(ask(root, "rev-list", "--count", refs.commit))
    seconds = int(ask(root, "log", "-1", "--format=%ct", refs.commit))
    return int(datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y%m%d%H%M%S"))


def _no_tag(tags: str, *, shallow: bool, elsewhere: bool) -> NoVersion:
    if shallow:
        message = f"this clone is shallow, and no tag {tags} is in what it has of the history"
        return NoVersion(message, f"git fetch --unshallow --tags, {_FALLBACK}")
    if elsewhere:
        message = f"no tag {tags} leads to what is checked out; those that there are lie elsewhere"
        return NoVersion(message, f"git tag one, {_FALLBACK}")
    message = f"there is no tag {tags} with a version, such as {tags.replace('*', '1.0')}"
    return NoVersion(message, f"git fetch --tags, git tag one, {_FALLBACK}")
