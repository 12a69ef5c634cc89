"""Writes the page: HTML without a request, in which nothing from outside is anything but text."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from provisioning.artifact.difference import ADDED, CHANGED, REMOVED
from provisioning.artifact.model.entry import DIR, FILE, LINK, shown
from provisioning.builder.plan.inventory import Held
from provisioning.console import printable
from provisioning.plugin.page import sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.plugin.page.facts import Facts

# As page.js names them.
_TYPES = {FILE: 0, DIR: 1, LINK: 2}
_CONFFILE, _ADDED, _CHANGED = 4, 8, 16


def page(facts: Facts) -> bytes:
    """The page: the same bytes for the same facts."""
    style, script = _asset("page.css"), _asset("page.js")
    inventory = facts.inventory
    written = Template(_asset("page.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        data=_embedded(_data(facts)),
        title=sections.safe(f"{inventory.name} {inventory.version} for {inventory.platform}"),
        name=sections.safe(inventory.name),
        version=sections.safe(inventory.version),
        where=sections.safe(f"for {inventory.platform}, installed in {inventory.prefix}"),
        verdict=sections.verdict(facts),
        sections="\n".join(sections.links(facts)),
        cards="\n".join(sections.cards(facts)),
        faults=sections.faults(facts),
        changes=sections.changes(facts),
        stages=sections.stages_ran(facts.stages),
        sizes=sections.sizes(facts.history),
        footer=sections.footer(facts),
    )
    # A path of the project need not be UTF-8; JSON and a person read what then stands there.
    return written.encode(errors="backslashreplace")


def _asset(name: str) -> str:
    return (files(__package__ or "") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy: this style and this script, and nothing else from anywhere."""
    hashes = (
        base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()
        for each in (style, script)
    )
    return (
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ).format(*hashes)


def _embedded(data: Any) -> str:
    """JSON in an element: no character can end it, or begin another one."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    for each in "<>&\u2028\u2029":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return text


class _Table:
    """Texts that come again and again, each by its number."""

    def __init__(self, *first: str) -> None:
        self._numbers = {each: number for number, each in enumerate(first)}

    def number(self, text: str) -> int:
        """The number of a text, which is new or not."""
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def texts(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return [*self._numbers]


def _data(facts: Facts) -> dict[str, Any]:
    """What the script works on: a column for each property of the paths."""
    kinds_of = _kinds(facts)
    places, rights = {"": 0}, _Table()
    origins, distributions = _Table(""), _Table("")
    rows: list[tuple[Any, ...]] = []
    links, unknown = {}, []
    for number, each in enumerate(_with_ways(facts.inventory.entries)):
        above, _, name = each.path.rpartition("/")
        places[each.path] = number + 1
        if each.type == LINK:
            links[str(number)] = shown(each.link)
        if each.size is None:
            unknown.append(number)
        rows.append(
            (
                places[above],
                shown(name),
                _TYPES[each.type] | _CONFFILE * each.conffile | kinds_of.get(each.path, 0),
                each.size or 0,
                rights.number(f"{each.mode:04o} {each.owner}:{each.group}"),
                origins.number(printable(each.origin)),
                distributions.number(printable(each.distribution)),
            )
        )
    names = ("parents", "names", "kinds", "sizes", "rights", "origins", "distributions")
    columns = [*zip(*rows, strict=True)] or [()] * len(names)
    return {
        "name": printable(facts.inventory.name),
        "paths": dict(zip(names, columns, strict=True)),
        "rights": rights.texts,
        "origins": origins.texts,
        "distributions": distributions.texts,
        "links": links,
        "unknown": unknown,
    }


def _with_ways(entries: Iterable[Held]) -> Iterator[Held]:
    """The entries, and before them the directories on their ways that are none.

    What a package has of this project's own lies in a directory that no manifest lists.
    """
    seen = {""}
    for each in entries:
        parts = each.path.split("/")
        for depth in range(1, len(parts)):
            way = "/".join(parts[:depth])
            if way not in seen:
                seen.add(way)
                yield Held(way, DIR, 0o755, "root", "root", 0)
        seen.add(each.path)
        yield each


def _kinds(facts: Facts) -> dict[str, int]:
    bits = {ADDED: _ADDED, CHANGED: _CHANGED, REMOVED: 0}
    changes = facts.difference.changes if facts.difference else ()
    return {each.path: bits[each.kind] for each in changes}
