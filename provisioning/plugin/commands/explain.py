"""`provision explain`: which tasks are out of date and why, and what their last runs cost."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.cmd_base import DoitCmdBase
from doit.control import TaskControl
from doit.exceptions import InvalidCommand

from provisioning.artifact.model.entry import shown
from provisioning.builder.collect.collect import Listing, PathChange, changes, collect, differing
from provisioning.builder.plan.needs import Absent
from provisioning.errors import ProvisioningError
from provisioning.plugin.actions import plain
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    demand_importable,
    size_text,
)
from provisioning.plugin.database import digests_of
from provisioning.plugin.uptodate import Reason, SourcesUnchanged, Unchanged
from provisioning.spec.model.variant import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.plugin.uptodate import Job

    Cost = Mapping[str, Any]


def made(cost: Cost, most: int) -> Iterator[str]:
    """A line for each chunk that was made, of at most so many."""
    chunks: Sequence[Mapping[str, Any]] = cost.get("made", ())
    for chunk in chunks[:most]:
        out = f" → {size_text(chunk['bytes_out'])}" if chunk["bytes_out"] else ""
        yield f"{chunk['format']}: {_members(chunk)}, {size_text(chunk['bytes_in'])}{out}"
    left = cost.get("chunks_rebuilt", 0) - len(chunks[:most])
    if chunks and left > 0:
        yield f"and {left} more"


def summary(cost: Cost) -> Iterator[str]:
    """What was made and what was reused, in a few words each."""
    rebuilt, reused = cost["chunks_rebuilt"], cost["chunks_reused"]
    if rebuilt:
        yield f"{count_text(rebuilt, 'chunk')} made of {size_text(cost['bytes_in'])}"
    if reused:
        yield f"{count_text(reused, 'chunk')} reused ({size_text(cost['bytes_reused'])})"


def _members(chunk: Mapping[str, Any]) -> str:
    first, last, number = shown(chunk["first"]), shown(chunk["last"]), chunk["members"]
    if number > 1:
        return f"{first} … {last} ({number} members)"
    return first or "the end"


_FILES = {
    "changed_file_dep": "its content has changed",
    "missing_file_dep": "missing, and no task makes it",
    "added_file_dep": "new",
    "removed_file_dep": "no longer used",
}
_FACTS = {
    "revision": "this plugin has another version",
    "templates": "the list of templates has changed",
    "layout": "the layout has changed: see the collect stage",
}


class Why:
    """The reasons of one stage; doit's own beside those of what judges it."""

    def __init__(
        self, task: Any, unchanged: Unchanged, reasons: Mapping[str, Any], *, waits: bool
    ) -> None:
        """`waits`: stages before this one run first, and what they make is another matter."""
        self._task = task
        self._unchanged = unchanged
        self._reasons = reasons
        self._files = {} if waits else _FILES
        self._waits = waits

    def told(self) -> Iterator[str]:
        """Each reason as a line."""
        mine = self._unchanged.reasons
        yield from (line for each in mine if each.kind == "lost" for line in each.lines())
        if self._unchanged.is_new:
            yield "never run before"
            return
        if any(map(self._is_of_paths, mine)):
            yield from self._changes()
        for reason in mine:
            if reason.kind != "lost" and not self._is_of_paths(reason):
                yield from self._told(reason)
        yield from (f"{path}: missing" for path in self._reasons.get("missing_target") or ())
        for kind, told in self._files.items():
            yield from (f"{path}: {told}" for path in self._reasons.get(kind) or ())

    def _is_of_paths(self, reason: Reason) -> bool:
        """Whether the reason is changed files, which can then be named."""
        collects = str(self._task.name).startswith("collect:")
        return collects and (reason.kind == "content" or reason.what == "layout")

    def _told(self, reason: Reason) -> Iterator[str]:
        if reason.what in _FACTS and reason.kind == "fact":
            yield _FACTS[reason.what]
            return
        for line in reason.lines():
            is_of_spec = reason.kind in {"variable", "secret"}
            yield f"{line}{self._origin(line.partition(':')[0])}" if is_of_spec else line

    def _changes(self) -> Iterator[str]:
        """The paths whose source, or whose place in the spec, has changed."""
        job = self._unchanged.job
        try:
            now = collect(job.part.findings.layout, self._unchanged.digests.look)
        except ProvisioningError as error:
            # What is missing may be made by what runs first.
            yield from () if self._waits else str(error).splitlines()
            return
        placed = job.part.findings.placed_by()
        for change in changes(*differing(job.workspace, Listing.of(now))):
            content = placed.get(change.path)
            where = f"  ({content.origin} {content.where})" if content else ""
            yield f"{change}{where}"

    def _origin(self, path: str) -> str:
        """Where the value at `path` of the variables was written, or the first of its parts."""
        known = (each for each in self._origins if f"{each}.".startswith(f"variables.{path}."))
        found = next(known, "")
        return f"  ({self._origins[found].strip('()')})" if found else ""

    @cached_property
    def _origins(self) -> Mapping[str, str]:
        """Where each value of the variant was written."""
        from provisioning.plugin.task_graph import made_from  # noqa: PLC0415 - as in `project`
        from provisioning.spec.resolve.project import read_project  # noqa: PLC0415
        from provisioning.spec.resolve.resolved_view import resolved_view  # noqa: PLC0415 - and this reads YAML

        variant = self._unchanged.job.part.variant
        for resolved in read_project(made_from[-1]).resolved:
            found = resolved_view(resolved)
            if (found.name, found.platform) == (variant.name, variant.platform):
                return dict(found.as_json()["origins"])
        return {}


