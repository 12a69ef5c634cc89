"""`provision show`: what is in a package, from which line of a spec, and what is not, and why."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, Project
from tests.wheels import lock, wheel

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms: {raspberry-pi: {formats: [tar.gz]}}
variables: {port: 80}
contents:
  - src: src/
    dst: lib/
    exclude:
      - "*.bak"
      - "deep/"
      - "!keep.bak"
  - src: "data/**/*.csv"
    dst: share/
  - template: demo.ini.j2
    dst: etc/demo.ini
    conffile: true
  - {link: ../lib/main.py, dst: bin/demo}
  - {dir: var, mode: "0750"}
"""
FILES = {
    "dodo.py": DODO,
    "specs/demo.yaml": SPEC,
    "src/main.py": "print('hello')\n",
    "src/a.bak": "",
    "src/keep.bak": "kept\n",
    "src/deep/x": "",
    "src/__pycache__/main.pyc": "",
    "data/1/a.csv": "1,2,3\n" * 400,
    "data/readme.txt": "",
    "demo.ini.j2": "port = {{ port }}\n",
    "other/y": "",
}
PI = "demo:raspberry-pi"
TREE = """\
drwxr-xr-x root:root bin/
lrwxrwxrwx root:root demo -> ../lib/main.py specs/demo.yaml:18
drwxr-xr-x root:root etc/
-rw-r--r-- root:root ? demo.ini specs/demo.yaml:15 conffile
-rwxr-xr-x root:root install
drwxr-xr-x root:root 20 bytes lib/
-rw-r--r-- root:root 5 bytes keep.bak specs/demo.yaml:7
-rw-r--r-- root:root 15 bytes main.py specs/demo.yaml:7
drwxr-xr-x root:root 2.3K share/
drwxr-xr-x root:root 2.3K 1/
-rw-r--r-- root:root 2.3K a.csv specs/demo.yaml:13
drwxr-x--- root:root var/ specs/demo.yaml:19
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", FILES)


def test_a_package_is_shown_as_a_tree_before_it_is_built(project: Project) -> None:
    told = project.provision("show", "demo")
    first, *lines = told.splitlines()
    assert first.startswith("demo 1.0 for raspberry-pi: 5 files, ")
    spaced = "".join(f"{' '.join(line.split())}\n" for line in lines)
    assert re.sub(r" (0 bytes|[0-9.]+K)(?= (bin|etc|install|var))", "", spaced) == TREE
    assert len({line.index("specs/") for line in lines if "specs/" in line}) == 1
    assert told == project.provision("show")
    assert not list(project.root.glob("artifacts/demo-*"))


def test_the_lines_of_a_spec_are_told_when_it_is_remembered_too(project: Project) -> None:
    told = project.provision("show", PI)
    project.doit()
    assert project.provision("show", PI) == told


def test_an_artifact_is_shown_without_the_spec(project: Project) -> None:
    project.doit()
    told = project.provision("show", str(project.archive()), "etc/*", "nothing")
    assert told.splitlines()[1:] == [
        "drwxr-xr-x root:root 10 bytes  etc/",
        "-rw-r--r-- root:root 10 bytes    demo.ini  conffile",
    ]
    assert project.provision("show", str(project.archive()), "nothing", status=1)


def test_the_largest_come_first(project: Project) -> None:
    lines = project.provision("show", "--largest", PI).splitlines()
    assert [line.split()[-2:][0] if "yaml" in line else "install" for line in lines[1:4]] == [
        "install",
        "share/1/a.csv",
        "lib/main.py",
    ]


def test_a_machine_reads_the_same(project: Project) -> None:
    (package,) = json.loads(project.provision("show", PI, "lib/**", "--json"))["packages"]
    assert (package["name"], package["prefix"]) == ("demo", "/opt/demo")
    held = {each["path"]: each for each in package["entries"]}
    assert held["lib/main.py"] == {
        "path": "lib/main.py", "type": "file", "mode": "0644", "owner": "root", "group": "root",
        "size": 15, "link": "", "conffile": False, "source": "src/main.py",
        "origin": "specs/demo.yaml:7", "distribution": "",
    }  # fmt: skip
    assert set(held) == {"lib", "lib/keep.bak", "lib/main.py"}


@pytest.mark.parametrize(
    ("path", "told", "status"),
    [
        ("/opt/demo/current/lib/main.py", "lib/main.py is src/main.py, from specs/demo.yaml:7", 0),
        ("/opt/demo/releases/1.0/etc/demo.ini", "etc/demo.ini is demo.ini.j2, from specs/demo", 0),
        ("lib/main.py", "lib/main.py is src/main.py, from specs/demo.yaml:7", 0),
        ("./src/main.py", "lib/main.py is src/main.py, from specs/demo.yaml:7", 0),
        ("bin", "bin is a directory that others need", 0),
        ("install", "which the spec brings along", 0),
        ("src/a.bak", "src/a.bak is left out by specs/demo.yaml:10: exclude: *.bak", 1),
        ("src/deep/x", "src/deep/x is left out by specs/demo.yaml:11: exclude: deep/", 1),
        ("src/__pycache__/main.pyc", "passes over it: no package wants such a file", 1),
        ("data/readme.txt", "specs/demo.yaml:13: src: data/**/*.csv does not match it", 1),
        ("other/y", "no content of the spec names it, or a directory it is in", 1),
        ("nowhere", "nowhere is neither in the package nor in the project", 1),
    ],
)
def test_it_says_where_a_path_comes_from_or_what_left_it_out(
    project: Project, path: str, told: str, status: int
) -> None:
    assert told in project.provision("show", "--why", path, PI, status=status)


def test_of_an_artifact_it_says_whether_it_is_in_it(project: Project) -> None:
    project.doit()
    archive = str(project.archive())
    assert "lib/x is not in it" in project.provision("show", archive, "--why", "lib/x", status=1)
    document = json.loads(project.provision("show", archive, "--why", "lib/main.py", "--json"))
    assert document["packages"][0]["held"] is True


def test_files_of_a_wheel_name_its_project(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    greet = wheel()
    greet.put(project.path("wheels"))
    project.write("pylock.toml", lock(greet))
    project.edit(
        "specs/demo.yaml", "contents:\n", "contents:\n  - {python: pylock.toml, dst: m/}\n"
    )
    told = project.provision("show", PI)
    assert "not known before a build: the packages of pylock.toml have not been fetched" in told
    project.doit("fetch")
    told = project.provision("show", PI, "m/greet/*")
    assert "__init__.py  specs/demo.yaml:7  greet 1.0\n" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "nobody"),
        (["./nothing.tar.gz"], "./nothing.tar.gz: no such artifact"),
        (["dodo.py"], "dodo.py: is not an artifact"),
    ],
)
def test_what_is_no_package_is_told(project: Project, words: list[str], told: str) -> None:
    assert told in project.provision("show", *words, status=2)
