"""The way down into a tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import Descent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEEP = "/".join("abcdefghijklmnopqrstuvwxyz")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / DEEP).mkdir(parents=True)
    for path in ("ab/c", "a/bc", "a/b/c2"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "a/link").symlink_to("b")
    return tmp_path


@pytest.fixture
def descent(root: Path) -> Iterator[Descent]:
    before = len(os.listdir("/dev/fd"))
    with Descent(root) as opened:
        yield opened
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("first", ["x", "a/x", "a/b/x", "ab/x", "a/bc/x", f"{DEEP}/x"])
@pytest.mark.parametrize("then", ["x", "a/x", "a/b/c/x", "ab/c/x", "a/b/c2/x", f"{DEEP}/x"])
def test_a_path_is_reached_from_wherever_the_last_one_was(
    root: Path, descent: Descent, first: str, then: str
) -> None:
    for path in (first, then):
        parent, name = descent.to(path)
        assert name == "x"
        assert os.fstat(parent).st_ino == (root / path).parent.stat().st_ino


def test_a_deep_tree_takes_few_descriptors(root: Path, descent: Descent) -> None:
    before = len(os.listdir("/dev/fd"))
    for depth in range(1, 27):
        descent.to(f"{'/'.join(DEEP.split('/')[:depth])}/x")
        assert len(os.listdir("/dev/fd")) <= before + 15


def test_who_comes_back_opens_few_again(
    root: Path, descent: Descent, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ["/".join(["d"] * depth) for depth in range(1, 400)]
    (root / paths[-1]).mkdir(parents=True)
    opened, real = list[str](), os.open
    monkeypatch.setattr(os, "open", lambda *said, **more: opened.append("") or real(*said, **more))
    for path in (*paths, *reversed(paths)):
        descent.to(f"{path}/x")
    assert len(opened) < 20 * len(paths)  # from the top, there would be 200 for each


def test_a_directory_is_opened(root: Path, descent: Descent) -> None:
    for path in ("", "a", "a/b/c2"):
        descriptor = descent.directory(path)
        assert os.fstat(descriptor).st_ino == (root / path).stat().st_ino
        os.close(descriptor)


def test_no_link_is_followed(descent: Descent) -> None:
    for path in ("a/link/c/x", "a/link/x"):
        with pytest.raises(NotADirectoryError):
            descent.to(path)
    with pytest.raises(NotADirectoryError):
        descent.directory("a/link")
    assert descent.to("a/b/x")[1] == "x"


def test_what_is_not_there_is_told(descent: Descent) -> None:
    with pytest.raises(FileNotFoundError):
        descent.to("a/b/none/x")