_ALL = {
    "name": "every",
    "short": "a",
    "long": "all",
    "type": bool,
    "default": False,
    "help": "show every reason, however many there are",
}
_MOST, _FEW = 20, 5

UP_TO_DATE, MAY_RUN, RUNS = "up to date", "may run", "runs"


class Stage(NamedTuple):
    """What is shown of one task."""

    task: str
    state: str
    reasons: list[str]
    last: Mapping[str, Any]
    """What the last run was made for, and what it cost; empty before the first."""
    next: Mapping[str, Any]
    """What the next run would cost; empty where there is none, or where that is not known."""
    absent: Sequence[Mapping[str, Any]] = ()
    """Of what is collected, the optional contents that have found nothing."""


class Explain(ProjectCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Shows for each stage whether it is up to date, and why not; builds nothing."""

    name = "explain"
    doc_purpose = "explain which tasks are out of date and why, and what the last run cost"
    doc_usage = "[--all] [--json] [NAME[:PLATFORM]|TASK ...]"
    doc_description = (
        "Without a name, all stages of all packages are explained. A stage `runs` if its "
        "inputs or outputs have changed; it `may run` if a stage before it runs, whose output"
        " may stay the same."
    )
    cmd_options = (AS_JSON, _ALL)

    def execute(self, params: Any, args: Sequence[str]) -> int:
        """Explain, and return the exit code."""
        demand_importable(params)
        status: int = super().execute(params, args)
        return status

    def _execute(self, pos_args: Sequence[str], as_json: bool, every: bool) -> int:  # noqa: FBT001 - doit's way
        control = TaskControl(self.task_list)
        stages: dict[str, Stage] = {}
        for name, task in control.tasks.items():
            if unchanged := _judge(task):
                stages[name] = self._stage(task, unchanged, control, stages)
        chosen = [stages[name] for name in _chosen(control, pos_args) if name in stages]
        if not chosen:
            raise InvalidCommand("no package here has such a stage; see `doit list --all`")
        if as_json:
            return answer_json({"tasks": [stage._asdict() for stage in chosen]})
        return answer("".join(_lines(chosen, sys.maxsize if every else _MOST)))

    def _stage(
        self, task: Any, unchanged: Unchanged, control: TaskControl, before: Mapping[str, Stage]
    ) -> Stage:
        status = self.dep_manager.get_status(task, control.tasks, get_log=True)
        needed = [each for each in control.tasks if each in task.task_dep]
        waits = [each for each in needed if self._comes(each, control.tasks, before)]
        why = Why(task, unchanged, status.reasons, waits=bool(waits))
        reasons = [] if status.status == "up-to-date" else list(why.told())
        state = RUNS if reasons else MAY_RUN if waits else UP_TO_DATE
        # For what has never run, the stages before it need not be named.
        told = (each for each in waits if not (unchanged.is_new and each in before))
        reasons += [f"after {each}" for each in told]
        last = self._last(task.name)
        would = {} if state == UP_TO_DATE else _next(task, unchanged.job, last)
        found = unchanged.absent if isinstance(unchanged, SourcesUnchanged) else ()
        absent = [each._asdict() for each in found]
        return Stage(task.name, state, reasons, last, would, absent)

    def _comes(self, name: str, tasks: Mapping[str, Any], before: Mapping[str, Stage]) -> bool:
        """Whether a task that another one needs must run first."""
        if name in before:
            return before[name].state != UP_TO_DATE
        task = tasks[name]
        if not task.actions:  # a group, of which doit knows no state
            return any(self._comes(each, tasks, before) for each in task.task_dep)
        return bool(self.dep_manager.get_status(task, tasks).status != "up-to-date")

    def _last(self, name: str) -> dict[str, Any]:
        values = self.dep_manager.get_values(name) or {}
        told = ("seconds", "changed", "changes", "cost", "because")
        return {key: values[key] for key in told if key in values}


def _next(task: Any, job: Job, last: Mapping[str, Any]) -> dict[str, Any]:
    """What it would cost to pack once more; what was never packed is packed as a whole."""
    if not last or not task.name.startswith("archive:"):
        return {}
    from provisioning.builder.archive.pack import forecast  # noqa: PLC0415 - a cost for this alone

    try:
        cost = forecast(job.part.findings.layout, job.workspace, digests_of(job.artifacts))
    except (ProvisioningError, OSError):
        return {}  # the stage whose fault it is says so
    return plain(cost)


def _judge(task: Any) -> Unchanged | None:
    """What judges a stage; None for any other task."""
    return next((each for each, *_ in task.uptodate if isinstance(each, Unchanged)), None)


def _chosen(control: TaskControl, words: Sequence[str]) -> list[str]:
    """The tasks that `words` name, and all that those stand for; every task without words."""
    try:
        control.process([task for word in words for task in _named(control, word)] or None)
    except InvalidCommand as error:
        judged = filter(None, map(_judge, control.tasks.values()))
        variants = [unchanged.job.part.variant for unchanged in judged]
        raise InvalidCommand(unknown(variants, str(error.not_found))) from None
    waiting = list(control.selected_tasks)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            task = control.tasks[name]
            waiting += task.task_dep if task.has_subtask or not task.actions else []
    return [name for name in control.tasks if name in seen]


def _named(control: TaskControl, word: str) -> list[str]:
    """The task that a word names; where it is NAME or NAME:PLATFORM, all stages of that."""
    stages = [f"{each}:{word}" for each in ("package", "verify")]
    is_package = word not in control.tasks and stages[0] in control.tasks
    return stages if is_package else [word]


def _lines(stages: Iterable[Stage], most: int) -> Iterator[str]:
    for stage in stages:
        yield f"{stage.task}: {stage.state}\n"
        yield from (f"    note: {Absent(**each)}\n" for each in stage.absent)
        yield from (f"    {reason}\n" for reason in stage.reasons[:most])
        if len(stage.reasons) > most:
            yield f"    and {len(stage.reasons) - most} more; --all shows them\n"
        if stage.next:
            yield f"    next run: {', '.join(summary(stage.next))}\n"
            yield from (f"        {each}\n" for each in made(stage.next, most))
        if stage.last:
            yield f"    last run: {', '.join(_cost(stage.last))}\n"
            yield from (f"        {reason}\n" for reason in _because(stage.last))
            yield from (f"        {each}\n" for each in _made(stage.last, most))


def _made(last: Mapping[str, Any], most: int) -> Iterator[str]:
    """The chunks that the last run made; the first run made all, which --all shows."""
    if most > _MOST or not _is_first(last):
        yield from made(last.get("cost", {}), most)


def _is_first(last: Mapping[str, Any]) -> bool:
    """Whether it was the first run, for which all is new."""
    return any(reason[0] == "new" for reason in last.get("because", ()))


def _because(last: Mapping[str, Any]) -> Iterator[str]:
    """What the last run was made for, as far as it was recorded."""
    if _is_first(last):
        return
    for reason in last.get("because", ()):
        if reason[0] != "content" and reason[1] != "layout":
            yield from Reason(*reason).lines()
    changes = [PathChange(*each) for each in last.get("changes", ())]
    yield from map(str, changes[:_FEW])
    if len(changes) > _FEW:
        yield f"and {last['changed'] - _FEW} more"


def _cost(last: Mapping[str, Any]) -> Iterator[str]:
    if _is_first(last):
        yield "the first"
    if "seconds" in last:
        yield f"{last['seconds']:.2f} s"
    if "changed" in last:
        yield f"{count_text(last['changed'], 'path')} changed"
    if cost := last.get("cost"):
        yield from summary(cost)
