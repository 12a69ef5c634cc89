"""Draws lines in SVG, over two logarithmic axes: our own strong, and the others grey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_WIDTH, _HEIGHT = 880, 420  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 280, 50, 50  # around its axes
_LABEL = 16  # the least distance of two labels
_COLOURS = ("#c62828", "#1565c0", "#2e7d32", "#b34700", "#6a1b9a")
_GREY = "#707070"  # of the others: dark enough to be read as a label, on white


class Panel(NamedTuple):
    """One chart: lines of (files, seconds) by what they are of."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    strong: Collection[str] = ()
    """The names of those that the chart is about; the others are what to compare them with."""


class _Axis(NamedTuple):
    """Whole powers of ten from `low` to `high`, drawn from `start` to `end`."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def of(cls, values: Iterable[float], start: float, end: float) -> _Axis:
        logs = [math.log10(value) for value in values]
        low, high = math.floor(min(logs)), math.ceil(max(logs))
        return cls(low, max(high, low + 1), start, end)

    def at(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def svg(panels: Sequence[Panel]) -> str:
    """The panels, one below the other."""
    drawn = "".join(
        f'<g transform="translate(0 {number * _HEIGHT})">{"".join(_panel(panel))}</g>\n'
        for number, panel in enumerate(panels)
    )
    height = _HEIGHT * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{drawn}</svg>\n'
    )


def _panel(panel: Panel) -> Iterable[str]:
    points = [point for line in panel.lines.values() for point in line]
    across = _Axis.of((x for x, _ in points), _LEFT, _WIDTH - _RIGHT)
    up = _Axis.of((y for _, y in points), _HEIGHT - _BOTTOM, _TOP)
    yield _text(_LEFT, 25, panel.title, 'font-weight="bold"')
    yield from _grid(across, up)
    ends = {name: up.at(line[-1][1]) for name, line in panel.lines.items()}
    heights = spread(ends)
    own = (name for name in panel.lines if name in panel.strong)
    colours = dict(zip(own, _COLOURS * 9, strict=False))
    # Ours come last, and so lie above the others.
    for name in sorted(panel.lines, key=lambda name: name in colours):
        places = [(across.at(x), up.at(y)) for x, y in panel.lines[name]]
        yield from _drawn(places, colours.get(name, _GREY), is_strong=name in colours)
        label = (across.end + 14, heights[name])
        colour = colours.get(name, _GREY)
        yield _line([places[-1], (label[0] - 3, label[1])], colour, width=0.5)
        weight = ' font-weight="bold"' * (name in colours)
        yield _text(label[0], label[1] + 4, name, f'fill="{colour}"{weight}')


def _drawn(points: Sequence[tuple[float, float]], colour: str, *, is_strong: bool) -> Iterable[str]:
    yield _line(points, colour, width=3 if is_strong else 1)
    size = 4 if is_strong else 2
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>\n'


def _grid(across: _Axis, up: _Axis) -> Iterable[str]:
    for tick in across.ticks():
        x = across.at(tick)
        yield _line([(x, up.start), (x, up.end)], "#dddddd", width=1)
        yield _text(x, up.start + 20, f"{tick:,.0f} files", 'text-anchor="middle"')
    for tick in up.ticks():
        y = up.at(tick)
        yield _line([(across.start, y), (across.end, y)], "#dddddd", width=1)
        yield _text(across.start - 8, y + 4, f"{tick:g} s", 'text-anchor="end"')


def spread(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights for labels that do not overlap, in the same order, from the topmost down."""
    placed: dict[str, float] = {}
    last = -math.inf
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        last = placed[name] = max(height, last + _LABEL)
    return placed


def _line(points: Sequence[tuple[float, float]], colour: str, width: float = 2) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width}"/>\n'


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>\n'
