"""The works that are measured, each in turn with what a user would run instead."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import installing, many, platforms
from .installing import INSTALL
from .many import SPECS
from .measure import alternate, run, total
from .platforms import PLATFORMS
from .project import TREE, Project
from .results import REAL, Results
from .rivals import EMPTY, NINJA, NINJA_AND_EMPTY, RIVALS
from .tools import demand

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from .measure import Command, Say
    from .results import Measured
    from .rivals import Rival
    from .trees import Tree

NO_OP = "doit, nothing to do"
COLD = "doit package, nothing built yet"
CHANGED = "doit package, one file changed"
ADDED = "doit package, one file added"
MODE = "doit package, one mode changed"
VARIABLE = "doit package, one variable changed"
VERIFY = "doit verify"
XZ = "xz"
XZ_COLD = "doit package of tar.xz, nothing built yet"
XZ_CHANGED = "doit package of tar.xz, one file changed"

_COMMANDS: dict[str, Callable[[Project], dict[str, Command]]] = {
    "no-op": lambda project: {NO_OP: project.doit()},
    # A round begins with nothing built, and goes on with what a developer does next.
    "build": lambda project: {
        COLD: project.package(project.forget),
        CHANGED: project.package(project.change),
        ADDED: project.package(project.add),
        MODE: project.package(project.change_mode),
        VARIABLE: project.package(project.change_variable),
    },
    "verify": lambda project: {VERIFY: project.doit("verify")},
    XZ: lambda project: {
        XZ_COLD: project.package(project.forget),
        XZ_CHANGED: project.package(project.change),
    },
}
_FORMATS = {XZ: "tar.xz"}
WORKS = (*_COMMANDS, INSTALL, SPECS, PLATFORMS)
OURS = {
    "no-op": {NO_OP: "doit"},
    "build": {
        COLD: "cold",
        CHANGED: "changed",
        ADDED: "added",
        MODE: "mode",
        VARIABLE: "variable",
    },
    "verify": {VERIFY: "doit"},
    XZ: {XZ_COLD: "cold", XZ_CHANGED: "changed"},
    INSTALL: installing.OURS,
    SPECS: many.OURS,
    PLATFORMS: platforms.OURS,
}
"""What is ours among the commands of each work, and the short names of ratios."""

_LARGE = 50_000  # files


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured, and how often."""

    trees: Collection[Tree]
    works: Collection[str]
    without: Collection[str]  # programs
    rounds: int
    rounds_of_large: int
    installed: Tree = installing.TREE_OF_MANY

    def rounds_of(self, tree: Tree, work: str) -> int:
        """Fewer where a round takes minutes."""
        takes_minutes = work == XZ or (tree.files > _LARGE and work != "no-op")
        return self.rounds_of_large if takes_minutes else self.rounds

    def works_of(self, tree: Tree) -> list[str]:
        """What is measured of a tree: what xz makes of generated files says nothing."""
        works = [work for work in _COMMANDS if work in self.works]
        return [work for work in works if work != XZ or tree.name == REAL]

    def rivals(self, work: str) -> dict[str, Rival]:
        """The rivals that need none of the programs to do without."""
        known, without = RIVALS.get(work, {}), {*self.without}
        return {name: rival for name, rival in known.items() if without.isdisjoint(rival.tools)}

    def tools(self) -> set[str]:
        """The programs that this takes."""
        rivals = (rival for work in self.works for rival in self.rivals(work).values())
        tools = {tool for rival in rivals for tool in rival.tools}
        return tools | {*installing.TOOLS} if INSTALL in self.works else tools


def measure(plan: Plan, scratch: Path, disk: Path, say: Say) -> Results:
    """Measure all of a plan in an empty directory, and leave it so; so with one on a disk.

    Raises:
        BenchError: if a program is missing, or one fails.
    """
    demand(plan.tools())
    results: dict[tuple[str, str], Measured] = {}
    if {*plan.works} & {*_COMMANDS}:
        for tree in plan.trees:
            results |= _measure_tree(plan, tree, scratch / tree.name, say)
    if INSTALL in plan.works:
        told = _telling(say, INSTALL)
        measured = installing.measure(plan.installed, disk / INSTALL, plan.rounds, told)
        results |= {(where, INSTALL): commands for where, commands in measured.items()}
        shutil.rmtree(disk / INSTALL)
    if SPECS in plan.works:
        results[SPECS, SPECS] = many.measure(scratch / SPECS, plan.rounds, _telling(say, SPECS))
        shutil.rmtree(scratch / SPECS)
    for tree in plan.trees if PLATFORMS in plan.works else ():
        if tree.name == REAL:
            told = _telling(say, PLATFORMS)
            results[REAL, PLATFORMS] = platforms.measure(
                tree, scratch / PLATFORMS, plan.rounds, told
            )
            shutil.rmtree(scratch / PLATFORMS)
    return Results(by=results)


def _measure_tree(
    plan: Plan, tree: Tree, directory: Path, say: Say
) -> dict[tuple[str, str], Measured]:
    say(f"{tree.title}: making them")
    project = Project.below(directory)
    project.write()
    tree.make(project.root / TREE)
    results = {}
    for work in plan.works_of(tree):
        commands = _commands(plan, work, project.packed_as(_FORMATS.get(work, "tar.gz")))
        told = _telling(say, f"{tree.title}: {work}")
        measured = alternate(commands, plan.rounds_of(tree, work), told)
        results[tree.name, work] = measured | _sum(measured)
    shutil.rmtree(directory)
    return results


def _commands(plan: Plan, work: str, project: Project) -> dict[str, Command]:
    run(project.doit())  # to verify needs something to verify
    commands = _COMMANDS[work](project)
    commands |= {name: rival.make(project) for name, rival in plan.rivals(work).items()}
    if work == "no-op":
        for command in commands.values():
            run(command)  # the first time is not for nothing
    return commands


def _sum(measured: Measured) -> Measured:
    if NINJA in measured and EMPTY in measured:
        return {NINJA_AND_EMPTY: total(measured[NINJA], measured[EMPTY])}
    return {}


def _telling(say: Say, what: str) -> Say:
    return lambda text: say(f"{what}, {text}")
