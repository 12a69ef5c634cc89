"""`provision init`: what it writes builds at once, whatever is there."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.init.unit import Unit, read_unit
from tests.plugin.conftest import DODO, Project
from tests.wheels import lock, wheel

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """
[project]
name = "Climate_Station"
version = "1.2.0"
description = "Says what it is like: warm"
license = {text = "MIT"}
authors = [{name = "Ann", email = "ann@example.org"}]
"""
SCRIPTS = '[project.scripts]\nclimate = "climate:main"\n'
UNIT = """
[Unit]
After=network-online.target network.target
Wants=network-online.target
[Service]
# before
ExecStart=/home/pi/venv/bin/climate --port 80
User=pi
SupplementaryGroups=gpio i2c
Environment=A=1 "B=x y"
MemoryMax=100M
ProtectSystem=strict
"""
MODULE = "def main():\n    print('warm')\n"
SHAPES = {
    "a bare script": ({"climate.py": f"#!/usr/bin/env python3\n{MODULE}"}, {"bin/climate"}),
    "a src layout": (
        {"pyproject.toml": PYPROJECT, "src/climate/__init__.py": MODULE, "tests/test_a.py": ""},
        {"lib/climate/__init__.py"},
    ),
    "console scripts": (
        {"pyproject.toml": PYPROJECT + SCRIPTS, "src/climate/__init__.py": MODULE},
        {"bin/climate", "bin/python", "lib/python/climate/__init__.py"},
    ),
    "a flat layout": (
        {
            "pyproject.toml": PYPROJECT + SCRIPTS,
            "climate/__init__.py": MODULE,
            "climate/tests/test_a.py": "",
            "noxfile.py": "",
            "test_climate.py": "",
        },
        {"bin/climate", "lib/python/climate/__init__.py"},
    ),
    "modules and a program": (
        {"climate.py": MODULE, "run.sh": "#!/bin/sh\n", "VERSION": "3.1\n"},
        {"lib/climate.py", "bin/run"},
    ),
    "a unit": (
        {
            "pyproject.toml": PYPROJECT + SCRIPTS,
            "climate.py": MODULE,
            "deploy/climate.service": UNIT,
        },
        {"bin/climate", "lib/python/climate.py"},
    ),
    "configuration": (
        {"config/climate.yaml": "a: 1\n", "config/key.pem": "x", "climate.conf": "", "tox.ini": "",
         ".env": "PASSWORD=x\n"},
        {"etc/climate.yaml", "etc/climate.conf"},
    ),
    "a Node application": (
        {"package.json": "{}\n", "public/index.html": "<p>\n", "node_modules/a/b.js": ""},
        {"share/project/public/index.html"},
    ),
    "nothing": ({}, {"var"}),
    "dependencies that are not locked": (
        {
            "pyproject.toml": PYPROJECT + 'dependencies = ["aiohttp"]\n' + SCRIPTS,
            "src/climate/__init__.py": MODULE,
        },
        {"lib/climate/__init__.py"},
    ),
    "a version that only the build knows": (
        {"pyproject.toml": '[project]\nname = "climate"\ndynamic = ["version"]\n', "a.py": ""},
        {"lib/a.py"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_it_writes_builds_at_once(tmp_path: Path, shape: str) -> None:
    files, wanted = SHAPES[shape]
    project = Project(tmp_path / "project", {"keep": "", **files})
    told = project.provision("init")
    assert told.endswith("next      doit\n")
    assert "verified" in project.doit()
    assert "Nothing to do" in project.doit()
    (manifest,) = project.root.glob("artifacts/*-raspberry-pi/*.manifest.json")
    paths = {each["path"] for each in json.loads(manifest.read_text())["entries"]}
    assert wanted <= paths
    assert not [each for each in paths if re.search(r"test|\.env|\.pem|noxfile|node_mod", each)]


def test_a_lock_is_packaged_with_the_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    greet = wheel()
    text = f'{PYPROJECT}dependencies = ["greet"]\n{SCRIPTS}'
    files = {"pyproject.toml": text, "climate.py": MODULE, "pylock.toml": lock(greet)}
    project = Project(tmp_path / "project", files)
    greet.put(project.path("wheels"))
    project.provision("init")
    assert "verified" in project.doit()
    assert "  - python: pylock.toml" in project.path("specs/climate-station.yaml").read_text()


def test_once_dependencies_are_locked_it_writes_again_what_nobody_has_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    text = f'{PYPROJECT}dependencies = ["greet"]\n{SCRIPTS}'
    project = Project(tmp_path / "project", {"pyproject.toml": text, "climate.py": MODULE})
    told = project.provision("init")
    assert "lock the dependencies, and run `provision init` again: uv lock && uv export" in told
    greet, spec = wheel(), project.path("specs/climate-station.yaml")
    greet.put(project.path("wheels"))
    project.write("pylock.toml", lock(greet))
    edited = spec.read_text() + "# mine\n"
    spec.write_text(edited)
    assert "is there already" in project.provision("init", status=3)
    assert spec.read_text() == edited
    spec.write_text(edited.removesuffix("# mine\n"))
    assert "wrote     specs/climate-station.yaml\n" in project.provision("init")
    assert "  - python: pylock.toml" in spec.read_text()
    assert "verified" in project.doit()
    assert "is there already" in project.provision("init", status=3)


def test_the_spec_is_the_one_that_an_expert_writes(tmp_path: Path) -> None:
    files = {**SHAPES["a unit"][0], "config/climate.yaml": "a: 1\n", "config/key.pem": "x"}
    project = Project(tmp_path / "project", files)
    told = project.provision("init")
    assert (
        project.path("specs/climate-station.yaml").read_text()
        == """\
