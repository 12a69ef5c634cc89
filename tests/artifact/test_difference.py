from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.artifact.difference import (
    ADDED,
    CHANGED,
    REMOVED,
    Change,
    Detail,
    Difference,
    compare,
    details,
    properties,
    spelled,
)
from provisioning.artifact.model.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.model.manifest import Manifest

from .making import PACKAGE, directory, file, link

if TYPE_CHECKING:
    from random import Random

FILE_ENTRY = file("a", b"x").entry


def manifest_with(*entries: Entry, **package: str) -> Manifest:
    return Manifest(PACKAGE._replace(**package), tuple(sorted(entries)))


def told(old: Entry, new: Entry) -> list[str]:
    return [str(detail) for detail in details(old, new)]


def test_equal_manifests_do_not_differ_at_all() -> None:
    difference = compare(manifest_with(FILE_ENTRY), manifest_with(FILE_ENTRY))
    assert difference == Difference((), ())
    assert not any(difference)


def test_what_follows_from_other_differences_is_told_where_there_are_none() -> None:
    one, two = ((("DEBIAN/preinst", digit * 64),) for digit in "12")
    old, new = (
        Manifest(PACKAGE._replace(debian_files=files), (FILE_ENTRY,)) for files in (one, two)
    )
    assert [str(detail) for detail in compare(old, new).head] == [
        "debian_files.DEBIAN/preinst 1111111111111111… → 2222222222222222…"
    ]
    other = new._replace(package=new.package._replace(version="2.0"))
    assert [detail.name for detail in compare(old, other).head] == ["version"]
    assert compare(old, new._replace(entries=())).head == ()


def test_each_path_is_added_removed_or_changed() -> None:
    gone, new = file("gone", b"12").entry, link("new", "a").entry
    other = FILE_ENTRY._replace(mode=0o755)
    difference = compare(manifest_with(FILE_ENTRY, gone), manifest_with(other, new))
    assert difference.changes == (
        Change("a", FILE_ENTRY, other, (Detail("mode", "0644", "0755"),)),
        Change("gone", gone, None),
        Change("new", None, new),
    )
    assert [each.kind for each in difference.changes] == [CHANGED, REMOVED, ADDED]
    assert [each.sizes for each in difference.changes] == [(1, 1), (2, 0), (0, 0)]


def test_each_field_of_an_entry_is_told_with_both_values() -> None:
    new = file("a", b"other", mode=0o4755, owner="pi").entry._replace(conffile=True)
    assert told(FILE_ENTRY, new) == [
        "mode 0644 → 4755",
        "owner root → pi",
        "group root → pi",
        "conffile false → true",
        "content 2d711642b726b044… → d9298a10d1b07358…",
    ]
    assert told(link("a", "b").entry, link("a", "c").entry) == ["link b → c"]


def test_no_field_of_an_entry_is_forgotten() -> None:
    other = Entry("b", LINK, 0o600, "pi", "pi", 2, "0" * 64, "x", conffile=True)
    for field in set(Entry._fields) - {"path", "size"}:  # a size goes with the content
        new = FILE_ENTRY._replace(**{field: getattr(other, field)})
        assert len(told(FILE_ENTRY, new)) == 1, field


def test_another_type_is_told_without_what_one_of_both_cannot_have() -> None:
    assert told(FILE_ENTRY, link("a", "b").entry) == ["type file → link", "link none → b"]
    assert told(FILE_ENTRY, directory("a").entry) == ["type file → dir", "mode 0644 → 0755"]


def test_only_a_file_that_stays_one_holds_other_bytes() -> None:
    others = (file("a", b"y"), directory("a"), file("a", b"x", mode=0o600))
    changes = [compare(manifest_with(FILE_ENTRY), manifest_with(each.entry)) for each in others]
    assert [each.changes[0].holds_other_bytes() for each in changes] == [True, False, False]


def test_what_a_package_is_is_told_by_its_own_names() -> None:
    old, new = manifest_with(), manifest_with(version="1.5", summary="")
    assert [str(each) for each in compare(old, new).head] == [
        'summary Greenhouse controller → ""',
        "version 1.4.2 → 1.5",
    ]
    assert [each.what for each in compare(old, new).head] == ["package.summary", "package.version"]


def test_whatever_else_a_manifest_comes_to_say_is_told_by_the_way_to_it() -> None:
    old = {
        "services": [{"name": "web", "exec": "bin/a", "environment": {"A": "1"}}],
        "hooks": {"post_install": {"digest": "0" * 64}},
        "on": True,
    }
    new = {
        "services": [
            {"name": "log", "exec": "bin/l"},
            {"name": "web", "exec": "bin/b", "environment": {}},
        ],
        "hooks": {"post_install": {"digest": "1" * 64}},
        "on": 1,
    }
    assert [str(each) for each in properties(old, new)] == [
        'services ["web"] → ["log", "web"]',
        "services.web.exec bin/a → bin/b",
        "services.web.environment.A 1 → none",
        "hooks.post_install.digest 0000000000000000… → 1111111111111111…",
        "on true → 1",
        "services.log.name none → log",
        "services.log.exec none → bin/l",
    ]


def test_maps_whose_names_are_not_their_own_are_compared_as_a_whole() -> None:
    twice = [{"name": "a", "x": 1}, {"name": "a", "x": 2}]
    (detail,) = properties({"list": twice}, {"list": twice[:1] * 2})
    assert detail.old == twice
    assert [each.what for each in properties({"list": [1]}, {"list": [2]})] == ["list"]
    assert [each.what for each in properties({"a.b": 1}, {"a": {"b": 1}})] == ["a.b", "a.b"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "a", "b", "a.b"]), inner, max_size=3)
    ),
    max_leaves=12,
)
MAPS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@settings(deadline=None)
@given(MAPS, MAPS)
def test_maps_are_told_to_differ_exactly_where_they_do(
    old: dict[str, int], new: dict[str, int]
) -> None:
    # As JSON tells them apart: in Python, True is 1.
    assert bool(list(properties(old, new))) == (repr(ordered(old)) != repr(ordered(new)))


def ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(each) for each in value] if isinstance(value, list) else value


ENTRIES = st.lists(
    st.builds(
        Entry,
        path=st.sampled_from("abcd"),
        type=st.just(FILE) | st.just(DIR),
        mode=st.sampled_from([0o644, 0o755]),
        owner=st.sampled_from(["root", "pi"]),
        group=st.just("root"),
    ),
    unique_by=lambda entry: entry.path,
)


@settings(deadline=None)
@given(ENTRIES, ENTRIES, st.randoms())
def test_the_changes_make_the_new_entries_of_the_old_ones(
    old: list[Entry], new: list[Entry], chance: Random
) -> None:
    difference = compare(manifest_with(*old), manifest_with(*new))
    made = {entry.path: entry for entry in old}
    changes = list(difference.changes)
    chance.shuffle(changes)
    for change in changes:
        assert made.pop(change.path, None) == change.old
        assert (change.kind == CHANGED) == bool(change.details)
        if change.new:
            made[change.path] = change.new
    assert made == {entry.path: entry for entry in new}


def test_values_are_spelt_for_people() -> None:
    assert [spelled(each) for each in (None, "", "a b", True, 5, ["x"], "a\x1bb", "f" * 64)] == [
        "none",
        '""',
        "a b",
        "true",
        "5",
        '["x"]',
        r"'a\x1bb'",
        "ffffffffffffffff…",
    ]
    assert spelled("x" * 300) == "x" * 200 + "…"
