"""The schema for editors says what the reader says, judged by check-jsonschema."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cerberus import Validator
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.resolve.data_files import node_of
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.schema import rules, schema
from provisioning.spec.schema.check import check
from provisioning.spec.yaml.node import Mapping, Origin, plain
from provisioning.spec.yaml.reader import parse_map
from tests.spec.conftest import HEAD, write
from tests.spec.test_golden import GOLDEN, codes, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "specs" / "spec.schema.json"
GREENHOUSE = ROOT / "doc" / "tutorial" / "greenhouse" / "specs"
SHIPPED = sorted(
    path
    for place in (ROOT / "provisioning" / "platforms", ROOT / "specs", GREENHOUSE)
    for path in place.rglob("*.yaml")
)
STRUCTURAL = {
    "unknown-key",
    "missing-key",
    "content-kind",
    "idle-key",
    "wrong-type",
    "unquoted-mode",
    "unquoted-text",
    "empty",
    "version-source",
}
BY_RULE = {
    each.code
    for each in (*vars(rules).values(), *vars(rules).values())
    if isinstance(each, rules.Rule) and (each.pattern or each.known)
}
# What no schema of one file can see: an overlay adds its source of a version to that of the spec.
BEYOND_ONE_FILE = {"version-source/specs/c.yaml"}


def refused(files: list[Path]) -> set[Path]:
    """Those of `files` that check-jsonschema refuses; it must be able to read all of them."""
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(COMMITTED)]
    result = subprocess.run(
        [*command, "--output-format", "json", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout, result.stderr
    found = json.loads(result.stdout)
    assert not found.get("parse_errors")
    return {Path(each["filename"]) for each in found.get("errors", ())}


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path, set[str]]]:
    """Each YAML file of the golden texts: its name, where it lies, the codes of its faults.

    Left out is what only a reader can judge, such as text made to exhaust or confuse one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISIONING_TEST_PASSWORD", "hunter2")
        return list(read_golden(tmp_path_factory.mktemp("golden")))


def read_golden(root: Path) -> Iterator[tuple[str, Path, set[str]]]:
    for path in GOLDEN:
        files = sections(path.read_bytes().decode("utf-8", "surrogateescape"))
        write(root / path.stem, files)
        given_ = dict(line.split("=") for line in files.get("given", "").splitlines())
        faults = read_project(Inputs(root / path.stem, given_)).diagnostics
        for name in files:
            if re.match(r"specs/.*\.yaml$", name):
                told = {fault.code for fault in faults if fault.origin.file == name}
                if not told or told & (STRUCTURAL | BY_RULE):
                    yield f"{path.stem}/{name}", root / path.stem / name, told


def test_the_committed_schema_is_the_one_that_is_made() -> None:
    made = schema.json_schema()
    hint = "run `provision spec --schema > specs/spec.schema.json`, and copy it to the greenhouse"
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == made, hint
    assert (GREENHOUSE / COMMITTED.name).read_bytes() == COMMITTED.read_bytes(), hint


def test_the_schema_is_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--check-metaschema", str(COMMITTED)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_shipped_file_begins_by_naming_the_schema(path: Path) -> None:
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    relative = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / relative).resolve().read_bytes() == COMMITTED.read_bytes()


def test_each_shipped_file_is_accepted() -> None:
    assert len(SHIPPED) > 6
    assert refused(SHIPPED) == set()


def test_every_structural_code_is_on_the_list() -> None:
    assert set(codes("check.py")) == STRUCTURAL | {"ambiguous"}  # which no schema can tell
    assert len(BY_RULE) == 25


def test_each_golden_file_with_a_structural_fault_is_refused(
    golden: list[tuple[str, Path, set[str]]],
) -> None:
    no = refused([path for _, path, _ in golden])
    structural = {name: path for name, path, told in golden if told & STRUCTURAL}
    assert len(structural) > 10
    assert {name for name, path in structural.items() if path not in no} == BEYOND_ONE_FILE
    assert {name for name, path, told in golden if path in no and not told} == set()


