"""Many sources are read once, on all processors, and none is believed that was not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import of_bytes, of_file
from provisioning.builder.archive import prefetch
from provisioning.builder.archive.groups import Cut
from provisioning.builder.archive.pack import pack
from provisioning.builder.archive.store import Store
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render.render import render
from provisioning.builder.workspace.paths import workspace
from tests.builder.conftest import content, variant, write
from tests.chunks import shrink
from tests.layouts import lay_out
from tests.waiting import settle

if TYPE_CHECKING:
    from provisioning.builder.archive.format import Cost
    from provisioning.builder.archive.prefetch import Prefetched
    from provisioning.builder.collect.file_state import Signature
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Variant

MANY = 1500
FORMATS = ("tar.gz", "tar.zst", "tar.xz", "zip", "deb")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 16)


@pytest.fixture
def described(project: Path) -> Variant:
    for number in range(MANY):
        write(f"t/{number}", f"{number} " * (number % 500))
    write("t/large", "0123456789abcdef" * 40_000)
    write("x.j2", "{{ 1 + 1 }}")
    os.symlink("7", "t/link")
    contents = content("src", "t", "lib/"), content("template", "x.j2", "lib/500.txt", number=1)
    return variant(*contents, formats=FORMATS)


def look_at(described: Variant, digests: Digests) -> tuple[Workspace, Listing, Prefetched]:
    """What is found one after the other by who knows nothing, and what is found ahead."""
    sources = Sources("artifacts")
    (layout,) = lay_out([described], sources)
    place = workspace(described, "artifacts")
    place.work.mkdir(parents=True, exist_ok=True)
    shares = prefetch.shares(layout, sources.bytes_of)
    found = prefetch.collect(described, shares, digests, place)
    serially = collect(layout, Digests(Path("nothing.sqlite")).look)
    render(layout.variant, templates_of(layout.items), place.rendered)
    return place, Listing.of(serially), found


def released(place: Workspace) -> dict[str, str]:
    return {path.name: of_file(path) for path in place.release.iterdir() if path.is_file()}


def test_the_same_is_found(described: Variant, digests: Digests) -> None:
    _, serially, found = look_at(described, digests)
    assert found.listing
    assert found.listing.lines == serially.lines
    assert found.keys


def test_what_is_made_ahead_is_what_would_be_made(described: Variant, digests: Digests) -> None:
    place, serially, found = look_at(described, digests)
    assert found.listing
    assert {*found.keys} == {path.name for path in place.chunks.iterdir()}
    cost = pack(place, found.listing, digests, found.keys)
    ahead_of_it = released(place)
    assert cost.chunks_reused == 0
    assert Store(place.chunks).sweep(0).removed
    assert pack(place, serially, digests) == cost
    assert released(place) == ahead_of_it


def test_a_later_build_takes_it_for_reused(described: Variant, digests: Digests) -> None:
    place, _, found = look_at(described, digests)
    assert found.listing
    first: Cost = pack(place, found.listing, digests, found.keys)
    again = pack(place, found.listing, digests)
    assert (again.chunks_reused, again.chunks_rebuilt) == (first.chunks_rebuilt, 0)


@pytest.mark.parametrize("how", ["gone", "other", "a FIFO"])
def test_a_source_that_went_wrong_is_left_to_who_tells(
    described: Variant, digests: Digests, how: str
) -> None:
    sources = Sources("artifacts")
    (layout,) = lay_out([described], sources)
    Path("t/7").unlink()
    if how == "other":
        write("t/7", "other")
    if how == "a FIFO":
        os.mkfifo("t/7")
    shares = prefetch.shares(layout, sources.bytes_of)
    assert prefetch.collect(described, shares, digests, None) == (None, frozenset())


def test_what_was_read_is_not_read_again(
    described: Variant, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(write("later"))
    sources = Sources("artifacts")
    (layout,) = lay_out([described], sources)
    assert prefetch.collect(
        described, prefetch.shares(layout, sources.bytes_of), digests, None
    ).listing
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", None)
    for name in ("t/0", "t/77", "t/large"):
        assert digests.look(name).digest == of_bytes(Path(name).read_bytes())


def test_where_a_process_is_killed_its_chunks_are_told_and_no_listing(
    described: Variant, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, real = os.getpid(), prefetch.read_whole

    def deadly(path: str, now: Signature) -> bytes:
        if path == "t/300" and os.getpid() != parent:
            os.kill(os.getpid(), 9)
        return real(path, now)

    monkeypatch.setattr(prefetch, "read_whole", deadly)
    # Of larger chunks there are too few for each process to have one.
    place, _, found = look_at(described._replace(formats=("tar.gz", "zip")), digests)
    assert found.listing is None
    # What was made all the same is told, so that nobody takes it for made by an earlier build.
    assert found.keys == {path.name for path in place.chunks.iterdir() if path.suffix != ".tmp"}


def test_a_report_that_was_cut_off_ends_what_is_believed(tmp_path: Path) -> None:
    found, cuts = (
        prefetch._Found(["line"], [("a", (1, 2, 3, 4, 5), "0" * 64)], []),
        [Cut(1, 512, b"line"), Cut(2, 9, b"more")],
    )
    with open(tmp_path / "reports", "w+b") as file:
        reports = prefetch._Reports(file)
        assert reports.write(0, found, cuts)
        os.write(file.fileno(), (tmp_path / "reports").read_bytes()[:-1])
        assert reports.write(1, found, cuts)
        assert list(reports.fresh()) == [(0, found)]
        assert list(reports.cuts(0)) == cuts


def test_a_report_that_claims_to_be_longer_than_all_is_none(tmp_path: Path) -> None:
    with open(tmp_path / "reports", "w+b") as file:
        reports = prefetch._Reports(file)
        os.write(file.fileno(), prefetch._HEAD.pack(0, 1 << 50, 1 << 50, 0))
        assert list(reports.fresh()) == []


def test_beside_other_tasks_nothing_is_made_ahead(
    described: Variant, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "is_worker", lambda: True)
    place, serially, found = look_at(described, digests)
    assert not found.keys
    assert found.listing.lines == serially.lines
    assert not place.chunks.exists()
