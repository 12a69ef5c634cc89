"""The bars: what the measured ratios, seconds and bytes must keep to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from . import platforms
from .installing import FIRST, INSTALL, PLACES, TAR_AND_SYNC, TREE_OF_MANY, UPGRADE
from .many import SPECS, SPECS_MANY, SPECS_ONE, TASKS_FRESH
from .results import LARGE, MIDDLE, REAL, Results
from .rivals import (
    EMPTY,
    GZIP,
    NFPM,
    NINJA_AND_EMPTY,
    SAME_TAR,
    TAR_AND_SUMS,
    XZ_ALL,
    XZ_SAME_TAR,
)
from .works import CHANGED, COLD, NO_OP, VERIFY, XZ, XZ_CHANGED, XZ_COLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MB = 1e6


class Bar(NamedTuple):
    """A number that is to be at most `at_most`; `value` raises KeyError if it was not measured."""

    work: str
    against: str
    at_most: float
    unit: str
    value: Callable[[Results], float]


class Verdict(NamedTuple):
    """A bar, and what was measured."""

    bar: Bar
    value: float

    @property
    def met(self) -> bool:
        """Whether it is kept to."""
        return self.value <= self.bar.at_most


def _on_disks(work: str, at_most: float, command: str) -> Iterator[Bar]:
    for at in PLACES:
        value = partial(Results.ratio, tree=at, work=INSTALL, ours=command, theirs=TAR_AND_SYNC)
        yield Bar(f"{work}, {at}", TAR_AND_SYNC, at_most, "", value)


def _of_platforms() -> Iterator[Bar]:
    one_file = platforms.command(platforms.CHANGED, 1)
    for work, many, other, at_most in (
        (platforms.VARIABLE, 10, one_file, 1.5),
        (platforms.CHANGED, 10, one_file, 3),
        (platforms.NO_OP, 40, platforms.command(platforms.NO_OP, 1), 2),
    ):
        ours = platforms.command(work, many)
        value = partial(Results.ratio, tree=REAL, work=platforms.PLATFORMS, ours=ours, theirs=other)
        yield Bar(ours, other, at_most, "", value)
    one, forty = (platforms.command(platforms.COLD, each) for each in (1, 40))

    def memory(got: Results) -> float:
        peaks = [got.of(REAL, platforms.PLATFORMS, each).peak for each in (forty, one)]
        return peaks[0] / peaks[1]

    yield Bar(f"peak memory, {forty}", one, 2, "", memory)


_COLD = "cold build, 36,487 files"
_CHANGED = "one file changed, 36,487 files"
BARS = (
    Bar(_COLD, GZIP, 0.75, "", lambda got: got.ratio(REAL, "build", COLD, GZIP)),
    Bar(_COLD, NFPM, 0.33, "", lambda got: got.ratio(REAL, "build", COLD, NFPM)),
    Bar(
        _CHANGED,
        "its own cold build",
        0.33,
        "",
        lambda got: got.ratio(REAL, "build", CHANGED, COLD),
    ),
    Bar(_CHANGED, GZIP, 0.25, "", lambda got: got.ratio(REAL, "build", CHANGED, GZIP)),
    Bar(
        "nothing to do, 100,000 files",
        NINJA_AND_EMPTY,
        2,
        "",
        lambda got: got.ratio(LARGE, "no-op", NO_OP, NINJA_AND_EMPTY),
    ),
    Bar(
        "nothing to do, 10,000 files",
        EMPTY,
        1.7,
        "",
        lambda got: got.ratio(MIDDLE, "no-op", NO_OP, EMPTY),
    ),
    Bar(
        "verify, 36,487 files",
        TAR_AND_SUMS,
        1,
        "",
        lambda got: got.ratio(REAL, "verify", VERIFY, TAR_AND_SUMS),
    ),
    Bar(
        "size of the archive, 36,487 files",
        SAME_TAR,
        1.01,
        "",
        lambda got: got.bytes_ratio(REAL, "build", COLD, SAME_TAR),
    ),
    Bar(
        "nothing to do, 100,000 files",
        "10,000 files",
        11,
        "",
        lambda got: got.growth("no-op", NO_OP, MIDDLE),
    ),
    Bar(
        "cold build, 100,000 files",
        "10,000 files",
        11,
        "",
        lambda got: got.growth("build", COLD, MIDDLE),
    ),
    Bar(
        "peak memory, cold build, 100,000 files",
        "",
        200,
        "MB",
        lambda got: got.of(LARGE, "build", COLD).peak / _MB,
    ),
    Bar(
        "peak memory, nothing to do, 100,000 files",
        "",
        200,
        "MB",
        lambda got: got.of(LARGE, "no-op", NO_OP).peak / _MB,
    ),
    Bar(
        "cold build of a tar.xz, 36,487 files",
        XZ_ALL,
        1,
        "",
        lambda got: got.ratio(REAL, XZ, XZ_COLD, XZ_ALL),
    ),
    Bar(
        "one file changed in a tar.xz, 36,487 files",
        "its own cold build",
        0.5,
        "",
        lambda got: got.ratio(REAL, XZ, XZ_CHANGED, XZ_COLD),
    ),
    Bar(
        "size of the tar.xz, 36,487 files",
        XZ_SAME_TAR,
        1.05,
        "",
        lambda got: got.bytes_ratio(REAL, XZ, XZ_COLD, XZ_SAME_TAR),
    ),
    *_on_disks("install", 2, FIRST),
    *_on_disks("install with one file changed", 0.3, UPGRADE),
    Bar(
        f"peak memory, install, {TREE_OF_MANY.title}",
        "",
        100,
        "MB",
        lambda got: max(got.of(each, INSTALL, FIRST).peak for each in PLACES) / _MB,
    ),
    *_of_platforms(),
    Bar(TASKS_FRESH, "", 1.5, "s", lambda got: got.of(SPECS, SPECS, TASKS_FRESH).wall),
    Bar(
        SPECS_MANY,
        "1 spec, in addition",
        0.05,
        "s",
        lambda got: got.more(SPECS, SPECS, SPECS_MANY, SPECS_ONE),
    ),
)


def verdicts(results: Results) -> list[Verdict]:
    """What was measured for each bar; those that were not asked for are left out."""
    found = []
    for bar in BARS:
        try:
            found.append(Verdict(bar, bar.value(results)))
        except KeyError:
            continue
    return found
