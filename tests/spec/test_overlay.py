from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provisioning.spec.load import parse
from provisioning.spec.node import Mapping, Node, Origin, Scalar, Sequence, plain
from provisioning.spec.overlay import merge

HERE = Origin(file="a.yaml", line=1, column=1)


def read(text: str) -> Mapping:
    node = parse(text, "a.yaml", [])
    assert isinstance(node, Mapping)
    return node


def merged(*texts: str) -> object:
    node = read(texts[0])
    for text in texts[1:]:
        node = merge(node, read(text))
    return plain(node)


def node_of(data: object) -> Node:
    if isinstance(data, dict):
        return mapping_of(data)
    if isinstance(data, list):
        return Sequence(items=tuple(map(node_of, data)), origin=HERE)
    assert data is None or isinstance(data, (int, str))
    return Scalar(value=data, origin=HERE, text=str(data), quoted=False)


def mapping_of(data: dict[str, object]) -> Mapping:
    items = {key: node_of(item) for key, item in data.items()}
    return Mapping(items=items, keys=dict.fromkeys(items, HERE), origin=HERE)


SCALARS = st.integers() | st.text(max_size=3)
# A key's kind is the same in every document, as it is in specs of one schema.
INNER = st.fixed_dictionaries({}, optional=dict.fromkeys("pq", SCALARS))
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": SCALARS,
        "variables": st.fixed_dictionaries({}, optional={"a": SCALARS, "m": INNER}),
        "formats": st.lists(SCALARS, max_size=3),
        "contents": st.lists(INNER, max_size=3),
    },
).map(mapping_of)


def test_maps_merge_by_key_and_the_later_value_wins() -> None:
    assert merged("{m: {a: 1, b: 1}}", "{m: {b: 2, c: 2}}") == {"m": {"a": 1, "b": 2, "c": 2}}


def test_scalars_and_lists_replace() -> None:
    assert merged("{a: 1, l: [1, 2]}", "{a: 2, l: [3]}") == {"a": 2, "l": [3]}


def test_contents_append() -> None:
    assert merged("contents: [1]", "contents: [2]", "contents: [3]") == {"contents": [1, 2, 3]}


def test_a_variable_that_is_called_contents_is_replaced() -> None:
    text = "variables: {contents: [%s]}"
    assert merged(text % 1, text % 2) == {"variables": {"contents": [2]}}


def test_a_map_and_a_scalar_replace_each_other() -> None:
    assert merged("{a: {b: 1}, c: 1}", "{a: 2, c: {d: 2}}") == {"a": 2, "c": {"d": 2}}


def test_origins_travel_along() -> None:
    node = merge(read("{a: 1, b: 1}"), read("{   b: 2}"))
    assert (node.keys["a"].column, node.keys["b"].column) == (2, 5)
    assert node.items["b"].origin.column == 8


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_it_does_not_matter_which_two_are_merged_first(a: Mapping, b: Mapping, c: Mapping) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(DOCUMENTS)
def test_nothing_is_neutral(a: Mapping) -> None:
    nothing = mapping_of({})
    assert merge(a, nothing) == merge(nothing, a) == a


@given(DOCUMENTS, DOCUMENTS)
def test_merging_changes_neither(a: Mapping, b: Mapping) -> None:
    before = plain(a), plain(b)
    merge(a, b)
    assert (plain(a), plain(b)) == before
