"""Boundaries that depend on what lies around them, and on nothing else."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.tar.chunking import LEVELS, MAX, MIN, TARGET, boundaries, joined, pieces

Members = list[tuple[str, int]]
lengths = st.integers(1, 12 * MAX // 8)
members = st.lists(lengths, max_size=60).map(
    lambda sizes: [(f"lib/{number}", size) for number, size in enumerate(sizes)]
)


def groups(of: Members) -> list[Members]:
    return [of[group] for group in boundaries(of)]


def size(group: Members) -> int:
    return sum(length for _, length in group)


def tree(count: int = 20_000, seed: int = 1) -> Members:
    draw = random.Random(seed)
    return [(f"lib/{number:06}.py", 512 + draw.randrange(12_000)) for number in range(count)]


@given(members)
def test_every_member_is_in_one_group_and_in_order(made: Members) -> None:
    assert [member for group in groups(made) for member in group] == made


@given(members)
def test_no_group_exceeds_the_maximum_unless_one_member_alone_does(made: Members) -> None:
    assert all(size(group) <= MAX or len(group) == 1 for group in groups(made))


@given(members)
def test_a_group_ends_below_the_minimum_only_where_the_next_would_not_fit(made: Members) -> None:
    cut = groups(made)
    for group, following in pairwise(cut):
        assert size(group) >= MIN or size(group) + following[0][1] > MAX


def test_groups_are_about_the_target() -> None:
    cut = groups(tree())
    assert 0.7 * TARGET < sum(map(size, cut)) / len(cut) < 1.3 * TARGET


def test_an_edit_disturbs_its_own_group_and_hardly_another() -> None:
    made, draw = tree(8000), random.Random(2)
    before = {tuple(group) for group in groups(made)}
    new = []
    for _ in range(30):
        edited, at = list(made), draw.randrange(len(made))
        edited[at : at + draw.randrange(2)] = [(f"{made[at][0]}.new", 5000)] * draw.randrange(2)
        new.append(len({tuple(group) for group in groups(edited)} - before))
    assert max(new) <= 5
    assert sum(new) / len(new) < 2


def test_no_member_makes_no_group() -> None:
    assert groups([]) == []


def test_a_group_that_is_too_large_is_cut_in_pieces_of_the_maximum() -> None:
    assert list(pieces(2 * MAX + 5)) == [
        slice(0, MAX),
        slice(MAX, 2 * MAX),
        slice(2 * MAX, 2 * MAX + 5),
    ]
    assert list(pieces(5)) == [slice(0, 5)]


def test_boundaries_are_part_of_the_format() -> None:
    # What moves them makes every chunk of every package new: it must not happen unnoticed.
    made = [(f"lib/{number:04}.py", 4096) for number in range(800)]
    assert [group.stop for group in boundaries(made)] == [343, 800]


@given(members, st.sampled_from([0, 1, 2]))
def test_every_group_is_in_one_chunk_of_each_level_and_in_order(made: Members, level: int) -> None:
    told = [(group[-1][0], size(group)) for group in groups(made)]
    cut = joined(told, level)
    assert [group for some in cut for group in told[some]] == told
    assert all(size(told[some]) <= LEVELS[level].max or len(told[some]) == 1 for some in cut)


def test_chunks_of_each_level_are_about_their_target() -> None:
    told = [(group[-1][0], size(group)) for group in groups(tree(30_000))]
    for level, (_, target, _) in enumerate(LEVELS):
        cut = joined(told, level)
        mean = sum(size(told[some]) for some in cut) / len(cut)
        assert 0.7 * target < mean < 1.3 * target


def test_an_edit_disturbs_few_chunks_of_the_largest_level() -> None:
    made, draw = tree(30_000), random.Random(2)
    told = [(group[-1][0], size(group)) for group in groups(made)]
    before = {tuple(told[some]) for some in joined(told, 2)}
    new = []
    for _ in range(8):
        edited, at = list(made), draw.randrange(len(made))
        edited[at] = (f"{made[at][0]}.new", 5000)
        told = [(group[-1][0], size(group)) for group in groups(edited)]
        new.append(len({tuple(told[some]) for some in joined(told, 2)} - before))
    assert max(new) <= 6
    assert sum(new) / len(new) < 3
