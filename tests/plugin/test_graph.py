from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from doit.exceptions import InvalidDodoFile
from doit.loader import generate_tasks
from doit.task import Task

from provisioning.plugin import doit_internals, task_graph
from provisioning.plugin.doit_internals import delay
from tests.plugin.conftest import DODO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.plugin.conftest import Project


def asked_of(arguments: list[str]) -> tuple[bool, bool]:
    """What a task generator finds out, where doit is called with these arguments."""
    found: list[tuple[bool, bool]] = []

    def task_asking() -> Iterator[dict[str, Any]]:
        found.append((doit_internals.runs(), doit_internals.verifies_alone()))
        for name in ("verify", "package", "mine", "hash"):
            yield {"basename": name, "actions": [], "uptodate": [True]}
            yield {"basename": name, "name": "demo", "actions": [], "uptodate": [True]}

    config = {"dep_file": ":memory:", "backend": "sqlite3", "verbosity": 0}
    loader = ModuleTaskLoader({"task_asking": task_asking, "DOIT_CONFIG": config})
    DoitMain(loader).run(arguments)
    return found[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify"],
        ["verify:demo"],
        ["verify:demo", "verify"],
        ["run", "verify"],
        ["-n", "2", "verify"],
        ["verify:*"],
        ["name=value", "verify"],
        ["-r", "json", "-P", "thread", "verify"],
    ],
)
def test_verify_by_name_judges_what_is_there(arguments: list[str]) -> None:
    assert asked_of(arguments) == (True, True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["package"], ["package", "verify"], ["mine", "verify"], ["hash:demo", "verify"]],
)
def test_every_other_run_uses_the_whole_graph(arguments: list[str]) -> None:
    assert asked_of(arguments) == (True, False)


@pytest.mark.parametrize(
    "arguments",
    [["list", "--deps", "verify"], ["info", "verify"], ["clean", "verify"], ["forget", "verify"]],
)
def test_every_other_command_is_told_from_a_run(arguments: list[str]) -> None:
    assert asked_of(arguments) == (False, False)


def test_tasks_can_be_sent_to_a_spawned_process(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # macOS does not fork: what cannot be pickled would end `doit -n` there.
    monkeypatch.chdir(project.root)
    for task in generate_tasks("provisioning", task_graph.all_tasks()):
        task.clean_actions = []  # doit's own wrappers, which no worker runs
        pickle.dumps(task)


def test_tasks_that_wait_can_be_sent_to_a_spawned_process() -> None:
    stages = [Task("collect", None), Task("collect:demo", None)]
    command = SimpleNamespace(task_list=[Task("version", ["true"]), *stages], lock=lambda: None)
    delay(command, stages, ["version"], lambda *, is_stale: stages if is_stale else [])
    names = [pickle.loads(pickle.dumps(task)).name for task in command.task_list]
    assert names[2:] == ["collect", "collect:demo"]


def test_names_that_are_not_utf_8_are_refused_before_they_become_others(project: Project) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with project.start(environment=ascii_only) as process:
        output, _ = process.communicate()
    assert "file names are ascii here, not UTF-8; set LC_ALL=C.UTF-8" in output


def test_faulty_specs_are_told_as_doit_tells_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.edit("specs/demo.yaml", "src: src/", "src: sources/")
    with pytest.raises(InvalidDodoFile) as caught:
        list(task_graph.all_tasks())
    assert "contents[0].src: sources/: No such file or directory" in str(caught.value)


def test_faults_of_one_spec_do_not_hide_those_of_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.write("specs/other.yaml", "name: other\nversion: 1.10\nplatforms: {mac-mini: {}}\n")
    project.edit("specs/demo.yaml", "src: src/", "src: sources/")
    with pytest.raises(InvalidDodoFile) as caught:
        list(task_graph.all_tasks())
    assert "contents[0].src: sources/: No such file or directory" in str(caught.value)
    assert "specs/other.yaml:2:10: version" in str(caught.value)


@pytest.mark.parametrize(
    "config", ["", 'DOIT_CONFIG = configure() | {"check_file_uptodate": "md5"}']
)
def test_a_dodo_without_the_configuration_is_told_what_to_write(
    project: Project, config: str
) -> None:
    project.write("dodo.py", DODO.replace("DOIT_CONFIG = configure()", config))
    told = project.doit("package", status=3)
    assert "put DOIT_CONFIG = configure() into the dodo.py" in told
