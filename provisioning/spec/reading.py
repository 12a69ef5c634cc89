"""Knows what version a text says: alike in a spec, a file, a pyproject.toml and a tag.

Without a hyphen it is one of Python's (PEP 440), or stands as it is. Behind a hyphen SemVer has
what comes before a release (semver.org, 9); others, from PEP 440 to Maven, have some there that
comes after it. What all put on the same side is read; of all else nobody can know what was meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.pep440 import debian_of

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Doubtful(NamedTuple):
    """Why a text says no version, and what to write in its place."""

    why: str
    instead: tuple[tuple[str, str], ...]
    """Versions that are clear, each with when it is the one that is meant."""

    def advice(self, spelled: Callable[[str], str] = "write {}".format) -> str:
        """What to do, where `spelled` says how a version gets there."""
        ways = (f"{spelled(text)}{when}" for text, when in self.instead)
        return ", or ".join(ways)


def version_in(text: str) -> str | Doubtful:
    """Return the version that `text` says, in Debian's order; whether it is one is not judged.

    1.0-rc.1 and 1.0rc1 are 1.0~rc1, which comes before 1.0; 1.0-SNAPSHOT is 1.0~SNAPSHOT.
    """
    text = re.sub(r"^[vV](?=\d)", "", text)
    public, plus, build = text.partition("+")
    doubt = _doubt_of(public)
    return doubt or debian_of(text) or f"{_spelled(public)}{plus}{build.replace('-', '.')}"


def _doubt_of(text: str) -> Doubtful | None:
    if found := _EPOCH.fullmatch(text):
        why = "has an epoch, for which the name of a package has no room"
        return Doubtful(why, ((found["rest"], ""),))
    if _DASHED.fullmatch(text):
        why = "has hyphens between its numbers, where a version has dots"
        return Doubtful(why, ((text.replace("-", "."), ""),))
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


def _either(base: str, who: str, after: str, before: str) -> Doubtful:
    ways = (after, f" if it comes after {base}"), (before, " if it comes before")
    return Doubtful(f"comes before {base} to {who}, and after it to others", ways)


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
