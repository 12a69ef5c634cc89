"""`provision spec`, as its user runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from provisioning.plugin.commands.spec import Spec
from tests.plugin.conftest import DODO, PROGRAM, SPEC
from tests.plugin.test_colour import ENVIRONMENT, on_terminal

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
TYPO = SPEC.replace("contents:", "sumary: x\ncontents:")


def run(project: Project, *arguments: str, status: int = 0, **environment: str) -> tuple[str, str]:
    """What `provision spec` prints on standard output and on standard error."""
    done = subprocess.run(
        [PROGRAM, "spec", *arguments],
        cwd=project.root,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def documents(project: Project, *arguments: str) -> list[Any]:
    output, complaints = run(project, *arguments)
    assert complaints == ""
    return list(yaml.safe_load_all(output))


def compact(text: str) -> str:
    """`text` without its columns."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def test_all_variants_are_documents_of_one_stream(project: Project) -> None:
    mac, pi = documents(project)
    assert (mac["platform"], pi["platform"]) == ("mac-mini", "raspberry-pi")
    assert mac["variables"] == {"port": 8080, "unused": 1}
    assert pi["variables"] == {"port": 8080, "unused": 1, "pins": 40}
    assert pi["contents"][2] == {"link": "../lib/main.py", "dst": "bin/demo"}


def test_nothing_is_painted_for_what_is_no_terminal(project: Project) -> None:
    output, _ = run(project, "demo:mac-mini")
    assert compact(output).startswith("name: demo # specs/demo.yaml:2\n")
    assert "\x1b" not in output


