"""Finds a package's version: written in a spec, in a file, or described by git.

Versions are read as PEP 440 and SemVer write them and spelled so that Debian sorts them alike. The
pattern is that of appendix B of PEP 440, without the epoch, for which a package's name has no room.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.release import latest
from provisioning.spec.resolve.git import GitError, NoVersion, ask
from provisioning.spec.schema.rules import PATH, TAG_GLOB, VERSION
from provisioning.spec.schema.schema import ONE_SOURCE, SOURCES
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.resolve.git import Refs
    from provisioning.spec.resolve.variables import Scope

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GIT = "(git)"


def find_version(node: Node, variant: str, scope: Scope) -> tuple[str, Origin] | None:
    """Return the version that a resolved `version:` means, and where it is from; None if wrong.

    `variant` is whose version it is, as in `greenhouse:raspberry-pi`.
    """
    diagnostics = scope.diagnostics
    said = {"text": node} if isinstance(node, Scalar) else _said(node, diagnostics)
    if said is None:
        return None
    source, value = next(iter(said.items()))
    if any(each.secret for each in said.values()):
        message = "this contains a secret, which everybody could read in the package's name"
        diagnostics.error(value.origin, "exposed-secret", message)
        return None
    origin = value.origin
    if source == "from":
        origin = Origin(file=GIT, line=0, column=1)
        found = _from_git(said, variant, scope)
    elif source == "text":
        found = value.text
    else:
        origin = Origin(file=value.text, line=0, column=1)
        found = _in_file(source, value, scope)
    if isinstance(found, NoVersion):
        diagnostics.error(value.origin, "no-version", found.message, found.hint)
        return None
    if found is not None and source != "from":
        found = _sound(found, value.origin, diagnostics)
    return None if found is None else (found, origin)


def _said(node: Node, diagnostics: Diagnostics) -> dict[str, Scalar] | None:
    """Return what a map says of a version, its one source first; None if it is wrong."""
    if not isinstance(node, Mapping):
        return None
    said = {key: each for key, each in node.items.items() if isinstance(each, Scalar)}
    sources = [key for key in said if key in SOURCES]
    if len(sources) != 1:
        # In one place or by an overlay, which adds its source to that of the spec.
        related = tuple((node.keys[key], "one is here") for key in sources)
        if said:  # else the schema has reported it
            diagnostics.error(node.origin, "version-source", ONE_SOURCE, related=related)
        return None
    (source,) = sources
    idle = [] if source == "from" else sorted(said.keys() - {source})
    for key in idle:
        message = f"this is not allowed together with {source}; remove it"
        diagnostics.error(node.keys[key], "idle-key", message)
    return None if idle else {source: said.pop(source), **said}


def _from_git(said: dict[str, Scalar], variant: str, scope: Scope) -> str | NoVersion | None:
    value, tags, fallback = said["from"], said.get("tags"), said.get("fallback")
    diagnostics = scope.diagnostics
    if value.text != "git":
        return NoVersion(f"a version cannot come from {value.text}", "known: git")
    is_glob = tags is None or TAG_GLOB.holds(tags.text, tags.origin, diagnostics)
    before = fallback and _sound(fallback.text, fallback.origin, diagnostics)
    if not is_glob or (fallback and not before):
        return None
    source = GitSource(tags.text if tags else TAGS, before or "")
    found = scope.inputs.git_version(variant, source, version_of)
    is_told = isinstance(found, NoVersion) or VERSION.holds(found, value.origin, diagnostics)
    return found if is_told else None


def _in_file(source: str, value: Scalar, scope: Scope) -> str | NoVersion | None:
    """Return the text of a version in a file of the project; None if it cannot be read."""
    if not PATH.holds(value.text, value.origin, scope.diagnostics):
        return None
    text = scope.inputs.text(value.text, value.origin, scope.diagnostics)
    if text is None or source == "file":
        return text and text.strip()
    try:
        project = tomllib.loads(text).get("project")
    except (ValueError, RecursionError) as error:
        return NoVersion(f"{value.text}: {error}", "")
    version = project.get("version") if isinstance(project, dict) else None
    if not isinstance(version, str):
        hint = "only its build backend knows a dynamic version; try version: {from: git}"
        return NoVersion(f"{value.text} has no version in [project]", hint)
    return version


def _sound(text: str, origin: Origin, diagnostics: Diagnostics) -> str | None:
    """Return the version that `text` states; None if it is not a version."""
    version = version_in(text)
    if isinstance(version, DoubtfulVersion):
        message = f'"{shorten(text)}" {version.why}'
        diagnostics.error(origin, "doubtful-version", message, version.advice())
        return None
    return version if VERSION.holds(version, origin, diagnostics) else None


TAGS = "v*"
"""How tags of versions are called, where a spec does not say it."""

_ABBREVIATED = 12
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g[0-9a-f]+")
_FALLBACK = 'or set the version before the first tag: {from: git, fallback: "0.1"}'


class GitSource(NamedTuple):
    """What a spec says of a version that comes from git."""

    tags: str
    """A glob with one `*`, which stands for the version."""
    fallback: str
    """The version before the first tag; "" where none is named."""


def version_of(root: Path, refs: Refs | NoVersion, source: GitSource) -> str | NoVersion:
    """Return the version of what is checked out at `root`, or why there is none.

    1.4.2 at the tag v1.4.2, 1.4.2+5.gabcdef123456 five commits later, and 0.1+5.gabcdef123456 at
    the fifth of all commits with the fallback 0.1. What a tag says is read as any other text of a
    version: v1.4.2-rc1 is 1.4.2~rc1.
    """
    if isinstance(refs, NoVersion):
        return refs if refs.failed or not source.fallback else source.fallback
    try:
        return _version_of(root, refs, source)
    except GitError as error:
        return error.why


def _version_of(root: Path, refs: Refs, source: GitSource) -> str | NoVersion:
    tagged = _by_commit(refs, source.tags)
    if refs.commit in tagged:
        return _latest(tagged[refs.commit], source.tags)
    base, distance = _described(root, refs, source.tags) if tagged else ("", 0)
    cut_off = _cut_off(root)
    # What was not fetched may hold a tag that is nearer, and commits that count.
    if base and not (cut_off and cut_off.intersection(_since(root, base, refs))):  # guard: shallow
        version = _latest(tagged[base], source.tags)
        return version if isinstance(version, NoVersion) else _after(version, distance, refs)
    if source.fallback:
        # guard: shallow-age
        return _after(source.fallback, _age(root, refs, known=not cut_off), refs)
    return _no_tag(source.tags, shallow=bool(cut_off), elsewhere=bool(tagged))


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
    # guard: tag-that-is-no-version
    versions = [each for each in read if isinstance(each, str) and not VERSION.reason(each)]
    return latest(versions) if versions else _unread(found[0], tags)  # guard: no-tag-is-a-version


def _unread(tag: str, tags: str) -> NoVersion:
    """Why a tag is not a version; its commit can have another tag that is."""
    said = cut(tag, tags)
    read = version_in(said)

    def tagging(version: str) -> str:
        return f"git tag {tags.replace('*', version)} {tag}"

    if isinstance(read, DoubtfulVersion):
        return NoVersion(f"the tag {tag}: {said} {read.why}", read.advice(tagging))
    ways = f"{tagging('1.0')} gives its commit one, git tag -d {tag} removes this one"
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
        message = f"this clone is shallow, and its part of the history has no tag {tags}"
        return NoVersion(message, f"git fetch --unshallow --tags, {_FALLBACK}")
    if elsewhere:
        message = (
            f"no tag {tags} is an ancestor of what is checked out; those that exist are elsewhere"
        )
        return NoVersion(message, f"git tag one, {_FALLBACK}")
    message = f"there is no tag {tags} with a version, such as {tags.replace('*', '1.0')}"
    return NoVersion(message, f"git fetch --tags, git tag one, {_FALLBACK}")


_SPELLED = re.compile(
    r"""
    v?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>\d*))?
    (?P<post>-(?P<bare>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def debian_of(version: str) -> str | None:
    """Return `version` written so that Debian sorts it as PEP 440 does; None if it is none.

    What comes before a release gets a `~`, a development release of nothing else two, since it
    comes before all those; a post-release gets a `+.`, which comes after what is local to a
    release and before the release that follows. The release itself is left as it stands.
    """
    found = _SPELLED.fullmatch(version)
    if not found:
        return None
    text = found["release"]
    if found["pre"]:
        pre = found["pre"].lower()
        text += f"~{_PRE.get(pre, pre)}{int(found['pre_number'] or 0)}"
    if found["post"]:
        text += f"+.post{int(found['bare'] or found['post_number'] or 0)}"
    if found["dev"]:
        alone = not (found["pre"] or found["post"])
        text += f"{'~~' if alone else '~'}dev{int(found['dev_number'] or 0)}"
    local = re.sub("[-_]", ".", found["local"].lower()) if found["local"] else ""
    return f"{text}+{local}" if local else text


# What comes after a release to PEP 440 (post, rev, r), Gentoo (r, p), Composer (p, pl, patch,
# stable), Maven (sp, ga, final, release); numbers are revisions of Debian's, or commits since.
_AFTER = re.compile(
    r"(?P<base>\d[^-]*)-(?P<rest>(?:\d|"
    r"(?P<post>post|rev|r)(?![a-z])|(?:p|pl|patch|hotfix|fix|sp|ga|final|release|stable)(?![a-z])"
    r").*)",
    re.IGNORECASE | re.ASCII,
)
_LETTER = re.compile(r"(?P<base>\d+(?:\.\d+)*)(?P<letter>[abc])", re.IGNORECASE | re.ASCII)
_DASHED = re.compile(r"\d+(?:-\d+){2,}", re.ASCII)
_EPOCH = re.compile(r"\d+[!:](?P<rest>\d.*)", re.ASCII)  # of PEP 440, and of Debian
_IDENTIFIERS = re.compile(r"[0-9A-Za-z]+(?:[-._][0-9A-Za-z]+)*")
_CANDIDATE = re.compile(r"(?P<word>[A-Za-z]+)[-._]?(?P<number>\d+)(?P<more>[-._].+)", re.ASCII)


class DoubtfulVersion(NamedTuple):
    """Why a text is not a version, and what to write instead."""

    why: str
    instead: tuple[tuple[str, str], ...]
    """Versions that are clear, each with when it is the one that is meant."""

    def advice(self, spelled: Callable[[str], str] = "write {}".format) -> str:
        """What to do, where `spelled` says how a version gets there."""
        ways = (f"{spelled(text)}{when}" for text, when in self.instead)
        return ", or ".join(ways)


def version_in(text: str) -> str | DoubtfulVersion:
    """Return the version that `text` says, in Debian's order; whether it is one is not judged.

    1.0-rc.1 and 1.0rc1 are 1.0~rc1, which comes before 1.0; 1.0-SNAPSHOT is 1.0~SNAPSHOT.
    """
    text = re.sub(r"^[vV](?=\d)", "", text)
    public, plus, build = text.partition("+")
    doubt = _doubt_of(public)
    # guard: version-of-two-readings
    return doubt or debian_of(text) or f"{_spelled(public)}{plus}{build.replace('-', '.')}"


def _doubt_of(text: str) -> DoubtfulVersion | None:
    if found := _EPOCH.fullmatch(text):
        why = "has an epoch, which the name of a package cannot contain"
        return DoubtfulVersion(why, ((found["rest"], ""),))
    if _DASHED.fullmatch(text):
        why = "has hyphens between its numbers; a version has dots there"
        return DoubtfulVersion(why, ((text.replace("-", "."), ""),))
    if found := _LETTER.fullmatch(text):
        base, letter = found.groups()
        after, before = f"{base}+{letter}", f"{text}0"
        return _either(base, "PEP 440", after, before)
    if found := _AFTER.fullmatch(text):
        base, rest = found["base"], found["rest"].replace("-", ".")
        numbers = re.findall(r"\d+", rest) or ["1"]
        is_post = bool(found["post"]) or rest.isdigit()
        after = f"{base}.post{numbers[0]}" if is_post else f"{base}+{rest}"
        return _either(base, "SemVer", after, f"{base}-rc.{numbers[0]}")
    return None


def _either(base: str, who: str, after: str, before: str) -> DoubtfulVersion:
    ways = (after, f" if it comes after {base}"), (before, " if it comes before")
    return DoubtfulVersion(
        f"comes before {base} according to {who}, and after it according to others", ways
    )


def _spelled(text: str) -> str:
    """A version with a hyphen, and without what stands behind a plus, as Debian sorts it."""
    base, _, rest = text.partition("-")
    if not _IDENTIFIERS.fullmatch(rest):
        return text
    # 1.0-rc.1.2 is between 1.0-rc.1 and 1.0-rc.2, which PEP 440 knows.
    found = _CANDIDATE.fullmatch(rest)
    head = found and debian_of(f"{base}-{found['word']}{found['number']}")
    if found and head:
        return f"{head}{found['more'].replace('-', '.')}"
    return f"{debian_of(base) or base}~{rest.replace('-', '.')}"
