"""Sources that another task makes: a directory that a compiler leaves is doit's daily use."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, Project

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms:
  mac-mini: {}
contents:
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {"dodo.py": DODO, "specs/demo.yaml": SPEC, "in/a": "a\n"}
    return Project(tmp_path / "project", files)


def describe(project: Project, tasks: str, *contents: str) -> None:
    """Have the project hold these tasks, and its package these contents."""
    project.write("dodo.py", DODO + tasks)
    project.write("specs/demo.yaml", SPEC + "".join(f"  - {each}\n" for each in contents))


def packed(project: Project) -> set[str]:
    """The files and links in the package, and what is known of them by heart left out."""
    manifest = json.loads(next(project.root.glob("artifacts/*/*.manifest.json")).read_text())
    ours = ("install", ".provisioning")
    return {each["path"] for each in manifest["entries"] if each["type"] != "dir"} - {*ours}


MAKES = """
def task_made():
    make = ["mkdir -p build/d && cp in/a build/d/a && cp in/a build/f"]
    return {"actions": make, "file_dep": ["in/a"], "targets": ["build/f"]}
"""


def test_what_came_while_a_build_ran_is_no_part_of_what_it_saw(project: Project) -> None:
    # That it makes build/d too, the task does not say; nor does it make build/f for a package.
    describe(project, MAKES, "{src: build/d/, dst: d/, optional: true}", "{src: in/a, dst: a}")
    for _ in range(2):
        for packed_now in ({"a"}, {"a", "d/a"}):
            project.doit("package", "made")
            assert packed(project) == packed_now
        project.doit("verify")
        shutil.rmtree(project.path("build"))


@pytest.mark.parametrize("source", ["build/d/*", "build/**/*", "build/", "build/f"])
def test_an_optional_source_may_lie_in_a_directory_that_is_not_there(
    project: Project, source: str
) -> None:
    describe(project, "", f"{{src: {source}, dst: d/, optional: true}}", "{src: in/a, dst: a}")
    project.doit()
    assert "Nothing to do" in project.doit()


SITE = """
def task_site():
    make = ["mkdir -p build/site/deep", "cp in/a build/site/deep/a"]
    return {"actions": make, "file_dep": ["in/a"], "targets": [TARGET]}
"""


def order(output: str) -> list[str]:
    return [line[3:] for line in output.splitlines() if line[:1] in ".-!"]


@pytest.mark.parametrize("optional", ["", ", optional: true"], ids=["", "optional"])
@pytest.mark.parametrize(
    "target",
    ['"build/site"', '"build/site/deep/a"', '"build"'],
    ids=["at", "below", "above"],
)
def test_what_a_task_makes_is_made_before_it_is_taken(
    project: Project, target: str, optional: str
) -> None:
    describe(project, SITE.replace("TARGET", target), f"{{src: build/site/, dst: s/{optional}}}")
    ran = order(project.doit())
    assert ran.index("site") < ran.index("collect:demo:mac-mini")
    assert "s/deep/a" in packed(project)
    shutil.rmtree(project.path("build"))
    assert "site" in project.ran("-n", "2")
    project.doit("verify")


@pytest.mark.parametrize("source", ["out/[id]/a.js", "out/[id]/"])
def test_what_a_task_makes_may_be_called_as_a_pattern_is(project: Project, source: str) -> None:
    made = """
def task_page():
    make = ["mkdir -p 'out/[id]' && cp in/a 'out/[id]/a.js'"]
    return {"actions": make, "file_dep": ["in/a"], "targets": ["out/[id]/a.js"]}
"""
    describe(project, made, f'{{src: "{source}", dst: p/}}')
    project.doit()
    assert packed(project) == {"p/a.js"}
    assert "Nothing to do" in project.doit()


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["", "-n 2"])
def test_what_a_task_has_just_made_anew_is_packaged(
    project: Project, parallel: tuple[str, ...]
) -> None:
    describe(project, SITE.replace("TARGET", '"build/site"'), "{src: build/site/, dst: s/}")
    project.doit(*parallel)
    project.write("in/a", "another text\n")
    assert {"site", "archive:demo:mac-mini"} <= project.ran(*parallel)
    project.doit("verify")
    (listing,) = project.root.glob("artifacts/*/*.manifest.json")
    digest = hashlib.sha256(b"another text\n").hexdigest()
    assert digest in listing.read_text()


KINDS = """
import os
from doit import create_after