def test_each_golden_file_that_breaks_a_rule_is_refused(
    golden: list[tuple[str, Path, set[str]]],
) -> None:
    files = {path: told & BY_RULE for _, path, told in golden}
    breaking = [path for path, codes_ in files.items() if codes_]
    assert set().union(*files.values()) == BY_RULE
    assert refused(breaking) == set(breaking)


def kind_of_file(data: dict[str, Any]) -> schema.Schema:
    if data.keys() & {"name", "version", "platforms"}:
        return schema.SPEC
    return schema.PLATFORM if "platform" in data else schema.FRAGMENT


def structure_alone(made: Any) -> Any:
    """The schema without what `check` leaves to others.

    These are the rules that texts must keep, and that a version has one source at most.
    """
    if isinstance(made, list):
        return [structure_alone(each) for each in made]
    if not isinstance(made, dict):
        return made
    if "properties" in made:  # by names, which may be words of JSON Schema too
        named = {name: structure_alone(each) for name, each in made["properties"].items()}
        rest = {key: each for key, each in made.items() if key != "properties"}
        return {**structure_alone(rest), "properties": named}
    is_choice = any("enum" in each for each in made.get("anyOf", ()))
    dropped = {"pattern", "propertyNames", "minimum", "maximum", "maxProperties"}
    dropped |= {"anyOf"} if is_choice else set()
    return {key: structure_alone(each) for key, each in made.items() if key not in dropped}


STRUCTURE = Draft7Validator(structure_alone(schema.json_schema()))
WHOLE = Draft7Validator(schema.json_schema())


def is_sound(data: dict[str, Any]) -> bool:
    """Whether the reader's schema has nothing against `data`."""
    faults = Diagnostics()
    node = node_of(data, Origin(file="a.yaml", line=1, column=1), literal=False)
    check(node, kind_of_file(data), faults)
    return not faults


