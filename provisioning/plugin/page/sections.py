"""The sections of the page, as HTML: what was found, changed and built, and how large it was."""

from __future__ import annotations

from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any

from provisioning.artifact.difference import ADDED, CHANGED, REMOVED, spelled
from provisioning.artifact.model.entry import FILE, LINK, shown
from provisioning.builder.collect.collect import PathChange
from provisioning.console import printable
from provisioning.plugin.commands.base import size_text
from provisioning.plugin.commands.diff import what_differs
from provisioning.plugin.commands.explain import made, summary
from provisioning.plugin.uptodate import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.difference import Detail
    from provisioning.plugin.page.facts import BuiltSizes, Facts, StageRun

_MOST = 500  # rows of a table: more than anyone reads
_FEW = 20


def safe(text: str) -> str:
    """Text for HTML, with what is invisible or misleading escaped."""
    return escape(printable(text))


_TITLES = {
    "faults": "Faults",
    "room": "Room",
    "changes": "Changes",
    "stages": "Stages",
    "sizes": "Sizes",
    "files": "Files",
}


def links(facts: Facts) -> Iterator[str]:
    """A link to each section that the page has."""
    for name, title in _TITLES.items():
        if name != "faults" or facts.faults:
            yield f'<a href="#{name}">{title}</a>'


def verdict(facts: Facts) -> str:
    """Whether it was built and verified, in a word."""
    if not facts.is_built:
        return '<p class="verdict">Not built yet</p>'
    if not facts.faults:
        return '<p class="verdict good">✓ Verified</p>'
    number = _many(len(facts.faults), "fault")
    return f'<p class="verdict bad"><a href="#faults">✗ {number}</a></p>'


def cards(facts: Facts) -> Iterator[str]:
    """The figures at the top of the page."""
    entries = facts.inventory.entries
    count = {kind: sum(each.type == kind for each in entries) for kind in (FILE, LINK)}
    total = sum(each.size or 0 for each in entries)
    links = f", {_many(count[LINK], 'link')}" if count[LINK] else ""
    yield _card("Contents, unpacked", size_text(total), f"{_many(count[FILE], 'file')}{links}")
    before = facts.previous.bytes if facts.previous else {}
    for format, size in facts.release.bytes.items() if facts.release else ():
        now = facts.previous and _delta(before.get(format), size)
        since = f"{now} since {facts.previous.version}" if now and facts.previous else ""
        yield _card(f".{format}", size_text(size), since)
    cost = _cost(facts.stages)
    if cost:
        every = cost["chunks_reused"] + cost["chunks_rebuilt"]
        told = f"{cost['chunks_reused']:,} of {every:,}"
        yield _card("Chunks reused", told, f"{size_text(cost['bytes_in'])} packed")
    seconds = sum(each.values.get("seconds", 0) for each in facts.stages)
    if seconds:
        yield _card("All stages", f"{seconds:.2f} s", "their last runs together")


