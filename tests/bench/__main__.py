"""The command line of the benchmark: what is measured, where, and where the page goes."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import machine
from .measure import BenchError
from .page import page, plot
from .rivals import RIVALS
from .task import OPTIONS, QUICK
from .trees import Tree, all_trees
from .works import WORKS, Plan, measure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

DOC = Path(__file__).resolve().parents[2] / "doc"
_CACHE = "~/.cache/doit-provisioning-bench"
_MEMORY = Path("/dev/shm")
_DISK = "/var/tmp"
_ROOM = 6 << 30  # bytes: the largest tree, packed and unpacked by several tools

_ROUNDS, _ROUNDS_OF_LARGE = 5, 3
_QUICK, _QUICK_OF_LARGE = 3, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the page, write it if it is whole; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _bench(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=QUICK)
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name}", default="", help=text)
    return parser


def _bench(options: argparse.Namespace) -> None:
    if sys.platform != "linux":
        raise BenchError("runs on Linux alone: it needs /proc, and GNU tar and find")
    trees = all_trees(Path(options.cache or _CACHE).expanduser())
    plan = _plan(options, trees)
    with _empty(_scratch(options)) as scratch, _empty(options.disk or _DISK) as disk:
        results = measure(plan, scratch, disk, _say)
        facts = machine.facts(scratch) | machine.versions(plan.tools())
    text = page(results, trees, facts)
    print(text)
    whole = not (options.quick or options.trees or options.only or options.without)
    output = options.output or (DOC if whole else None)
    if output:
        _write(Path(output), text, plot(results, trees))
    else:
        print("not written to doc/benchmarks.md: a part of the whole", file=sys.stderr)


@contextmanager
def _empty(where: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="doit-bench-", dir=where) as directory:
        yield Path(directory)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _plan(options: argparse.Namespace, trees: Mapping[str, Tree]) -> Plan:
    tools = {
        tool for rivals in RIVALS.values() for rival in rivals.values() for tool in rival.tools
    }
    return Plan(
        trees=[trees[name] for name in _chosen(options.trees, trees) or trees],
        works=_chosen(options.only, WORKS) or WORKS,
        without=_chosen(options.without, tools),
        rounds=_QUICK if options.quick else _ROUNDS,
        rounds_of_large=_QUICK_OF_LARGE if options.quick else _ROUNDS_OF_LARGE,
    )


def _chosen(text: str, known: Collection[str]) -> list[str]:
    """The names in `text`, between commas."""
    names = text.split(",") if text else []
    for name in names:
        if name not in known:
            raise BenchError(f"{name!r} is none of {', '.join(known)}")
    return names


def _scratch(options: argparse.Namespace) -> str | None:
    """Where trees are made and packed: in memory where there is room; no disk is measured."""
    if options.scratch:
        return str(options.scratch)
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM < machine.available_memory():
        return str(_MEMORY)
    return None


def _write(directory: Path, text: str, drawing: str) -> None:
    (directory / "benchmarks.md").write_text(text, encoding="utf-8")
    (directory / "benchmarks.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
