"""What the texts of a spec may look like: names, versions, modes, owners, paths and such."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.formats import FORMATS
from provisioning.artifact.model import service
from provisioning.artifact.model.package import LONGEST_WAIT, SERVICE_MANAGERS
from provisioning.console import NO_CHARACTERS
from provisioning.spec.diagnostics import nearest
from provisioning.spec.yaml.node import shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.yaml.node import Origin


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

    def holds(self, text: str, origin: Origin, diagnostics: Diagnostics) -> bool:
        """Return whether `text` is as it must be; report it if not."""
        reason = self.reason(text)
        if reason:
            shown = json.dumps(shorten(text), ensure_ascii=False)
            near = self.meant(text)
            hint = f"did you mean {near}?" if near else ""
            diagnostics.error(origin, self.code, f"{shown} {reason}", hint)
        return not reason

    def meant(self, text: str) -> str:
        """Return which of the known texts is most likely meant; "" if none is."""
        return dict(self.others).get(text.casefold()) or nearest(text, self.known) or ""


def matches(pattern: str, reason: str) -> Callable[[str], str]:
    """Return a function that gives `reason` for each text that `pattern` does not match."""
    match = re.compile(pattern).fullmatch
    return lambda text: "" if match(text) else reason


# Of owners, what fits into the fields of a ustar header: 31 characters, or seven octal digits.
_OWNER = "0|[1-9][0-9]{0,6}|[A-Za-z_][A-Za-z0-9_.-]{0,30}"
_LARGEST_ID = 0o7777777


def _owner_reason(owner: str) -> str:
    if not re.fullmatch(_OWNER, owner):
        return 'is not a valid user or group: write a name, or a number such as "1000"'
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
    """Return why a link may not have this target; whether it leaves the package is seen later."""
    if not target or len(target) > _LONGEST_PATH:
        return f"is longer than {_LONGEST_PATH} characters" if target else "is empty"
    if target.startswith("/"):  # guard: absolute-link
        return "is absolute; write a relative path"
    if "\\" in target:
        return "has a backslash; separate with /"
    if control := CONTROL.search(target):
        written = _ESCAPES.get(control[0])
        meant = f": in double quotes, {written} is one, and no backslash; separate with /"
        return f"has a control character{meant if written else ''}"
    return character_reason(target)


def character_reason(text: str) -> str:
    """Return why `text` can stand in no unit of systemd and in no property list."""
    found = _NO_CHARACTER.search(text)
    return f"has U+{ord(found[0]):04X}, which is not a character" if found else ""


def path_reason(path: str) -> str:
    """Return why `path` does not stay below its root; "" if it does."""
    # guard: path-that-leaves-its-root
    return _link_reason(path) or ("leaves its root with .." if ".." in path.split("/") else "")


def _prefix_reason(path: str) -> str:
    if not path.startswith("/"):
        return "must be an absolute path, such as /opt/greenhouse"
    return path_reason(clean(path)) if clean(path) else "cannot be the root of the whole system"


def one_of(known: tuple[str, ...], what: str) -> Callable[[str], str]:
    """Return a function that gives a reason for each text that is not `known`."""
    return lambda text: "" if text in known else f"is not a known {what}; known: {', '.join(known)}"


# Names and versions make NAME-VERSION-PLATFORM.tar.gz: a version has no "-", that one can tell
# them apart, and all of it fits into the 255 bytes of a file's name.
_NAME = "[a-z0-9][a-z0-9.+-]{0,63}"
_VERSION = "[0-9][0-9A-Za-z.+~_]{0,79}"
_SAID_VERSION = "[vV]?[0-9][0-9A-Za-z.+~_-]{0,79}"
# What may stand in the name of a tag (git-check-ref-format(1)).
_TAG_GLOB = r"[^\s*?\[\]\\~^:\x00-\x1f\x7f]*\*[^\s*?\[\]\\~^:\x00-\x1f\x7f]*"
_MODE = "[0-7]{3,4}"
_MTIMES = ("epoch", "content")


def _mode_reason(mode: str) -> str:
    if re.fullmatch(_MODE, mode):
        return ""
    digits = re.fullmatch("0*o?0*([0-7]{3,4})", mode)
    meant = digits[1].zfill(4) if digits else "0644"
    return f'is not a valid mode: write {"" if digits else "octal digits, such as "}"{meant}"'


NAME = Rule(
    "bad-name",
    matches(_NAME, "is not a valid name: use a-z and 0-9, then also . + and -"),
    pattern=_NAME,
)
VERSION = Rule(
    "bad-version",
    matches(
        _VERSION,
        "is not a valid version: begin with a digit, then use letters, digits and . + ~ _, as in "
        "1.4.2~rc1",
    ),
    pattern=_VERSION,
)
SAID_VERSION = VERSION._replace(pattern=_SAID_VERSION)
"""For editors, which cannot read a version as `version_in` does."""
TAG_GLOB = Rule(
    "bad-tags",
    matches(_TAG_GLOB, "must contain one *, in the place of the version, as in greenhouse-v*"),
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
FORMAT = Rule("unknown-format", one_of(tuple(FORMATS), "format"), known=tuple(FORMATS))
MTIME = Rule("unknown-mtime", one_of(_MTIMES, "kind of time"), known=_MTIMES)
SERVICE_MANAGER = Rule(
    "unknown-service-manager",
    one_of(SERVICE_MANAGERS, "service manager"),
    known=SERVICE_MANAGERS,
)

_PYTHON = "3[.](?:9|[1-9][0-9])"
_GLIBC = "2[.][1-9][0-9]"
PYTHON = Rule(
    "bad-python",
    matches(_PYTHON, 'is not a version of Python: write "3.9" or later, without a third number'),
    pattern=_PYTHON,
)
GLIBC = Rule(
    "bad-glibc",
    matches(_GLIBC, "is not a version of glibc: write one such as 2.36"),
    pattern=_GLIBC,
)

_SCRIPT = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
SCRIPT = Rule(
    "bad-name",
    matches(_SCRIPT, "is not the name of a console script"),
    pattern=_SCRIPT,
)


def clean(path: str) -> str:
    """Return `path` without empty and `.` parts; "" where nothing is left."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})


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
    """Return why `command` cannot be run: its first word must be a path in the package."""
    if reason := _line_reason(command):
        return reason
    try:
        words = shlex.split(command)
    except ValueError:
        return "has a quote that is not closed, or ends in a backslash"
    if not words:
        return "names no program"
    path = words[0]
    reason = place_reason(path)
    if not reason and clean(path) != path:
        reason = f"must be written {clean(path)}"
    wanted = "must begin with a path in the package, such as bin/greenhouse"
    return f"{wanted}; {shorten(path)} {reason}" if reason else ""


