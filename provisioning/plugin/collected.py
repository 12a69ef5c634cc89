"""Knows whether what was collected is what the sources hold, and whether one of them was lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from doit.globals import Globals

from provisioning.build.listing import collected_from
from provisioning.build.need import NO_MAKER, Made, places
from provisioning.errors import ProvisioningError
from provisioning.plugin.database import CONTENT
from provisioning.plugin.reporter import ABSENT
from provisioning.plugin.unchanged import Reason, Unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provisioning.build.need import Absent
    from provisioning.plugin.stages import Job
    from provisioning.plugin.unchanged import Wants

EMPTY = "empty"
"""The value of a task that names the sources which were left empty by the tasks that make them."""
NEEDED = "task_dep"
"""The one by which doit takes tasks to be done before others that have this one as `calc_dep`."""
LOST = "provisioning: lost"
"""The key in a task's `meta` that says what keeps it from being done."""


class SourcesUnchanged(Unchanged):
    """Also false as soon as a source holds something else, or what a task made is gone.

    What the action found in them stands in its value CONTENT. The sources are the task's
    `file_dep`, but where tasks are run, doit need not go through them one by one: that takes
    longer than all else that a build with nothing to do does.
    """

    def __init__(self, job: Job, wants: Callable[[Job], Wants], *, runs: bool) -> None:
        super().__init__(job, wants)
        self._runs = runs

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether every source holds what it did, and none was lost."""
        is_unchanged = super().__call__(task, values)
        found: list[Reason] = []
        if not is_unchanged and self._is_sound:
            found += self._emptied()
        found += self._lost(values.get(EMPTY, ()))
        lost = {reason.what.rstrip("/"): reason for reason in found}
        self.reasons += lost.values()
        told = {ABSENT: [*map(str, self.absent)], LOST: [*map(str, lost.values())]}
        task.meta = {key: lines for key, lines in told.items() if lines}
        return is_unchanged and not lost

    @property
    def absent(self) -> tuple[Absent, ...]:
        """The optional contents that have found nothing."""
        return self.job.part.brief.absent if self._is_sound else ()

    @property
    def _is_sound(self) -> bool:
        try:
            return bool(self.job.part.brief)
        except (OSError, ProvisioningError):
            return False  # which the action says in its own words

    def _changed(self, values: Mapping[str, Any]) -> Iterator[Reason]:
        yield from super()._changed(values)
        is_known = all(name in self.tasks_dict for name in values.get(NEEDED, ()))
        if "facts" in values and not (is_known and self._content() == values.get(CONTENT)):
            yield Reason("content")

    def _lost(self, known: Any) -> Iterator[Reason]:
        """The sources that nobody has left empty, and that nobody makes again in this run.

        `optional` excuses what was never made; what a task has made must not vanish from a package.
        """
        for each in self.absent:
            made = self.job.part.made_by.get(each.source, NO_MAKER)
            makers = [*self._single(made.sure)]
            if makers and each.source not in known and not any(map(self._makes, makers)):
                yield Reason("lost", each.source, new=made.again())

    def _emptied(self) -> Iterator[Reason]:
        """The directories that held what was collected, and nothing now, of tasks up to date.

        Each may be a part of what a content takes, of which more is there.
        """
        sure = (name for made in self.job.part.made_by.values() for name in made.sure)
        makers = {task.name: task for task in self._single(tuple(sure))}.values()
        empty = [
            (task, target)
            for task in makers
            for target in task.targets
            if os.path.isdir(target) and not _holds_files(target) and not self._makes(task)
        ]
        collected = collected_from(self.job.workspace.collected) if empty else ()
        for task, target in empty:
            below = tuple(f"{place}/" for place in places(target))
            if any(source.startswith(below) for source in collected):
                yield Reason("lost", target, new=Made(sure=(task.name,)).again())

    def _single(self, names: tuple[str, ...]) -> Iterator[Any]:
        """The tasks of these names, those of groups included."""
        for name in names:
            task = self.tasks_dict[name]
            if task.actions:
                yield task
            else:
                yield from self._single(tuple(task.task_dep))

    def _makes(self, task: Any) -> bool:
        """Whether a task has been done in this run; or would be, where nothing is run."""
        if self._runs:
            return bool(task.executed)
        status = Globals.dep_manager.get_status(task, self.tasks_dict)
        return bool(status.status != "up-to-date")

    def _record(self, task: Any) -> dict[str, Any]:
        made = (each.source for each in self.absent if each.source in self.job.part.made_by)
        return {**super()._record(task), EMPTY: sorted(made)}

    def _content(self) -> str:
        try:
            return self.job.part.content(self.digests)
        except (OSError, ProvisioningError) as error:
            return str(error)  # the action says it in its own words


def _holds_files(directory: str) -> bool:
    return any(files for _, _, files in os.walk(directory))
