from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.resolve.layers import merge, stack
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, Sequence, marked, plain
from provisioning.spec.yaml.reader import parse
from tests.spec.conftest import load_variants, write

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.model.variant import Variant

Plain: TypeAlias = dict[str, Any]

HERE = Origin(file="a.yaml", line=1, column=1)


def read(text: str) -> Mapping:
    node = parse(text, "a.yaml", Diagnostics())
    assert isinstance(node, Mapping)
    return node


def merged(*texts: str) -> object:
    node = read(texts[0])
    for text in texts[1:]:
        node = merge(node, read(text))
    return plain(node)


def stacked(*texts: str) -> object:
    faults = Diagnostics()
    node = stack(map(read, texts), faults)
    assert faults == []
    return plain(node)


def node_of(data: object) -> Node:
    if isinstance(data, dict):
        return mapping_of(data)
    if isinstance(data, list):
        return Sequence(items=tuple(map(node_of, data)), origin=HERE)
    assert data is None or isinstance(data, (int, str))
    return Scalar(value=data, origin=HERE, text=str(data), quoted=False)


def mapping_of(data: Plain) -> Mapping:
    items = {key: node_of(item) for key, item in data.items()}
    return Mapping(items=items, keys=dict.fromkeys(items, HERE), origin=HERE)


SCALARS = st.integers() | st.text("ab 1", max_size=3)
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

# A variable's kind may be another in each layer; None removes.
VALUES = SCALARS | st.dictionaries(st.sampled_from("pq"), SCALARS)
NAMES = st.dictionaries(st.sampled_from("abm"), VALUES).map(mapping_of)
REMOVALS = SCALARS | st.none()
LAYERS = st.dictionaries(
    st.sampled_from("abm"), REMOVALS | st.dictionaries(st.sampled_from("pq"), REMOVALS)
)

LOG = {"specs/fragments/log.yaml": "contents: [{dir: var/log}]"}
MORE = {"config/more.json": '{"m": {"q": 3}, "b": null}'}
BASE = """
name: app
version: "1"
variables: {a: 1, m: {p: 1}}
contents: [{src: src/, dst: lib/app/}, {dir: var, only: linux}]
services: {app: {exec: bin/app, environment: {A: "1"}}}
hooks: {pre_install: hooks/check.sh}
"""
ITEMS: list[Plain] = [
    {"remove": "lib/app/"},
    {"include": "specs/fragments/log.yaml"},
    {"dir": "var/cache", "except": "linux"},
    {"template": "a.j2", "dst": "etc/a", "only": ["raspberry-pi"]},
]
OVERLAYS = st.fixed_dictionaries(
    {},
    optional={
        "version": st.just("2"),
        "prefix": st.just("/srv/{{ name }}"),
        "service_manager": st.just("systemd"),
        "defaults": st.just({"owner": "app"}),
        "variables_from": st.just(["config/more.json"]),
        "variables": st.sampled_from([{"a": None}, {"a": 2, "b": {}}, {"m": {"p": None, "q": 2}}]),
        "secrets": st.just({"path": "{{ env.PATH }}"}),
        "contents": st.lists(st.sampled_from(ITEMS), unique_by=str),
        "services": st.sampled_from([{"app": None}, {"app": {"environment": None}}]),
        "hooks": st.sampled_from([{"pre_install": None}, {"post_install": "hooks/run.sh"}]),
    },
)

ROOT = """
{platform: root, os: linux, arch: all, formats: [tar.gz], prefix: /opt/app,
service_manager: systemd,
defaults: {owner: root, group: root, file_mode: "0644", dir_mode: "0755"}}
"""
PLATFORMS = st.fixed_dictionaries(
    {"variables": LAYERS},
    optional={
        "arch": st.sampled_from(["arm64", "armhf"]),
        "prefix": st.sampled_from(["/srv/app", "/usr/{{ name }}"]),
        "service_manager": st.just("launchd"),
        "defaults": st.sampled_from([{"owner": "app"}, {"owner": "pi", "group": "pi"}]),
    },
)


def by_hand(layers: list[Plain]) -> tuple[Plain, int]:
    """What builtin maps come to, laid over each other, and how many removals remove nothing."""
    laid: Plain = {}
    counts = [_lay_by_hand(laid, layer) for layer in layers]
    return laid, sum(counts)


def _lay_by_hand(below: Plain, over: Plain) -> int:
    idle = 0
    for key, value in over.items():
        if isinstance(value, dict):
            inner = below.get(key)
            below[key] = dict(inner) if isinstance(inner, dict) else {}
            idle += _lay_by_hand(below[key], value)
        elif value is None and key in below:
            del below[key]
        else:
            idle += value is None
            below[key] = value
    return idle


