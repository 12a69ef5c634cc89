"""Projects of many specs, and what their specs alone cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .measure import Command, Series, alternate, nothing, run
from .project import DODO, Project, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .measure import Say

_SPECS = 200
_PLATFORMS = 5
_STAGES = 5
_SPEC = """\
name: app-{number:03}
version: "1.{number}"
summary: Application number {number}
license: MIT
maintainer: Nobody
variables:
  port: {port}
  title: Number {number}
platforms:
  linux: {{}}
  macos: {{}}
  mac-mini: {{}}
  raspberry-pi:
    variables: {{port: 80}}
  raspberry-pi-32:
    contents:
      - src: apps/app-{number:03}/readme.txt
        dst: share/readme-32.txt
contents:
  - src: apps/app-{number:03}/*.py
    dst: lib/
  - src: apps/app-{number:03}/readme.txt
    dst: share/
  - template: apps/app-{number:03}/app.ini.j2
    dst: etc/app.ini
    conffile: true
  - dir: var/log
"""
_TEMPLATE = "[app]\nport = {{ port }}\ntitle = {{ title }}\n"
_PLAIN_DODO = f"""\
def write(targets):
    with open(*targets, "w"):
        pass


def task_stamp():
    for number in range({_SPECS * _PLATFORMS * _STAGES}):
        stamp = f"stamps/{{number}}"
        yield {{"name": number, "actions": [write], "file_dep": ["dodo.py"], "targets": [stamp]}}
"""
_MANY = f"{_SPECS} specs for {_PLATFORMS} platforms"
_ONE = f"1 spec for {_PLATFORMS} platforms"
# What the plugin gives doit: specs, layouts and tasks; and the first of these alone.
_TASKS = "from provisioning.plugin import tasks; list(tasks())"
_SPECS_ALONE = """\
from pathlib import Path
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.workspace import paths
from provisioning.builder.workspace.caches import Notes
from provisioning.builder.plan.plan_cache import Specs
from provisioning.spec.resolve.inputs import Inputs

digests, notes = Digests(paths.digests("artifacts")), Notes(paths.specs("artifacts"))
assert not Specs(Inputs(Path()), digests, notes).known().fresh
"""

SPECS = "specs"

LIST_FRESH = f"doit list, {_MANY}, read for the first time"
TASKS_FRESH = f"tasks() alone, {_MANY}, read for the first time"
SPECS_MANY = f"specs alone, {_MANY}, as remembered"
SPECS_ONE = f"specs alone, {_ONE}, as remembered"
NO_OP_MANY = f"doit, nothing to do, {_MANY}"
PLAIN = f"doit, {_SPECS * _PLATFORMS * _STAGES:,} plain tasks"


def measure(scratch: Path, rounds: int, say: Say) -> dict[str, Series]:
    """What reading and remembering many specs costs."""
    say("building")
    fresh, built, one = (
        _project(scratch / name, specs)
        for name, specs in (("fresh", _SPECS), ("built", _SPECS), ("one", 1))
    )
    plain = Project.below(scratch / "plain")
    write_all(plain.root, {"dodo.py": _PLAIN_DODO, "stamps/.keep": ""})
    for project in (built, one, plain):
        run(project.doit())
    commands = {
        LIST_FRESH: fresh.doit("list", before=fresh.forget),
        TASKS_FRESH: _python(fresh, _TASKS, before=fresh.forget),
        SPECS_MANY: _python(built, _SPECS_ALONE),
        SPECS_ONE: _python(one, _SPECS_ALONE),
        NO_OP_MANY: built.doit(),
        PLAIN: plain.doit(),
    }
    return alternate(commands, rounds, say)


def _project(directory: Path, specs: int) -> Project:
    project = Project.below(directory)
    files = {"dodo.py": DODO}
    for number in range(specs):
        app = f"apps/app-{number:03}"
        spec = _SPEC.format(number=number, port=8000 + number)
        files |= {
            f"specs/app-{number:03}.yaml": spec,
            f"{app}/app.ini.j2": _TEMPLATE,
            f"{app}/main.py": f"print({number})\n",
            f"{app}/readme.txt": f"This is application {number}.\n",
        }
    write_all(project.root, files)
    return project


def _python(project: Project, script: str, before: Callable[[], object] = nothing) -> Command:
    """A part of what the plugin does in a run, as a process."""
    return project.command(sys.executable, "-c", script, before=before)


OURS = {NO_OP_MANY: "doit"}
