"""Knows the tasks of a dodo.py that are not this plugin's, and what they make."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from doit.cmdparse import CmdOption, TaskParse
from doit.loader import generate_tasks

from provisioning.build.verdict import Makers, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

_file: list[str] = []  # the dodo.py of this process: doit hands its tasks on without it


def of(tasks: Iterable[Any]) -> Makers:
    """What `tasks` make, and of what."""
    makers = (Task(task.name, (*task.targets,), (*task.file_dep,)) for task in tasks)
    return Makers("".join(_file), tuple(makers))


def begin() -> None:
    """Note which dodo.py it is, while doit goes through its task generators."""
    loader = _loader()
    file = loader.f_locals["namespace"].get("__file__") if loader else None
    _file[:] = [os.path.relpath(file)] if file else []


def being_made() -> Makers:
    """The others, asked for by one of the task generators while doit goes through them."""
    loader = _loader()
    if loader is None:
        return Makers()
    return of([*loader.f_locals["task_list"], *_still_to_come(loader.f_locals)])


def _loader() -> FrameType | None:
    """Doit's function that goes through the task generators, one of which is calling."""
    frame = sys._getframe()  # noqa: SLF001 - doit tells no generator of the others
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "load_tasks" and "task_list" in frame.f_locals:
            return frame
    return None


def _still_to_come(known: dict[str, Any]) -> Iterator[Any]:
    """The tasks of the generators behind the one that is calling, which doit will ask again."""
    behind = False
    for name, creator, _ in known["funcs"]:
        if behind and not hasattr(creator, "doit_create_after"):
            yield from _made_by(name, creator)
        behind = behind or creator == known["ref"]


def _made_by(name: str, creator: Any) -> list[Any]:
    options = [CmdOption(each) for each in getattr(creator, "_task_creator_params", ())]
    try:
        values = TaskParse(options).parse("")[0] if options else {}
        return list(generate_tasks(name, creator(**values), creator.__doc__))
    except Exception:  # noqa: BLE001 - it is the user's code; doit tells of it in a moment
        return []
