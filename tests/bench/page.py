"""The page that tells what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import verdicts
from .measure import ratio
from .plot import Panel, svg
from .results import LARGE, MIDDLE, REAL, SMALL
from .works import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .bars import Verdict
    from .measure import Series
    from .results import Measured, Results
    from .trees import Tree

_HEAD = """\
# Benchmarks

The cost of packaging with this tool, and with other tools on the same tree. `doit bench` measured
everything in one run and wrote this page.

- The commands of a table run one after the other, once per round. Times are medians of the rounds;
  a ratio is the median of the rounds' ratios.
- CPU is user and system time of all processes of a command. Peak is the maximum of their memory
  at one time (PSS), sampled in a separate round.
- Files are in the kernel's cache. The benchmark waits for the disk only if the tool itself does.
- Packages are installed on file systems in image files: ext4, as on a Raspberry Pi, and XFS, where
  files can share blocks. The installer is the one inside the package.
- The generated trees have files of half a kilobyte to a few hundred, 4 kB on average; one in twenty
  is random data. The other tree is an unpacked wheel from PyPI.
- Only this tool makes a manifest and digests, and renders templates.
"""


def page(results: Results, trees: Mapping[str, Tree], facts: Mapping[str, str]) -> str:
    """The page in Markdown; `facts` tell where, when and with what it was measured."""
    parts = [_HEAD, "## Bars\n", _table(_BAR_COLUMNS, map(_bar_row, verdicts(results)))]
    parts += ["## Growth\n", _table(_GROWTH_COLUMNS, _growth_rows(results))]
    parts += ["![Seconds by number of files](benchmarks.svg)\n"]
    parts += ["## Where and with what\n", _table(("", ""), facts.items())]
    for (tree, work), measured in results.by.items():
        title = trees[tree].title if tree in trees else tree
        heading = work if work == tree else f"{title}: {work}"
        parts += [f"## {heading[0].upper()}{heading[1:]}\n", _measured_table(measured, OURS[work])]
    return "\n".join(parts)


def plot(results: Results, trees: Mapping[str, Tree]) -> str:
    """The times of the generated trees, as SVG."""
    panels = (_panel(results, trees, title, work) for work, title in _PLOTTED.items())
    return svg([panel for panel in panels if panel.lines])


def _panel(results: Results, trees: Mapping[str, Tree], title: str, work: str) -> Panel:
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, tree in trees.items():
        for command, series in results.by.get((name, work), {}).items():
            if name != REAL:  # its files are of another kind
                lines.setdefault(command, []).append((tree.files, series.wall))
    return Panel(title, lines, strong=OURS[work])


_PLOTTED = {"no-op": "Nothing to do", "build": "Building"}
_BAR_COLUMNS = ("work", "against", "at most", "measured", "met")
_GROWTH_COLUMNS = ("command", "1,000 → 100,000 files", "10,000 → 100,000 files")
_COLUMNS = ("command", "seconds", "CPU seconds", "peak MB", "bytes")


def _bar_row(verdict: Verdict) -> Sequence[str]:
    work, against, at_most, unit, _ = verdict.bar
    met = "yes" if verdict.met else "**no**"
    amounts = (f"{amount} {unit}".strip() for amount in (f"{at_most:g}", number(verdict.value)))
    return work, against, *amounts, met


def _growth_rows(results: Results) -> Iterable[Sequence[str]]:
    for (tree, work), measured in results.by.items():
        if tree == LARGE:
            for command in measured:
                yield command, *(_growth(results, work, command, each) for each in (SMALL, MIDDLE))


def _growth(results: Results, work: str, command: str, smaller: str) -> str:
    try:
        return number(results.growth(work, command, smaller))
    except KeyError:
        return ""


def _measured_table(measured: Measured, ours: Mapping[str, str]) -> str:
    columns = [*_COLUMNS, *(f"{short} ÷ this" for short in ours.values())]
    rows = (
        (name, *_cost(series), *(number(ratio(measured[own], series)) for own in ours))
        for name, series in measured.items()
    )
    return _table(columns, rows)


def _cost(series: Series) -> Sequence[str]:
    size = f"{series.size:,}" if series.size else ""
    peak = f"{series.peak / 1e6:.0f}" if series.peak >= 1e6 else "< 1"
    return number(series.wall), number(series.cpu), peak, size


def number(value: float) -> str:
    """Three digits, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    # A pipe in a cell would end it, in code too.
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {line} |\n" for line in cells)