def literals() -> Iterator[str]:
    """Every text in the tests of specs and of the plugin."""
    for path in sorted([*ROOT.glob("tests/spec/*.py"), *ROOT.glob("tests/plugin/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@cache
def maps() -> dict[str, dict[str, Any]]:
    """Those of the texts that YAML reads as a map of keys, alone or after the usual head."""
    found = {}
    for text in dict.fromkeys(whole for each in literals() for whole in (each, HEAD + each)):
        faults = Diagnostics()
        node = parse_map(text, "a.yaml", faults) if ":" in text else None
        if isinstance(node, Mapping) and not faults:
            found[text] = plain(node)
    return found


def test_both_agree_on_the_structure_of_each_text_of_the_tests() -> None:
    found = maps()
    sound = {text for text, data in found.items() if is_sound(data)}
    assert {text for text, data in found.items() if STRUCTURE.is_valid(data)} == sound
    assert len(sound) > 50
    assert len(found) - len(sound) > 50


def test_each_good_spec_of_the_tests_is_accepted(tmp_path: Path) -> None:
    good = 0
    for text, data in maps().items():
        if kind_of_file(data) is not schema.SPEC or not is_sound(data):
            continue
        write(tmp_path, {"specs/app.yaml": text})
        if not read_project(Inputs(tmp_path)).diagnostics:
            good += 1
            assert WHOLE.is_valid(data), text
    assert good > 20


HERE = {"only": "linux", "except": ["a", "b"]}
OVERLAY: dict[str, Any] = {
    "system": {"release": "bookworm", "glibc": "2.36", "python": "3.11"},
    "prefix": "/opt/x",
    "formats": ["tar.gz"],
    "compression": {"tar.gz": "gzip:9"},
    "debian": {
        "section": "net",
        "priority": "optional",
        "homepage": "https://example.org",
        **{key: ["a1 (>= 1) | b2:any"] for key in ("pre_depends", "depends", "recommends")},
        **{key: ["a1"] for key in ("suggests", "enhances", "conflicts", "breaks", "replaces")},
        "provides": ["a1 (= 1)"],
        "revision": "deb12",
        "changelog": "a",
        "copyright": "b",
    },
    "mtime": "content",
    "service_manager": "systemd",
    "defaults": {"owner": "root", "group": "0", "file_mode": "0644", "dir_mode": "755"},
    "variables": {"a": {"b": None}},
    "secrets": {"c": "{{ env.C }}"},
    "summary": "s",
    "license": "l",
    "maintainer": "m",
    "version": {"file": "VERSION"},
    "variables_from": ["a.yaml"],
    "secrets_from": [],
    "contents": [
        {"src": "a", "dst": "b", "mode": "0644", "exclude": ["x"], "optional": True, **HERE},
        {"src": "a", "dst": "f", "foreign": True},
        {"template": "a", "dst": "c", "owner": "root", "group": "root", "conffile": False},
        {"link": "a", "dst": "d"},
        {"dir": "e", "mode": "0700"},
        {"python": "pylock.toml", "dst": "l/", "scripts": "all", "extras": ["x"], "groups": ["d"]},
        {"python": "a.txt", "dst": "m/", "scripts": ["a"], "wheels": "w/", "exclude": ["x"]},
        {"include": "f.yaml", **HERE},
        {"remove": "b"},
    ],
    "services": {
        "a": {"exec": "b", "restart": None, "user": "u", "group": "g", "environment": {"E": None}},
        "b": None,
        "c": {"directory": "d", "health": {"http": "http://a/b", "within": 9}, **HERE},
        "d": {"health": {"tcp": 80, "command": None, "uptime": "{{ n }}"}},
        "e": {"directory": None, "health": None},
    },
    "device": {"A": None, "B": {"pattern": "x", "secret": True, "summary": "s"}, "C": {}},
    "hooks": {
        "pre_install": "a",
        "post_install": {"run": "b", "timeout": 9, **HERE},
        "pre_remove": None,
    },
}
FILES = {
    "spec": {
        **OVERLAY,
        "name": "app",
        "x-mine": [1],
        "platforms": {"a": OVERLAY, "b": None, "c": {"version": "1"}, "d": {}},
    },
    "platform": {
        **{key: OVERLAY[key] for key in schema.PLATFORM if key in OVERLAY},
        "platform": "pi",
        **dict.fromkeys(("extends", "os", "arch"), "linux"),
    },
    "fragment": {"contents": OVERLAY["contents"]},
}
KEYS = sorted({*schema._KEYS, "x-mine", "scr"})
VALUES = st.sampled_from(["", "a", 1, True, None, [], {}, ["a"], [None], {"a": "b"}, {"run": "a"}])


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_with_every_key_is_accepted(data: dict[str, Any]) -> None:
    assert is_sound(data)
    assert list(WHOLE.iter_errors(data)) == []
    assert set(kind_of_file(data)) <= set(data)


@pytest.mark.parametrize(
    "change",
    [{"name": "{{ x }}"}, {"services": {"My App": None}}, {"platforms": {"{{ x }}": None}}],
    ids=str,
)
def test_a_name_has_no_placeholder_and_a_key_can_be_a_name(change: dict[str, Any]) -> None:
    assert not WHOLE.is_valid({**FILES["spec"], **change})


@pytest.mark.parametrize("key", ["service_manager", "version", "prefix", "summary"])
def test_any_other_text_can_hold_a_placeholder(key: str) -> None:
    assert WHOLE.is_valid({**FILES["spec"], key: "a {{ x }}"})


def test_both_agree_wherever_a_key_is_taken_away() -> None:
    for number, key in places(FILES["spec"], list):
        edited = deepcopy(FILES["spec"])
        del list(containers(edited))[number][key]
        assert STRUCTURE.is_valid(edited) == is_sound(edited), (number, key)


def test_both_agree_on_each_key_that_a_content_does_not_have() -> None:
    others = {"exclude": ["a"], "conffile": True, "optional": True, "foreign": True}
    for number, key in places(FILES["fragment"], lambda part: {*KEYS} - {*part}):
        edited = deepcopy(FILES["fragment"])
        list(containers(edited))[number][key] = others.get(key, "a")
        assert STRUCTURE.is_valid(edited) == is_sound(edited), (number, key)


def places(data: Any, keys: Callable[[dict[str, Any]], Iterable[str]]) -> list[tuple[int, str]]:
    """Each map within `data`, by its number among the containers, with each of `keys` of it."""
    numbered = enumerate(containers(data))
    return [(at, key) for at, part in numbered if isinstance(part, dict) for key in keys(part)]


@given(st.data(), st.sampled_from(sorted(FILES)), st.integers(1, 3))
def test_both_agree_on_whatever_becomes_of_it(data: Any, kind: str, edits: int) -> None:
    edited = deepcopy(FILES[kind])
    for _ in range(edits):
        edit(edited, data)
    assert STRUCTURE.is_valid(edited) == is_sound(edited), edited


def edit(root: dict[str, Any], data: Any) -> None:
    """Add, replace or take away something, somewhere in `root`."""
    place = data.draw(st.sampled_from(list(containers(root))))
    key = data.draw(st.sampled_from(sorted({*place, *KEYS}) if isinstance(place, dict) else [0]))
    if isinstance(place, list):
        place.insert(key, deepcopy(data.draw(VALUES)))
    elif key in place and data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = deepcopy(data.draw(VALUES))


def containers(node: Any) -> Iterator[Any]:
    """Every map and list within `node`."""
    if isinstance(node, (dict, list)):
        yield node
        for inner in node.values() if isinstance(node, dict) else node:
            yield from containers(inner)


def test_every_key_is_explained_and_nothing_else() -> None:
    keys = {
        key
        for part in containers(WHOLE.schema)
        if isinstance(part, dict)
        for key, rule in part.get("properties", {}).items()
        if rules is not False
    }
    assert keys == {name.partition(" of ")[0] for name in schema._KEYS}


def keys_of(rule: schema.Schema) -> Iterator[tuple[str, schema.Schema]]:
    """Each key with a name of its own within what `rule` is for, with its own rule."""
    below = rule.get("schema", {})
    if "dict" in rule["type"]:
        for key, each in below.items():
            yield key, each
            yield from keys_of(each)
        yield from keys_of(rule.get("valuesrules", {"type": ""}))
    elif below:
        yield from keys_of(below)


PLACED = [
    (key, rule, example)
    for made in (schema.SPEC, schema.PLATFORM, schema.FRAGMENT)
    for key, rule in keys_of({"type": "dict", "schema": made})
    for example in schema._KEYS[rule.get("meta", {}).get("key", key)][1]
]


def test_the_reader_takes_every_example_wherever_its_key_may_stand() -> None:
    assert {key for key, _, _ in PLACED} == {name.partition(" of ")[0] for name in schema._KEYS}
    for key, rule, example in PLACED:
        faults = Diagnostics()
        node = node_of({key: example}, Origin(file="a.yaml", line=1, column=1), literal=False)
        check(node, {key: rule}, faults)
        assert not faults, (key, example)
        said = rule.get("meta", {}).get("rule")
        assert not said or not isinstance(example, str) or not said.reason(example), (key, example)


def test_the_schema_for_editors_takes_every_example_of_its_own() -> None:
    definitions = WHOLE.schema["definitions"]
    described = [part for part in containers(WHOLE.schema) if "examples" in part]
    assert len(described) > 100
    for part in described:
        own = Draft7Validator({**part, "definitions": definitions})
        for example in part["examples"]:
            assert own.is_valid(example), (part["description"], example)


@pytest.mark.parametrize("made", [schema.SPEC, schema.PLATFORM, schema.FRAGMENT])
def test_each_schema_is_one_to_cerberus(made: dict[str, Any]) -> None:
    Validator({key: _without_checks(rule) for key, rule in made.items()})


def _without_checks(rule: Any) -> Any:
    """A rule without what `check` adds to cerberus: the methods by the names in `check_with`."""
    if isinstance(rule, dict):
        return {key: _without_checks(each) for key, each in rule.items() if key != "check_with"}
    return rule
