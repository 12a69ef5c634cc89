from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.spec.git import NoVersion, from_description
from provisioning.spec.inputs import Inputs
from tests.spec.conftest import load_variants, report, write

if TYPE_CHECKING:
    from pathlib import Path

SPEC = "name: app\nversion: {from: git}\nplatforms: {raspberry-pi: {}}\n"


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", root, *who, *arguments], check=True, capture_output=True)


def commit(root: Path, message: str) -> None:
    git(root, "commit", "--allow-empty", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path, {"specs/app.yaml": SPEC})
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    return tmp_path


def version(root: Path) -> str:
    (variant,) = load_variants(root)
    return variant.version


def written(root: Path, text: str, **files: str) -> str:
    spec = f"name: app\nversion: {text}\nplatforms: {{raspberry-pi: {{}}}}\n"
    write(root, {"specs/app.yaml": spec, **files})
    return version(root)


def said(root: Path) -> list[str]:
    return [line for line in report(root, {"specs/app.yaml": SPEC}).splitlines() if "|" not in line]


def test_a_version_is_written_as_text(tmp_path: Path) -> None:
    assert written(tmp_path, '"1.10"') == "1.10"


def test_a_version_may_use_variables(tmp_path: Path) -> None:
    assert written(tmp_path, '"{{ v }}.0"\nvariables: {v: 1.2}') == "1.2.0"


def test_a_version_comes_from_a_file(tmp_path: Path) -> None:
    assert written(tmp_path, "{file: VERSION}", VERSION="1.4.2\n") == "1.4.2"


def test_a_version_comes_from_pyproject(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nversion = "2.0"\n'}
    assert written(tmp_path, "{pyproject: pyproject.toml}", **files) == "2.0"


def test_an_empty_version_file_is_a_fault(tmp_path: Path) -> None:
    spec = SPEC.replace("from: git", "file: VERSION")
    text = report(tmp_path, {"specs/app.yaml": spec, "VERSION": "\n"})
    assert text.splitlines()[0] == (
        'specs/app.yaml:2:17: version.file: "" is no version: begin with a digit, then use '
        "letters, digits and . + ~ _, as in 1.4.2~rc1 [bad-version]"
    )


def test_a_version_that_uses_itself_is_a_fault(tmp_path: Path) -> None:
    text = report(tmp_path, {"specs/app.yaml": SPEC.replace("from: git", 'file: "{{ version }}"')})
    assert "this uses itself" in text


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("v1.4.2-0-gabcdef123456", "1.4.2"),
        ("v1.4.2-5-gabcdef123456", "1.4.2+5.gabcdef123456"),
        ("v1.4.2-5-gabcdef123456-dirty", "1.4.2+5.gabcdef123456.dirty"),
        ("v1.4.2-0-gabcdef123456-dirty", "1.4.2+dirty"),
        ("v1.4.2-rc1-0-gabcdef123456", "1.4.2~rc1"),
        ("abcdef123456", "0.0.0+gabcdef123456"),
        ("abcdef123456-dirty", "0.0.0+gabcdef123456.dirty"),
    ],
)
def test_a_description_of_git_becomes_a_version(description: str, expected: str) -> None:
    assert from_description(description) == expected


def test_a_tag_is_the_version(repository: Path) -> None:
    commit(repository, "one")
    git(repository, "tag", "v1.4.2")
    assert version(repository) == "1.4.2"


def test_commits_after_the_tag_and_changes_show(repository: Path) -> None:
    commit(repository, "one")
    git(repository, "tag", "v1.4.2")
    commit(repository, "two")
    assert re.fullmatch(r"1\.4\.2\+1\.g[0-9a-f]{12}", version(repository))
    write(repository, {"specs/app.yaml": SPEC + "summary: changed\n"})
    assert re.fullmatch(r"1\.4\.2\+1\.g[0-9a-f]{12}\.dirty", version(repository))


def test_a_new_file_is_not_what_was_tagged(repository: Path) -> None:
    commit(repository, "one")
    git(repository, "tag", "v1.4.2")
    write(repository, {"notes.txt": "a glob may take this"})
    assert version(repository) == "1.4.2+dirty"


def test_what_a_build_has_made_changes_no_version(repository: Path) -> None:
    commit(repository, "one")
    git(repository, "tag", "v1.4.2")
    write(repository, {"artifacts/app-1.4.2-linux/SHA256SUMS": "made"})
    assert version(repository) == "1.4.2"


def test_without_a_tag_the_commit_tells(repository: Path) -> None:
    git(repository, "tag", "other", check_head(repository))
    assert re.fullmatch(r"0\.0\.0\+g[0-9a-f]{12}", version(repository))


def check_head(root: Path) -> str:
    commit(root, "one")
    return "HEAD"


def test_the_variables_of_a_git_hook_mean_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, "one")
    git(repository, "tag", "v1.4.2")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert version(repository) == "1.4.2"


def test_git_is_asked_once(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository, "one")
    calls = counted_git(repository, monkeypatch)
    names = ("raspberry-pi", "mac-mini")
    platforms = ", ".join(f"{name}: {{}}" for name in names)
    spec = SPEC.replace("raspberry-pi: {}", platforms)
    write(repository, {"specs/app.yaml": spec, "specs/b.yaml": spec.replace("app", "bee")})
    assert len(load_variants(repository)) == 4
    assert len(calls.read_text().splitlines()) == 2  # what is the commit, and is it all


def counted_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git first in PATH that notes its calls and is the real one otherwise."""
    calls = root / "calls"
    (root / "bin").mkdir()
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout
    script = f'#!/bin/sh\necho "$@" >> "{calls}"\nexec {real.strip()} "$@"\n'
    (root / "bin/git").write_text(script)
    (root / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{os.environ['PATH']}")
    return calls


def test_no_repository_is_a_fault_with_a_way_out(tmp_path: Path) -> None:
    assert said(tmp_path) == [
        (
            "specs/app.yaml:2:17: version.from: git says: not a git repository "
            "(or any of the parent directories): .git [no-version]"
        ),
        "  help: run git init and commit, or write the version itself",
    ]


def test_no_commit_is_a_fault_with_a_way_out(repository: Path) -> None:
    first, way_out = said(repository)
    assert first.startswith("specs/app.yaml:2:17: version.from: git says: ")
    assert way_out == "  help: commit something, or write the version itself"


def test_no_git_is_a_fault_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said(tmp_path) == [
        (
            "specs/app.yaml:2:17: version.from: git cannot be run: "
            "No such file or directory [no-version]"
        ),
        "  help: install git, or write the version itself",
    ]


def test_anothers_repository_is_a_fault_with_a_way_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, "one")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    first, way_out = said(repository)
    assert "git says: detected dubious ownership in repository at" in first
    assert way_out == f"  help: git config --global --add safe.directory {repository}"


def test_a_missing_git_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    inputs = Inputs(tmp_path)
    assert isinstance(inputs.git_version(), NoVersion)
    assert inputs.git_version() is inputs.git_version()