def task_kinds():
    here = os.path.abspath("out")
    made = {
        "t.j2": "{%% include 'out/part.j2' %%}", "part.j2": "part",
        "hook.sh": "#!/bin/sh", "changes": "x", "run": "#!/bin/sh", "many/one": "1",
    }
    for name, text in made.items():
        make = [f'mkdir -p "$(dirname out/{name})"', f'echo "{text}" > out/{name}',
                f"chmod +x out/{name}"]
        target = f"{here}/{name}" if name == "run" else f"out/{name}"
        yield {"name": name, "actions": make, "targets": [target], "file_dep": ["in/a"]}

def task_linked():
    make = ["mkdir -p out/real && cp in/a out/real/x && ln -sfn real out/way"]
    return {"actions": make, "targets": ["out/way"], "file_dep": ["in/a"]}

def task_group():
    for name in "xy":
        make = [f"mkdir -p named && cp in/a named/{name}"]
        yield {"name": name, "actions": make, "file_dep": ["in/a"]}

def task_first():
    return {"actions": None}

@create_after(executed="first", target_regex=r"late/.*")
def task_late():
    yield {"name": "x", "actions": ["mkdir -p late && cp in/a late/x"], "targets": ["late/x"]}

def task_unasked():
    return {"actions": ["false"], "targets": ["elsewhere"]}
"""
OF_KINDS = """
platforms:
  raspberry-pi: {formats: [tar.gz, deb]}
maintainer: A <a@example.org>
summary: demo
debian: {changelog: out/changes}
hooks: {post_install: out/hook.sh}
services: {demo: {exec: bin/run}}
contents:
  - {template: out/t.j2, dst: etc/t}
  - {src: out/run, dst: bin/run}
  - {src: "out/many/**/*", dst: many/}
  - {src: out/way/, dst: real/}
  - {src: named/, dst: named/, task: group}
  - {src: late/, dst: late/}
"""


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["", "-n 2"])
def test_whatever_a_spec_names_may_be_made(project: Project, parallel: tuple[str, ...]) -> None:
    project.write("dodo.py", DODO + KINDS)
    project.write("specs/demo.yaml", 'name: demo\nversion: "1.0"\n' + OF_KINDS)
    project.doit(*parallel)
    assert packed(project) >= {
        "etc/t", "bin/run", "many/one", "real/x", "named/x", "named/y", "late/x",
        ".provisioning/hooks/post_install", ".provisioning/debian/changelog",
    }  # fmt: skip
    assert project.ran(*parallel) == {"late:x"}  # which depends on nothing: it always runs
    project.doit("verify")
    rendered = project.path("artifacts/.work/demo/raspberry-pi/render/etc/t")
    assert rendered.read_text() == "part\n\n"


VERSIONED = """
def task_version():
    return {"actions": ["cp in/version build/VERSION"], "file_dep": ["in/version"],
            "targets": ["build/VERSION"], "task_dep": ["place"]}

def task_place():
    return {"actions": ["mkdir -p build"], "uptodate": [True], "targets": ["build"]}

def task_values():
    return {"actions": ["cp in/values build/values.yaml"], "file_dep": ["in/values"],
            "targets": ["build/values.yaml"], "task_dep": ["place"]}
"""
OF_VERSION = """
name: demo
version: {file: build/VERSION}
variables_from: [build/values.yaml]
platforms:
  mac-mini: {}
contents:
  - {src: in/a, dst: a}
  - {template: in/t, dst: t}
"""


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["", "-n 2"])
def test_what_specs_are_read_from_is_made_first(
    project: Project, parallel: tuple[str, ...]
) -> None:
    files = {"in/version": "1.0\n", "in/values": "port: 1\n", "in/t": "{{ port }}"}
    for name, text in {**files, "specs/demo.yaml": OF_VERSION}.items():
        project.write(name, text)
    project.write("dodo.py", DODO + VERSIONED)
    hint = "Specs are read from what `doit version place values` makes."
    assert hint in project.doit("list", status=3)
    first = order(project.doit(*parallel))
    assert {"version", "values", "collect:demo:mac-mini", "verify:demo:mac-mini"} <= {*first}
    assert "Nothing to do" in project.doit(*parallel)
    project.write("in/version", "1.1\n")
    assert "verified artifacts/demo-1.1-mac-mini/" in project.doit(*parallel)
    project.write("in/values", "port: 2\n")
    assert project.ran(*parallel, "package:demo:mac-mini") >= {"values", "render:demo:mac-mini"}
    assert "values" not in project.ran("verify")
    project.write("in/values", "port: [\n")
    assert "build/values.yaml:2:1" in project.doit(*parallel, status=2)


def test_what_a_task_made_and_is_gone_is_told_and_never_left_out(project: Project) -> None:
    content = "{src: build/site/, dst: s/, optional: true}"
    describe(project, SITE.replace("TARGET", '"build/site"'), content, "{src: in/a, dst: a}")
    project.doit()
    shutil.rmtree(project.path("build/site/deep"))
    told = (
        "build/site/: empty or missing; task site makes it; if doit skips that as up to date,"
        " run `doit forget site` first"
    )
    assert told in project.doit(status=2)
    assert told in project.doit("-n", "2", status=2)
    assert told in project.provision("explain")
    assert "s/deep/a: in the archive, but not" in project.doit("verify", status=2)
    project.doit("forget", "site")
    assert "after site" in project.provision("explain")
    assert "site" in project.ran()
    assert "s/deep/a" in packed(project)


def test_a_directory_that_was_emptied_is_told_though_the_content_is_not(project: Project) -> None:
    tasks = SITE.replace("TARGET", '"build/site"') + MAKES
    describe(project, tasks, "{src: build/, dst: b/}")
    project.doit()
    shutil.rmtree(project.path("build/site/deep"))
    assert "build/site: empty or missing; task site makes it" in project.doit(status=2)
    assert "build/site: empty or missing" in project.provision("explain")
    assert "site" in project.doit("forget", "site")
    assert "site" in project.ran()
    assert {"b/site/deep/a", "b/d/a", "b/f"} <= packed(project)


def test_what_a_task_has_made_empty_may_be_optional(project: Project) -> None:
    makes = """
