from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import of_bytes
from provisioning.artifact.model.entry import Entry
from provisioning.builder.collect.collect import (
    Collected,
    Listing,
    collect,
    complete,
    load,
    recollect,
)
from provisioning.builder.collect.collect import write as write_listing
from provisioning.builder.collect.file_state import signature
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.listings import is_whole
from provisioning.builder.workspace.paths import workspace
from provisioning.errors import BuildError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout


def _layout() -> Layout:
    write("t/file", "text")
    write("t/run", "#!/bin/sh\n", mode=0o755)
    write("t.j2", "{{ x }}")
    os.symlink("file", "t/link")
    contents = content("src", "t", "lib/"), content("template", "t.j2", "etc/x", number=1)
    (layout,) = lay_out([variant(*contents)], Sources("artifacts"))
    return layout


def test_entries_hold_what_the_sources_hold(digests: Digests) -> None:
    entries = {each.entry.path: each.entry for each in collect(_layout(), digests.look)}
    assert entries["lib/file"] == Entry(
        "lib/file", "file", 0o644, "root", "root", 4, of_bytes(b"text")
    )
    assert entries["lib/run"].mode == 0o755
    assert entries["lib/link"] == Entry("lib/link", "link", 0o777, "root", "root", link="file")
    assert entries["etc"] == Entry("etc", "dir", 0o755, "root", "root")


def test_a_template_s_entry_is_completed_by_what_was_rendered(digests: Digests) -> None:
    collected = Listing.of(collect(_layout(), digests.look))
    write("rendered/etc/x", "done")
    whole = {each.entry.path: each for each in complete(collected, Path("rendered"), digests)}
    assert whole["etc/x"].entry.digest == of_bytes(b"done")
    assert whole["etc/x"].source == "rendered/etc/x"


def test_something_else_in_a_rendered_file_s_place_is_refused(digests: Digests) -> None:
    collected = Listing.of(collect(_layout(), digests.look))
    Path("rendered/etc/x").mkdir(parents=True)
    with pytest.raises(BuildError) as caught:
        complete(collected, Path("rendered"), digests)
    assert str(caught.value) == "rendered/etc/x: not a file; remove it"


def test_what_is_written_is_read_back(digests: Digests) -> None:
    collected = collect(_layout(), digests.look)
    place = workspace(variant(), "artifacts")
    write_listing(place, Listing.of(collected), digests)
    assert list(load(place)) == collected
    assert all(isinstance(each, Collected) for each in load(place))


@pytest.mark.parametrize("text", ["", "[[1]]", "{}1", '"0"', f'"{64 * "0"}"', "\xff"])
def test_what_something_else_wrote_is_refused(text: str) -> None:
    place = workspace(variant(), "artifacts")
    write(str(place.collected), text)
    with pytest.raises(BuildError) as caught:
        load(place)
    assert str(caught.value) == f"{place.collected}: not what the collect stage wrote; remove it"


def test_a_listing_is_kept_once_for_as_long_as_a_variant_names_it(digests: Digests) -> None:
    one, two = (workspace(variant(platform=each), "artifacts") for each in ("linux", "macos"))
    first = Listing.of(collect(_layout(), digests.look))
    for place in (one, two):
        write_listing(place, first, digests)
    assert [path.name for path in one.listings.iterdir()] == [f"{first.content}.json"]
    second = Listing(first.lines[1:])
    write_listing(one, second, digests)
    assert load(two).lines == first.lines
    write_listing(two, second, digests)
    assert [path.name for path in one.listings.iterdir()] == [f"{second.content}.json"]


@pytest.mark.parametrize("damage", [b"", b"[]", None])
def test_a_listing_that_is_lost_or_damaged_is_written_again(
    digests: Digests, damage: bytes | None
) -> None:
    one, two = (workspace(variant(platform=each), "artifacts") for each in ("linux", "macos"))
    listing = Listing.of(collect(_layout(), digests.look))
    write_listing(one, listing, digests)
    path = one.listing(listing.content)
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert not is_whole(one, listing.content, digests)
    write_listing(two, listing, digests)
    assert load(one).lines == listing.lines


def test_every_source_that_went_wrong_is_told(digests: Digests) -> None:
    layout = _layout()
    Path("t/file").unlink()
    Path("t/run").unlink()
    os.symlink("file", "t/run")
    with pytest.raises(BuildError) as caught:
        collect(layout, digests.look)
    assert str(caught.value) == (
        "t/file: No such file or directory\n"
        "t/run: became a link while it was packaged; run doit again"
    )


def test_a_template_in_a_tree_is_not_recollected(digests: Digests) -> None:
    listing = Listing.of(collect(_layout(), digests.look))
    write("t.j2", "{{ y }}")
    again = recollect(listing, {"t.j2": signature(os.lstat("t.j2"))}, digests)
    assert again.lines == listing.lines


def test_only_what_changed_is_recollected(digests: Digests) -> None:
    layout = _layout()
    listing = Listing.of(collect(layout, digests.look))
    write("t/file", "longer text")
    again = recollect(listing, {"t/file": signature(os.lstat("t/file"))}, digests)
    assert again.lines == Listing.of(collect(layout, digests.look)).lines
    assert [listing[at].source for at in again.edit.numbers] == ["t/file"]
    assert again.edit.basis == listing.content


@pytest.mark.parametrize("name", ['a"b', "b", '"', "\\\\", "ä", "a, b"])
def test_a_source_is_found_by_its_name_whatever_that_is(name: str) -> None:
    names = ['a"b', "b", '"', "\\\\", "ä", "a, b", "", 'c"b']
    entry = Entry("p", "file", 0o644, "root", "root")
    listing = Listing.of(Collected(entry, each, template=False) for each in names)
    assert [each.source for each in listing.taken_from([name]).values()] == [name]
