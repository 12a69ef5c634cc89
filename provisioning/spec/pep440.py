"""Knows the versions of Python's packages, and how they are written where Debian's order counts.

The pattern is that of appendix B of PEP 440, without the epoch, for which the name of a package
has no room.
"""

from __future__ import annotations

import re

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
        text += f"~{_PRE.get(pre, pre)}{_number(found['pre_number'])}"
    if found["post"]:
        text += f"+.post{_number(found['bare'] or found['post_number'])}"
    if found["dev"]:
        alone = not (found["pre"] or found["post"])
        text += f"{'~~' if alone else '~'}dev{_number(found['dev_number'])}"
    return text + (f"+{_local(found['local'])}" if found["local"] else "")


def _number(digits: str | None) -> int:
    return int(digits or 0)


def _local(local: str) -> str:
    return re.sub("[-_]", ".", local.lower())
