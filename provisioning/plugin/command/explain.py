"""Knows the command `doit explain`: what would be built and why, and what was and what it cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.cmd_base import DoitCmdBase
from doit.control import TaskControl
from doit.exceptions import InvalidCommand

from provisioning.build.changes import Change
from provisioning.build.need import Absent
from provisioning.errors import ProvisioningError
from provisioning.plugin.collected import SourcesUnchanged
from provisioning.plugin.command import chunks
from provisioning.plugin.command.project import AS_JSON, PluginCommand, answer, answer_json
from provisioning.plugin.command.size import count
from provisioning.plugin.command.why import Why
from provisioning.plugin.config import digests_of
from provisioning.plugin.stages import plain
from provisioning.plugin.unchanged import Reason, Unchanged
from provisioning.plugin.word import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.plugin.stages import Job

_ALL = {
    "name": "every",
    "short": "a",
    "long": "all",
    "type": bool,
    "default": False,
    "help": "tell every reason, however many there are",
}
_MOST, _FEW = 20, 5

UP_TO_DATE, MAY_RUN, RUNS = "up to date", "may run", "runs"


class Stage(NamedTuple):
    """What is told of one task."""

    task: str
    state: str
    reasons: list[str]
    last: Mapping[str, Any]
    """What the last run was made for, and what it cost; empty before the first."""
    next: Mapping[str, Any]
    """What the next run would cost; empty where there is none, or where that is not known."""
    absent: Sequence[Mapping[str, Any]] = ()
    """Of what is collected, the optional contents that have found nothing."""


class Explain(PluginCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no type hints
    """Tells of each stage whether it is up to date, and why not; builds nothing."""

    name = "explain"
    doc_purpose = "tell what would be built and why, and what the last run cost"
    doc_usage = "[--all] [--json] [NAME[:PLATFORM]|TASK ...]"
    doc_description = (
        "Without a word, all stages of all packages are explained. A stage `runs` if what it is "
        "made from, or what it left, is not as it was; it `may run` if a stage before it runs, "
        "whose output can come out the same."
    )
    cmd_options = (AS_JSON, _ALL)

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
        # Whatever has never been done waits for no stage that need be told.
        told = (each for each in waits if not (unchanged.is_new and each in before))
        reasons += [f"after {each}" for each in told]
        last = self._last(task.name)
        would = {} if state == UP_TO_DATE else _next(task, unchanged.job, last)
        found = unchanged.absent if isinstance(unchanged, SourcesUnchanged) else ()
        absent = [each._asdict() for each in found]
        return Stage(task.name, state, reasons, last, would, absent)

    def _comes(self, name: str, tasks: Mapping[str, Any], before: Mapping[str, Stage]) -> bool:
        """Whether a task that another one needs is to be done first."""
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
    from provisioning.build.forecast import forecast  # noqa: PLC0415 - a cost for this alone

    try:
        cost = forecast(job.part.layout, job.workspace, digests_of(job.artifacts))
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
            yield f"    and {len(stage.reasons) - most} more; --all tells them\n"
        if stage.next:
            yield f"    next run: {', '.join(chunks.summary(stage.next))}\n"
            yield from (f"        {each}\n" for each in chunks.made(stage.next, most))
        if stage.last:
            yield f"    last run: {', '.join(_cost(stage.last))}\n"
            yield from (f"        {reason}\n" for reason in _because(stage.last))
            yield from (f"        {each}\n" for each in _made(stage.last, most))


def _made(last: Mapping[str, Any], most: int) -> Iterator[str]:
    """The chunks that the last run made; the first run made all, which --all tells."""
    if most > _MOST or not _is_first(last):
        yield from chunks.made(last.get("cost", {}), most)


def _is_first(last: Mapping[str, Any]) -> bool:
    """Whether it was the first run, for which all is new."""
    return any(reason[0] == "new" for reason in last.get("because", ()))


def _because(last: Mapping[str, Any]) -> Iterator[str]:
    """What the last run was made for, as far as it was recorded."""
    if _is_first(last):
        return
    for reason in last.get("because", ()):
        if reason[0] != "content" and reason[1] != "layout":
            yield str(Reason(*reason))
    changes = [Change(*each) for each in last.get("changes", ())]
    yield from map(str, changes[:_FEW])
    if len(changes) > _FEW:
        yield f"and {last['changed'] - _FEW} more"


def _cost(last: Mapping[str, Any]) -> Iterator[str]:
    if _is_first(last):
        yield "the first"
    if "seconds" in last:
        yield f"{last['seconds']:.2f} s"
    if "changed" in last:
        yield f"{count(last['changed'], 'path')} changed"
    if cost := last.get("cost"):
        yield from chunks.summary(cost)