# yaml-language-server: $schema=spec.schema.json
name: climate-station
version: {pyproject: pyproject.toml}
summary: "Says what it is like: warm"
license: MIT
maintainer: Ann <ann@example.org>

platforms:
  raspberry-pi: {}                  # the current Raspberry Pi OS: Debian 13, Python 3.13
  # raspberry-pi-bookworm: {}       # the one before; mac-mini for a Mac

services:
  climate:
    exec: bin/climate --port 80
    user: pi
    memory_max: 100M
    groups: [gpio, i2c]
    after: [network-online]
    wants: [network-online]
    environment: {A: "1", B: "x y"}

contents:
  - python: pylock.toml             # the interpreter of the package
    dst: lib/python/
    scripts: [climate]
  - src: climate.py                 # a module
    dst: lib/python/climate.py
  - src: config/                    # an upgrade keeps local edits
    dst: etc/
    conffile: true
    exclude: ["key.pem"]
"""
    )
    assert "left out  config/key.pem: looks secret\n" in told
    assert "advice    deploy/climate.service also says ProtectSystem: add" in told


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = "def task_mine():\n    return {'actions': ['echo mine']}\n"
    project = Project(tmp_path / "project", {"dodo.py": mine, "a.py": ""})
    told = project.provision("init")
    assert project.path("dodo.py").read_text() == mine
    assert "add these lines to it" in told
    project.write("dodo.py", mine + DODO)
    assert "verified" in project.doit()
    spec = project.path("specs/project.yaml").read_text()
    again = project.provision("init", status=3)
    assert "specs/project.yaml is there already, and nothing was written" in again
    assert project.path("specs/project.yaml").read_text() == spec


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("pyproject.toml", b"[project\n", "Expected ']' at the end of a table"),
        ("pyproject.toml", b"\xff\xfe", "'utf-8' codec can't decode"),
        ("app.service", b"\xff\xfe", "app.service: not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_written(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    project = Project(tmp_path / "project", {"keep": ""})
    project.path(name).write_bytes(data)
    assert told in project.provision("init", status=3)
    assert sorted(each.name for each in project.root.iterdir()) == sorted(["keep", name])


def test_it_can_be_tried_first(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"a.py": ""})
    tried = project.provision("init", "--dry-run")
    assert "name: project\n" in tried
    document = json.loads(project.provision("init", "--dry-run", "--json"))
    assert document["found"] == ["a.py: a module"]
    assert set(document["files"]) == {"dodo.py", "specs/project.yaml"}
    assert not project.path("specs").exists()
    assert "unexpected argument x" in project.provision("init", "x", status=3)


def test_a_version_from_git_is_that_of_its_tag(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"a.py": "", ".gitignore": ""})
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project.root))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "a"), ("tag", "v2.5")):
        subprocess.run([*git, *words], check=True)
    assert "echo artifacts/ >> .gitignore" in project.provision("init")
    project.doit()
    (release,) = project.root.glob("artifacts/*-pi")
    assert release.name == "project-2.5+dirty-raspberry-pi"


@pytest.mark.parametrize(
    ("started", "command", "why"),
    [
        ("/opt/app/bin/climate -v", "bin/climate -v", ""),
        ("/usr/bin/python3 /home/pi/climate.py a", "bin/climate a", ""),
        ("/usr/bin/python3 -m climate", "bin/python -m climate", ""),
        ("-/usr/sbin/nginx", "", "it starts /usr/sbin/nginx, which is not in the package"),
        ("", "", "it has not one ExecStart"),
        ("a\nExecStart=b", "", "it has not one ExecStart"),
        ("a\nExecStart=\nExecStart=climate \\\n -x", "bin/climate -x", ""),
    ],
)
def test_a_unit_starts_what_the_package_has(started: str, command: str, why: str) -> None:
    found = read_unit("a/x.service", f"ExecStart={started}\n", ["bin/python", "bin/climate"])
    assert (found.exec, found.why) == (command, why)


def test_an_instance_of_a_template_is_left_out() -> None:
    assert read_unit("getty@.service", "", ()) == Unit(
        "getty@", "", (), "an instance of a template, which a spec cannot describe"
    )


def test_paths_of_one_machine_are_told() -> None:
    found = read_unit("x.service", "ExecStart=climate /home/pi/x.ini", ["bin/climate"])
    assert found.advice == (
        "x.service names /home/pi/x.ini, which other machines have not: see exec in the spec",
    )


@pytest.mark.parametrize("command", ["explain", "spec", "diff", "prune"])
def test_where_nothing_is_set_up_each_command_says_how(tmp_path: Path, command: str) -> None:
    project = Project(tmp_path / "project", {"keep": ""})
    words = ["a:b"] if command == "diff" else []
    told = project.provision(command, *words, status=2 if command == "diff" else 3)
    assert "`provision init` writes one, and a spec of what is there" in told


def test_the_program_alone_says_what_it_can_do_and_how_to_begin(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"keep": ""})
    told = project.provision()
    assert "nothing is set up here; `provision init` writes a dodo.py" in told
    assert "where packages are built, beside a dodo.py:\n    init " in told
    project.provision("init")
    assert "nothing is set up here" not in project.provision()


LOADER = '[project]\nname = "demo"\nversion = "1"\n[tool.doit]\nloader = "provisioning"\n'


def test_a_project_needs_no_dodo_with_the_loader(tmp_path: Path) -> None:
    spec = "name: demo\nversion: '1'\nplatforms: {mac-mini: {}}\ncontents: [{src: a, dst: a}]\n"
    project = Project(tmp_path / "project", {"pyproject.toml": LOADER, "a": ""})
    assert "have `provision init` do it" in project.doit(status=3)
    project.write("specs/demo.yaml", spec)
    assert "verified" in project.doit("-n", "2")
    assert "Nothing to do" in project.doit("package")
    assert "package:demo:mac-mini" in project.doit("list", "--all")
    assert "collect:demo:mac-mini: up to date" in project.provision("explain")
    project.write("dodo.py", "def task_mine():\n    return {'actions': ['echo mine']}\n")
    assert project.doit("list").split() == ["mine"]
