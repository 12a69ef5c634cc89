"""What follows from measured times: medians, ratios, growth, bars, the page and its plot."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from . import installing, many, page, platforms
from .bars import BARS, verdicts
from .measure import Run, Series, ratio, total
from .plot import Panel, spread, svg
from .results import LARGE, MIDDLE, REAL, SMALL, Results
from .rivals import EMPTY, GZIP, NINJA, NINJA_AND_EMPTY, RIVALS
from .trees import generated
from .works import CHANGED, COLD, NO_OP, OURS

SVG = "{http://www.w3.org/2000/svg}"
OF_SPECS = (
    many.LIST_FRESH,
    many.TASKS_FRESH,
    many.SPECS_MANY,
    many.SPECS_ONE,
    many.NO_OP_MANY,
)


def series(*seconds: float, peak: int = 50_000_000, size: int | None = None) -> Series:
    """Runs that took `seconds`, and twice that of the processors."""
    runs = tuple(Run(wall=each, cpu=2 * each) for each in seconds)
    return Series(runs=runs, peak=peak, size=size)


@pytest.fixture
def everything() -> Results:
    """One second for whatever `doit bench` measures, ten for the largest tree."""
    by = {}
    for tree in (SMALL, MIDDLE, REAL, LARGE):
        for work, rivals in RIVALS.items():
            commands = (*OURS[work], *rivals, *([NINJA_AND_EMPTY] if work == "no-op" else []))
            took = 10 if tree == LARGE else 1
            by[tree, work] = {name: series(took, took, size=1000) for name in commands}
    for place in installing.PLACES:
        commands = (installing.TAR_AND_SYNC, *OURS[installing.INSTALL])
        by[place, installing.INSTALL] = {name: series(1.0) for name in commands}
    by[REAL, platforms.PLATFORMS] = {name: series(1.0) for name in platforms.COMMANDS}
    return Results(by={**by, (many.SPECS, many.SPECS): {name: series(1.0) for name in OF_SPECS}})


def test_a_time_is_the_median_of_the_rounds() -> None:
    assert (series(5, 1, 2).wall, series(5, 1, 2).cpu) == (2, 4)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # A slow minute weighs on both; the ratio of the medians would be 2.
    assert ratio(series(1, 20, 2), series(2, 10, 1)) == 2
    assert ratio(series(1, 9, 2), series(1, 3, 4)) == 1


def test_a_sum_is_made_round_by_round() -> None:
    both = total(series(1, 2, peak=7), series(10, 30, peak=5))
    assert both.runs == (Run(11, 22), Run(32, 64))
    assert both.peak == 7


def test_each_bar_is_found_where_everything_was_measured(everything: Results) -> None:
    assert [verdict.bar for verdict in verdicts(everything)] == list(BARS)


def test_a_bar_is_left_out_where_its_commands_were_not_measured() -> None:
    measured = {COLD: series(1.0), GZIP: series(2.0)}
    results = Results(by={(REAL, "build"): measured})
    assert [(verdict.bar.against, verdict.value) for verdict in verdicts(results)] == [(GZIP, 0.5)]


def test_growth_is_from_the_smaller_tree_to_the_largest(everything: Results) -> None:
    assert everything.growth("no-op", NO_OP, MIDDLE) == 10


def test_the_page_says_of_each_bar_whether_it_is_met() -> None:
    ours = dict.fromkeys(OURS["build"], series(1.0))
    measured = {**ours, CHANGED: series(0.5), GZIP: series(1.6)}
    text = page.page(Results(by={(REAL, "build"): measured}), {}, {})
    assert r"| cold build, 36,487 files | tar \| gzip -6 | 0.75 | 0.625 | yes |" in text
    assert r"| one file changed, 36,487 files | tar \| gzip -6 | 0.25 | 0.312 | **no** |" in text


def test_the_page_tells_of_each_command_what_it_cost() -> None:
    ours = dict.fromkeys(OURS["build"], series(1.5, size=123456))
    measured = {**ours, GZIP: series(2.0, peak=10)}
    text = page.page(Results(by={("40", "build"): measured}), {"40": generated(40)}, {})
    _, table = text.split("## 40 files: build\n\n")
    assert f"| {COLD} | 1.50 | 3.00 | 50 | 123,456 | 1.00 |" in table
    assert r"| tar \| gzip -6 | 2.00 | 4.00 | < 1 |  | 0.750 |" in table


def test_the_page_tells_the_growth_of_each_command(everything: Results) -> None:
    assert f"| {NO_OP} | 10.0 | 10.0 |\n" in page.page(everything, {}, {})


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0123456, "0.0123"), (1, "1.00"), (12.345, "12.3"), (99.96, "100"), (1234.5, "1,234")],
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float, told: str) -> None:
    assert page.number(value) == told


def test_the_plot_has_a_line_for_each_command_and_a_dot_for_each_tree() -> None:
    measured = {NO_OP: series(0.1), NINJA: series(0.2), EMPTY: series(0.3)}
    trees = {tree.name: tree for tree in (generated(1000), generated(10_000))}
    results = Results(by={(name, "no-op"): measured for name in trees})
    drawn = ET.fromstring(page.plot(results, trees))
    texts = {text.text for text in drawn.iter(f"{SVG}text")}
    assert texts >= {"Nothing to do", NO_OP, NINJA, EMPTY, "1,000 files", "0.1 s"}
    assert len(list(drawn.iter(f"{SVG}circle"))) == len(measured) * len(trees)


def test_our_lines_are_strong_and_each_label_has_the_colour_of_its_line() -> None:
    lines = {name: [(10, each), (100, each)] for each, name in enumerate("abcd", start=1)}
    drawn = ET.fromstring(svg([Panel("title", lines, strong={"b", "d"})]))
    found = {text.text: text.attrib.get("fill") for text in drawn.iter(f"{SVG}text")}
    widths: dict[str, set[str]] = {}
    for line in drawn.iter(f"{SVG}polyline"):
        widths.setdefault(line.attrib["stroke"], set()).add(line.attrib["stroke-width"])
    assert found["a"] == found["c"]
    assert len({found[name] for name in "abd"}) == 3
    assert [max(widths[str(found[name])]) for name in "abd"] == ["1", "3", "3"]


def test_a_line_goes_up_with_the_seconds_and_right_with_the_files() -> None:
    drawn = ET.fromstring(svg([Panel("a < b", {"line": [(10, 1), (100, 2), (1000, 90)]})]))
    dots = [(dot.attrib["cx"], dot.attrib["cy"]) for dot in drawn.iter(f"{SVG}circle")]
    right, down = ([float(text) for text in each] for each in zip(*dots, strict=True))
    assert right == sorted({*right})
    assert down == sorted({*down}, reverse=True)
    assert len(dots) == 3
    lines = {line.attrib["points"] for line in drawn.iter(f"{SVG}polyline")}
    assert " ".join(",".join(dot) for dot in dots) in lines


def test_labels_keep_their_distance_and_their_order() -> None:
    placed = spread({"low": 30, "high": 10, "higher": 9})
    assert list(placed) == ["higher", "high", "low"]
    assert placed["high"] - placed["higher"] == placed["low"] - placed["high"] == 16
