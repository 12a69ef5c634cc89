from __future__ import annotations

import os
import stat

import pytest

from provisioning.builder.collect.sources import Sources
from tests.builder.conftest import write


def _files(source: str, *excludes: str) -> list[str]:
    return [path for path, _ in Sources("artifacts").select(source, excludes).files]


def test_a_directory_stands_for_all_files_below_it_in_order() -> None:
    for name in ("t/b", "t/a/z", "t/a-b", "u/x"):
        write(name)
    assert _files("t") == ["a-b", "a/z", "b"]


def test_a_glob_takes_no_directory_that_it_matches() -> None:
    write("t/sub/file")
    write("t/file")
    assert _files("t/*") == ["file"]


def test_the_whole_project_may_be_a_source_but_never_its_output() -> None:
    write("a.txt")
    write("artifacts/old.txt")
    assert _files("**/*.txt") == ["a.txt"]


def test_empty_directories_are_nothing() -> None:
    os.makedirs("t/empty")
    assert _files("t/") == []


def test_symbolic_links_are_listed_and_never_followed() -> None:
    write("t/file")
    os.symlink("..", "t/loop")
    found = Sources("artifacts").select("t", ()).files
    kinds = {path: stat.S_IFMT(mode) for path, mode in found}
    assert kinds == {"file": stat.S_IFREG, "loop": stat.S_IFLNK}


def test_special_files_are_listed_as_what_they_are() -> None:
    write("t/file")
    os.mkfifo("t/pipe")
    found = dict(Sources("artifacts").select("t", ()).files)
    assert stat.S_IFMT(found["pipe"]) == stat.S_IFIFO


@pytest.mark.parametrize(
    "junk",
    [
        *(".DS_Store", "._a", "__pycache__", "a.pyc", "a.pyo", ".git", ".AppleDouble", ".svn"),
        *(".DS_Store/a", "._a/a", "__pycache__/a", "a.pyc/a", ".git/HEAD", ".AppleDouble/a"),
        *("lib/.git", "lib/.svn/a", "lib/.hg/a", "lib/a.pyo/a"),
    ],
)
def test_what_no_package_wants_is_left_out(junk: str) -> None:
    write(f"t/{junk}")
    write("t/file")
    assert [_files(source) for source in ("t", "t/*", "t/**/*")] == [["file"]] * 3


@pytest.mark.parametrize("name", [".git", "._a", "a.pyc", "__pycache__"])
def test_what_is_named_is_taken_all_the_same(name: str) -> None:
    write(f"t/{name}/a")
    assert _files(f"t/{name}/") == _files(f"t/{name}/*") == ["a"]


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        (["**/test_*.py"], ["a.py", "sub/b.py", "sub/c.txt"]),
        (["sub/"], ["a.py", "test_a.py"]),
        (["/test_a.py"], ["a.py", "sub/b.py", "sub/c.txt", "sub/test_b.py"]),
        (["*.py", "!a.py"], ["a.py", "sub/c.txt"]),
        (["sub/", "!sub/b.py"], ["a.py", "test_a.py"]),
        (["sub/*", "!sub/b.py"], ["a.py", "sub/b.py", "test_a.py"]),
        (["[[:alpha:]].py"], ["sub/c.txt", "sub/test_b.py", "test_a.py"]),
    ],
)
def test_excludes_are_gitignore_patterns(excludes: list[str], left: list[str]) -> None:
    for name in ("a.py", "test_a.py", "sub/b.py", "sub/test_b.py", "sub/c.txt"):
        write(f"t/{name}")
    assert _files("t", *excludes) == left


def test_an_exclude_that_matches_nothing_is_told() -> None:
    write("t/a.py")
    chosen = Sources("artifacts").select("t", ["*.py", "*.txt", "__pycache__/"])
    assert chosen.idle_excludes == (1,)


@pytest.mark.parametrize(
    ("excludes", "idle"),
    [
        (["sub/", "!sub/a"], (1,)),
        (["sub/*", "!sub/a"], ()),
        (["*", "!sub/a"], (1,)),
        (["b", "!c"], (1,)),
        (["!a"], ()),
    ],
)
def test_what_takes_nothing_back_is_told(excludes: list[str], idle: tuple[int, ...]) -> None:
    for name in ("t/sub/a", "t/sub/b", "t/a"):
        write(name)
    assert Sources("artifacts").select("t", excludes).idle_excludes == idle


def test_excludes_that_overlap_are_both_of_use() -> None:
    write("t/sub/test_a.py")
    assert Sources("artifacts").select("t", ["test_*.py", "sub/"]).idle_excludes == ()


def test_a_signature_is_what_the_nearest_walk_has_found() -> None:
    for path in ("a/1", "a/b/2", "a/b/c/3", "d/4", "5"):
        write(path, path)
    sources = Sources("artifacts")
    for base in ("a/b", "d", "a/b/c", "*"):
        sources.select(base, ())
    seen = {path: sources.signature(path) for path in ("a/b/2", "d/4", "a/b/c/3", "a/1", "5")}
    for path in seen:
        write(path, "other, and longer")
    assert {path: sources.signature(path) for path in reversed([*seen])} == seen
    with pytest.raises(FileNotFoundError):
        sources.signature("a/b/nothing")
