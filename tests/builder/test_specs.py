"""What the specs say is remembered, and never believed longer than it is true."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.collect.file_state import Digests
from provisioning.builder.plan.plan import make_plan
from provisioning.builder.workspace import paths
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve import project as spec_project
from provisioning.spec.resolve.inputs import Inputs, PythonSpec
from provisioning.spec.yaml.node import Origin
from tests.builder.conftest import write
from tests.waiting import settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioning.builder.plan.variant_plan import VariantPlan

SPEC = """
name: demo
version: "1.0"
platforms: {raspberry-pi: {}, mac-mini: {}, own: {}}
variables: {port: 8080, names: {b: 1, a: 2.5, none: "{{ env.DEMO }}"}}
variables_from: [app.toml]
contents:
  - src: src/**/*.py
    dst: lib/
    exclude: [x.py]
    optional: true
  - template: a.j2
    dst: etc/a
    mode: "0640"
    conffile: true
  - include: specs/fragments/f.yaml
  - src: app.sh
    dst: bin/app
services: {app: {exec: bin/app, environment: {A: "1"}, health: {tcp: "{{ port }}"}}}
device: {PIN: {pattern: "[0-9]+", secret: true}}
hooks: {post_install: hook.sh}
formats: [tar.gz]
"""


@pytest.fixture(autouse=True)
def demo(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEMO", "one")
    write("specs/demo.yaml", SPEC)
    write("specs/platforms/own.yaml", "platform: own\nextends: linux\narch: riscv64\n")
    write("specs/fragments/f.yaml", "contents: [{dir: var, only: linux}, {link: a, dst: etc/b}]\n")
    write("app.toml", "[db]\nhost = 'here'\n")
    write("src/a.py", "x")
    write("a.j2", "{{ port }}")
    write("hook.sh", "#!/bin/sh\n", 0o755)
    write("app.sh", "#!/bin/sh\n", 0o755)
    return project


def planned(
    written: list[PythonSpec] | None = None, given: Mapping[str, str] | None = None
) -> Sequence[VariantPlan]:
    """The parts of the plan of a fresh process."""
    digests = Digests(paths.digests("artifacts"))
    plan = make_plan(Inputs(Path(), given, written or []), digests, "artifacts")
    plan.demand()
    plan.remember()
    return plan.parts


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever the specs are read."""
    read, counted = spec_project.read_project, list[str]()

    def counting(inputs: Inputs) -> spec_project.ProjectSpecs:
        counted.append("read")
        return read(inputs)

    monkeypatch.setattr(spec_project, "read_project", counting)
    return counted


def test_what_is_remembered_is_what_was_read(readings: list[str]) -> None:
    fresh, remembered = planned(), planned()
    assert readings == ["read"]
    for one, other in zip(fresh, remembered, strict=True):
        assert one.findings.layout.items == other.findings.layout.items
        names = ("variables", "hooks", "device", "formats", "secrets", "origin", "file")
        for name in names:
            assert getattr(one.variant, name) == getattr(other.variant, name)
        (service,) = one.variant.services
        assert other.variant.services == (service._replace(origins={}),)
        assert list(one.variant.variables) == list(other.variant.variables)
        for mine, theirs in zip(one.variant.contents, other.variant.contents, strict=True):
            assert (mine.exclude, mine.where, mine.origin) == (
                theirs.exclude,
                theirs.where,
                theirs.origin,
            )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("specs/demo.yaml", SPEC.replace("8080", "8081")),
        ("specs/platforms/own.yaml", "platform: own\nextends: linux\narch: mips\n"),
        ("specs/platforms/new.yaml", "platform: new\nextends: linux\n"),
        ("specs/fragments/f.yaml", "contents: [{link: a, dst: etc/c}]\n"),
        ("app.toml", "[db]\nhost = 'there'\n"),
        ("specs/other.yaml", "name: other\nversion: '1'\nplatforms: {own: {}}\n"),
    ],
)
def test_any_file_that_has_a_part_in_it_is_noticed(
    readings: list[str], path: str, text: str
) -> None:
    planned()
    write(path, text)
    planned()
    planned()
    assert readings == ["read", "read"]


