from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from doit.exceptions import InvalidDodoFile
from doit.loader import generate_tasks

from provisioning.plugin import graph
from provisioning.plugin.asked import runs, verifies_alone

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify"],
        ["verify:demo"],
        ["verify:demo:mac-mini", "verify:demo:raspberry-pi"],
        ["run", "verify"],
        ["-n", "2", "verify"],
        ["verify:*"],
        ["name=value", "verify"],
        ["-r", "json", "-P", "thread", "verify"],
    ],
)
def test_verify_by_name_judges_what_is_there(arguments: list[str]) -> None:
    assert verifies_alone(tuple(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["package"],
        ["package", "verify"],
        ["mine", "verify"],
        ["-f", "verify"],
        ["hash:demo:mac-mini", "verify"],
        ["info", "verify:demo:mac-mini"],
        ["list", "--deps", "verify"],
        ["clean", "verify"],
        ["--verify"],
    ],
)
def test_everything_else_shows_and_uses_the_whole_graph(arguments: list[str]) -> None:
    assert not verifies_alone(tuple(arguments))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), True),
        (("package",), True),
        (("run", "package"), True),
        (("-f", "dodo.py", "-n", "2", "package"), True),
        (("port=1",), True),
        (("--no-such-option",), True),
        (("list",), False),
        (("info", "package"), False),
        (("-f", "dodo.py", "list", "--deps"), False),
        (("port=1", "forget"), False),
    ],
)
def test_a_run_is_told_from_other_commands(arguments: tuple[str, ...], expected: bool) -> None:
    assert runs(arguments) is expected


def test_tasks_can_be_sent_to_a_spawned_process(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # macOS does not fork: what cannot be pickled would end `doit -n` there.
    monkeypatch.chdir(project.root)
    for task in generate_tasks("provisioning", graph.all_tasks("artifacts")):
        task.clean_actions = []  # doit's own wrappers, which no worker runs
        pickle.dumps(task)


def test_names_that_are_not_utf_8_are_refused_before_they_become_others(project: Project) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    process = project.start(environment=ascii_only)
    output, _ = process.communicate()
    assert "file names are ascii here, not UTF-8; set LC_ALL=C.UTF-8" in output


def test_faulty_specs_are_told_as_doit_tells_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.edit("specs/demo.yaml", "src: src/", "src: sources/")
    with pytest.raises(InvalidDodoFile) as caught:
        list(graph.all_tasks("artifacts"))
    assert "contents[0].src: sources/: No such file or directory" in str(caught.value)


def test_faults_of_one_spec_do_not_hide_those_of_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.write("specs/other.yaml", "name: other\nversion: 1.10\nplatforms: {mac-mini: {}}\n")
    project.edit("specs/demo.yaml", "src: src/", "src: sources/")
    with pytest.raises(InvalidDodoFile) as caught:
        list(graph.all_tasks("artifacts"))
    assert "contents[0].src: sources/: No such file or directory" in str(caught.value)
    assert "specs/other.yaml:2:10: version" in str(caught.value)
