"""Which version the tags of a repository give, and how it is told that they give none."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.release import is_older
from provisioning.spec.resolve import git as spec_git
from provisioning.spec.resolve.git import NoVersion
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.version import cut
from tests.repository import commit, git
from tests.spec.conftest import load_variants, report, write
from tests.spec.test_version import SAME

SPEC = "name: app\nversion: {from: git}\nplatforms: {raspberry-pi: {}}\n"
if TYPE_CHECKING:
    from pathlib import Path

FALLBACK = 'or set the version before the first tag: {from: git, fallback: "0.1"}'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(root, {"specs/app.yaml": SPEC})
    git(root, "init")
    commit(root)
    return root


def version(root: Path, asked: str = "") -> str:
    """The version of the package; `asked` stands beside `from: git`."""
    if asked:
        write(root, {"specs/app.yaml": SPEC.replace("git}", f"git, {asked}}}")})
    (variant,) = load_variants(root)
    return variant.version


def said(root: Path, asked: str = "") -> list[str]:
    """What is told of a version that cannot be had, less the lines of the spec."""
    spec = SPEC.replace("git}", f"git, {asked}}}") if asked else SPEC
    told = report(root, {"specs/app.yaml": spec}).replace(str(root), "ROOT")
    return [line for line in told.splitlines() if "|" not in line]


def refused(reason: str, way_out: str) -> list[str]:
    return [
        f"specs/app.yaml:2:17: version.from: {reason} [no-version]",
        f"  help: {way_out}",
    ]


def clone(origin: Path, *options: str) -> Path:
    root = origin.with_name("clone")
    git(origin.parent, "clone", *options, f"file://{origin}", str(root))
    return root


def test_a_tag_is_the_version(repository: Path) -> None:
    git(repository, "tag", "v1.4.2")
    assert version(repository) == "1.4.2"


def test_commits_after_the_tag_are_counted(repository: Path) -> None:
    git(repository, "tag", "v1.4.2")
    head = commit(repository)
    assert version(repository) == f"1.4.2+1.g{head[:12]}"


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_tags_the_highest_version_wins(repository: Path, order: int) -> None:
    for tag in ("v1.0.0-rc2", "v1.0.0", "v1.0.0rc3", "v0.9.10", "v0.9.9")[::order]:
        git(repository, "tag", tag)
    assert version(repository) == "1.0.0"
    commit(repository)
    assert version(repository).startswith("1.0.0+1.g")


def test_an_annotated_candidate_is_not_above_a_release(repository: Path) -> None:
    git(repository, "tag", "-a", "-m", "x", "v1.0.0-rc1")
    git(repository, "tag", "v1.0.0")
    assert version(repository) == "1.0.0"


def test_a_tag_with_a_slash_belongs_to_something_else(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    git(repository, "tag", "-a", "-m", "x", "v4/2.0")
    assert version(repository) == "1.0.0"
    commit(repository)
    git(repository, "tag", "-a", "-m", "x", "v5/2.0")
    assert version(repository).startswith("1.0.0+1.g")


def test_each_package_of_a_repository_has_its_tags(repository: Path) -> None:
    for tag in ("greenhouse-v2.0", "other-v9.9", "sensors/v0.3.1", "sensors/v1/2", "v7.0"):
        git(repository, "tag", tag)
    assert version(repository, 'tags: "greenhouse-v*"') == "2.0"
    assert version(repository, "tags: sensors/v*") == "0.3.1"
    assert version(repository, "tags: v*") == "7.0"


@pytest.mark.parametrize(
    ("tag", "tags", "expected"),
    [
        ("greenhouse-v1.2", "greenhouse-v*", "1.2"),
        ("greenhouse/v1.2", "greenhouse/v*", "1.2"),
        ("1.2-greenhouse", "*-greenhouse", "1.2"),
        ("greenhouse-vNext", "greenhouse-v*", ""),
        ("greenhouse-v1/2", "greenhouse-v*", ""),
        ("greenhouseXv1.2", "greenhouse.v*", ""),
    ],
)
def test_the_version_stands_for_the_star(tag: str, tags: str, expected: str) -> None:
    assert cut(tag, tags) == expected


def test_versions_of_successive_commits_are_sorted_on_the_target(repository: Path) -> None:
    found = [version(repository, 'fallback: "0.1"')]
    for tag in ("", "", "v1.0-rc1", "", "v1.0rc2", *[""] * 10, "v1.0", "", "", "v1.0.1", ""):
        commit(repository)
        if tag:
            git(repository, "tag", tag)
        found.append(version(repository))
    for earlier, later in pairwise(found):
        assert is_older(earlier, later), (earlier, later)
        subprocess.run(["dpkg", "--compare-versions", earlier, "lt", later], check=True)


@pytest.mark.parametrize("distance", [0, 2])
def test_a_tag_that_may_be_earlier_or_later_is_told_by_name(
    repository: Path, distance: int
) -> None:
    git(repository, "tag", "v1.0")
    commit(repository)
    git(repository, "tag", "v2.0-1")
    for _ in range(distance):
        commit(repository)
    assert said(repository) == refused(
        "the tag v2.0-1: 2.0-1 comes before 2.0 according to SemVer, and after it according to "
        "others",
        "git tag v2.0.post1 v2.0-1 if it comes after 2.0, or git tag v2.0-rc.1 v2.0-1 if it comes "
        "before",
    )
    git(repository, "tag", "v2.0.post1", "v2.0-1")
    assert version(repository).startswith("2.0+.post1")


def test_a_tag_that_is_no_version_is_told_by_name_where_nothing_else_is_one(
    repository: Path,
) -> None:
    git(repository, "tag", "app-v2.0@home")
    no_version = "begin with a digit, then use letters, digits and . + ~ _, as in 1.4.2~rc1"
    assert said(repository, 'tags: "app-v*"') == refused(
        f"the tag app-v2.0@home: 2.0@home is not a valid version: {no_version}",
        "git tag app-v1.0 app-v2.0@home gives its commit one, git tag -d app-v2.0@home removes "
        "this one",
    )
    git(repository, "tag", "app-v1.9")
    assert version(repository, 'tags: "app-v*"') == "1.9"
    commit(repository)
    git(repository, "tag", "app-v2.1")
    assert version(repository, 'tags: "app-v*"') == "2.1"


@pytest.mark.parametrize(("text", "expected"), SAME)
def test_a_tag_is_read_as_any_other_text(repository: Path, text: str, expected: str) -> None:
    git(repository, "tag", f"app-{text.removeprefix('v')}")
    assert version(repository, 'tags: "app-*"') == expected


def test_without_a_tag_there_is_no_version(repository: Path) -> None:
    git(repository, "tag", "other")
    assert said(repository) == refused(
        "there is no tag v* with a version, such as v1.0",
        f"git fetch --tags, git tag one, {FALLBACK}",
    )


def test_tags_that_lie_elsewhere_are_no_version(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository)
    git(repository, "tag", "v1.0")
    git(repository, "checkout", "-q", "-")
    assert said(repository)[0].startswith(
        "specs/app.yaml:2:17: version.from: no tag v* is an ancestor of what is checked out"
    )


def test_a_clone_without_tags_has_no_version(repository: Path) -> None:
    git(repository, "tag", "v1.0")
    assert said(clone(repository, "--no-tags"))[1].startswith("  help: git fetch --tags, ")


def test_a_shallow_clone_has_no_version(repository: Path) -> None:
    git(repository, "tag", "v1.0")
    commit(repository)
    shallow = clone(repository, "--depth", "1")
    assert said(shallow) == refused(
        "this clone is shallow, and its part of the history has no tag v*",
        f"git fetch --unshallow --tags, {FALLBACK}",
    )
    git(shallow, "fetch", "--unshallow", "--tags")
    assert version(shallow) == version(repository)


def test_a_shallow_clone_that_reaches_the_tag_has_the_same_version(repository: Path) -> None:
    git(repository, "tag", "v1.0")
    assert version(clone(repository, "--depth", "1")) == "1.0"


def test_a_shallow_clone_does_not_count_what_it_cannot_see(repository: Path) -> None:
    git(repository, "tag", "v1.0")
    git(repository, "checkout", "-q", "-b", "side")
    for _ in range(5):
        commit(repository)
    git(repository, "checkout", "-q", "-")
    commit(repository, "beside them")
    git(repository, "tag", "v1.1")
    git(repository, "merge", "--no-ff", "-m", "both", "side")
    commit(repository)
    assert version(repository).startswith("1.1+7.g")
    shallow = clone(repository, "--depth", "3")
    git(shallow, "fetch", "--tags", "--depth", "3", "origin", "tag", "v1.1")
    assert said(shallow)[0].startswith("specs/app.yaml:2:17: version.from: this clone is shallow")


def test_a_fallback_counts_all_commits(repository: Path) -> None:
    commit(repository)
    head = commit(repository)
    assert version(repository, 'fallback: "0.1"') == f"0.1+3.g{head[:12]}"


def test_a_fallback_tells_the_time_where_the_history_was_not_fetched(repository: Path) -> None:
    head = commit(repository)
    time = git(repository, "log", "-1", "--format=%cd", "--date=format-local:%Y%m%d%H%M%S")
    shallow = clone(repository, "--depth", "1")
    found = version(shallow, 'fallback: "0.1"')
    assert re.fullmatch(rf"0\.1\+\d{{14}}\.g{head[:12]}", found)
    assert abs(int(found[4:18]) - int(time)) < 1_000_000  # less the time zone


def test_a_fallback_stands_for_what_is_nowhere_committed(tmp_path: Path) -> None:
    assert version(tmp_path, 'fallback: "0.1"') == "0.1"
    git(tmp_path, "init")
    assert version(tmp_path) == "0.1"


def test_the_variables_of_a_git_hook_mean_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "tag", "v1.4.2")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert version(repository) == "1.4.2"


def test_git_is_asked_once(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repository, "tag", "v1.4.2")
    calls = counted_git(repository, monkeypatch)
    names = ("raspberry-pi", "mac-mini")
    platforms = ", ".join(f"{name}: {{}}" for name in names)
    spec = SPEC.replace("raspberry-pi: {}", platforms)
    write(repository, {"specs/app.yaml": spec, "specs/b.yaml": spec.replace("app", "bee")})
    assert len(load_variants(repository)) == 4
    assert len(calls.read_text().splitlines()) == 1  # what is the commit, and what are the tags


def counted_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git first in PATH that notes its calls and is the real one otherwise."""
    calls = root / "calls"
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout
    fake_git(root, f'echo "$@" >> "{calls}"\nexec {real.strip()} "$@"', monkeypatch)
    return calls


