"""Knows what fields of a Debian package may look like: deb-control(5), Debian Policy 5 and 7."""

from __future__ import annotations

import re

from provisioning.spec.rule import Rule, matches, one_of

_NAME = "[a-z0-9][a-z0-9+.-]+"
_VERSION = "(?:[0-9]+:)?[0-9][0-9A-Za-z.+~:-]*"
_ONE = rf"{_NAME}(?::[a-z0-9-]+)?(?: *\( *(?:<<|<=|=|>=|>>) *{_VERSION} *\))?"
_SEVERAL = rf"{_ONE}(?: *\| *{_ONE})*"
_EXACT = rf"{_NAME}(?: *\( *= *{_VERSION} *\))?"
_SECTION = "[a-z0-9-]+(?:/[a-z0-9-]+)?"
_HOMEPAGE = "https?://[!-~]+"
_PRIORITIES = ("required", "important", "standard", "optional")

ARCHITECTURES = (
    *("all", "amd64", "arm64", "armel", "armhf", "i386", "loong64"),
    *("mips64el", "ppc64el", "riscv64", "s390x"),
)
OTHERWISE = {"x86_64": "amd64", "aarch64": "arm64", "armv6l": "armel", "armv7l": "armhf"}
"""What others call some of these."""

_EACH = "is no relation to one package: write one an item,"

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
    matches(_SECTION, "is no section: write one of Debian's, such as misc, net or utils"),
    pattern=_SECTION,
)
PRIORITY = Rule("unknown-priority", one_of(_PRIORITIES, "priority"), known=_PRIORITIES)
HOMEPAGE = Rule(
    "bad-homepage",
    matches(_HOMEPAGE, "is no URL: begin with https:// or http://, without spaces"),
    pattern=_HOMEPAGE,
)


def spelt(relation: str) -> str:
    """Return a relation as Debian's own tools space it."""
    closed = re.sub(r" *\( *([<>=]+) *([^ )]+) *\)", r" (\1 \2)", relation)
    return re.sub(r" *\| *", " | ", closed)
