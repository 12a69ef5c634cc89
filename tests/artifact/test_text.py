from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import difference as module
from provisioning.artifact.difference import LARGEST, Change, Text, compare, texts, view
from provisioning.errors import ArtifactError

from .making import ITEMS, Item, file, write_release

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = b"a\nb\n", b"a\nc\n"
LINES = ("@@ -1,2 +1,2 @@", " a", "-b", "+c")


def nothing(_: Change) -> str:
    """Why a text must not be shown: it may be."""
    return ""


def told(folder: Path, old: list[Item], new: list[Item]) -> dict[str, Text]:
    views = [
        view(write_release(folder / name, items), name)
        for name, items in (("old", old), ("new", new))
    ]
    changes = compare(views[0].manifest, views[1].manifest).changes
    return texts(views[0], views[1], changes, nothing)


def test_lines_are_told_of_files_that_hold_other_bytes_alone(tmp_path: Path) -> None:
    old = [file("a", OLD), file("b", OLD), file("c", OLD), file("d", OLD)]
    new = [file("a", NEW), file("b", OLD, mode=0o755), file("d", OLD), file("e", OLD)]
    assert told(tmp_path, old, new) == {"a": Text(LINES)}


def test_a_large_file_is_not_even_kept(tmp_path: Path) -> None:
    old = [file("a", b"x\n" * (LARGEST // 2)), file("b", OLD)]
    new = [file("a", b"x\n" * (LARGEST // 2) + b"y"), file("b", NEW)]
    found = told(tmp_path, old, new)
    assert found == {"a": Text(why_not="it is larger than 256K"), "b": Text(LINES)}


def test_what_must_not_be_shown_is_not_read(tmp_path: Path) -> None:
    old, new = (
        view(write_release(tmp_path / content.hex(), [file("a", content)]), "it")
        for content in (OLD, NEW)
    )
    changes = compare(old.manifest, new.manifest).changes
    assert texts(old, new, changes, lambda change: f"no {change.path}") == {
        "a": Text(why_not="no a")
    }


def test_all_texts_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = [file("a", OLD), file("b", OLD)], [file("a", NEW), file("b", NEW)]
    monkeypatch.setattr(module, "_MOST_KEPT", 8)
    reason = "too many other files differ"
    assert told(tmp_path, old, new) == {"a": Text(LINES), "b": Text(why_not=reason)}
    monkeypatch.setattr(module, "_MOST_KEPT", 16)
    monkeypatch.setattr(module, "_MOST_LINES", 3)
    reason = "the differences of other files already fill too many lines"
    assert told(tmp_path, old, new) == {"a": Text(LINES), "b": Text(why_not=reason)}


@pytest.mark.parametrize("damaged", [0, 1])
def test_both_are_read_to_their_ends_even_if_nothing_is_shown(tmp_path: Path, damaged: int) -> None:
    paths = [write_release(tmp_path / name, ITEMS) for name in ("old", "new")]
    paths[damaged].write_bytes(paths[damaged].read_bytes()[:-1])
    old, new = (view(path, path.parent.name) for path in paths)
    with pytest.raises(ArtifactError) as caught:
        texts(old, new, (), nothing)
    assert str(caught.value).startswith(f"{paths[damaged].parent.name}: is damaged in the chunk")