@pytest.mark.parametrize(
    ("wishes", "painted"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_sees_colours_unless_it_wants_none(
    project: Project, wishes: dict[str, str], painted: bool
) -> None:
    seen = on_terminal(project, "spec", "demo:mac-mini", **wishes)
    assert ("\x1b[36mname\x1b[0m: demo" in seen) == painted
    assert ("\x1b[2m# specs/demo.yaml:2\x1b[0m" in seen) == painted
    assert "name" in seen
    project.write("specs/demo.yaml", TYPO)
    report = on_terminal(project, "spec", **wishes)
    assert ("\x1b[1;91mspecs/demo.yaml:11:1: sumary" in report) == painted
    assert "unknown key" in report


def test_a_selection_names_packages_and_variants_in_any_number(project: Project) -> None:
    other = SPEC.replace("name: demo", "name: other")
    project.write("specs/other.yaml", other)
    found = documents(project, "other:mac-mini", "demo", "demo:mac-mini")
    names = [(each["name"], each["platform"]) for each in found]
    assert names == [("demo", "mac-mini"), ("demo", "raspberry-pi"), ("other", "mac-mini")]


def test_a_name_that_is_none_is_told_with_the_nearest(project: Project) -> None:
    _, told = run(project, "dmo", "demo:raspbery-pi", "demo", status=3)
    assert told == (
        "ERROR: no package is called dmo; did you mean demo?\n"
        "demo is not built for raspbery-pi; did you mean raspberry-pi?\n"
    )


def test_a_variable_of_the_command_line_is_shown_as_such(project: Project) -> None:
    output, complaints = run(project, "demo:mac-mini", "port=9090", "other=1")
    assert "\nport: 9090 # (command line)\n" in compact(output)
    assert complaints.startswith("other=…: ")


def test_json_tells_values_and_origins(project: Project) -> None:
    output, _ = run(project, "--json", "demo:raspberry-pi")
    ((found,),) = json.loads(output).values()
    assert (found["name"], found["platform"]) == ("demo", "raspberry-pi")
    assert found["values"] == documents(project, "demo:raspberry-pi")[0]
    assert found["origins"]["contents[1].template"] == "specs/demo.yaml:14:15"
    assert found["origins"]["variables.pins"] == "specs/demo.yaml:6:23"


def test_every_fault_is_reported_those_of_the_layout_too(project: Project) -> None:
    project.write("specs/demo.yaml", SPEC.replace("src: src/", "src: sorc/"))
    project.write("specs/typo.yaml", TYPO.replace("name: demo", "name: typo"))
    output, report = run(project, status=3)
    assert output == ""
    assert [line for line in report.splitlines() if line.endswith("]")] == [
        "specs/demo.yaml:12:10: contents[0].src: sorc/: No such file or directory [no-source]",
        "specs/typo.yaml:11:1: sumary: unknown key [unknown-key]",
    ]


def test_json_tells_the_faults_too(project: Project) -> None:
    project.write("specs/demo.yaml", TYPO)
    output, complaints = run(project, "--json", status=3)
    assert complaints == ""
    (fault,) = json.loads(output)["faults"]
    assert (fault["code"], fault["message"]) == ("unknown-key", "unknown key")
    assert (fault["file"], fault["line"], fault["column"]) == ("specs/demo.yaml", 11, 1)


def test_a_fault_that_comes_after_the_tasks_were_made_is_told_too(project: Project) -> None:
    later = "def task_later():\n    open('specs/z.yaml', 'w').write('nmae: z')\n    return None\n"
    project.write("dodo.py", DODO + later)
    _, told = run(project, status=3)
    assert told.startswith("specs/z.yaml:1:1: ")


def test_no_secret_is_shown(project: Project) -> None:
    project.edit("specs/demo.yaml", "contents:", 'secrets: {key: "{{ env.DEMO_KEY }}"}\ncontents:')
    shown, _ = run(project, DEMO_KEY="hunter2")
    as_json, _ = run(project, "--json", DEMO_KEY="hunter2")
    assert "\nkey: (secret) # (environment)\n" in compact(shown)
    assert "hunter2" not in shown + as_json


def test_a_spec_in_python_is_one_of_them(project: Project) -> None:
    spec = {"name": "made", "version": "2", "platforms": {"mac-mini": {}}, "variables": {"a": 1}}
    project.write("dodo.py", DODO.replace("tasks()", f"tasks({spec})"))
    output, _ = run(project, "made")
    assert yaml.safe_load(output)["variables"] == {"a": 1}
    assert '\nversion: "2" # dodo.py:5\n' in compact(output)


def test_a_project_without_packages_is_told_so(project: Project) -> None:
    project.write("dodo.py", "def task_a():\n    return {'actions': ['true']}\n")
    _, told = run(project, status=3)
    assert told == (
        "ERROR: no packages are described here: dodo.py does not use `tasks()` of "
        "provisioning.plugin\n"
    )


def test_a_project_without_specs_is_told_where_they_belong(project: Project) -> None:
    project.path("specs/demo.yaml").unlink()
    _, told = run(project, status=3)
    assert told == (
        "specs: there is no spec here [no-specs]\n"
        "  help: describe your package in specs/NAME.yaml, or have `provision init` do it\n"
    )


def test_the_schema_needs_no_project(tmp_path: Path) -> None:
    command = [PROGRAM, "spec", "--schema"]
    made = subprocess.check_output(command, cwd=tmp_path)
    assert made == (ROOT / "specs" / "spec.schema.json").read_bytes()


def test_a_full_disk_is_told_and_a_reader_that_has_seen_enough_is_not(project: Project) -> None:
    command = f"{PROGRAM} spec --schema"
    full = subprocess.run(
        f"{command} > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert (full.returncode, full.stderr) == (
        3,
        "ERROR: standard output: No space left on device\n",
    )
    closed = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | true"], capture_output=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_help_tells_every_option(project: Project) -> None:
    told = project.provision("spec", "--help")
    assert " spec [NAME[:PLATFORM] ...] [VARIABLE=VALUE ...]" in told
    for option in (*Spec.cmd_options, {"long": "file"}, {"long": "dir"}):
        assert f"--{option['long']}" in told
