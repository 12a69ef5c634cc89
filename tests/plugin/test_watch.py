"""`provision watch`: what changes is built, and nothing goes round in circles."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.commands.watch import Watched
from tests.plugin.conftest import AS_USUAL, DODO, FILES, PROGRAM, Project
from tests.signing import make_key
from tests.waiting import ending, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms: {raspberry-pi: {formats: [tar.gz]}}
contents:
  - {src: src/, dst: lib/}
  - {src: build/, dst: share/}
"""
MAKES = f"""
import helper
{DODO}
def task_made():
    return {{"actions": ["mkdir -p build && date -Ins >build/stamp && cat VERSION >build/version"],
            "file_dep": ["VERSION"], "targets": ["build/stamp", "build/version"],
            "uptodate": [False]}}
"""
PROJECT = {
    "dodo.py": MAKES,
    "helper.py": "",
    "specs/demo.yaml": SPEC,
    "src/main.py": "print('hello')\n",
    "VERSION": "1\n",
}


class Session:
    """A `provision watch` that runs, and what it has told."""

    def __init__(self, project: Project, log: Path) -> None:
        self.project, self._log = project, log
        self.process: subprocess.Popen[bytes]

    @property
    def told(self) -> str:
        return self._log.read_text("utf-8")

    def await_text(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.told.count(text) >= count, why=lambda: self.told)


@contextmanager
def watching(project: Project, *words: str) -> Iterator[Session]:
    log = project.root.parent / "log"
    session = Session(project, log)
    with open(log, "wb") as file, ending(
        subprocess.Popen(
            [*AS_USUAL, PROGRAM, "watch", *words], cwd=project.root, stdout=file, stderr=file,
            start_new_session=True,
        )
    ) as session.process:  # fmt: skip
        session.await_text("Ctrl-C ends it")
        yield session


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", PROJECT)


BUILT = ("--then", 'echo "BUILT $@"')


def test_each_way_to_save_is_built_and_only_what_is_made_from_it(project: Project) -> None:
    with watching(project, *BUILT) as session:
        release = project.root / "artifacts/demo-1.0-raspberry-pi"
        assert f"BUILT {release}\n" in session.told
        main = project.root / "src/main.py"
        main.write_text("print('in place')\n", "utf-8")
        session.await_text("BUILT", 2)
        assert "src/main.py changed\n" in session.told
        # As vim does: the old file is set aside, a new one is written, the old one removed.
        main.rename(f"{main}~")
        main.write_text("print('anew')\n", "utf-8")
        os.unlink(f"{main}~")
        session.await_text("BUILT", 3)
        # As others do: the new one is written beside it and takes its place.
        (project.root / "src/.main.swp").write_text("print('renamed')\n", "utf-8")
        os.rename(project.root / "src/.main.swp", main)
        session.await_text("BUILT", 4)
        # What a task of the project makes is made each time, and counts for nothing.
        project.write("README", "of no package\n")
        project.write("VERSION", "2\n")
        session.await_text("BUILT", 5)
        assert session.told.count(" changed\n") == 4, session.told
        assert session.told.count("README") == 0


def test_an_error_is_told_and_the_next_change_tried(project: Project) -> None:
    with watching(project, *BUILT) as session:
        project.write("specs/demo.yaml", SPEC + "colour: red\n")
        session.await_text("colour: unknown key")
        project.write("helper.py", "syntax error\n")
        session.await_text("invalid syntax")
        project.write("helper.py", "")
        session.await_text("colour: unknown key", 2)
        project.write("specs/demo.yaml", SPEC.replace("1.0", "1.1"))
        session.await_text("artifacts/demo-1.1-raspberry-pi")


def test_it_begins_with_faults_in_a_project_too(project: Project) -> None:
    project.write("specs/demo.yaml", "name: [\n")
    with watching(project, *BUILT) as session:
        assert "specs/demo.yaml:" in session.told
        project.write("specs/demo.yaml", SPEC)
        session.await_text("BUILT")


def test_git_is_let_finish(project: Project) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project.root))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "a"), ("switch", "-qc", "b")):
        subprocess.run([*git, *words], check=True)
    with watching(project, *BUILT) as session:
        lock = project.root / ".git/index.lock"
        lock.touch()
        project.write("src/main.py", "print('one of many')\n")
        with pytest.raises(AssertionError):
            wait_until(lambda: "src/main.py changed" in session.told, 1)
        lock.unlink()
        session.await_text("BUILT", 2)
        subprocess.run([*git, "commit", "-qam", "b"], check=True)
        subprocess.run([*git, "switch", "-q", "-"], check=True)
        session.await_text("BUILT", 3)
        assert session.told.count(" changed\n") == 2, session.told


def test_what_a_link_leads_to_is_watched_too(project: Project) -> None:
    os.rename(project.root / "src", project.root / "elsewhere")
    (project.root / "src").symlink_to("elsewhere")
    with watching(project, *BUILT) as session:
        project.write("elsewhere/main.py", "print('elsewhere')\n")
        session.await_text("BUILT", 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(project: Project, number: int) -> None:
    with watching(project, "--then", "exit 3") as session:
        assert "--then ended with status 3" in session.told
        session.process.send_signal(number)
        assert session.process.wait(30) == 130
        assert "Traceback" not in session.told


@pytest.mark.needs("openssh")
def test_the_number_of_a_signed_release_is_no_change(tmp_path: Path) -> None:
    setting = f'[tool.doit-provisioning]\nsigning = {{key = "{make_key(tmp_path / "keys")}"}}\n'
    project = Project(tmp_path / "project", {**FILES, "pyproject.toml": setting})
    with watching(project) as session:
        for number in (1, 2):
            project.write("src/main.py", f"print({number})\n")
            session.await_text("Done:", number + 1)
    assert session.told.count("sign:demo:raspberry-pi") == 3
    assert "sequence.json" not in session.told


def test_what_is_watched_can_be_asked(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    done = subprocess.run(
        [PROGRAM, "watch", "--inputs"], cwd=project.root, check=True, capture_output=True
    )
    assert json.loads(done.stdout) == {
        "root": str(project.root),
        "files": ["config/demo.ini.j2", "dodo.py", "specs/demo.yaml", "src/deep/data.txt",
                  "src/main.py"],
        "directories": ["specs/", "specs/platforms/", "src/"],
        "made": ["artifacts", "specs/sequence.json"],
        "sums": ["artifacts/demo-1.0-mac-mini/SHA256SUMS",
                 "artifacts/demo-1.0-raspberry-pi/SHA256SUMS"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/p/VERSION", True),
        ("/p/VERSION~", False),
        ("/p/etc", True),
        ("/p/src/new/file", True),
        ("/p/src/.DS_Store", False),
        ("/p/src/__pycache__/a.pyc", False),
        ("/p/src/made/file", False),
        ("/p/srcs", False),
        ("/p/made.txt", False),
        ("/p/src/a", False),
        ("/p/src/.numbers.json.4711.tmp", False),
        ("/p/src/.other.json.4711.tmp", True),
    ],
)
def test_a_change_counts_where_a_package_may_change(path: str, *, counts: bool) -> None:
    files = frozenset({"/p/VERSION", "/p/made.txt"})
    watched = Watched(
        files,
        ("/p/src/", "/p/etc/"),
        ("/p/src/made/", "/p/src/a/b/", "/p/made.txt/", "/p/src/numbers.json/"),
    )
    assert watched.counts(path) is counts
