"""What was shared out once is shared out again as if it were the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import FILE, Entry
from provisioning.builder.archive import groups
from provisioning.builder.archive.groups import Cut
from provisioning.builder.collect.collect import Collected, Listing
from tests.chunks import shrink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

sizes = st.integers(0, 60_000)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, 64)
        yield


def collected(number: int, size: int) -> Collected:
    path = f"lib/{number:04}"
    entry = Entry(path, FILE, 0o644, "root", "root", size, f"{size:064x}")
    return Collected(entry, path, template=False)


def listing_of(lengths: list[int]) -> Listing:
    return Listing.of(collected(*each) for each in enumerate(lengths))


@given(
    st.lists(sizes, min_size=1, max_size=60),
    st.dictionaries(st.integers(0, 59), sizes, max_size=8),
)
def test_an_edited_listing_is_shared_out_as_a_new_one(
    lengths: list[int], edits: dict[int, int]
) -> None:
    before = listing_of(lengths)
    edits = {number: size for number, size in edits.items() if number < len(lengths)}
    after = before.edited({number: collected(number, size) for number, size in edits.items()})
    cuts = list(groups.share_out("demo", before))
    again = list(groups.share_again("demo", after, cuts))
    assert again == list(groups.share_out("demo", after))
    assert sum(cut.members for cut in again) == len(lengths)


def test_only_what_an_edit_touches_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    before = listing_of([9_000] * 3000)
    cuts = list(groups.share_out("demo", before))
    seen: list[int] = []
    line = groups.manifest.line
    monkeypatch.setattr(groups.manifest, "line", lambda each: seen.append(0) or line(each))
    list(groups.share_again("demo", before.edited({1500: collected(1500, 1)}), cuts))
    assert 0 < len(seen) < 30


def test_what_is_kept_is_recalled(tmp_path: Path) -> None:
    cuts = [Cut(2, 1024, b"a,\nb"), Cut(1, 512, b"c")]
    groups.keep(tmp_path / "groups", "content", cuts)
    assert groups.recall(tmp_path / "groups", "content") == cuts
    assert groups.recall(tmp_path / "groups", "other") is None
    assert groups.recall(tmp_path / "nothing", "content") is None


def test_what_is_damaged_or_of_another_program_is_not_recalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "groups"
    groups.keep(path, "content", [Cut(1, 512, b"c")])
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert groups.recall(path, "content") is None
        path.write_bytes(whole[:at])
        assert groups.recall(path, "content") is None
    path.write_bytes(whole)
    monkeypatch.setattr(groups, "code_state", lambda: "another")
    assert groups.recall(path, "content") is None


def test_what_cannot_be_kept_is_forgone(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    groups.keep(tmp_path / "groups", "content", [])
    assert groups.recall(tmp_path / "groups", "content") is None
