"""What plugin/doit_internals.py takes for granted about doit, for whoever raises its version.

doit has no hook for what is done there. Where one of these tests fails, a newer doit has changed
what it names: the text of the assertion says what of ours leans on it, and where to look.
"""

from __future__ import annotations

import inspect
from typing import Any

import doit
import pytest
from doit import cmd_base, cmd_run, dependency, doit_cmd, loader, runner
from doit.cmd_base import DoitCmdBase, NamespaceTaskLoader
from doit.task import DelayedLoader, Task

from provisioning.plugin.doit_internals import Workers


def names(function: Any) -> list[str]:
    """The names of a function's parameters."""
    return [*inspect.signature(function).parameters]


def source(thing: Any) -> str:
    return inspect.getsource(thing)


def test_this_is_the_version_that_was_looked_at() -> None:
    told = "read doit's list of changes, then this module's tests, and name the version here"
    assert doit.__version__[:2] == (0, 37), told


def test_a_loader_is_told_its_command_and_its_words() -> None:
    told = "`_asked` finds the command and its words in the frame of `load_tasks(cmd, pos_args)`"
    assert names(NamespaceTaskLoader.load_tasks) == ["self", "cmd", "pos_args"], told
    assert "cmd=self, pos_args=args" in source(DoitCmdBase.execute), told


def test_tasks_are_made_in_one_function_that_holds_them() -> None:
    told = "`_loader` and `_still_to_come` read these from the frame of doit.loader.load_tasks"
    function = loader.load_tasks.__code__
    known = {*function.co_varnames, *function.co_cellvars}
    assert {"namespace", "funcs", "task_list", "ref"} <= known, told
    assert "for name, ref, _ in funcs:" in source(loader.load_tasks), told
    assert "doit_create_after" in source(loader.load_tasks), told
    assert "_task_creator_params" in source(loader.load_tasks), told


def test_values_of_the_command_line_are_kept_in_one_place() -> None:
    assert hasattr(doit_cmd, "_CMDLINE_VARS"), "`given` reads them; doit.get_var wants a name"


def test_a_command_is_carried_out_by_a_method_that_is_asked_for_its_parameters() -> None:
    told = "`when_loaded` puts its own in place of `_execute`, once tasks are loaded"
    text = source(DoitCmdBase.execute)
    assert text.index("self.loader.load_tasks(") < text.index("inspect.signature(self._execute)"), (
        told
    )
    assert "self.outstream = sys.stdout" in source(DoitCmdBase.__init__), "`_carried_out` sets it"
    assert "outfile" in names(cmd_run.Run._execute), "`_output` opens the file of `-o`"


def test_the_runner_of_several_processes_is_a_global_name() -> None:
    told = "`_watched` puts Workers in its place for as long as a run takes"
    assert cmd_run.MRunner is runner.MRunner, told
    assert "RunnerClass = MRunner" in source(cmd_run.Run._execute), told


@pytest.mark.parametrize("method", [name for name in vars(Workers) if name != "__init__"])
def test_what_the_runner_is_asked_for_is_what_workers_answer(method: str) -> None:
    if method.startswith("__") or method == "demand_all":
        return
    told = f"Workers.{method} stands for a method of doit's MRunner"
    theirs = getattr(runner.MRunner, method, None)
    assert theirs, told
    if method != "Queue":
        assert names(getattr(Workers, method)) == names(theirs), told


def test_a_task_can_be_created_late() -> None:
    told = "`delay` makes such placeholders, and doit asks `executed` and `basename` of them"
    assert {"creator", "executed"} <= {*names(DelayedLoader.__init__)}, told
    assert "loader" in names(Task.__init__), told


def test_what_is_recorded_last_of_a_task_is_the_list_of_its_files() -> None:
    told = "plugin/database.py writes a record as soon as this key is set"
    assert (
        source(dependency.Dependency.save_success)
        .rstrip()
        .endswith("self._set(task.name, 'deps:', tuple(task.file_dep))")
    ), told
    assert "_values_:" in source(dependency.Dependency.save_success), told


def test_a_command_of_ours_is_found_without_being_registered() -> None:
    told = "plugin/program.py gives `get_cmds`, and a project can give `[COMMAND]`"
    assert "self.get_cmds()" in source(doit_cmd.DoitMain.run), told
    assert "cmd_names" in source(cmd_base.get_loader), "commands/base.py empties it"
