"""Knows what the texts of a spec may look like: names, versions, modes, owners, paths and such."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.printing import NO_CHARACTERS
from provisioning.spec.fault import Fault, nearest
from provisioning.spec.node import shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.origin import Origin


class Rule(NamedTuple):
    """What a text must be: `reason` says why it is not, or "" where it is."""

    code: str
    reason: Callable[[str], str]
    pattern: str = ""
    """A regular expression for the whole text, as far as one can say it; "" where none can."""
    known: tuple[str, ...] = ()
    """The only texts allowed, where these are few."""
    others: tuple[tuple[str, str], ...] = ()
    """What others call some of those, in small letters, each with its name here."""

    def holds(self, text: str, origin: Origin, faults: list[Fault]) -> bool:
        """Whether `text` is as it must be; if not, a fault is added."""
        reason = self.reason(text)
        if reason:
            shown = json.dumps(shorten(text), ensure_ascii=False)
            near = self.meant(text)
            hint = f"did you mean {near}?" if near else ""
            faults.append(Fault.at(origin, self.code, f"{shown} {reason}", hint))
        return not reason

    def meant(self, text: str) -> str:
        """Which of the texts that are known is most likely meant; "" where none is."""
        return dict(self.others).get(text.casefold()) or nearest(text, self.known) or ""


def matches(pattern: str, reason: str) -> Callable[[str], str]:
    """Return what gives `reason` for each text that is not `pattern`."""
    match = re.compile(pattern).fullmatch
    return lambda text: "" if match(text) else reason


# Of owners, what fits into the fields of a ustar header: 31 characters, or seven octal digits.
_OWNER = "0|[1-9][0-9]{0,6}|[A-Za-z_][A-Za-z0-9_.-]{0,30}"
_LARGEST_ID = 0o7777777


def _owner_reason(owner: str) -> str:
    if not re.fullmatch(_OWNER, owner):
        return 'is no user or group: write a name, or a number such as "1000"'
    too_large = owner.isdigit() and int(owner) > _LARGEST_ID
    return f"is a number above {_LARGEST_ID}" if too_large else ""


_LONGEST_PATH = 4096  # PATH_MAX of Linux
_LONGEST_TEXT = 4096
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# Of YAML 1.1, section 5.6, those that a path of Windows may hold: "src\\app".
_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\v": r"\v",
    "\f": r"\f",
    "\r": r"\r",
    "\x1b": r"\e",
    "\0": r"\0",
    "\x85": r"\N",
}
_NO_CHARACTER = re.compile(f"[{NO_CHARACTERS}]")


def _link_reason(target: str) -> str:
    """Why a symbolic link may not say `target`; whether it leaves the package is seen later."""
    if not target or len(target) > _LONGEST_PATH:
        return f"is longer than {_LONGEST_PATH} characters" if target else "is empty"
    if target.startswith("/"):
        return "is absolute; write a relative path"
    if "\\" in target:
        return "has a backslash; separate with /"
    if control := CONTROL.search(target):
        written = _ESCAPES.get(control[0])
        meant = f": in double quotes, {written} is one, and no backslash; separate with /"
        return f"has a control character{meant if written else ''}"
    return character_reason(target)


def character_reason(text: str) -> str:
    """Why `text` can stand in no unit of systemd and in no property list."""
    found = _NO_CHARACTER.search(text)
    return f"has U+{ord(found[0]):04X}, which is no character" if found else ""


def path_reason(path: str) -> str:
    """Why `path` is none that stays below its root; "" where it is."""
    return _link_reason(path) or ("leaves its root by .." if ".." in path.split("/") else "")


def _prefix_reason(path: str) -> str:
    if not path.startswith("/"):
        return "must be an absolute path, such as /opt/greenhouse"
    return path_reason(clean(path)) if clean(path) else "cannot be the root of the whole system"


def one_of(known: tuple[str, ...], what: str) -> Callable[[str], str]:
    """Return what gives a reason for each text that is not `known`."""
    return lambda text: "" if text in known else f"is no known {what}; known: {', '.join(known)}"


# Names and versions make NAME-VERSION-PLATFORM.tar.gz: a version has no "-", that one can tell
# them apart, and all of it fits into the 255 bytes of a file's name.
_NAME = "[a-z0-9][a-z0-9.+-]{0,63}"
_VERSION = "[0-9][0-9A-Za-z.+~_]{0,79}"
_SAID_VERSION = "[vV]?[0-9][0-9A-Za-z.+~_-]{0,79}"
# What may stand in the name of a tag (git-check-ref-format(1)).
_TAG_GLOB = r"[^\s*?\[\]\\~^:\x00-\x1f\x7f]*\*[^\s*?\[\]\\~^:\x00-\x1f\x7f]*"
_MODE = "[0-7]{3,4}"
_FORMATS = ("tar.gz", "tar.zst", "tar.xz", "zip", "deb", "dir")
_MTIMES = ("epoch", "content")
_SERVICE_MANAGERS = ("systemd", "launchd")


def _mode_reason(mode: str) -> str:
    if re.fullmatch(_MODE, mode):
        return ""
    digits = re.fullmatch("0*o?0*([0-7]{3,4})", mode)
    meant = digits[1].zfill(4) if digits else "0644"
    return f'is no mode: write {"" if digits else "octal digits, such as "}"{meant}"'


NAME = Rule(
    "bad-name",
    matches(_NAME, "is no name: use a-z and 0-9, then also . + and -"),
    pattern=_NAME,
)
VERSION = Rule(
    "bad-version",
    matches(
        _VERSION,
        "is no version: begin with a digit, then use letters, digits and . + ~ _, as in 1.4.2~rc1",
    ),
    pattern=_VERSION,
)
SAID_VERSION = VERSION._replace(pattern=_SAID_VERSION)
"""For editors, which do not know how `reading` makes a version of a text."""
TAG_GLOB = Rule(
    "bad-tags",
    matches(_TAG_GLOB, "must hold one *, where the version stands in a tag, as in greenhouse-v*"),
    pattern=_TAG_GLOB,
)
MODES = frozenset({"mode", "file_mode", "dir_mode"})  # the keys that hold one
MODE = Rule(
    "bad-mode",
    _mode_reason,
    pattern=_MODE,
)
ABOUT = Rule(
    "too-long",
    lambda text: (
        f"is longer than {_LONGEST_TEXT} characters"
        if len(text) > _LONGEST_TEXT
        else character_reason(text)
    ),
)
OWNER = Rule("bad-owner", _owner_reason, pattern=_OWNER)
PATH = Rule("bad-path", path_reason)
LINK = Rule("bad-path", _link_reason)
PREFIX = Rule("bad-path", _prefix_reason)
FORMAT = Rule("unknown-format", one_of(_FORMATS, "format"), known=_FORMATS)
MTIME = Rule("unknown-mtime", one_of(_MTIMES, "kind of time"), known=_MTIMES)
SERVICE_MANAGER = Rule(
    "unknown-service-manager",
    one_of(_SERVICE_MANAGERS, "service manager"),
    known=_SERVICE_MANAGERS,
)


def clean(path: str) -> str:
    """Return `path` without empty and `.` parts; "" where nothing is left."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})
