"""The manifest: one spelling, and nothing in it that would not be sound."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import RESERVED, Entry, owner_fault, path_fault
from provisioning.artifact.model.manifest import Manifest, read_plain
from provisioning.artifact.model.package import plain
from provisioning.errors import ArtifactError

from .making import PACKAGE, Item, directory, file, link, manifest_of

SHA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
FOO_ROW = (
    f'{{"digest":"{SHA}","group":"root","mode":"0640","owner":"root","path":"etc/x",'
    '"size":3,"type":"file"},'
)
SAME = ".Provisioning: is the same path as .provisioning where case and accents do not count"
NEITHER = f"a: its owner a b {owner_fault('a b')}"
FILE: dict[str, Any] = {
    "digest": SHA, "group": "root", "mode": "0644", "owner": "root", "path": "a", "size": 3,
    "type": "file",
}  # fmt: skip
LINK: dict[str, Any] = {
    "group": "root", "link": "a", "owner": "root", "path": "b", "type": "link",
}  # fmt: skip


def spelt(*rows: dict[str, Any], **package: Any) -> bytes:
    head = {"package": {**plain(PACKAGE), **package}}
    return canonical.dump(manifest._FORM, head, rows)


def fault(data: bytes) -> str:
    with pytest.raises(ArtifactError) as caught:
        manifest.parse(data, "m.json")
    return str(caught.value)


texts = st.text(st.characters(codec="utf-8"), max_size=20)
owned = {"path": texts, "mode": st.integers(0, 0o7777), "owner": texts, "group": texts}
anything = st.one_of(
    st.builds(Entry, type=st.just("dir"), **owned),
    st.builds(Entry, type=st.just("link"), link=texts, **owned),
    st.builds(
        Entry,
        type=st.just("file"),
        digest=st.just(SHA),
        size=st.integers(0, 1 << 53),
        conffile=st.booleans(),
        **owned,
    ),
)


def row(entry: Entry) -> dict[str, Any]:
    """What the line of an entry says, as Design 001 tells it."""
    keys = {
        "file": ["size", "digest", "mode"] + ["conffile"] * entry.conffile,
        "dir": ["mode"],
        "link": ["link"],
    }
    said = {
        key: getattr(entry, key) for key in ("path", "type", "owner", "group", *keys[entry.type])
    }
    return {**said, "mode": f"{entry.mode:04o}"} if "mode" in said else said


@given(st.lists(anything, max_size=4), st.lists(anything, max_size=4))
def test_entries_are_spelt_as_json_with_sorted_keys(one: list[Entry], two: list[Entry]) -> None:
    assert manifest.dump(Manifest(PACKAGE, (*one, *two))) == spelt(*map(row, one + two))
    runs = [manifest.lines(run) for run in (one, two) if run]
    assert manifest.join(PACKAGE, runs) == spelt(*map(row, one + two))


def test_a_manifest_is_one_entry_a_line() -> None:
    items = (directory("etc"), file("etc/x", b"foo", mode=0o640), link("y", "etc/x"))
    head, *rows, last = manifest_of(items).decode().splitlines()
    assert head.startswith('{"format":"doit-provisioning/manifest/1","package":{"arch":"arm64",')
    assert head.endswith('"version":"1.4.2"},"entries":[')
    assert rows == [
        '{"group":"root","mode":"0755","owner":"root","path":"etc","type":"dir"},',
        FOO_ROW,
        '{"group":"root","link":"etc/x","owner":"root","path":"y","type":"link"}',
    ]
    assert last == "]}"


def test_a_manifest_is_ordinary_json() -> None:
    data = manifest_of([file("größe", b"foo")])
    assert json.loads(data)["entries"][0]["path"] == "größe"


def test_a_package_may_be_empty() -> None:
    data = manifest_of([])
    assert manifest.parse(data, "m.json") == Manifest(PACKAGE, ())


names = st.text(min_size=1, max_size=8).filter(
    lambda name: not path_fault(name) and "/" not in name
)
entries = st.builds(
    Entry,
    path=names,
    type=st.just("file"),
    mode=st.integers(0, 0o7777),
    owner=st.sampled_from(["root", "0", "2097151", "_www"]),
    group=st.sampled_from(["root", "12"]),
    size=st.integers(0, 2**53),
    digest=st.just(SHA),
    link=st.just(""),
    conffile=st.booleans(),
)


@given(st.lists(entries, max_size=4, unique_by=lambda entry: manifest.collision_key(entry.path)))
def test_what_is_dumped_is_parsed_as_it_was(made: list[Entry]) -> None:
    whole = Manifest(PACKAGE, tuple(sorted(made)))
    assert manifest.parse(manifest.dump(whole), "m.json") == whole


ITEMS = (
    directory("etc"),
    file("etc/x", b"foo", mode=0o640),
    file("größe", b"1"),
    link("y", "etc/x"),
)


@pytest.mark.parametrize("more", [(), (file("a", b"new"),), (link("z", "y"), directory("zz"))])
def test_what_another_manifest_holds_too_is_taken_from_there(more: tuple[Item, ...]) -> None:
    data = manifest_of(ITEMS)
    known = manifest.by_line(data, manifest.parse(data, "m.json"))
    other = manifest_of((*ITEMS[:3], *more, file("größer", b"2")))
    found = manifest.parse(other, "m.json", known)
    assert found == manifest.parse(other, "m.json")
    assert [entry for entry in found.entries if any(entry is each for each in known.values())] == [
        item.entry for item in ITEMS[:3]
    ]


def test_what_is_known_by_its_line_still_has_its_place() -> None:
    data = manifest_of(ITEMS)
    known = manifest.by_line(data, manifest.parse(data, "m.json"))
    twice = data.replace(FOO_ROW.encode(), b"%b\n%b" % (FOO_ROW.encode(), FOO_ROW.encode()))
    with pytest.raises(ArtifactError, match=r"^m.json: etc/x: duplicate or unsorted path$"):
        manifest.parse(twice, "m.json", known)
    with pytest.raises(ArtifactError, match=r"^m.json: etc/x: its directory is not listed before"):
        manifest.parse(manifest_of(ITEMS[1:]), "m.json", known)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "../x"}, "../x: leaves the package (..)"),
        ({"path": ".Provisioning"}, SAME),
        ({"path": "no/where"}, "no/where: its directory is not listed before it"),
        ({"mode": "644"}, 'a: mode 644 is not four octal digits, like "0644"'),
        ({"mode": "0648"}, 'a: mode 0648 is not four octal digits, like "0644"'),
        ({"mode": 420}, "a: does not have exactly the fields of its type"),
        ({"size": True}, "a: does not have exactly the fields of its type"),
        ({"size": 1.5}, "a: does not have exactly the fields of its type"),
        ({"size": -1}, "a: size -1 is not between 0 and 2**53"),
        ({"size": 2**53 + 1}, "a: size 9007199254740993 is not between 0 and 2**53"),
        ({"digest": SHA.upper()}, "a: its digest is not a SHA-256 in hexadecimal"),
        ({"owner": "a b"}, NEITHER),
        ({"group": "9999999"}, "a: its group 9999999 is a number above 2097151"),
        ({"type": "fifo"}, "a: does not have exactly the fields of its type"),
        ({"type": ["file"]}, "a: does not have exactly the fields of its type"),
        ({"new": "x"}, "a: does not have exactly the fields of its type"),
        ({"conffile": False}, "a: conffile must be true, and only a file can have it"),
        ({"path": 5}, "5: does not have exactly the fields of its type"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_sound_is_refused(changes: dict[str, Any], message: str) -> None:
    row = {**FILE, **changes}
    assert fault(spelt(row)) == f"m.json: {message}"
    assert (
        fault(spelt(row, {**FILE, "path": "zz"})) == f"m.json: {message}"
    )  # not the last: quickly


def test_a_directory_that_is_not_sound_is_refused() -> None:
    row = {**LINK, "type": "dir", "mode": "0755"}
    del row["link"]
    after = {**FILE, "path": "zz"}
    assert fault(spelt({**row, "path": ".."}, after)) == "m.json: ..: leaves the package (..)"
    assert fault(spelt({**row, "owner": "a b", "path": "a"}, after)) == f"m.json: {NEITHER}"
    assert fault(spelt({**row, "mode": "0888"}, after)) == (
        'm.json: b: mode 0888 is not four octal digits, like "0644"'
    )


def test_a_link_that_leaves_the_package_is_refused() -> None:
    assert fault(spelt({**LINK, "link": "../x"})) == (
        "m.json: b: its target ../x leaves the package (..)"
    )


def test_only_a_file_can_be_a_conffile() -> None:
    assert fault(spelt({**LINK, "conffile": True})) == (
        "m.json: b: conffile must be true, and only a file can have it"
    )


def test_a_missing_key_is_refused() -> None:
    row = {key: value for key, value in FILE.items() if key != "mode"}
    assert fault(spelt(row)) == "m.json: a: does not have exactly the fields of its type"


@pytest.mark.parametrize("paths", ["aa", "ba"])
def test_each_path_stands_once_and_in_order(paths: str) -> None:
    rows = ({**FILE, "path": path} for path in paths)
    assert fault(spelt(*rows)) == f"m.json: {paths[1]}: duplicate or unsorted path"


def test_paths_that_some_file_system_takes_for_one_are_refused() -> None:
    assert fault(spelt({**FILE, "path": "README"}, {**FILE, "path": "readme"})) == (
        "m.json: readme: is the same path as README where case and accents do not count"
    )


def test_nothing_lies_in_a_file_or_a_link() -> None:
    for holder in (FILE, {**LINK, "path": "a", "link": "."}):
        rows = (holder, {**FILE, "path": "a/b"})
        assert fault(spelt(*rows)) == "m.json: a/b: its directory is not listed before it"


@pytest.mark.parametrize("key", ["name", "version", "platform", "os", "arch"])
@pytest.mark.parametrize("value", ["", "..", "a/b", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(key: str, value: str) -> None:
    assert "is not a valid name, version, platform, os or arch" in fault(spelt(**{key: value}))


def test_a_package_holds_text_and_nothing_else() -> None:
    assert fault(spelt(name=5)) == "m.json: line 1: package.name is not text"
    assert "does not have exactly the fields" in fault(spelt(new="x"))


ROWS = [
    FOO_ROW,
    FOO_ROW.replace("{", '{"conffile":true,'),
    '{"group":"root","mode":"0755","owner":"root","path":"etc","type":"dir"},',
]
edits = st.text(st.sampled_from(FOO_ROW + 'é\\"\x7f0123'), max_size=3)


@given(st.sampled_from(ROWS), st.integers(0, len(FOO_ROW) - 2), st.integers(0, 2), edits)
def test_an_entry_that_is_read_quickly_is_what_it_would_be_read_as(
    row: str, at: int, removed: int, put: str
) -> None:
    row = row[:at] + put + row[at + removed : -1]
    before, quickly, _ = read_plain([ROWS[0][:-1], row, ROWS[1][:-1]])
    last = f"{row}\n".encode()  # the last line is never read quickly
    head = spelt().partition(b"\n")[0] + b"\n"
    try:
        _, (slowly,) = canonical.parse(head + last + b"]}\n", manifest._FORM, "m")
        wanted = manifest._sound(slowly, "m")
    except ArtifactError:
        assert quickly is None
    else:
        assert quickly in {None, wanted}
        assert before in {None, Entry("etc/x", "file", 0o640, "root", "root", 3, SHA)}


def test_plain_entries_are_read_quickly() -> None:
    entries = read_plain([row[:-1] for row in ROWS])
    assert [manifest.line(entry) for entry in entries if entry] == [row[:-1] for row in ROWS]


paths = st.sampled_from(["a", "A", "a/b", "a/B", "a/b/c", "b", "e\u0301", "\u00e9", RESERVED])


@given(st.lists(st.tuples(paths, st.sampled_from(["file", "dir"])), max_size=6), st.booleans())
def test_where_entries_may_lie_is_told_alike_at_once_and_one_by_one(
    places: list[tuple[str, str]], is_sorted: bool
) -> None:
    entries = [Entry(path, kind, 0o755, "root", "root") for path, kind in places]
    entries = sorted(entries) if is_sorted else entries
    tree = manifest._SeenPaths()
    try:
        for entry in entries:
            tree.add(entry)
    except ValueError:
        assert not manifest._is_tree(entries)
    else:
        assert manifest._is_tree(entries)


def test_of_several_faults_the_first_is_told() -> None:
    rows = [FILE, {**FILE, "path": "b"}, {**FILE, "path": "a"}, {**FILE, "path": "c", "size": -1}]
    assert fault(spelt(*rows)) == "m.json: a: duplicate or unsorted path"
    assert fault(spelt(*rows[:2], *rows[:1:-1])) == "m.json: c: size -1 is not between 0 and 2**53"
    data = spelt(*rows).replace(b'"path":"c"', b'"path": "c"')
    assert fault(data) == "m.json: a: duplicate or unsorted path"
