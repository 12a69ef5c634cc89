"""What a release was built from: the statement beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from provisioning.artifact.verification import verify_release
from tests.repository import commit

from .conftest import FILES, Project

if TYPE_CHECKING:
    from pathlib import Path


def statement(project: Project, platform: str = "mac-mini") -> dict[str, Any]:
    release = project.path(f"artifacts/demo-1.0-{platform}")
    return dict(json.loads((release / f"{release.name}.provenance.json").read_text()))


def sources(project: Project) -> dict[str, dict[str, str]]:
    definition = statement(project)["predicate"]["buildDefinition"]
    return {each["name"]: each["digest"] for each in definition["resolvedDependencies"]}


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e", *arguments]
    return subprocess.run(
        command, cwd=project.root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    project = Project(tmp_path, {**FILES, ".gitignore": "artifacts/\n__pycache__/\n"})
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    return project


def test_it_names_what_was_made_with_digests(built: Project) -> None:
    said = statement(built)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    release = built.path("artifacts/demo-1.0-mac-mini")
    listed = {each["name"]: each["digest"]["sha256"] for each in said["subject"]}
    assert "demo-1.0-mac-mini.tar.gz" in listed
    for name, digest in listed.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_a_reader_of_in_toto_s_own_takes_it(built: Project) -> None:
    found = json_format.ParseDict(statement(built), statement_pb2.Statement())
    Statement.copy_from_pb(found).validate()
    assert found.predicate["buildDefinition"]["buildType"].startswith("urn:doit-provisioning:")


def test_it_names_the_specs_with_digests(built: Project) -> None:
    spec = hashlib.sha256(built.path("specs/demo.yaml").read_bytes()).hexdigest()
    assert sources(built) == {"specs/demo.yaml": {"sha256": spec}}


def test_it_names_the_commit_and_whether_there_is_more(checkout: Project) -> None:
    checkout.doit()
    head = git(checkout, "rev-parse", "HEAD")
    assert sources(checkout)["project"] == {"gitCommit": head}
    definition = statement(checkout)["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0]["annotations"] == {"dirty": False}
    checkout.write("src/new.py", "")
    checkout.doit()
    definition = statement(checkout)["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0]["annotations"] == {"dirty": True}


REWRITING = """
def task_rewrite():
    return {"actions": ["echo rewritten > src/main.py"]}
def task_version():
    return {"actions": ["cp src/main.py src/version.py"], "file_dep": ["src/main.py"],
            "targets": ["src/version.py"]}