def test_a_file_that_is_gone_is_noticed() -> None:
    planned()
    Path("app.toml").unlink()
    with pytest.raises(SpecError, match=r"app\.toml: No such file"):
        planned()


def test_a_link_that_leads_elsewhere_is_noticed() -> None:
    Path("app.toml").rename("one.toml")
    write("two.toml", "[db]\nhost = 'there'\n")
    Path("app.toml").symlink_to("one.toml")
    assert planned()[0].variant.variables["db"] == {"host": "here"}
    Path("app.toml").unlink()
    Path("app.toml").symlink_to("two.toml")
    assert planned()[0].variant.variables["db"] == {"host": "there"}


def test_the_environment_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    planned()
    monkeypatch.setenv("DEMO", "two")
    assert planned()[0].variant.variables["names"]["none"] == "two"


def test_a_template_that_was_edited_since_is_looked_at_again() -> None:
    write("a.j2", "{% include 'part.j2' %}")
    write("part.j2", "one")
    settle(Path())
    digests = Digests(paths.digests("artifacts"))
    plan = make_plan(Inputs(Path()), digests, "artifacts")
    assert plan.parts[0].findings.summary.named == ("app.sh", "part.j2")
    write("part.j2", "{% include 'inc.j2' %}")
    plan.remember()
    assert planned()[0].findings.summary.named == ("app.sh", "inc.j2", "part.j2")


