"""Knows how stages wait for what makes the specs' own sources: as delayed tasks of doit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from doit.exceptions import InvalidDodoFile, TaskFailed
from doit.task import DelayedLoader, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIRST = "_what specs are read from"  # doit shows no name that begins so
_FAULT = "_specs"


class Create(Protocol):
    """Creates the tasks that were waiting."""

    def __call__(self, *, is_stale: bool) -> Sequence[Any]:
        """`is_stale` tells whether anything was done meanwhile; raises InvalidDodoFile."""


def delay(command: Any, stages: Sequence[Any], first: Sequence[str], create: Create) -> None:
    """Have doit's `command` create the tasks `stages` once the tasks `first` are done.

    Until then each has a placeholder, of the same name, that leads to all of them.
    """
    loader = DelayedLoader(_Creator(command, stages, first, create), executed=_FIRST)
    loader.basename = stages[0].name  # of which doit asks whether they have been created
    waiting = [
        Task(each.name, None, loader=loader, doc=each.doc, params=each.params) for each in stages
    ]
    others = [task for task in command.task_list if task not in stages]
    command.task_list = [*others, Task(_FIRST, None, task_dep=first), *waiting]


class _Creator:
    """What doit calls to create the tasks."""

    def __init__(
        self, command: Any, stages: Sequence[Any], first: Sequence[str], create: Create
    ) -> None:
        self._command = command
        self._stages = stages
        self._first = first
        self._create = create

    def __call__(self) -> Iterator[Any]:
        tasks = self._command.control.tasks
        names = {stage.name.partition(":")[0] for stage in self._stages}
        try:
            is_stale = any(task.executed for task in _single(self._first, tasks))
            yield from self._create(is_stale=is_stale)
        except InvalidDodoFile as error:
            # To raise it would leave the workers of `doit -n` waiting for ever.
            yield Task(_FAULT, [partial(TaskFailed, str(error))])
            for name in [name for name in tasks if name.partition(":")[0] in names]:
                yield Task(name, None, task_dep=[_FAULT])

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Be sent to a worker as nothing: where Python does not fork, it gets all tasks."""
        return type(None), ()


def _single(names: Sequence[str], tasks: Any) -> Iterator[Any]:
    """The tasks of these names, those of groups in the place of the groups."""
    for name in names:
        if tasks[name].actions:
            yield tasks[name]
        else:
            yield from _single(tasks[name].task_dep, tasks)
