"""Knows what the texts of services, hooks and device values may look like."""

from __future__ import annotations

import re
import shlex

from provisioning.spec.node import shorten
from provisioning.spec.rule import (
    CONTROL,
    Rule,
    character_reason,
    clean,
    matches,
    one_of,
    path_reason,
)

LONGEST_WAIT = 3600
"""Seconds that a hook or a health check may be given."""

_RESTARTS = ("on-failure", "always", "never")
# Of systemd, Docker and Kubernetes, and what YAML 1.1 takes for its words.
_OTHER_RESTARTS = {
    **dict.fromkeys(("no", "off", "n", "false", "none"), "never"),
    **dict.fromkeys(("yes", "on", "y", "true", "unless-stopped"), "always"),
    **dict.fromkeys(("on-abnormal", "on-abort", "on-watchdog", "onfailure"), "on-failure"),
}
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]{0,99}"
_SECONDS = "[1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_URL = f"https?://(?:{_HOST})(?::(?:{_PORT}))?(?:[/?][!-~]*)?"
_ADDRESS = f"(?:(?:{_HOST}):)?(?:{_PORT})"

# A unit of systemd names these paths; there it is refused, or stands for something else.
_ODD = re.compile(r"""["'*?\[\]{}$]""")
# Of regular expressions, what Python's older than 3.11 do not know, and a target may be one.
_ESCAPES_AND_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NEWER = re.compile(r"\(\?>|[*+?}]\+")


def command_reason(command: str) -> str:
    """Why `command` can be none: its first word has to be a path in the package."""
    if reason := _line_reason(command):
        return reason
    try:
        words = shlex.split(command)
    except ValueError:
        return "has a quote that is not closed, or ends in a backslash"
    if not words:
        return "runs nothing"
    path = words[0]
    reason = place_reason(path)
    if not reason and clean(path) != path:
        reason = f"is written {clean(path)} there"
    wanted = "has to begin with a path in the package, such as bin/greenhouse"
    return f"{wanted}; {shorten(path)} {reason}" if reason else ""


def place_reason(path: str) -> str:
    """Why a path in a package, or the one to it, can be none that a service is started by."""
    if odd := _ODD.search(path):
        return f"has a {odd[0]}, which the path of a service cannot have"
    return path_reason(path)


def _line_reason(text: str) -> str:
    if CONTROL.search(text):
        return "has a control character; write it in one line"
    return character_reason(text)


def _expression_reason(pattern: str) -> str:
    if reason := _line_reason(pattern):
        return reason
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}"
    if _NEWER.search(_ESCAPES_AND_SETS.sub("x", pattern)):
        return "is no regular expression to Python 3.9: leave out (?>…), *+, ++, ?+ and }+"
    return ""


COMMAND = Rule("bad-command", command_reason)
PLACE = Rule("bad-path", place_reason)
LINE = Rule("bad-text", _line_reason)
EXPRESSION = Rule("bad-expression", _expression_reason)
RESTART = Rule(
    "unknown-restart",
    one_of(_RESTARTS, "way to restart"),
    known=_RESTARTS,
    others=tuple(_OTHER_RESTARTS.items()),
)
VARIABLE = Rule(
    "bad-variable",
    matches(_VARIABLE, "is no name of an environment variable: use letters, digits and _"),
    pattern=_VARIABLE,
)
SECONDS = Rule(
    "bad-seconds",
    matches(_SECONDS, f"is no time: write whole seconds, from 1 to {LONGEST_WAIT}"),
    pattern=_SECONDS,
)
URL = Rule(
    "bad-url",
    matches(_URL, "is no URL to ask: write one such as http://localhost:8080/health"),
    pattern=_URL,
)
ADDRESS = Rule(
    "bad-address",
    matches(_ADDRESS, "is no address: write HOST:PORT, or PORT alone"),
    pattern=_ADDRESS,
)
ACCOUNT = Rule(
    "no-user",
    matches("[a-z_][a-z0-9_-]{0,30}", "is no name for the user that it would run as"),
)