def test_a_new_commit_is_noticed() -> None:
    write("specs/demo.yaml", SPEC.replace('version: "1.0"', "version: {from: git}"))
    write(".gitignore", "artifacts/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    commit = [*who, "commit", "-qm", "one"]
    for command in (["init", "-q"], ["add", "."], commit, ["tag", "v1.4.2"]):
        subprocess.run(["git", *command], check=True)
    before = planned()[0].variant.version
    assert planned()[0].variant.version == before
    write("src/new.py", "x")
    assert planned()[0].variant.version == f"{before}+dirty"
    subprocess.run(["git", "add", "."], check=True)
    subprocess.run(["git", *commit], check=True)
    assert planned()[0].variant.version.startswith(f"{before}+1.g")


def test_specs_of_python_are_noticed(readings: list[str]) -> None:
    origin = Origin(file="dodo.py", line=1, column=1)
    values = {"name": "made", "version": "1", "platforms": {"own": {}}}
    one = PythonSpec(values=values, origin=origin)
    other = PythonSpec(values={**values, "version": "2"}, origin=origin)
    planned([one])
    planned([one])
    assert {each.variant.version for each in planned([other])} == {"1.0", "2"}
    assert "made" not in {each.variant.name for each in planned([])}
    assert len(readings) == 3


def test_what_the_command_line_gives_is_not_remembered(readings: list[str]) -> None:
    planned()
    assert planned(given={"port": "1"})[0].variant.variables["port"] == 1
    assert planned()[0].variant.variables["port"] == 8080
    assert len(readings) == 2


def test_secrets_are_not_remembered(readings: list[str], project: Path) -> None:
    write("secrets.env", "KEY=hunter2-and-more\n")
    write("specs/demo.yaml", SPEC + "secrets_from: [secrets.env]\n")
    for _ in range(2):
        assert planned()[0].variant.variables["KEY"] == "hunter2-and-more"
    assert len(readings) == 2
    files = [path for path in (project / "artifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2-and-more" in path.read_bytes()]


def test_a_fault_of_the_layout_is_told_with_its_line() -> None:
    write("specs/demo.yaml", SPEC.replace("    optional: true\n", "").replace("[x.py]", "[]"))
    planned()
    Path("src/a.py").unlink()
    with pytest.raises(SpecError) as caught:
        planned()
    assert "specs/demo.yaml:8:10: contents[0].src: nothing matches src/**/*.py" in str(caught.value)


@pytest.mark.parametrize("damage", ["digest", "text", "file"])
def test_damage_costs_a_reading_and_no_more(readings: list[str], damage: str) -> None:
    planned()
    path = paths.specs("artifacts")
    if damage == "file":
        path.write_bytes(b"x" * 4096)
    else:
        connection = sqlite3.connect(path)
        connection.execute(f"update cache set {damage} = {damage} || ' '")
        connection.commit()
        connection.close()
    assert planned()[0].variant.variables["port"] == 8080
    assert len(readings) == 2


def test_another_state_of_the_code_reads_again(
    readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned()
    monkeypatch.setattr("provisioning.builder.plan.plan_cache.code_state", lambda: "other")
    planned()
    assert len(readings) == 2


def test_nothing_that_reads_yaml_is_imported_when_no_spec_changed() -> None:
    program = """
import sys
from pathlib import Path
from provisioning.builder.workspace import paths
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.plan.plan import make_plan
from provisioning.spec.resolve.inputs import Inputs
make_plan(Inputs(Path()), Digests(paths.digests("artifacts")), "artifacts").remember()
print(*sorted({"yaml", "cerberus", "jinja2", "dotenv"} & sys.modules.keys()))
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ},
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [["cerberus", "dotenv", "yaml"], []]


def test_a_hook_must_be_a_file_of_the_project() -> None:
    Path("hook.sh").unlink()
    Path("hook.sh").mkdir()
    hooks = "hooks: {pre_install: nowhere.sh, post_install: hook.sh, pre_remove: out.sh}"
    write("specs/demo.yaml", SPEC.replace("hooks: {post_install: hook.sh}", hooks))
    Path("out.sh").symlink_to("/etc/hostname")
    with pytest.raises(SpecError) as caught:
        planned()
    assert [(fault.code, fault.message) for fault in caught.value.diagnostics] == [
        ("no-source", "nowhere.sh does not exist"),
        ("no-source", "hook.sh is not a file"),
        ("no-source", "out.sh leads out of the project"),
    ]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("hooks.sh", "did you mean hook.sh?"),
        ("h*.sh", "write the name of one file; globs are not allowed here"),
        ("nowhere.sh", ""),
    ],
)
def test_which_hook_was_meant_is_told(path: str, hint: str) -> None:
    write("specs/demo.yaml", SPEC.replace("post_install: hook.sh", f"post_install: '{path}'"))
    with pytest.raises(SpecError) as caught:
        planned()
    (fault,) = caught.value.diagnostics
    assert (fault.message, fault.hint) == (f"{path} does not exist", hint)


UNNAMED = (
    "hook.sh does not name its interpreter in the first line",
    "begin it with #!/bin/sh, or the like",
)
EMPTY = ("hook.sh is empty", UNNAMED[1])
MARKED = (
    "hook.sh begins with a byte order mark or is UTF-16, so nothing can run it",
    "save it as UTF-8 without a byte order mark",
)
SPACED = (
    "hook.sh has a no-break space in its first line, so nothing can run it",
    "write an ordinary space instead",
)
LONG = (
    "hook.sh has a first line longer than systems read",
    "name the interpreter in at most 255 bytes",
)
RELATIVE = (
    "hook.sh does not name its interpreter by an absolute path",
    "begin it with #!/bin/sh, #!/usr/bin/env python3, or the like",
)
BLANK = (
    "hook.sh has a blank in the path of its interpreter",
    "name it by a path without blanks, or by #!/usr/bin/env",
)
WORDS = (
    "hook.sh passes several words in its first line, which Linux takes for one",
    "pass one, such as -eu, or all of them after #!/usr/bin/env -S",
)
LOST = (
    "hook.sh is run by env, which needs the name of an interpreter",
    "name it, as in #!/usr/bin/env python3",
)
WINDOWS = (
    "hook.sh has a Windows line end in its first line, so nothing can run it",
    "save it with LF alone",
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", EMPTY),
        (b"echo hello\n", UNNAMED),
        (b"#!\necho hello\n", UNNAMED),
        (b"\xef\xbb\xbf#!/bin/sh\n", MARKED),
        ("#!/bin/sh\n".encode("utf-16"), MARKED),
        ("#!/bin/sh\n".encode("utf-16-be"), MARKED),
        (b"#!/bin/sh\r\necho hello\r\n", WINDOWS),
        (b"#!/bin/sh\recho hello\r", WINDOWS),
        ("#!/usr/bin/env\u00a0python3\n".encode(), SPACED),
        (b"#!/" + b"x" * 300 + b"\n", LONG),
        (b"#!bin/sh\n", RELATIVE),
        (b"#! python3\n", RELATIVE),
        (b'#!"/opt/my tools/sh"\n', RELATIVE),
        (b"#!/opt/my\\ tools/sh\n", BLANK),
        (b"#!/usr/bin/env python3 -u\n", WORDS),
        (b"#!/usr/bin/env -i sh\n", WORDS),
        (b"#!/bin/sh -e\t-u", WORDS),
        (b"#! /usr/local/bin/python3.11 -u -E\n", WORDS),
        (b"#!/usr/bin/env\n", LOST),
        (b"#!/usr/bin/env -S \n", LOST),
        (b"#!/usr/bin/env -i\n", LOST),
    ],
    ids=[
        *("empty", "plain", "nobody", "mark", "utf-16", "utf-16-be", "windows", "old macs"),
        *("no-break space", "long", "relative", "name alone", "quoted", "blank", "env", "env -i"),
        *("options", "options of python", "env alone", "env -S alone", "env -i alone"),
    ],
)
def test_a_hook_that_the_target_could_not_run_is_told_at_its_line(
    content: bytes, told: tuple[str, str]
) -> None:
    planned()
    planned()  # so that what is remembered cannot hide it
    Path("hook.sh").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        planned()
    (fault,) = caught.value.diagnostics
    assert (fault.message, fault.hint) == told
    assert fault.code == "not-runnable"
    assert (fault.origin.file, fault.origin.line) == ("specs/demo.yaml", 21)


@pytest.mark.parametrize(
    "content",
    [
        b"#! /usr/bin/env -S python3 -s\n",
        b"#!/usr/bin/env --split-string=python3 -s\n",
        b"#!/usr/bin/env -iS sh -eu\n",
        b"#!/usr/bin/env\tpython3 \t\n",
        b"#!/bin/sh -eu \n",
        b"#!/usr/bin/perl -w -l\n",  # which reads its words itself
        b"#!/bin/sh",
        b"\x7fELF\2\1\1\0",
    ],
)
def test_scripts_that_name_what_runs_them_and_programs_can_be_hooks(content: bytes) -> None:
    Path("hook.sh").write_bytes(content)
    planned()


def test_a_program_that_begins_otherwise_now_is_told_at_its_line() -> None:
    planned()
    planned()
    Path("app.sh").write_bytes(b"#!/bin/sh\r\n")
    with pytest.raises(SpecError, match="has a Windows line end") as caught:
        planned()
    assert {fault.origin.line for fault in caught.value.diagnostics} == {19}


def test_a_program_that_can_no_longer_be_run_is_told_at_its_line() -> None:
    planned()
    planned()
    Path("app.sh").chmod(0o644)
    with pytest.raises(
        SpecError, match=r"services\.app\.exec: bin/app is not executable"
    ) as caught:
        planned()
    assert {fault.origin.line for fault in caught.value.diagnostics} == {19}


def test_a_fault_beside_secrets_is_told_however_well_the_rest_is_known() -> None:
    write("secrets.env", "KEY=hunter2-and-more\n")
    write("specs/demo.yaml", SPEC + "secrets_from: [secrets.env]\n")
    settle(Path())
    planned()
    planned()
    write("specs/faulty.yaml", "name: faulty\nversion: 1.10\nplatforms: {own: {}}\n")
    with pytest.raises(SpecError, match="unquoted-text"):
        planned()
