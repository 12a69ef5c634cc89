"""What a walk finds, however many look."""

from __future__ import annotations

import os

import pytest

from provisioning.artifact import process_pool
from provisioning.builder.collect.file_state import from_bytes, signature
from provisioning.builder.collect.sources import Tree
from tests.builder.conftest import forbid_listing, write


@pytest.fixture
def wide() -> None:
    """A tree with more directories than one process looks into."""
    for number in range(300):
        write(f"t/{number}/file", "text")
        write(f"t/{number}/deep/er", "text")
    write("t/.git/config", "")
    write("t/7/__pycache__/a.pyc", "")
    write("t/7/b.pyc", "")


@pytest.mark.usefixtures("wide")
def test_several_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 3)
    shared = Tree("t", "t/8")
    monkeypatch.setattr(process_pool, "processors", lambda: 1)
    alone = Tree("t", "t/8")
    assert shared.found == alone.found
    assert (shared.state, shared.shape) == (alone.state, alone.shape)
    paths = [path for number in range(300) for path in (f"{number}/file", f"{number}/deep/er")]
    assert [path for path, _ in shared.files] == sorted(set(paths) - {"8/file", "8/deep/er"})


@pytest.mark.usefixtures("wide")
def test_a_directory_that_cannot_be_listed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "processors", lambda: 2)
    forbid_listing(monkeypatch, "t/211/deep/")
    with pytest.raises(PermissionError, match="t/211/deep"):
        Tree("t", "artifacts")


def test_each_file_has_its_signature() -> None:
    for path in ("t/a", "t/b/a", "t/b/c/d", "t/e"):
        write(path, path)
    os.symlink("a", "t/link")
    tree = Tree("t", "artifacts")
    for path in ("a", "b/a", "b/c/d", "e", "link"):
        assert from_bytes(tree.bytes_of(path)) == signature(os.lstat(f"t/{path}"))
    for path in ("b", "aa", "b/c/", "nothing/a", ""):
        assert not tree.bytes_of(path)