def place_reason(path: str) -> str:
    """Return why no service can be started from `path`, in a package or to it."""
    if odd := _ODD.search(path):
        return f"contains {odd[0]}, which the path of a service cannot have"
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
        return f"is not a valid regular expression: {error}"
    if _NEWER.search(_ESCAPES_AND_SETS.sub("x", pattern)):
        return "is not a valid regular expression in Python 3.9: leave out (?>…), *+, ++, ?+ and }+"
    return ""


COMMAND = Rule("bad-command", command_reason)
PLACE = Rule("bad-path", place_reason)
LINE = Rule("bad-text", _line_reason)
EXPRESSION = Rule("bad-expression", _expression_reason)
RESTART = Rule(
    "unknown-restart",
    one_of(service.RESTARTS, "way to restart"),
    known=service.RESTARTS,
    others=tuple(_OTHER_RESTARTS.items()),
)
VARIABLE = Rule(
    "bad-variable",
    matches(_VARIABLE, "is not a valid name of an environment variable: use letters, digits and _"),
    pattern=_VARIABLE,
)
SECONDS = Rule(
    "bad-seconds",
    matches(_SECONDS, f"is not a valid time: write whole seconds, from 1 to {LONGEST_WAIT}"),
    pattern=_SECONDS,
)
URL = Rule(
    "bad-url",
    matches(_URL, "is not a valid URL: write one such as http://localhost:8080/health"),
    pattern=_URL,
)
ADDRESS = Rule(
    "bad-address",
    matches(_ADDRESS, "is not a valid address: write HOST:PORT, or PORT alone"),
    pattern=_ADDRESS,
)
ACCOUNT = Rule(
    "no-user",
    matches("[a-z_][a-z0-9_-]{0,30}", "is not a valid name for the user that would run it"),
)

# A whole name, or one that a spec may shorten: see spec/model/services.py.
_UNIT = r"[A-Za-z0-9:_.\\@-]{1,255}"
_AMOUNT = re.compile(r"([1-9][0-9]*(?:\.[0-9]+)?) *([KMGTkmgt]?)(?:i?[Bb])?")
UNIT = Rule("bad-unit", matches(_UNIT, "is no name of a unit of systemd"), pattern=_UNIT)
NICE = Rule(
    "bad-nice",
    matches("-20|-?1[0-9]|-?[0-9]", "is no priority: write -20 (the highest) to 19"),
    pattern="-20|-?1[0-9]|-?[0-9]",
)


