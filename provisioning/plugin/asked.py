"""Knows what doit was asked for, which it tells its loader of tasks and no task generator."""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from doit import doit_cmd
from doit.cmd_run import Run

from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

REBUILD = "--rebuild"
_HELP = "--help"


def given() -> dict[str, str]:
    """The `name=value` of the command line."""
    # doit tells them by name alone (doit.get_var), and a name that nobody knows must be told too.
    return doit_cmd._CMDLINE_VARS or {}  # noqa: SLF001


def runs() -> bool:
    """Whether tasks are to be run, and not listed, explained or forgotten."""
    command, _ = _asked()
    return command is None or isinstance(command, Run)


def verifies_alone() -> bool:
    """Whether it is to verify and nothing else, as in `doit verify:greenhouse`.

    Then nothing may be built: to rebuild a damaged artifact and find it good would prove nothing.
    """
    command, words = _asked()
    chosen = [word.split(":", maxsplit=1)[0] for word in words if word != REBUILD]
    return isinstance(command, Run) and set(chosen) == {"verify"}


def rebuilds() -> bool:
    """Whether verifying includes to build again and compare."""
    _, words = _asked()
    return REBUILD in words


def helped(stages: Collection[str]) -> str:
    """The one of `stages` behind which --help stands; "" where there is none."""
    stage = ""
    for word in words() if runs() else ():
        if word == _HELP and stage in stages:
            return stage
        if not word.startswith("-"):
            stage = word.partition(":")[0]
    return ""


def words() -> list[str]:
    """What stands behind the command, tasks and their options."""
    return _asked()[1]


def when_loaded(call: Callable[[Any], None]) -> bool:
    """Have `call` told doit's command once that has loaded all tasks, and before it uses one.

    False where it is no command of doit's that asks for tasks just now.
    """
    command, _ = _asked()
    if command is None:
        return False
    execute = inspect.unwrap(command._execute)  # noqa: SLF001 - as all commands of doit have it

    @wraps(execute)
    def execute_later(*args: Any, **options: Any) -> Any:
        call(command)
        return execute(*args, **options)

    # By the names of its parameters doit knows which options it takes.
    execute_later.__signature__ = inspect.signature(execute)  # type: ignore[attr-defined]
    command._execute = execute_later  # noqa: SLF001 - no hook of doit's is called for all commands
    return True


_answered: list[Any] = []


def demand_once() -> None:
    """Raise BuildError where one loading of tasks asks for all of them a second time.

    The second would replace the groups of the first, and with them what `doit` builds.
    """
    command, _ = _asked()
    if command is not None and command in _answered:
        raise BuildError("tasks() is called twice; hand all specs to one call: tasks(one, other)")
    _answered[:] = [command]


def _asked() -> tuple[Any, list[str]]:
    """The command and its words, from the loader that is calling the task generator just now."""
    frame = sys._getframe()  # noqa: SLF001 - sys.argv is another one where a program calls doit
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "load_tasks" and "cmd" in frame.f_locals:
            return frame.f_locals["cmd"], frame.f_locals["pos_args"]
    return None, []
