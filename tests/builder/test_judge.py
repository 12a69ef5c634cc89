"""What is packaged is compared with the commit, whatever git was told to pass over."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.builder.collect.file_state import Digests
from provisioning.builder.plan.plan import make_plan
from provisioning.builder.plan.variant_plan import SourceTask, SourceTasks
from provisioning.builder.workspace import paths
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs
from tests.builder.conftest import write
from tests.repository import commit, git, repository

SPEC = """
name: demo
version: {from: git}
platforms: {raspberry-pi: {}, own: {}}
variables_from: [app.toml]
formats: [tar.gz]
contents:
  - {src: src/, dst: lib/, exclude: ["*.txt"]}
  - {src: "data/**/*.csv", dst: data/}
  - {src: run.sh, dst: bin/run}
  - {src: made/, dst: made/, optional: true}
  - {template: a.j2, dst: etc/a}
  - {include: specs/fragments/f.yaml}
hooks: {post_install: hook.sh}
"""
FILES = {
    "specs/demo.yaml": SPEC,
    "specs/platforms/own.yaml": "platform: own\nextends: linux\narch: riscv64\n",
    "specs/fragments/f.yaml": "contents: [{dir: var}]\n",
    "app.toml": "port = 1\n",
    "src/one.py": "1",
    "src/deep/two.py": "2",
    "src/notes.txt": "left out",
    "data/a/b.csv": "1,2",
    "data/a/b.tsv": "1 2",
    "run.sh": "#!/bin/sh\n",
    "a.j2": "{% include 'part.j2' %}",
    "part.j2": "part",
    "hook.sh": "#!/bin/sh\n",
    "in.c": "source",
    "README": "of no package",
    ".gitignore": "artifacts/\nmade/\n*.secret\n*.log\n",
}


@pytest.fixture(autouse=True)
def demo(project: Path) -> Path:
    for name, text in FILES.items():
        write(name, text)
    repository(project)
    return project


def versions(makers: SourceTasks = SourceTasks()) -> set[str]:  # noqa: B008 - it is frozen
    """The versions of the variants, in a first run and, remembered, in a second one."""
    found = [_planned(makers) for _ in range(2)]
    assert found[0] == found[1]
    return set(found[0])


def _planned(makers: SourceTasks) -> list[str]:
    plan = make_plan(
        Inputs(Path()), Digests(paths.digests("artifacts")), "artifacts", lambda: makers
    )
    plan.remember()
    for part in plan.parts:
        assert part.verdict is not None
        assert bool(part.verdict.edited) == part.variant.version.endswith("dirty")
    return [part.variant.version for part in plan.parts]


CLEAN, DIRTY = {"1.4.2"}, {"1.4.2+dirty"}


def test_what_is_committed_is_clean() -> None:
    assert versions() == CLEAN


@pytest.mark.parametrize(
    "name",
    [
        *("src/one.py", "src/deep/two.py", "data/a/b.csv", "run.sh", "a.j2", "part.j2"),
        *("hook.sh", "app.toml", "specs/demo.yaml", "specs/fragments/f.yaml"),
    ],
)
def test_an_edit_of_what_is_packaged_or_says_so_shows(name: str) -> None:
    assert versions() == CLEAN
    with Path(name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert versions() == DIRTY
    git(".", "checkout", "-q", name)
    assert versions() == CLEAN


@pytest.mark.parametrize("name", ["src/notes.txt", "data/a/b.tsv", "README", "dodo.py", "in.c"])
def test_the_rest_of_the_tree_does_not_matter(name: str) -> None:
    write(name, "edited")
    assert versions() == CLEAN


def test_byte_code_does_not_matter() -> None:
    write("__pycache__/dodo.cpython-311.pyc")
    write("src/__pycache__/one.cpython-311.pyc")
    assert versions() == CLEAN


def test_a_platform_is_edited_for_those_that_it_is_of() -> None:
    with Path("specs/platforms/own.yaml").open("a", encoding="utf-8") as file:
        file.write("x-own: 1\n")
    assert versions() == CLEAN | DIRTY


def test_another_package_is_edited_by_itself() -> None:
    write("specs/other.yaml", 'name: other\nversion: "1"\nplatforms: {own: {}}\n')
    plan = make_plan(Inputs(Path()), Digests(paths.digests("artifacts")), "artifacts")
    assert {part.variant.version for part in plan.parts} == {"1", "1.4.2"}


@pytest.mark.parametrize("name", ["src/new.py", "src/token.secret", "data/new.csv", "made/by-hand"])
def test_what_is_not_in_the_commit_shows_whatever_is_ignored(name: str) -> None:
    write(name, "new")
    assert versions() == DIRTY
    git(".", "config", "core.excludesFile", str(Path(name).absolute()))
    git(".", "config", "status.showUntrackedFiles", "no")
    assert versions() == DIRTY


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_is_told_to_pass_over_shows(bit: str) -> None:
    git(".", "update-index", bit, "src/one.py", "src/deep/two.py")
    assert versions() == CLEAN
    write("src/one.py", "edited")
    assert versions() == DIRTY


def test_what_is_staged_shows() -> None:
    write("src/one.py", "edited")
    git(".", "add", "src/one.py")
    assert versions() == DIRTY
    write("src/one.py", FILES["src/one.py"])
    assert versions() == CLEAN


def test_a_file_that_is_in_no_index_is_compared_too() -> None:
    git(".", "rm", "-q", "--cached", "src/one.py")
    assert versions() == CLEAN
    write("src/one.py", "edited")
    assert versions() == DIRTY


def test_a_file_that_is_missing_shows() -> None:
    Path("src/one.py").unlink()
    assert versions() == DIRTY


def test_what_is_optional_and_missing_shows() -> None:
    write("made/a", "1")
    git(".", "add", "-f", "made/a")
    commit(".")
    git(".", "tag", "v1.5")
    assert versions() == {"1.5"}
    shutil.rmtree("made")
    assert versions() == {"1.5+dirty"}


def test_a_sparse_checkout_shows_if_something_is_missing() -> None:
    git(".", "sparse-checkout", "set", "specs", "src", "data")
    git(".", "sparse-checkout", "add", "src/deep")
    assert versions() == CLEAN
    git(".", "sparse-checkout", "set", "--no-cone", "/*", "!/src/deep/")
    assert not Path("src/deep").exists()
    assert versions() == DIRTY


def test_the_executable_bit_shows() -> None:
    git(".", "config", "core.fileMode", "false")
    Path("run.sh").chmod(0o755)
    assert versions() == DIRTY


def test_a_file_in_place_of_a_link_shows() -> None:
    os.symlink("one.py", "src/link")
    commit(".")
    git(".", "tag", "v1.5")
    assert versions() == {"1.5"}
    git(".", "config", "core.symlinks", "false")
    Path("src/link").unlink()
    write("src/link", "one.py")
    assert versions() == {"1.5+dirty"}


@pytest.mark.parametrize("bit", ["", "--assume-unchanged"])
def test_a_link_that_leads_elsewhere_shows(bit: str) -> None:
    os.symlink("one.py", "src/link")
    commit(".")
    git(".", "tag", "v1.5")
    if bit:
        git(".", "update-index", bit, "src/link")
        assert versions() == {"1.5"}
    Path("src/link").unlink()
    os.symlink("deep/two.py", "src/link")
    assert versions() == {"1.5+dirty"}


def test_what_is_reached_by_a_link_is_known_by_its_own_name() -> None:
    write("v1/a", "1")
    write("v2/a", "2")
    os.symlink("v1", "current")
    os.symlink("../app.toml", "specs/link.toml")
    spec = SPEC.replace("src: src/,", "src: current/,").replace("app.toml", "specs/link.toml")
    write("specs/demo.yaml", spec.replace(', exclude: ["*.txt"]', ""))
    commit(".")
    git(".", "tag", "v1.5")
    assert versions() == {"1.5"}
    write("v1/a", "edited")
    assert versions() == {"1.5+dirty"}
    git(".", "checkout", "-q", ".")
    Path("current").unlink()
    os.symlink("v2", "current")
    assert versions() == {"1.5+dirty"}
    git(".", "checkout", "-q", ".")
    assert versions() == {"1.5"}
    write("app.toml", "port = 2\n")
    assert versions() == {"1.5+dirty"}


def test_what_filters_make_of_a_file_is_the_file() -> None:
    git(".", "config", "core.autocrlf", "true")
    write("src/dos.py", "")
    Path("src/dos.py").write_bytes(b"a\r\nb\r\n")
    commit(".")
    git(".", "tag", "v1.5")
    assert versions() == {"1.5"}
    git(".", "update-index", "--assume-unchanged", "src/dos.py")
    Path("src/dos.py").touch()
    assert versions() == {"1.5"}


@pytest.mark.parametrize("setting", ["none", "all"])
def test_a_submodule_is_held_against_the_commit_that_is_recorded(
    setting: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    library = tmp_path_factory.mktemp("library")
    write(str(library / "code.py"), "1")
    write(str(library / "docs/a"), "1")
    git(library, "init")
    commit(library)
    exclude = 'exclude: ["*.txt", .git], optional: true'
    write("specs/demo.yaml", SPEC.replace('exclude: ["*.txt"]', exclude))
    git(".", "submodule", "--quiet", "add", str(library), "src/library")
    git(".", "config", "submodule.src/library.ignore", setting)
    commit(".")
    git(".", "tag", "v1.5")
    assert versions() == {"1.5"}
    write("src/library/notes.txt", "left out")
    assert versions() == {"1.5"}
    write("src/library/code.py", "edited")
    assert versions() == {"1.5+dirty"}
    commit("src/library")
    assert versions() == {"1.5+dirty"}
    git("src/library", "checkout", "-q", "HEAD^")
    assert versions() == {"1.5"}
    git(".", "submodule", "--quiet", "deinit", "--force", "src/library")
    assert versions() == {"1.5+dirty"}


def test_a_worktree_is_a_checkout(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("other") / "tree"
    git(".", "worktree", "add", "--quiet", str(place))
    monkeypatch.chdir(place)
    assert versions() == CLEAN
    write("src/one.py", "edited")
    assert versions() == DIRTY


def test_a_project_below_its_repository_is_judged_by_its_own_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in FILES if name != ".gitignore"]:
        write(f"packages/app/{name}", FILES[name])
    commit(".")
    git(".", "tag", "v1.5")
    monkeypatch.chdir(project / "packages/app")
    assert versions() == {"1.5"}
    write(str(project / "src/one.py"), "edited")
    assert versions() == {"1.5"}
    write("src/one.py", "edited")
    assert versions() == {"1.5+dirty"}


MAKERS = SourceTasks("", (SourceTask("t", ("made/program",), ("in.c",)),))


def test_what_a_task_makes_is_worth_what_it_is_made_from() -> None:
    write("made/program", "compiled")
    write("made/program.map", "beside it")
    assert versions(MAKERS) == CLEAN
    write("in.c", "edited")
    assert versions(MAKERS) == DIRTY


@pytest.mark.parametrize(("known", "expected"), [(2, CLEAN), (1, DIRTY)])
def test_what_a_task_makes_in_steps_goes_back_to_the_first(known: int, expected: set[str]) -> None:
    steps = (
        SourceTask("t", ("made",), ("step.log",)),
        SourceTask("t", ("step.log",), ("in.c", "/bin/sh")),
    )
    write("made/program", "compiled")
    write("step.log", "compiled")
    assert versions(SourceTasks("", steps[:known])) == expected


@pytest.mark.parametrize("task", ["compile", "compile:arm"])
def test_what_a_content_says_a_task_makes_is_made_by_it(task: str) -> None:
    spec = SPEC.replace("{src: made/, dst: made/,", "{src: made/, task: compile, dst: made/,")
    write("specs/demo.yaml", spec)
    commit(".")
    git(".", "tag", "v1.5")
    write("made/program", "compiled")
    makers = SourceTasks(
        "", (SourceTask(task, (), ("in.c",)), SourceTask("compiler", (), ("README",)))
    )
    assert versions(makers) == {"1.5"}
    write("README", "edited")
    assert versions(makers) == {"1.5"}
    write("in.c", "edited")
    assert versions(makers) == {"1.5+dirty"}


def test_what_says_how_it_is_made_counts() -> None:
    write("dodo.py", "how")
    commit(".")
    git(".", "tag", "v1.5")
    write("made/program", "compiled")
    makers = SourceTasks("dodo.py", MAKERS.tasks)
    assert versions(makers) == {"1.5"}
    write("dodo.py", "otherwise")
    assert versions(makers) == {"1.5+dirty"}


def test_a_file_beside_what_a_task_makes_among_sources_is_nobodys() -> None:
    makers = SourceTasks("", (SourceTask("t", ("src/version.py",), ("in.c",)),))
    write("src/version.py", "made")
    assert versions(makers) == CLEAN
    write("src/token.secret", "by hand")
    assert versions(makers) == DIRTY


def test_a_committed_file_that_a_task_writes_is_an_edit() -> None:
    write("src/one.py", "rewritten")
    assert versions(SourceTasks("", (SourceTask("t", ("src/one.py",), ("in.c",)),))) == DIRTY


def test_a_file_of_secrets_is_none_of_the_specs() -> None:
    write("specs/demo.yaml", SPEC + "secrets_from: [token.env]\n")
    commit(".")
    git(".", "tag", "v1.5")
    write("token.env", "A=1\n")
    assert versions() == {"1.5"}


def told() -> str:
    with pytest.raises(SpecError) as caught:
        make_plan(Inputs(Path()), Digests(paths.digests("artifacts")), "artifacts")
    return str(caught.value)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_git_that_cannot_tell_is_a_fault(remembered: bool) -> None:
    if remembered:
        assert versions() == CLEAN
    write("src/one.py", "edited")
    Path(".git/index").write_bytes(b"garbage of which no index was ever made")
    assert told() == (
        "specs/demo.yaml: version.from: git says: index file corrupt [no-version]\n"
        "  help: `rm .git/index && git reset` makes it again; your files stay as they are"
    )
    git(".", "config", "core.bare", "true")
    assert "this operation must be run in a work tree" in told()
    assert "git config core.bare false" in told()


def test_an_index_that_cannot_be_read_is_a_fault() -> None:
    write("src/one.py", "edited")
    Path(".git/index").unlink()
    Path(".git/index").mkdir()
    assert "git says: " in told()


def test_git_is_asked_as_seldom_as_can_be(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    calls = project / "artifacts/calls"
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout
    script = f'#!/bin/sh\necho "$@" >> "{calls}"\nexec {real.strip()} "$@"\n'
    write("artifacts/bin/git", script, 0o755)
    monkeypatch.setenv("PATH", f"{project / 'artifacts/bin'}:{os.environ['PATH']}")
    assert settled(calls) == ["show-ref", "diff", "ls-files"]
    assert settled(calls) == ["show-ref"]
    write("src/one.py", "edited")
    settled(calls)
    assert settled(calls) == ["show-ref"]


def settled(calls: Path) -> list[str]:
    """What git was asked by a run that could remember all."""
    os.sync()
    subprocess.run(["sleep", "0.1"], check=True)  # what was stamped a moment ago is not remembered
    calls.write_text("")
    _planned(SourceTasks())
    options = 2 * 6 + 2
    return [line.split()[options] for line in calls.read_text().splitlines()]
