"""`provision diff`, as its user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.formats import DIR, FORMATS
from provisioning.plugin.commands.diff import Diff
from tests.plugin.conftest import FILES, PROGRAM, SPEC, Project
from tests.plugin.test_colour import ENVIRONMENT, ESCAPES, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

PI = "artifacts/demo-1.0-raspberry-pi"
SECRET = SPEC.replace("contents:", 'secrets: {key: "{{ env.DEMO_KEY }}"}\ncontents:')
EDITED = f"""\
--- {PI}
+++ demo:raspberry-pi as the specs give it now
version: 1.0 → 1.1
~ bin/demo: link ../lib/main.py → ../lib/new.py
~ etc/demo.ini: mode 0640 → 0600, content 22 → 22 bytes (+0)
    @@ -1,3 +1,3 @@
     [demo]
    -port = 8080
    +port = 9090
     40
- lib/deep: dir, mode 0755
- lib/deep/data.txt: file, mode 0644, 5 bytes
~ lib/main.py: content 15 → 30 bytes (+15)
    @@ -1,1 +1,2 @@
     print('hello')
    +print('hello')
+ lib/new.py: file, mode 0755, 2.0K
different: 1 property; paths: 1 added, 2 removed, 3 changed, 4 equal; size …K → …K (+2.0K)
"""


def run(project: Project, *arguments: str, status: int, **environment: str) -> tuple[str, str]:
    """What `provision diff` prints on standard output and on standard error."""
    done = subprocess.run(
        [PROGRAM, "diff", *arguments],
        cwd=project.root,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == status, done
    return steady(done.stdout), done.stderr


def steady(text: str) -> str:
    """`text` without how large the tool is that every package brings along."""
    return re.sub(r"\b\d{3}\.\dK", "…K", text)


def differs(project: Project, *arguments: str, **environment: str) -> str:
    output, complaints = run(project, *arguments, status=1, **environment)
    assert complaints == ""
    return output


def trouble(project: Project, *arguments: str, **environment: str) -> str:
    output, complaints = run(project, *arguments, status=2, **environment)
    assert output == ""
    return complaints


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after its first build; nobody may change it."""
    project = Project(tmp_path_factory.mktemp("first") / "project")
    project.doit("package")
    return project


def copied(project: Project, root: Path) -> Project:
    shutil.copytree(project.root, root, symlinks=True)
    return Project(root, {})


@pytest.fixture
def built(first: Project, tmp_path: Path) -> Project:
    return copied(first, tmp_path / "project")