def task_words():
    return {"actions": ["mkdir -p build/words"], "file_dep": ["in/a"], "targets": ["build/words"]}
"""
    content = "{src: build/words/, dst: w/, optional: true}"
    describe(project, makes, content, "{src: in/a, dst: a}")
    left = "left out: nothing matches build/words/, which is optional"
    note = f"specs/demo.yaml:7:5: contents[0]: {left}"
    for _ in range(2):
        assert f"note: {note}\n" in project.doit()
    assert f"note: {note}\n" in project.doit("verify")
    assert f"    note: {note}\n" in project.provision("explain")
    tasks = json.loads(project.provision("explain", "--json"))["tasks"]
    assert tasks[0]["absent"] == [
        {
            "source": "build/words/", "where": "contents[0]",
            "file": "specs/demo.yaml", "line": 7, "column": 5,
        }
    ]  # fmt: skip
    describe(project, makes, content.replace(", optional: true", ""), "{src: in/a, dst: a}")
    told = "nothing matches build/words/ [no-match]"
    output = project.doit(status=2)
    assert told in output
    assert "help: task words makes it; if doit skips that as up to date, run" in output


def test_tasks_that_are_named_are_checked(project: Project) -> None:
    describe(
        project,
        MAKES + """
def task_after():
    return {"actions": [], "task_dep": ["package"], "targets": ["sub/log"]}
""",
        "{src: build/d/, dst: d/, task: mad}",
        "{src: in/a, dst: a, task: [made, after]}",
        "{src: sub/, dst: s/, optional: true}",
        "{src: in/a, dst: b, task: package}",
    )  # fmt: skip
    output = project.doit("list", status=3)
    assert "specs/demo.yaml:7:36: contents[0].task: there is no task mad [unknown-task]" in output
    assert "help: did you mean made?" in output
    assert "8:38: contents[1].task[1]: task after needs this package itself" in output
    assert "9:5: contents[2]: task after needs this package itself, and makes sub/log" in output
    assert "10:31: contents[3].task: task package needs this package itself" in output


def test_what_no_task_makes_is_told_before_any_is_done(project: Project) -> None:
    describe(
        project,
        SITE.replace("TARGET", '"build/site"'),
        "{src: build/site/, dst: s/, exclude: [nothing]}",
        "{src: build/sight/, dst: t/}",
    )
    output = project.doit(status=3)
    assert "contents[1].src: build/sight/: No such file or directory" in output
    assert "contents[0]" not in output
    assert not project.path("build").exists()


def test_what_is_made_of_what_is_committed_is_as_committed(project: Project) -> None:
    for name, text in {"in/version": "1.0\n", "in/values": "port: 1\n", "in/t": ""}.items():
        project.write(name, text)
    spec = OF_VERSION.replace("{file: build/VERSION}", "{from: git}")
    project.write("specs/demo.yaml", spec)
    project.write("dodo.py", DODO + VERSIONED)
    project.write(".gitignore", "artifacts/\nbuild/\n__pycache__/\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "v1.0"]):
        subprocess.run([*git, *words], cwd=project.root, check=True)
    assert "verified artifacts/demo-1.0-mac-mini/" in project.doit()
    project.write("in/values", "port: 2\n")
    assert "verified artifacts/demo-1.0+dirty-mac-mini/" in project.doit()