"""


@pytest.fixture
def versioned(checkout: Project) -> Project:
    """The same, with a version from git, and tasks that write into its sources."""
    checkout.write("dodo.py", FILES["dodo.py"] + REWRITING)
    checkout.edit("specs/demo.yaml", 'version: "1.0"', "version: {from: git}")
    commit(checkout.root)
    git(checkout, "tag", "v1.0")
    return checkout


def releases(project: Project) -> dict[str, bool]:
    """The versions of the finished releases for a Mac, each with what is said of it."""
    found = {}
    for sums in project.path("artifacts").glob("*-mac-mini/SHA256SUMS"):
        said = json.loads(sums.with_name(f"{sums.parent.name}.provenance.json").read_text())
        definition = said["predicate"]["buildDefinition"]
        about = definition["resolvedDependencies"][0]["annotations"]
        found[definition["externalParameters"]["version"]] = about["dirty"]
    return found


def test_a_source_that_changes_on_the_way_is_in_no_release_that_says_otherwise(
    versioned: Project,
) -> None:
    told = versioned.doit("rewrite", "package", status=2)
    assert (
        "src/main.py: changed during the build and now differs from the commit, which the version "
        "1.0 does not say; run doit again, or remove the file from git if a task writes it"
    ) in told
    assert releases(versioned) == {}
    versioned.doit("rewrite", "package")
    assert releases(versioned) == {"1.0+dirty": True}
    git(versioned, "checkout", "src/main.py")
    versioned.doit("package", "rewrite")
    assert releases(versioned) == {"1.0+dirty": True, "1.0": False}


def test_that_is_so_where_tasks_run_in_processes(versioned: Project) -> None:
    versioned.edit(
        "dodo.py", 'src/main.py"]}\ndef', 'src/main.py"], "targets": ["src/main.py"]}\ndef'
    )
    git(versioned, "commit", "-qm", "two", "dodo.py")
    git(versioned, "tag", "v1.1")
    told = versioned.doit("-n", "2", "package", status=2)
    assert "src/main.py: changed during the build and now differs from the commit" in told
    versioned.doit("-n", "2", "package")
    assert releases(versioned) == {"1.1+dirty": True}


def test_a_source_that_becomes_as_committed_again_is_in_no_dirty_release(
    versioned: Project,
) -> None:
    versioned.write("src/main.py", "edited")
    versioned.edit("dodo.py", "echo rewritten > src/main.py", "git checkout src/main.py")
    git(versioned, "commit", "-qm", "two", "dodo.py")
    git(versioned, "tag", "v1.1")
    told = versioned.doit("rewrite", "package", status=2)
    assert "src/main.py: changed during the build and is as committed again" in told


def test_what_a_task_makes_is_clean_in_every_run_and_in_whichever_order(
    versioned: Project,
) -> None:
    versioned.write(".gitignore", "artifacts/\n__pycache__/\nsrc/version.py\n")
    commit(versioned.root)
    git(versioned, "tag", "v1.1")
    for asked in (["package"], ["version", "package"], ["package", "version"], []):
        versioned.doit(*asked)
    assert releases(versioned) == {"1.1": False}
    versioned.path("src/version.py").unlink()
    versioned.doit("-n", "2")
    assert releases(versioned) == {"1.1": False}


def test_it_says_the_same_of_another_build_elsewhere(
    checkout: Project,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkout.doit()
    other = tmp_path_factory.mktemp("other") / "clone"
    git(checkout, "clone", "-q", str(checkout.root), str(other))
    again = Project(other, {})
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again.doit()
    assert statement(again) == statement(checkout)


def test_a_secret_leaves_no_trace_in_it(tmp_path: Path) -> None:
    project = Project(tmp_path, {**FILES, "secrets.env": "TOKEN=hunter2\n"})
    project.edit(
        "specs/demo.yaml", "variables:\n  port", "secrets_from: [secrets.env]\nvariables:\n  port"
    )
    project.doit()
    assert set(sources(project)) == {"specs/demo.yaml"}


def test_it_is_among_what_is_verified(built: Project) -> None:
    release = built.path("artifacts/demo-1.0-mac-mini")
    name = "demo-1.0-mac-mini.provenance.json"
    assert f"  {name}\n" in (release / "SHA256SUMS").read_text()
    assert [report.findings for report in verify_release(release)] == [()]
    (release / name).write_bytes((release / name).read_bytes() + b" ")
    (report,) = verify_release(release)
    assert [(each.path, each.message[:6]) for each in report.findings] == [(name, "sha256")]
    (release / name).unlink()
    (report,) = verify_release(release)
    assert [*map(str, report.findings)] == [f"{name}: is missing"]


def test_a_release_of_a_version_that_listed_less_is_good(built: Project, tmp_path: Path) -> None:
    release = built.path("artifacts/demo-1.0-raspberry-pi")
    sums = release / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    kept = [each for each in lines if not each.endswith((".cdx.json\n", ".provenance.json\n"))]
    assert len(kept) == len(lines) - 2
    sums.write_text("".join(kept))
    (release / f"{release.name}.cdx.json").unlink()
    assert [report.findings for report in verify_release(release)] == [(), ()]
    archive = str(release / f"{release.name}.tar.gz")
    assert "demo" in built.provision("install", archive, "--root", str(tmp_path))


def test_where_it_is_damaged_a_build_writes_it_anew(built: Project) -> None:
    path = built.path("artifacts/demo-1.0-mac-mini/demo-1.0-mac-mini.provenance.json")
    before = path.read_bytes()
    path.write_bytes(before[:-9])
    built.doit("package")
    assert path.read_bytes() == before


def test_a_statement_about_another_artifact_proves_nothing(
    checkout: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout.doit()
    commit, alone = git(checkout, "rev-parse", "HEAD"), tmp_path_factory.mktemp("alone")
    release = checkout.path("artifacts/demo-1.0-mac-mini")
    shutil.copy(release / "demo-1.0-mac-mini.provenance.json", alone)
    shutil.copy(release / "demo-1.0-mac-mini.tar.gz", alone)
    words = ("verify", str(alone / "demo-1.0-mac-mini.tar.gz"), "--provenance", commit)
    assert "verified" in checkout.provision(*words)
    checkout.write("src/main.py", "print('edited')\n")
    checkout.doit()
    shutil.copy(release / "demo-1.0-mac-mini.tar.gz", alone)
    assert (
        "demo-1.0-mac-mini.provenance.json: is about other artifacts, not about this one"
    ) in checkout.provision(*words, status=1)


URLS = '[project.urls]\nRepository = "https://me:sesame@git.example.org/team/demo"\n'


def verified(project: Project, expected: str, status: int = 0) -> str:
    release = "artifacts/demo-1.0-mac-mini"
    return project.provision("verify", release, "--provenance", expected, status=status)


def test_it_is_held_against_the_commit_that_is_expected(checkout: Project) -> None:
    checkout.doit()
    commit = git(checkout, "rev-parse", "HEAD")
    assert "verified" in verified(checkout, commit)
    assert "verified" in verified(checkout, commit[:7].upper())
    other = f"{'0' if commit[0] != '0' else '1'}{commit[1:]}"
    assert f"was built from commit {commit}, not from {other}" in verified(checkout, other, 1)
    checkout.write("src/main.py", "print('edited')\n")
    checkout.doit()
    assert "with changes that are not in it" in verified(checkout, commit, 1)


def test_it_is_held_against_the_repository_that_is_expected(checkout: Project) -> None:
    checkout.doit()
    told = verified(checkout, "https://git.example.org/team/demo", 1)
    assert "does not say which repository it was built from" in told
    checkout.write("pyproject.toml", URLS)
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "second")
    checkout.write("src/main.py", "print('edited')\n")
    checkout.doit()
    for url in (
        "https://git.example.org/team/demo",
        "https://Git.example.org/team/demo.git/",
        "git+https://me:secret@git.example.org/team/demo",
        "ssh://git@git.example.org:22/team/demo.git",
        "git@git.example.org:team/demo.git",
    ):
        assert "verified" in verified(checkout, url), url
    assert "sesame" not in json.dumps(statement(checkout))
    told = verified(checkout, "https://git.example.org/team/demonstration", 1)
    assert "was built from https://git.example.org/team/demo, not from" in told


def test_what_was_built_without_git_has_no_commit(built: Project) -> None:
    assert "there was no git repository" in verified(built, "0123456", 1)
    path = built.path("artifacts/demo-1.0-mac-mini/demo-1.0-mac-mini.provenance.json")
    path.write_text("[]")
    assert "is no statement of this program" in verified(built, "0123456", 1)
    path.unlink()
    assert "provenance.json: No such file" in verified(built, "0123456", 1)


def test_an_installed_package_has_no_statement(built: Project, tmp_path: Path) -> None:
    root = str(tmp_path)
    built.provision("install", "demo:raspberry-pi", "--root", root)
    words = ("verify", "demo", "--root", root, "--provenance", "0123456")
    assert "is said beside its artifact" in built.provision(*words, status=2)
