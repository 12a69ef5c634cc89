"""What a path inside a package may look like."""

from __future__ import annotations

import os
import posixpath
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import (
    collision_key,
    link_fault,
    path_fault,
    shown,
    sound_keys,
)


@pytest.mark.parametrize(
    "path", ["a", "bin/greenhouse.sh", ".config/x", "a b/ü", "-rf", "...", "a/..b", "x" * 255]
)
def test_ordinary_and_odd_paths_are_accepted(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "is empty"),
        (".", 'contains a "." component'),
        ("./a", 'contains a "." component'),
        ("a/.", 'contains a "." component'),
        ("..", "leaves the package (..)"),
        ("a/../b", "leaves the package (..)"),
        ("/etc/passwd", "is absolute; paths are relative to the package"),
        ("a//b", 'contains an empty component ("//")'),
        ("a/", "ends in a slash"),
        ("a\\b", "contains a backslash"),
        ("a\nb", "contains a control character"),
        ("a\n", "contains a control character"),
        ("a\0", "contains a control character"),
        ("a\x7f", "contains a control character"),
        ("a\x9b", "contains a control character"),
        ("a\ufffe", "contains a code point that is not a character"),
        ("\U0010ffff/a", "contains a code point that is not a character"),
        ("a\udcff", "is not UTF-8"),
        ("x" * 256, "contains a name longer than 255 bytes"),
        ("ü" * 128, "contains a name longer than 255 bytes"),
        ("x/" * 2000 + "x", "is longer than 4000 bytes"),
    ],
)
def test_a_path_that_could_do_harm_is_refused_with_the_reason(path: str, fault: str) -> None:
    assert path_fault(path) == fault


@given(st.text(alphabet="ab./\\\n-é", max_size=12))
def test_an_accepted_path_is_its_own_normal_form_below_the_root(path: str) -> None:
    if path_fault(path) is None:
        assert posixpath.normpath(f"/r/{path}") == f"/r/{path}"


@given(st.lists(st.text(alphabet="aB./\\\n-é\x7f ", max_size=6), max_size=4))
def test_many_paths_are_sound_only_if_each_is(paths: list[str]) -> None:
    keys = sound_keys(paths)
    if all(path.isascii() and path_fault(path) is None for path in paths) and paths:
        assert keys == list(map(collision_key, paths))
    else:
        assert keys is None


def test_of_many_paths_a_long_one_has_to_be_asked() -> None:
    assert sound_keys(["a", "x/" * 127 + "x"]) == ["a", "x/" * 127 + "x"]
    assert sound_keys(["a", "x" * 256]) is None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", "b"),
        ("bin/a", "../lib/a"),
        ("a/b/c", "../../d"),
        ("a", "."),
        ("a/b", ".."),
        ("a", "b/"),
    ],
)
def test_a_link_within_the_package_is_accepted(path: str, target: str) -> None:
    assert link_fault(path, target) is None


@pytest.mark.parametrize(
    ("path", "target", "fault"),
    [
        ("a", "", "is empty"),
        ("a", "/etc/passwd", "is absolute; paths are relative to the package"),
        ("a", "..", "leaves the package (..)"),
        ("a", "../greenhouse/b", "leaves the package (..)"),
        ("a/b", ".././../c", "leaves the package (..)"),
        ("a/b", "c/../../d", "has .. after a name; write every .. at the beginning"),
        ("a", "b/..", "has .. after a name; write every .. at the beginning"),
        ("a", "b\0", "contains a control character"),
        ("a", "b" * 256, "contains a name longer than 255 bytes"),
    ],
)
def test_a_link_out_of_the_package_is_refused(path: str, target: str, fault: str) -> None:
    assert link_fault(path, target) == fault


@given(st.text(alphabet="ab./", max_size=12))
def test_an_accepted_target_resolves_below_the_root(target: str) -> None:
    if link_fault("x/y", target) is None:
        resolved = posixpath.normpath(posixpath.join("/r/x", target))
        assert resolved == "/r" or resolved.startswith("/r/")


def test_paths_that_differ_in_case_or_normal_form_collide() -> None:
    assert collision_key("README") == collision_key("readme")
    assert collision_key("Größe") == collision_key(unicodedata.normalize("NFD", "GRÖSSE"))
    assert collision_key("a/b") != collision_key("a/c")


def test_a_path_is_shown_without_what_a_terminal_would_obey() -> None:
    assert shown("größe") == "größe"
    assert shown("a\x1b[2J") == r"'a\x1b[2J'"


def test_names_that_would_look_alike_are_shown_apart() -> None:
    accents = [unicodedata.normalize(form, "lib/é") for form in ("NFC", "NFD")]
    assert [*map(shown, accents)] == ["lib/é", r"'lib/e\u0301'"]
    assert shown("a\u202ecod.exe") == r"'a\u202ecod.exe'"
    assert shown("\u212b") != shown("\u00c5")  # the unit and the letter
    assert shown("\u1112\u1161\u11ab") != shown("한")
    assert shown("नमस्ते") == "नमस्ते"  # whose signs have no other way to be written


def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes() -> None:
    assert shown(os.fsdecode(b"caf\xe9.txt")) == r"'caf\xe9.txt'"
    assert shown(r"caf\xe9.txt") == r"caf\xe9.txt"
    assert shown(os.fsdecode(rb"caf\xe9" + b"\xe9")) == r"'caf\\xe9\xe9'"
