"""doit's own commands, where a project loads our tasks: what hinders them is told in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import Project

FULL = "ERROR: standard output: No space left on device\n"
CLOSED = "ERROR: standard output: Bad file descriptor\n"
TELLING = ("list --all", "info package:demo", "help package", "package --help")
DOING = ("-n 2", "clean -n", "forget verify", "reset-dep verify")


class Done(NamedTuple):
    """How doit has ended."""

    status: int
    output: str
    errors: str


def shell(project: Project, command: str) -> Done:
    """What becomes of a command of the shell, in which doit is `$DOIT`; its status is doit's."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=project.root,
        env={**os.environ, "DOIT": f"{sys.executable} -m doit"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was built, for those who change nothing of it."""
    project = Project(tmp_path_factory.mktemp("lasting") / "project")
    with unmeasured():
        project.doit()
    return project


@pytest.mark.parametrize("command", TELLING)
@unmeasured()
def test_what_was_asked_and_cannot_be_answered_is_a_fault(lasting: Project, command: str) -> None:
    assert shell(lasting, f"$DOIT {command} >&-") == Done(3, "", CLOSED)


@pytest.mark.parametrize("command", DOING)
@unmeasured()
def test_what_was_done_but_cannot_be_told_is_done(lasting: Project, command: str) -> None:
    assert shell(lasting, f"$DOIT {command} >/dev/full") == Done(0, "", FULL)


def test_whoever_reads_the_output_may_go(project: Project) -> None:
    done = shell(project, "$DOIT | head -1")
    assert (done.status, done.output.count("\n"), done.errors) == (0, 1, "")
    assert project.doit().endswith("Nothing to do: 10 tasks up to date.\n")
    for command in ("list", "help package"):
        assert shell(project, f"$DOIT {command} | true") == Done(0, "", "")


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", "</dev/null >/dev/full 2>/dev/full"])
def test_a_build_needs_no_stream(project: Project, streams: str) -> None:
    assert shell(project, f"$DOIT {streams}") == Done(0, "", "")
    assert project.doit().endswith("Nothing to do: 10 tasks up to date.\n")


def test_a_fault_that_cannot_be_told_is_one(lasting: Project) -> None:
    assert shell(lasting, "$DOIT nonsense 2>&-") == Done(3, "", "")


def test_an_output_file_is_named(lasting: Project) -> None:
    told = "ERROR: none/log: No such file or directory\n"
    assert shell(lasting, "$DOIT -o none/log") == Done(3, "", told)
    assert shell(lasting, "$DOIT -o /dev/full") == Done(0, "", f"ERROR: /dev/full: {FULL[24:]}")
    assert shell(lasting, "$DOIT -o log hash") == Done(0, "", "")
    assert lasting.path("log").read_text().endswith("Nothing to do: 8 tasks up to date.\n")


@pytest.mark.parametrize("command", ["info nonsense", "info nonsense:demo:mac-mini"])
def test_a_word_that_is_no_task_is_told(lasting: Project, command: str) -> None:
    told = f"ERROR: '{command.split()[1]}' is not a task.\n"
    assert shell(lasting, f"$DOIT {command}") == Done(3, "", told)


def test_what_a_dodo_file_cannot_import_its_author_has_to_find(project: Project) -> None:
    project.edit("dodo.py", "def ", "import nonsense\ndef ")
    done = shell(project, "$DOIT list")
    assert "    import nonsense\nModuleNotFoundError: No module named 'nonsense'\n" in done.errors


@pytest.mark.parametrize(
    ("backend", "command", "reason"),
    [
        ("json", "run % verify", "none/db: No such file or directory"),
        ("json", "forget % verify", "none/db: No such file or directory"),
    ],
)
def test_records_that_cannot_be_had_are_told(
    lasting: Project, backend: str, command: str, reason: str
) -> None:
    name = reason.partition(":")[0]
    options = f"--backend {backend} --db-file {name}"
    done = shell(lasting, f"$DOIT {command.replace('%', options)}")
    assert (done.status, done.errors) == (3, f"ERROR: {reason}\n")


def test_what_a_dodo_file_cannot_open_its_author_has_to_find(project: Project) -> None:
    project.edit("dodo.py", "def ", "open('none')\ndef ")
    done = shell(project, "$DOIT list")
    assert done.status == 3
    assert "dodo.py\", line 4, in <module>\n    open('none')\n" in done.errors


@pytest.mark.parametrize("command", ["", "info", "list", "clean"])
@unmeasured()
def test_a_word_does_nothing_to_a_terminal(lasting: Project, command: str) -> None:
    done = shell(lasting, f"$DOIT {command} $'\\e[31m\\u202e\\xe9'")
    assert done.status in {2, 3}
    assert "\\x1b[31m\\u202e\\xe9" in done.errors


def test_a_name_turns_no_line_round(project: Project) -> None:
    project.write("src/gpj.\u202e-x", "text")
    listed = shell(project, "$DOIT list --deps collect:demo:mac-mini").output
    assert " -  src/gpj.\\u202e-x\n" in listed
