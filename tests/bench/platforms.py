"""One tree packaged for one platform, and for many that extend it by a variable each."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from .measure import alternate, run
from .project import DODO, TREE, Project, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .measure import Command, Say, Series
    from .trees import Tree

PLATFORMS = "platforms"
_MANY = (1, 10, 40)
_SPEC = """\
name: bench
version: "1.0"
summary: A tree, and a file made from a template
license: MIT
maintainer: Nobody
platforms: {%s}
contents:
  - src: tree/
    dst: lib/
  - template: bench.ini.j2
    dst: etc/bench.ini
"""
_SITE = "platform: {name}\nextends: linux\nvariables: {{port: {port}}}\n"
_numbers = count(1)


def command(work: str, platforms: int) -> str:
    """What reports call a command for so many platforms."""
    return f"doit package, {work}, {platforms} platform{'s' * (platforms > 1)}"


COLD, NO_OP, CHANGED, VARIABLE = (
    "nothing built yet",
    "nothing to do",
    "one file changed",
    "one variable of one platform changed",
)
WORKS = (COLD, NO_OP, CHANGED, VARIABLE)


def measure(tree: Tree, scratch: Path, rounds: int, say: Say) -> dict[str, Series]:
    """What a build costs for 1, 10 and 40 platforms."""
    say("building")
    commands: dict[str, Command] = {}
    for platforms in _MANY:
        project = _project(scratch / str(platforms), tree, platforms)
        before: dict[str, Callable[[], object]] = {
            COLD: project.forget,
            # The first run after a build reads what that has just written.
            NO_OP: partial(run, project.doit("package")),
            CHANGED: project.change,
            VARIABLE: partial(_change_variable, project),
        }
        for work in WORKS:
            commands[command(work, platforms)] = project.doit("package", before=before[work])
        run(project.doit("package"))
    return alternate(commands, rounds, say)


def _project(directory: Path, tree: Tree, platforms: int) -> Project:
    project = Project.below(directory)
    names = [f"site-{number}" for number in range(platforms)]
    files = {
        "dodo.py": DODO,
        "bench.ini.j2": "[server]\nport = {{ port }}\n",
        "specs/bench.yaml": _SPEC % ", ".join(f"{name}: {{}}" for name in names),
    }
    for name in names:
        files[f"specs/platforms/{name}.yaml"] = _SITE.format(name=name, port=next(_numbers))
    write_all(project.root, files)
    tree.make(project.root / TREE)
    return project


def _change_variable(project: Project) -> None:
    text = _SITE.format(name="site-0", port=next(_numbers))
    write_all(project.root, {"specs/platforms/site-0.yaml": text})
    project.settle()


COMMANDS = [command(work, platforms) for platforms in _MANY for work in WORKS]
OURS = {command(CHANGED, 1): "one file"}