def _many(number: int, noun: str) -> str:
    """A number with its noun, as in `36,487 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _card(what: str, value: str, more: str) -> str:
    parts = (("what", what), ("value", value), ("more", more))
    spans = (f'<span class="{kind}">{safe(text)}</span>' for kind, text in parts if text)
    return f"<li>{''.join(spans)}</li>"


def _delta(before: int | None, now: int) -> str:
    if before is None:
        return ""
    if before == now:
        return "the same"
    return f"{'+' if now > before else '−'}{size_text(abs(now - before))}"  # noqa: RUF001 - a minus


def _cost(stages: Iterable[StageRun]) -> Mapping[str, Any]:
    return next((each.values["cost"] for each in stages if "cost" in each.values), {})


def faults(facts: Facts) -> str:
    """What verification has found, if it has found anything."""
    if not facts.faults:
        return ""
    told = "".join(f"<li>{safe(each)}</li>" for each in facts.faults[:_MOST])
    return (
        '<section id="faults" aria-labelledby="faults-title">\n'
        f'<h2 id="faults-title">What verification found</h2>\n<ul>{told}</ul>\n'
        f"{_and_more(len(facts.faults), 'doit verify')}"
        "<p><code>doit package</code> builds it again.</p>\n</section>"
    )


def changes(facts: Facts) -> str:
    """What has changed since the last release, and in the last build."""
    return "\n".join((_since_release(facts), _since_build(facts.stages)))


def _since_release(facts: Facts) -> str:
    if facts.is_built and facts.release is None:
        return '<p class="note">What was built cannot be read, so nothing can be compared.</p>'
    if facts.release is None:
        called = safe(f"doit package:{facts.inventory.name}:{facts.inventory.platform}")
        return f'<p class="note">It is not built yet: <code>{called}</code> builds it.</p>'
    if not facts.previous or facts.difference is None:
        return '<p class="note">No earlier release of it is in artifacts/ to compare with.</p>'
    kinds = [each.kind for each in facts.difference.changes]
    counts = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in (ADDED, REMOVED, CHANGED))
    head = "".join(
        f'<tr><td></td><th scope="row">{safe(each.name)}</th><td>{safe(_from_to(each))}</td></tr>'
        for each in facts.difference.head
    )
    rows = "".join(
        f'<tr><td class="mark {each.kind}">{each.kind}</td>'
        f'<th scope="row" class="path">{escape(shown(each.path))}</th>'
        f"<td>{safe(what_differs(each, ()))}</td></tr>"
        for each in facts.difference.changes[:_MOST]
    )
    since = f"<p>Paths since {safe(facts.previous.version)}: "
    if not head and not rows:
        return f"{since}all are the same.</p>"
    heads = ("How", "What", "Difference")
    more = f"provision diff {facts.previous.directory} {facts.release.directory}"
    table = _table("Changes since the last release", heads, head + rows)
    return f"{since}{counts}.</p>\n{table}{_and_more(len(facts.difference.changes), more)}"


def _from_to(detail: Detail) -> str:
    return f"{spelled(detail.old)} → {spelled(detail.new)}"


def _since_build(stages: Iterable[StageRun]) -> str:
    """What the last build found changed, as far as it was recorded."""
    collected = next((each.values for each in stages if each.stage == "collect"), {})
    changes = [PathChange(*each) for each in collected.get("changes", ())]
    if not changes or _is_first(collected):
        return ""
    number = collected.get("changed", len(changes))
    told = "".join(f"<li>{safe(str(each))}</li>" for each in changes)
    rest = f"<p>and {number - len(changes)} more</p>" if number > len(changes) else ""
    return (
        f"<details><summary>What the last build found changed: {_many(number, 'path')}"
        f'</summary><ul class="path">{told}</ul>{rest}</details>'
    )


def _is_first(values: Mapping[str, Any]) -> bool:
    return any(each[0] == "new" for each in values.get("because", ()))


def stages_ran(stages: Sequence[StageRun]) -> str:
    """A row for each stage: its time, what it did and why."""
    if not any(each.values for each in stages):
        return '<p class="note">None has run yet.</p>'
    most = max(each.values.get("seconds", 0) for each in stages)
    rows = "".join(_stage(each, most) for each in stages)
    cost = _cost(stages)
    chunks = "".join(f"<li>{safe(each)}</li>" for each in made(cost, _FEW))
    packed = (
        f'<details><summary>The chunks that were packed</summary><ul class="path">{chunks}</ul>'
        "</details>"
    )
    key = (
        '<p class="hint">Chunks:<span class="key reused"></span>reused'
        '<span class="key packed"></span>packed</p>'
    )
    heads = ("Stage", "Seconds", "What it did", "Why it ran")
    return f"{_table('', heads, rows)}{key * bool(cost)}{packed * bool(chunks)}"


def _stage(run: StageRun, most: float) -> str:
    values = run.values
    name = f'<th scope="row"><b>{run.stage}</b><br>{safe(run.purpose)}</th>'
    if not values:
        return f'<tr>{name}<td class="number">–</td><td>has not run</td><td></td></tr>'  # noqa: RUF001 - a dash
    seconds = values.get("seconds", 0)
    time = f"{seconds:.2f}{_bar(('time', seconds / most if most else 0))}"
    did, bar = "", ""
    if cost := values.get("cost"):
        every = (cost["chunks_reused"] + cost["chunks_rebuilt"]) or 1
        did = ", ".join(summary(cost))
        reused = cost["chunks_reused"] / every
        bar = _bar(("reused", reused), ("packed", 1 - reused))
    elif "changed" in values:
        did = f"{_many(values['changed'], 'path')} changed"
    why = "the first run" if _is_first(values) else "; ".join(_because(values))
    cells = f'<td class="number">{time}</td><td>{safe(did)}{bar}</td><td>{safe(why)}</td>'
    return f"<tr>{name}{cells}</tr>"


def _because(values: Mapping[str, Any]) -> Iterator[str]:
    reasons = [Reason(*each) for each in values.get("because", ())]
    lines = list(chain.from_iterable(each.lines() for each in reasons))
    yield from lines[:3]
    if len(lines) > 3:  # noqa: PLR2004 - as many as a row holds
        yield f"and {len(lines) - 3} more"


def _bar(*parts: tuple[str, float]) -> str:
    """A bar of parts, which are shares of its length."""
    left, drawn = 0.0, []
    for kind, share in parts:
        width = round(100 * share, 2)
        drawn.append(f'<rect class="{kind}" x="{left:g}" width="{width:g}" height="8"/>')
        left += width
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )


def _table(caption: str, heads: Iterable[str], rows: str) -> str:
    told = f"<caption>{caption}</caption>" if caption else ""
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption or "Stages"}">'
        f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )


def _and_more(number: int, command: str) -> str:
    if number <= _MOST:
        return ""
    return f"<p>and {number - _MOST:,} more, which <code>{safe(command)}</code> shows.</p>\n"


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 260, 70, 150, 16, 34
_LABELS = 70  # characters of all versions below the plot
_HUES = 6


def sizes(history: Sequence[BuiltSizes]) -> str:
    """A plot of the sizes of the last builds, and the same as a table."""
    formats = list(dict.fromkeys(format for each in history for format in each.bytes))
    if not formats:
        return '<p class="note">Nothing has been built yet.</p>'
    rows = "".join(
        f'<tr><th scope="row">{safe(each.version)}</th>{_in_cells(each, formats)}</tr>'
        for each in reversed(history)
    )
    heads = ("Version", *(f".{safe(each)}" for each in formats))
    table = _table("Bytes of each artifact, the last build first", heads, rows)
    if len(history) == 1:
        return f'<p class="hint">One build so far; the next one begins a line.</p>{table}'
    return f"{_plot(history, formats)}<details><summary>As a table</summary>{table}</details>"


def _in_cells(build: BuiltSizes, formats: Iterable[str]) -> str:
    sizes = (build.bytes.get(each) for each in formats)
    return "".join(f"<td>{'' if size is None else f'{size:,}'}</td>" for size in sizes)


def _plot(history: Sequence[BuiltSizes], formats: Sequence[str]) -> str:
    """Lines of sizes from zero, each with its name at its end, in its colour."""
    top = _round_up(max(size for each in history for size in each.bytes.values()) or 1)
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(number: int) -> float:
        return round(_LEFT + wide * number / (len(history) - 1), 1)

    def y(size: float) -> float:
        return round(_TOP + high * (1 - size / top), 1)

    drawn = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(each)}" y2="{y(each)}"/>'
        f'<text x="{_LEFT - 10}" y="{y(each) + 4}" text-anchor="end">{size_text(int(each))}</text>'
        for each in (0, top / 2, top)
    ]
    drawn += (
        f'<text x="{x(at)}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
        f"{safe(history[at].version)}</text>"
        for at, anchor in _labelled(history)
    )
    named: list[tuple[float, int]] = []
    for number, format in enumerate(formats):
        points = [
            (x(at), y(each.bytes[format]), f"{each.version}: {size_text(each.bytes[format])}")
            for at, each in enumerate(history)
            if format in each.bytes
        ]
        drawn += _line(points, number % _HUES)
        named.append((points[-1][1], number))
    drawn += _names(named, formats)
    spans = ", ".join(_span(each, history) for each in formats)
    told = f"Sizes of the last {_many(len(history), 'build')}: {spans}"
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Plot of the sizes">'
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{safe(told)}">'
        f"{''.join(drawn)}</svg></div>"
    )


def _line(points: Sequence[tuple[float, float, str]], hue: int) -> Iterator[str]:
    """A line through points, each of which tells what it is."""
    way = " ".join(f"{left},{up}" for left, up, _ in points)
    yield f'<polyline class="line s{hue}" points="{way}"/>'
    for left, up, told in points:
        title = f"<title>{safe(told)}</title>"
        yield f'<circle class="f{hue}" cx="{left}" cy="{up}" r="3.5">{title}</circle>'


def _labelled(history: Sequence[BuiltSizes]) -> Iterator[tuple[int, str]]:
    """The builds whose versions there is room for, and how each stands at its point."""
    last = len(history) - 1
    room = max(1, _LABELS // max(len(each.version) for each in history))
    step = -(-last // room)
    yield 0, "start"
    for at in range(step, last - step + 1, step):
        yield at, "middle"
    yield last, "end"


def _names(ends: Iterable[tuple[float, int]], formats: Sequence[str]) -> Iterator[str]:
    """The name of each line beside its end, none upon another."""
    least = -16.0
    for up, number in sorted(ends):
        at = max(up + 4, least + 16)
        least = at
        yield (
            f'<text class="name f{number % _HUES}" x="{_WIDTH - _RIGHT + 12}" y="{at:g}">'
            f".{safe(formats[number])}</text>"
        )


def _span(format: str, history: Iterable[BuiltSizes]) -> str:
    sizes = [each.bytes[format] for each in history if format in each.bytes]
    return f"{format} from {size_text(sizes[0])} to {size_text(sizes[-1])}"


def _round_up(size: int) -> int:
    """The next size that reads well, in its unit."""
    unit = max((one for one in (1, 1 << 10, 1 << 20, 1 << 30) if one <= size), default=1)
    step = 1
    while True:
        for factor in (1, 2, 4, 6, 8):
            if factor * step * unit >= size:
                return factor * step * unit
        step *= 10


def footer(facts: Facts) -> str:
    """Where the page comes from."""
    where = f", of {safe(facts.release.directory)}/" if facts.release else ""
    name = safe(f"{facts.inventory.name}:{facts.inventory.platform}")
    return f"Written by <code>provision report {name}</code>{where}."