def variants_of(root: Path, platforms: Plain) -> dict[str, Variant]:
    """The variants of `BASE`; each overlay stands on the same line, whichever others there are."""
    lines = (
        f"  {name}: {json.dumps(platforms[name])}" if name in platforms else ""
        for name in ("mac-mini", "raspberry-pi", "c", "hand")
    )
    write(root, {**LOG, **MORE, "specs/app.yaml": "\n".join([BASE, "platforms:", *lines])})
    return {variant.platform: variant for variant in load_variants(root)}


def anonymous(variant: Variant) -> Variant:
    """All that `variant` is, but for which platform it is of, and in which files that stands."""
    variables = {**variant.variables, "platform": ""}
    return variant._replace(platform="", origin=HERE, variables=variables, said_by=())


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


@pytest.mark.parametrize("middle", ["{a: 5}", "{a: [5]}", "{a: }"])
def test_a_map_between_whose_neighbours_is_something_else_is_where_it_does_matter(
    middle: str,
) -> None:
    first, second, last = read("{a: {b: 1}}"), read(middle), read("{a: {c: 1}}")
    assert plain(merge(merge(first, second), last)) == {"a": {"c": 1}}
    assert plain(merge(first, merge(second, last))) == {"a": {"b": 1, "c": 1}}


def test_an_empty_value_removes_what_lies_below() -> None:
    assert stacked("{a: 1, m: {b: 1, c: 1}, n: {d: 1}}", "{a: , m: {b: }, n: }") == {"m": {"c": 1}}


def test_what_was_removed_can_be_set_again_from_nothing() -> None:
    assert stacked("{m: {a: 1}}", "{m: }", "{m: {b: 1}}") == {"m": {"b": 1}}


def test_an_application_s_own_null_is_a_value() -> None:
    node = marked(read("{a: , m: {b: }}"), literal=True)
    assert isinstance(node, Mapping)
    found: Diagnostics = Diagnostics()
    assert plain(stack([read("{a: 1}"), node], found)) == {"a": None, "m": {"b": None}}
    assert found == []


@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_a_stack_is_what_python_s_own_maps_say(layers: list[Plain]) -> None:
    expected, idle = by_hand(layers)
    faults = Diagnostics()
    assert plain(stack(map(mapping_of, layers), faults)) == expected
    assert len(faults) == idle


@given(st.lists(LAYERS, min_size=2, max_size=4), st.data())
def test_layers_can_be_stacked_from_below_in_parts(
    layers: list[Plain], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(layers) - 1))
    nodes = list(map(mapping_of, layers))
    faults = Diagnostics()
    below = stack(nodes[:cut], faults)
    assert stack([below, *nodes[cut:]], faults) == stack(nodes, Diagnostics())
    assert len(faults) == by_hand(layers)[1]


@given(NAMES, st.data())
def test_to_remove_a_name_is_never_to_have_had_it(below: Mapping, data: st.DataObject) -> None:
    assume(below.items)
    name = data.draw(st.sampled_from(sorted(below.items)))
    above = data.draw(NAMES)
    faults = Diagnostics()
    removed = stack([below, mapping_of({name: None}), above], faults)
    assert removed == stack([below.without(name), above], faults)
    assert faults == []


@given(NAMES, NAMES)
def test_stacking_changes_neither(a: Mapping, b: Mapping) -> None:
    before = plain(a), plain(b)
    stack([a, b, mapping_of(dict.fromkeys(a.items))], Diagnostics())
    assert (plain(a), plain(b)) == before


@given(OVERLAYS, OVERLAYS)
def test_an_overlay_changes_no_other_platform(
    tmp_path_factory: pytest.TempPathFactory, one: Plain, other: Plain
) -> None:
    root = tmp_path_factory.mktemp("project")
    before = variants_of(root, {"mac-mini": {}, "raspberry-pi": one})
    after = variants_of(root, {"mac-mini": other, "raspberry-pi": one})
    assert after["raspberry-pi"] == before["raspberry-pi"]
    assert variants_of(root, {"mac-mini": other})["mac-mini"] == after["mac-mini"]


@given(st.lists(PLATFORMS, min_size=3, max_size=3))
def test_a_chain_of_platforms_is_one_platform_merged_by_hand(
    tmp_path_factory: pytest.TempPathFactory, layers: list[Plain]
) -> None:
    whole, idle = by_hand([plain(read(ROOT)), *layers])
    assume(not idle)
    chain = [
        {"platform": name, "extends": parent, **layer}
        for name, parent, layer in zip("abc", ("root", "a", "b"), layers, strict=True)
    ]
    files = [*chain, {**whole, "platform": "hand"}]
    root = tmp_path_factory.mktemp("project")
    write(root, {f"specs/platforms/{each['platform']}.yaml": json.dumps(each) for each in files})
    write(root, {"specs/platforms/root.yaml": ROOT})
    found = variants_of(root, {"c": {}, "hand": {}})
    assert anonymous(found["c"]) == anonymous(found["hand"])
