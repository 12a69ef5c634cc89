"""doit's own commands: what is in their way is told in a line, and never as a traceback."""

from __future__ import annotations

import dbm
import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.conftest import unmeasured
from tests.plugin.conftest import DODO, DOITS, Project

if TYPE_CHECKING:
    from pathlib import Path

FULL = "ERROR: standard output: No space left on device\n"
CLOSED = "ERROR: standard output: Bad file descriptor\n"
TELLING = ("list --all", "info package:demo", "dumpdb", "help run", "package --help", "explain")
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
    for command in ("list", "help", "dumpdb", "explain"):
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


def test_a_template_that_cannot_be_filled_is_told(lasting: Project) -> None:
    may = "{name}, {doc} and {status} are what it may hold"
    for template, why in (("{x}", "'x'"), ("{", "Single '{' encountered in format string")):
        told = f"ERROR: --template {template}: {why}; {may}\n"
        assert shell(lasting, f"$DOIT list --template '{template}'") == Done(3, "", told)
    assert shell(lasting, "$DOIT list --template '{name}' hash").output == "hash\n"


@pytest.mark.parametrize(
    ("command", "about"),
    [("-z", "run"), ("list -z", "list"), ("package -z", "TASK"), ("explain -z", "explain")],
)
def test_an_option_that_there_is_not_is_told(lasting: Project, command: str, about: str) -> None:
    told = f"ERROR: option -z not recognized; `doit help {about}` tells the options\n"
    assert shell(lasting, f"$DOIT {command}") == Done(3, "", told)


WRONG = "num_process: invalid literal for int() with base 10: 'x'\n"


def test_a_value_that_an_option_cannot_have_is_told(lasting: Project) -> None:
    assert shell(lasting, "$DOIT -n x") == Done(3, "", f"ERROR: {WRONG}")


@pytest.mark.parametrize(
    ("name", "text"),
    [("doit.cfg", "[GLOBAL]\n{}"), ("pyproject.toml", "[tool.doit]\n{}")],
)
def test_a_value_that_the_configuration_cannot_have_is_told(
    project: Project, name: str, text: str
) -> None:
    where = "ERROR: in pyproject.toml or doit.cfg: "
    project.write(name, text.format("num_process = 'x'"))
    done = shell(project, "$DOIT")
    assert (done.status, done.errors.count("\n")) == (3, 1)
    assert done.errors.startswith(f"{where}num_process: invalid literal for int() with base 10: ")


@pytest.mark.parametrize("command", ["", "list", "dumpdb", "explain"])
@pytest.mark.parametrize(
    ("name", "better"), [("my.dodo.py", "my_dodo"), ("my dodo.txt", "my_dodo"), (".py", "_py")]
)
def test_a_dodo_file_that_python_cannot_import_is_told(
    lasting: Project, command: str, name: str, better: str
) -> None:
    lasting.write(name, DODO)
    told = f"ERROR: {name}: Python has no module that is called so; call it {better}.py\n"
    assert shell(lasting, f"$DOIT {command} -f '{name}'") == Done(3, "", told)


def test_what_a_dodo_file_cannot_import_its_author_has_to_find(project: Project) -> None:
    project.edit("dodo.py", "def ", "import nonsense\ndef ")
    done = shell(project, "$DOIT list")
    assert "    import nonsense\nModuleNotFoundError: No module named 'nonsense'\n" in done.errors


@pytest.mark.parametrize(
    ("backend", "command", "reason"),
    [
        ("json", "run % verify", "none/db: No such file or directory"),
        ("json", "forget % verify", "none/db: No such file or directory"),
        ("json", "info % verify", "src: Is a directory"),
        ("sqlite3", "run % verify", "none/db: unable to open database file"),
        ("sqlite3", "list --status %", "src: unable to open database file"),
    ],
)
def test_records_that_cannot_be_had_are_told(
    lasting: Project, backend: str, command: str, reason: str
) -> None:
    name = reason.partition(":")[0]
    options = f"--backend {backend} --db-file {name}"
    done = shell(lasting, f"$DOIT {command.replace('%', options)}")
    assert (done.status, done.errors) == (3, f"ERROR: {reason}\n")


def test_a_database_that_is_none_is_told(lasting: Project) -> None:
    for backend in ("json", "dbm", "sqlite3"):
        done = shell(lasting, f"$DOIT run --backend {backend} --db-file dodo.py verify")
        assert (done.status, done.errors[:7]) == (3, "ERROR: ")
        assert "dodo.py" in done.errors
        assert "Traceback" not in done.errors


def test_the_records_are_dumped(lasting: Project) -> None:
    done = shell(lasting, "$DOIT dumpdb")
    assert (done.status, done.errors) == (0, "")
    assert "\nhash:demo:mac-mini -> {" in done.output


def test_dumpdb_reads_what_doit_s_does(tmp_path: Path) -> None:
    task = "def task_x():\n    return {'actions': ['true']}\n"
    plain = Project(tmp_path / "plain", {"dodo.py": task})
    none = "ERROR: .doit.db: is not there, or no database that this can read\n"
    assert shell(plain, "$DOIT dumpdb") == Done(3, "", none)
    plain.doit()
    done = shell(plain, "mkdir empty; cd empty; $DOIT dumpdb --db-file ../.doit.db")
    if (
        dbm.whichdb(str(plain.path(".doit.db"))) == "dbm.ndbm"
    ):  # of a Python without gdbm: doit's word
        assert (done.status, done.errors) == (
            3,
            "ERROR: ndbm does not support iteration of elements\n",
        )
    else:
        assert (done.status, done.errors) == (0, "")
        assert "\nb'x' -> {" in done.output


def test_what_a_dodo_file_cannot_open_its_author_has_to_find(project: Project) -> None:
    project.edit("dodo.py", "def ", "open('none')\ndef ")
    done = shell(project, "$DOIT list")
    assert done.status == 3
    assert "dodo.py\", line 4, in <module>\n    open('none')\n" in done.errors


@pytest.mark.parametrize("command", [[], ["list"], ["explain"]])
def test_an_early_interruption_is_a_line(project: Project, command: list[str]) -> None:
    project.write("dodo.py", "import time\nprint('reading', flush=True)\ntime.sleep(60)\n")
    process = project.start(*command)
    assert process.stdout
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ("\nSIGINT: stopped\n", -signal.SIGINT)


def test_each_command_of_doit_has_one_here() -> None:
    assert entry_points(group="doit.COMMAND").names >= DOITS


@pytest.mark.parametrize("command", ["", "info", "list", "clean", "spec", "explain", "diff"])
@unmeasured()
def test_a_word_does_nothing_to_a_terminal(lasting: Project, command: str) -> None:
    done = shell(lasting, f"$DOIT {command} $'\\e[31m\\u202e\\xe9'")
    assert done.status in {2, 3}
    assert "\\x1b[31m\\u202e\\xe9" in done.errors


def test_a_name_turns_no_line_round(project: Project) -> None:
    project.write("src/gpj.\u202e-x", "text")
    listed = shell(project, "$DOIT list --deps collect:demo:mac-mini").output
    assert " -  src/gpj.\\u202e-x\n" in listed