def fake_git(root: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git first in PATH that is a script."""
    (root / "bin").mkdir()
    (root / "bin/git").write_text(f"#!/bin/sh\n{script}\n")
    (root / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{os.environ['PATH']}")


def test_no_repository_is_a_fault_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else git says other words where the directory of the tests is a file system of its own.
    monkeypatch.setenv("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1")
    assert said(tmp_path) == refused(
        "git says: not a git repository (or any of the parent directories): .git",
        "run git init and commit, or write the version itself",
    )


def test_no_commit_is_a_fault_with_a_way_out(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert said(tmp_path) == refused(
        "git says: no commit yet", "commit something, or write the version itself"
    )


def test_no_git_is_a_fault_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said(tmp_path, 'fallback: "0.1"') == refused(
        "git cannot be run: No such file or directory", "install git, or write the version itself"
    )


def test_anothers_repository_is_a_fault_with_a_way_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    first, way_out = said(repository, 'fallback: "0.1"')
    assert "git says: detected dubious ownership in repository at" in first
    assert way_out == "  help: git config --global --add safe.directory ROOT"


def test_a_git_that_waits_for_ever_is_a_fault(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(repository, "exec sleep 5", monkeypatch)
    monkeypatch.setattr(spec_git, "_SECONDS", 0.1)
    assert said(repository) == refused(
        "git show-ref did not finish within 0.1 seconds",
        "run `git show-ref` yourself to see what it waits for",
    )


def test_a_git_that_dies_silently_is_a_fault(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(repository, "exit 3", monkeypatch)
    assert said(repository) == refused(
        "git says: nothing", "make sure that `git status` works here, or write the version itself"
    )


def test_a_head_that_leads_nowhere_is_a_fault(repository: Path) -> None:
    (repository / ".git/HEAD").unlink()
    assert "git says: not a git repository" in said(repository)[0]


@pytest.mark.parametrize("ignored", [True, False])
def test_a_repository_above_that_knows_nothing_of_the_project_is_not_its_own(
    tmp_path: Path, ignored: bool
) -> None:
    write(tmp_path, {".gitignore": "export/\n" if ignored else "", "README": "of another"})
    git(tmp_path, "init")
    commit(tmp_path)
    git(tmp_path, "tag", "v9.9")
    root = tmp_path / "export"
    assert said(root) == refused(
        f"nothing of this project is committed to the repository in {tmp_path}",
        "commit it there, or run git init here, or write the version itself",
    )
    assert version(root, 'fallback: "0.1"') == "0.1"


def test_a_project_below_its_repository_has_its_version(tmp_path: Path) -> None:
    root = tmp_path / "packages/app"
    write(root, {"specs/app.yaml": SPEC})
    git(tmp_path, "init")
    commit(tmp_path)
    git(tmp_path, "tag", "v1.4.2")
    assert version(root) == "1.4.2"


def test_a_missing_git_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    inputs = Inputs(tmp_path)
    assert isinstance(inputs.checkout, NoVersion)
    assert inputs.checkout is inputs.checkout