def _memory_reason(text: str) -> str:
    if re.fullmatch(service.MEMORY, text):
        return ""
    found = _AMOUNT.fullmatch(text)
    meant = f"{found[1]}{found[2].upper() or 'M'}" if found else "512M"
    is_sound = re.fullmatch(service.MEMORY, meant)
    return f"is no amount of memory: write one such as {meant if is_sound else '512M'}"


def _quota_reason(text: str) -> str:
    if re.fullmatch(service.QUOTA, text):
        return ""
    return "is no share of a processor: write one such as 50%; 200% are two processors"


MEMORY = Rule("bad-memory", _memory_reason, pattern=service.MEMORY)
QUOTA = Rule("bad-quota", _quota_reason, pattern=service.QUOTA)
SETTING = Rule(
    "bad-setting",
    matches(service.KEY, "is no key: it begins with a capital, as in TimeoutStartSec"),
    pattern=service.KEY,
)

_DEBIAN_NAME = "[a-z0-9][a-z0-9+.-]+"
_DEBIAN_VERSION = "(?:[0-9]+:)?[0-9][0-9A-Za-z.+~:-]*"
_ONE = rf"{_DEBIAN_NAME}(?::[a-z0-9-]+)?(?: *\( *(?:<<|<=|=|>=|>>) *{_DEBIAN_VERSION} *\))?"
_SEVERAL = rf"{_ONE}(?: *\| *{_ONE})*"
_EXACT = rf"{_DEBIAN_NAME}(?: *\( *= *{_DEBIAN_VERSION} *\))?"
_SECTION = "[a-z0-9-]+(?:/[a-z0-9-]+)?"
_REVISION = "[0-9A-Za-z+.~]{1,40}"
_HOMEPAGE = "https?://[!-~]+"
_PRIORITIES = ("required", "important", "standard", "optional")

ARCHITECTURES = (
    *("all", "amd64", "arm64", "armel", "armhf", "i386", "loong64"),
    *("mips64el", "ppc64el", "riscv64", "s390x"),
)
OTHERWISE = {"x86_64": "amd64", "aarch64": "arm64", "armv6l": "armel", "armv7l": "armhf"}
"""What others call some of these."""

_EACH = "is not a relation to one package: write one per item,"

ALTERNATIVES = Rule(
    "bad-relation",
    matches(_SEVERAL, f"{_EACH} as in libgpiod2 (>= 1.6), or nginx | apache2"),
    pattern=_SEVERAL,
)
RELATION = Rule(
    "bad-relation",
    matches(_ONE, f"{_EACH} as in greenhouse-cli (<< 2)"),
    pattern=_ONE,
)
PROVIDED = Rule(
    "bad-relation",
    matches(_EXACT, f"{_EACH} as in greenhouse-api (= 2)"),
    pattern=_EXACT,
)
SECTION = Rule(
    "bad-section",
    matches(_SECTION, "is not a valid section: write one of Debian's, such as misc, net or utils"),
    pattern=_SECTION,
)
REVISION = Rule(
    "bad-revision",
    matches(_REVISION, "is not a Debian revision: use letters, digits and + . ~, as in deb12"),
    pattern=_REVISION,
)
PRIORITY = Rule("unknown-priority", one_of(_PRIORITIES, "priority"), known=_PRIORITIES)
HOMEPAGE = Rule(
    "bad-homepage",
    matches(_HOMEPAGE, "is not a valid URL: begin with https:// or http://, without spaces"),
    pattern=_HOMEPAGE,
)


def spelt(relation: str) -> str:
    """Return a relation as Debian's own tools space it."""
    closed = re.sub(r" *\( *([<>=]+) *([^ )]+) *\)", r" (\1 \2)", relation)
    return re.sub(r" *\| *", " | ", closed)


# The keys of `debian:`, each with the rule of its value.
FIELDS = {
    "section": SECTION,
    "priority": PRIORITY,
    "homepage": HOMEPAGE,
    "revision": REVISION,
}
RELATIONS = {
    **dict.fromkeys(("pre_depends", "depends", "recommends", "suggests", "enhances"), ALTERNATIVES),
    **dict.fromkeys(("conflicts", "breaks", "replaces"), RELATION),
    "provides": PROVIDED,
}
DOCUMENTS = ("changelog", "copyright")