@pytest.fixture(scope="module")
def edited(first: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of which all has changed that can since it was built; nobody may change it."""
    built = copied(first, tmp_path_factory.mktemp("edited") / "project")
    built.edit("specs/demo.yaml", 'version: "1.0"', 'version: "1.1"')
    built.edit("specs/demo.yaml", "port: 8080", "port: 9090")
    built.edit("specs/demo.yaml", '"0640"', '"0600"')
    built.edit("specs/demo.yaml", "link: ../lib/main.py", "link: ../lib/new.py")
    built.edit("src/main.py", "print('hello')\n", "print('hello')\n" * 2)
    built.write("src/new.py", "#" * 2048).chmod(0o755)
    shutil.rmtree(built.path("src/deep"))
    return built


def test_what_a_build_would_change_is_told(edited: Project) -> None:
    assert differs(edited, "demo:raspberry-pi") == EDITED  # and what was read is remembered
    before = sorted(edited.path("artifacts").rglob("*"))
    assert differs(edited, "demo:raspberry-pi") == EDITED
    assert sorted(edited.path("artifacts").rglob("*")) == before


def test_an_artifact_is_compared_with_what_the_specs_give_of_it(edited: Project) -> None:
    for word in (PI, f"{PI}/demo-1.0-raspberry-pi.tar.gz"):
        assert differs(edited, word) == EDITED.replace(PI, word, 1)


def test_two_artifacts_are_compared_the_old_one_first(edited: Project, tmp_path: Path) -> None:
    project = copied(edited, tmp_path / "project")
    project.doit("package:demo:raspberry-pi")
    new = "artifacts/demo-1.1-raspberry-pi"
    told = differs(project, PI, new).splitlines()
    assert told == [f"--- {PI}", f"+++ {new}", *EDITED.splitlines()[2:]]
    back = differs(project, new, PI).splitlines()
    assert back[2:4] == ["version: 1.1 → 1.0", "~ bin/demo: link ../lib/new.py → ../lib/main.py"]


def test_an_artifact_and_a_package_are_compared_in_either_order(built: Project) -> None:
    assert "\n~ etc/demo.ini: group root → wheel" not in differs(built, PI, "demo:mac-mini")
    assert differs(built, "demo:mac-mini", PI).splitlines()[0].startswith("--- demo:mac-mini as ")


def test_two_platforms_are_compared_as_the_specs_give_them(project: Project) -> None:
    assert differs(project, "demo:raspberry-pi", "demo:mac-mini") == (
        "--- demo:raspberry-pi as the specs give it now\n"
        "+++ demo:mac-mini as the specs give it now\n"
        "debian.Recommends: python3 → none\n"
        "os: linux → macos\n"
        "platform: raspberry-pi → mac-mini\n"
        "prefix: /opt/demo → /usr/local/opt/demo\n"
        "service_manager: systemd → launchd\n"
        "every path: group root → wheel\n"
        "~ etc/demo.ini: content 22 → 20 bytes (-2)\n"
        "    @@ -1,3 +1,3 @@\n"
        "     [demo]\n"
        "     port = 8080\n"
        "    -40\n"
        "    +\n"
        "different: 5 properties; paths: 0 added, 0 removed, 9 changed, 0 equal; "
        "size …K → …K (-2 bytes)\n"
    )
    assert not project.path("artifacts/demo-1.0-mac-mini").exists()


def test_what_is_equal_is_told_in_one_line(built: Project) -> None:
    told = ("equal: 9 paths, …K\n", "")
    for words in (["demo:raspberry-pi"], [PI, PI]):
        assert run(built, *words, status=0) == told
    document = json.loads(run(built, "--json", PI, status=0)[0])
    size = document["size"].pop("old")
    assert size > 1000
    assert document == {
        "old": PI,
        "new": "demo:raspberry-pi",
        "equal": True,
        "properties": [],
        "paths": [],
        "size": {"new": size, "difference": 0},
    }


def test_brief_leaves_texts_out(edited: Project) -> None:
    brief = [line for line in EDITED.splitlines() if not line.startswith("    ")]
    for option in ("--brief", "-q"):
        assert differs(edited, option, "demo:raspberry-pi").splitlines() == brief


def test_json_tells_all_of_it(built: Project) -> None:
    built.edit("specs/demo.yaml", 'version: "1.0"', 'version: "1.1"')
    built.write("src/main.py", "print('\0')\n")
    built.write("src/deep/data.txt", "other\n")
    told = json.loads(differs(built, "--json", "demo:raspberry-pi"))
    text, binary = told.pop("paths")
    size = told["size"].pop("old")
    assert told == {
        "old": PI,
        "new": "demo:raspberry-pi",
        "equal": False,
        "properties": [{"what": "package.version", "old": "1.0", "new": "1.1"}],
        "size": {"new": size - 3, "difference": -3},
    }
    assert [text.pop(key)["size"] for key in ("old", "new")] == [5, 6]
    assert text == {
        "path": "lib/deep/data.txt",
        "change": "changed",
        "differs": ["content"],
        "size": {"old": 5, "new": 6, "difference": 1},
        "text": ["@@ -1,1 +1,1 @@", "-data", "+other"],
        "not_shown": None,
    }
    assert (binary["text"], binary["not_shown"]) == (None, "it is not UTF-8 text")


def test_a_variable_of_the_command_line_counts(built: Project) -> None:
    assert "\n    +port = 9090\n" in differs(built, "demo:raspberry-pi", "port=9090")


def test_what_the_target_is_to_do_is_told_value_by_value(built: Project) -> None:
    services = "services: {web: {exec: bin/demo serve, environment: {PORT: '80'}}}\n"
    built.write("specs/demo.yaml", f"{SPEC}{services}")
    built.write("src/main.py", "#!/usr/bin/env python3\n").chmod(0o755)
    built.doit("package:demo:raspberry-pi")
    built.edit("specs/demo.yaml", "'80'", "'81', TZ: UTC")
    built.edit("specs/demo.yaml", "serve,", "serve, restart: always,")
    limits = "nice: 5, memory_max: 1G, extra: {systemd: {TasksMax: 9}}"
    built.edit("specs/demo.yaml", "serve,", f"serve, {limits},")
    *told, summary = differs(built, "demo:raspberry-pi").splitlines()[2:]
    assert summary.startswith("different: 6 properties; paths: 0 added, 0 removed, 0 changed,")
    assert told == [
        "services.web.environment.PORT: 80 → 81",
        "services.web.restart: on-failure → always",
        "services.web.environment.TZ: none → UTC",
        "services.web.extra.TasksMax: none → 9",
        "services.web.memory_max: none → 1G",
        "services.web.nice: none → 5",
    ]


def test_why_a_text_is_not_shown_is_told(built: Project) -> None:
    built.write("src/main.py", "\0")
    built.write("src/deep/data.txt", "x" * 300_000)
    told = differs(built, "demo:raspberry-pi").splitlines()
    assert told[2:4] == [
        "~ lib/deep/data.txt: content 5 bytes → …K (+…K); not shown: it is larger than 256K",
        "~ lib/main.py: content 15 → 1 byte (-14); not shown: it is not UTF-8 text",
    ]


def test_nothing_in_a_text_or_a_name_reaches_a_terminal_as_it_is(built: Project) -> None:
    built.write("src/main.py", "print('\x1b[31m')\n")
    built.write("src/b\u202e", "")
    told = on_terminal(built, "diff", "demo:raspberry-pi")
    assert r"    " + "\x1b[1;92m" + r"+print('\x1b[31m')" + "\x1b[0m\n" in told
    assert "\x1b[1;92m+ 'lib/b\\u202e'\x1b[0m: file, mode 0644, 0 bytes\n" in told


def test_colours_are_for_terminals(edited: Project) -> None:
    seen = on_terminal(edited, "diff", "demo:raspberry-pi")
    assert seen.startswith(f"\x1b[1;91m--- {PI}\x1b[0m\n\x1b[1;92m+++ demo:raspberry-pi as ")
    assert "\n\x1b[1mversion\x1b[0m: 1.0 → 1.1\n\x1b[1m~ bin/demo\x1b[0m: link " in seen
    assert "\n    \x1b[1;96m@@ -1,3 +1,3 @@\x1b[0m\n     [demo]\n" in seen
    assert "\n    \x1b[1;91m-port = 8080\x1b[0m\n    \x1b[1;92m+port = 9090\x1b[0m\n" in seen
    assert steady(ESCAPES.sub("", seen)) == EDITED
    plain = on_terminal(edited, "diff", "demo:raspberry-pi", NO_COLOR="1")
    assert steady(plain) == EDITED


def with_secrets(root: Path, key: str) -> Project:
    """A project whose one template makes use of a secret, built."""
    project = Project(root, {**FILES, "specs/demo.yaml": SECRET})
    project.write("config/demo.ini.j2", "key = {{ key }}\n")
    with project.start("package:demo:raspberry-pi", environment={"DEMO_KEY": key}) as build:
        output, _ = build.communicate()
    assert build.returncode == 0, output
    return project


def test_no_text_that_holds_secrets_is_shown(tmp_path: Path) -> None:
    project = with_secrets(tmp_path, "hunter2")
    told = differs(project, "demo:raspberry-pi", DEMO_KEY="other")
    assert "hunter2" not in told
    assert told.splitlines()[2:-1] == [
        "~ etc/demo.ini: content 14 → 12 bytes (-2); not shown: it holds secrets"
    ]


def test_no_text_that_held_secrets_once_is_shown(tmp_path: Path) -> None:
    project = with_secrets(tmp_path, "hunter2")
    project.write("config/demo.ini.j2", "key_file = /etc/key\n")
    told = differs(project, "demo:raspberry-pi", DEMO_KEY="hunter2")
    (change,) = told.splitlines()[2:-1]
    assert change.startswith("~ etc/demo.ini: content 14 → 20 bytes (+6); not shown: it may hold")


def test_of_two_artifacts_the_specs_of_the_project_know_the_secrets(tmp_path: Path) -> None:
    project = with_secrets(tmp_path, "hunter2")
    project.path(PI).rename(tmp_path / "old")
    project.edit("specs/demo.yaml", '"0640"', '"0644"')
    with project.start("package:demo", environment={"DEMO_KEY": "other"}) as build:
        build.communicate()
    told = differs(project, "old", PI, DEMO_KEY="other")
    assert told.splitlines()[-2].endswith("; not shown: it holds secrets")
    # Without the secret, the specs have a fault, and tell nothing.
    unknown = differs(project, "old", PI)
    assert unknown.splitlines()[-2].endswith("since not everyone may read it")


def test_every_format_is_read(tmp_path: Path) -> None:
    head = "summary: Demo\nlicense: MIT\nmaintainer: Demo <demo@example.org>\n"
    of_linux = SPEC.replace("  mac-mini: {}\n", "")  # a deb is for no other
    spec = of_linux + f"{head}formats: [{', '.join(FORMATS)}]\n"
    project = Project(tmp_path, {**FILES, "specs/demo.yaml": spec})
    project.doit("package:demo:raspberry-pi")
    project.write("src/main.py", "new\n")
    for format in FORMATS:
        (made,) = project.path(PI).glob("demo" if format == DIR else f"*.{format}")
        word = str(made.relative_to(project.root))
        assert "\n    -print('hello')\n    +new\n" in differs(project, word)
        damaged = made / "lib/main.py" if format == DIR else made
        damaged.write_bytes(damaged.read_bytes() + b"\0")
        assert trouble(project, "--brief", word).startswith(f"ERROR: {word}: ")


def test_what_was_built_last_is_not_what_has_the_highest_version(built: Project) -> None:
    for number, version in enumerate(("2.0", "1.5")):
        built.edit("specs/demo.yaml", "version: ", f'version: "{version}" # ')
        built.doit("package:demo:raspberry-pi")
        changed = 4_000_000_000 + number  # a later second, however fast this goes
        os.utime(built.path(f"artifacts/demo-{version}-raspberry-pi"), (changed, changed))
    built.write("src/main.py", "new\n")
    told = differs(built, "demo:raspberry-pi")
    assert told.startswith("--- artifacts/demo-1.5-raspberry-pi\n+++ demo:raspberry-pi as ")


def test_another_package_with_a_longer_name_is_not_the_one(built: Project) -> None:
    built.write("specs/extra.yaml", SPEC.replace("name: demo", "name: demo-1"))
    built.doit("package:demo-1")
    assert run(built, "demo:raspberry-pi", status=0)[0] == "equal: 9 paths, …K\n"


def test_words_that_stand_for_nothing_are_told(built: Project) -> None:
    assert trouble(built, "dmo:raspberry-pi") == (
        "ERROR: no package is called dmo; did you mean demo?\n"
    )
    assert trouble(built, "demo:raspbery-pi", PI) == (
        "ERROR: demo is not built for raspbery-pi; did you mean raspberry-pi?\n"
    )
    assert trouble(built, "demo") == (
        "ERROR: demo: no such artifact; write a package of the specs as NAME:PLATFORM\n"
    )
    assert trouble(built, PI, "artifacts/b.tar.gz") == (
        "ERROR: artifacts/b.tar.gz: No such file or directory\n"
    )
    assert trouble(built, "artifacts") == "ERROR: artifacts: holds no artifact\n"


def test_a_package_that_was_not_built_is_told(project: Project) -> None:
    assert trouble(project, "demo:raspberry-pi") == (
        "ERROR: demo:raspberry-pi has not been built; `doit package:demo:raspberry-pi` builds it\n"
    )


def test_an_artifact_of_another_project_is_told(built: Project) -> None:
    built.edit("specs/demo.yaml", "name: demo", "name: other")
    assert trouble(built, PI) == (
        f"ERROR: {PI} holds demo:raspberry-pi, but here no package is called demo; known: other\n"
    )


@pytest.mark.parametrize("words", [[], [PI, PI, PI]])
def test_a_difference_has_two_sides(built: Project, words: list[str]) -> None:
    assert trouble(built, *words) == (
        "ERROR: diff takes one or two of ARTIFACT and NAME:PLATFORM\n"
    )


def test_an_option_that_there_is_not_is_told(built: Project) -> None:
    assert trouble(built, "--jsn", PI) == (
        "ERROR: option --jsn not recognized; `provision diff --help` lists the options\n"
    )


def test_damage_is_told_and_nothing_else(built: Project) -> None:
    with built.archive().open("ab") as file:
        file.write(b"\0")
    size = built.archive().stat().st_size - 1
    told = trouble(built, "demo:raspberry-pi")
    assert told.startswith(f"ERROR: {PI}/demo-1.0-raspberry-pi.tar.gz: is damaged")
    assert f"at byte {size}: " in told


def test_faults_of_specs_hinder_what_needs_them_alone(built: Project) -> None:
    built.write("specs/demo.yaml", "nmae: demo\n")
    told = trouble(built, "demo:raspberry-pi")
    assert "specs/demo.yaml:1:1: nmae: unknown key [unknown-key]\n" in told
    mac = "artifacts/demo-1.0-mac-mini"
    assert differs(built, "-q", PI, mac).splitlines()[0] == f"--- {PI}"


def test_a_fault_of_a_template_hinders_what_needs_it(built: Project) -> None:
    built.write("config/demo.ini.j2", "{{ prot }}\n")
    told = trouble(built, "demo:raspberry-pi")
    assert told.startswith("config/demo.ini.j2:1:4: there is no variable prot")


def test_two_artifacts_need_no_project(built: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "empty", {})
    project.root.mkdir()
    old, new = (str(built.archive(platform)) for platform in ("raspberry-pi", "mac-mini"))
    told = differs(project, old, new).splitlines()
    assert told[0] == f"--- {old}"
    assert "; not shown: it may hold secrets" in told[-2]
    assert trouble(project, old).startswith("ERROR: Could not find dodo file ")


def test_words_are_paths_from_where_doit_is_called(built: Project) -> None:
    project = Project(built.path("artifacts"), {})
    word = "demo-1.0-raspberry-pi"
    assert run(project, "-f", "../dodo.py", word, status=0)[0] == "equal: 9 paths, …K\n"


def test_a_locale_without_arrows_is_no_trouble(edited: Project) -> None:
    told = differs(edited, "demo:raspberry-pi", PYTHONIOENCODING="ascii")
    assert "\nversion: 1.0 \\u2192 1.1\n" in told


def test_a_full_disk_is_told_and_a_reader_that_has_seen_enough_is_not(edited: Project) -> None:
    command = f"cd {edited.root} && {PROGRAM} diff demo:raspberry-pi"
    full = subprocess.run(
        f"{command} > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    complaint = "ERROR: standard output: No space left on device\n"
    assert (full.returncode, full.stderr) == (2, complaint)
    closed = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | true"], capture_output=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (1, b"")


def test_help_tells_options_and_exit_codes(project: Project) -> None:
    told = " ".join(project.provision("diff", "--help").split())
    usage = " diff [--brief] [--json] ARTIFACT|NAME:PLATFORM [ARTIFACT|NAME:PLATFORM] "
    assert usage in told
    for option in (*Diff.cmd_options, {"long": "file"}, {"long": "dir"}):
        assert f"--{option['long']}" in told
    assert "The exit status is 0 if they are equal, 1 if they differ, and 2 on errors." in told
