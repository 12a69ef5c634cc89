"""Which chunks a build would make is known before: the same ones that it then makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.tar import chunking
from provisioning.builder.archive.pack import forecast, pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import workspace
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.archive.format import Cost
    from provisioning.builder.collect.file_state import Digests

FORMATS = ("tar.gz", "tar.zst", "zip", "deb", "dir")
CONTROL = "control.tar.gz"


def project() -> None:
    write("t/large", "x" * (2 * chunking.MAX))
    for number in range(40):
        write(f"t/many/{number:02}", f"{number}\n" * 30_000)


def both(digests: Digests, **changes: Any) -> tuple[Cost, Cost]:
    """What is foretold, and what it then takes; of the control files of a deb, nothing is."""
    about = {"summary": "Demo", "license": "MIT", "maintainer": "Me <me@example.org>"}
    described = variant(content("src", "t", ""), **{"formats": FORMATS, **about, **changes})
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    before = forecast(layout, place, digests)
    return before, pack(place, Listing.of(collect(layout, digests.look)), digests)


def made(cost: Cost) -> list[Any]:
    return [each._replace(bytes_out=0) for each in cost.made if each.first != CONTROL]


@pytest.mark.parametrize("edited", ["t/many/07", "t/large", "t/new"])
def test_the_chunks_that_are_foretold_are_those_that_are_made(
    digests: Digests, edited: str
) -> None:
    project()
    before, first = both(digests)
    assert list(before.made) == made(first)
    write(edited, "something else\n" * 9)
    before, cost = both(digests)
    assert list(before.made) == made(cost)
    assert 8 <= len(before.made) < len(first.made)
    assert before.chunks_reused == cost.chunks_reused
    assert before.bytes_reused == cost.bytes_reused > 0
    before, cost = both(digests)
    assert (before.made, cost.made) == ((), ())


def test_each_chunk_names_its_members_and_its_format(digests: Digests) -> None:
    project()
    _, cost = both(digests, formats=("tar.gz", "zip"))
    last = {each.format: each.last for each in cost.made if each.members > 1}
    assert last == {"tar.gz": "many/39", "zip": "many/39"}
    parts = [each for each in cost.made if each.first == "large"]
    assert {each.members for each in parts} == {1}
    assert len(parts) >= 4


def test_a_deb_of_one_stream_is_told_as_a_whole(digests: Digests) -> None:
    project()
    before, cost = both(digests, formats=("deb",), compression={"deb": "xz:0"})
    assert before.made == ()
    told = [(each.first, each.last, each.members) for each in made(cost)]
    assert told == [("large", "many/39", 42)]
