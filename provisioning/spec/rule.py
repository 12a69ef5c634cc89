"""Knows what names, versions, modes, owners and paths may look like, as text alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.fault import Fault
from provisioning.spec.node import shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.node import Origin


class Rule(NamedTuple):
    """What a text must be: `reason` says why it is not, or "" where it is."""

    code: str
    reason: Callable[[str], str]

    def holds(self, text: str, origin: Origin, faults: list[Fault]) -> bool:
        """Whether `text` is as it must be; if not, a fault is added."""
        reason = self.reason(text)
        if reason:
            shown = json.dumps(shorten(text), ensure_ascii=False)
            faults.append(Fault.at(origin, self.code, f"{shown} {reason}"))
        return not reason


def _matches(pattern: str, reason: str) -> Callable[[str], str]:
    match = re.compile(pattern).fullmatch
    return lambda text: "" if match(text) else reason


_LARGEST_ID = 0o7777777


def _owner_reason(owner: str) -> str:
    # What fits into the fields of a ustar header: 31 characters, or seven octal digits.
    if re.fullmatch("0|[1-9][0-9]{0,6}", owner):
        return "" if int(owner) <= _LARGEST_ID else f"is a number above {_LARGEST_ID}"
    if re.fullmatch("[A-Za-z_][A-Za-z0-9_.-]{0,30}", owner):
        return ""
    return 'is no user or group: write a name, or a number such as "1000"'


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def _link_reason(target: str) -> str:
    """Why a symbolic link may not say `target`; whether it leaves the package is seen later."""
    if not target:
        return "is empty"
    if target.startswith("/"):
        return "is absolute; write a relative path"
    if "\\" in target:
        return "has a backslash; separate with /"
    return "has a control character" if _CONTROL.search(target) else ""


def _path_reason(path: str) -> str:
    return _link_reason(path) or ("leaves its root by .." if ".." in path.split("/") else "")


def _prefix_reason(path: str) -> str:
    if not path.startswith("/"):
        return "must be an absolute path, such as /opt/greenhouse"
    return _path_reason(clean(path)) if clean(path) else "cannot be the root of the whole system"


def _one_of(what: str, *known: str) -> Callable[[str], str]:
    return lambda text: "" if text in known else f"is no known {what}; known: {', '.join(known)}"


# Names and versions make NAME-VERSION-PLATFORM.tar.gz: a version has no "-", that one can tell
# them apart, and all of it fits into the 255 bytes of a file's name.
NAME = Rule(
    "bad-name",
    _matches("[a-z0-9][a-z0-9.+-]{0,63}", "is no name: use a-z and 0-9, then also . + and -"),
)
VERSION = Rule(
    "bad-version",
    _matches(
        "[0-9][0-9A-Za-z.+~_]{0,79}",
        "is no version: begin with a digit, then use letters, digits and . + ~ _, as in 1.4.2~rc1",
    ),
)
MODES = frozenset({"mode", "file_mode", "dir_mode"})  # the keys that hold one
MODE = Rule("bad-mode", _matches("[0-7]{3,4}", 'is no mode: write octal digits, such as "0644"'))
OWNER = Rule("bad-owner", _owner_reason)
PATH = Rule("bad-path", _path_reason)
LINK = Rule("bad-path", _link_reason)
PREFIX = Rule("bad-path", _prefix_reason)
FORMAT = Rule("unknown-format", _one_of("format", "tar.gz"))
RESTART = Rule("unknown-restart", _one_of("way to restart", "on-failure", "always", "never"))
SERVICE_MANAGER = Rule("unknown-service-manager", _one_of("service manager", "systemd", "launchd"))


def clean(path: str) -> str:
    """Return `path` without empty and `.` parts; "" where nothing is left."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})
