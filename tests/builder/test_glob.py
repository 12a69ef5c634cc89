"""What globs mean."""

from __future__ import annotations

import pytest

from provisioning.builder.collect.patterns import literal_prefix, matcher


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.py", ["a.py", ".py"], ["a/b.py", "a.pyc"]),
        ("**/*.py", ["a.py", "a/b/c.py"], ["a.txt"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a"]),
        ("a/a/**/b", ["a/a/b", "a/a/x/b"], ["a/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a", "ab", "a/b/c"]),
        ("a/**/**/b", ["a/b", "a/x/b"], ["b"]),
        ("**", ["a", "a/b"], []),
        ("?.t[xy]t", ["a.txt", "a.tyt"], ["ab.txt", "a.tzt", "/.txt"]),
        ("[!a]b", ["cb"], ["ab", "/b"]),
        ("[]]x", ["]x"], ["[x"]),
        ("a[", ["a["], ["a"]),
        ("[z-a]b", [], ["ab"]),
        ("lib(1)+.so", ["lib(1)+.so"], ["lib1.so"]),
    ],
)
def test_globs_match_as_shells_do(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = matcher(pattern)
    assert [path for path in (*matching, *others) if matches(path)] == matching


def test_no_glob_takes_long() -> None:
    deep = "/".join(["a"] * 50)
    assert not matcher("/".join(["**", "a"] * 20 + ["x"]))(deep)
    assert not matcher("*a" * 20 + "b")("a" * 200)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [("src/**/*.py", "src/"), ("*.py", ""), ("a/b?/c", "a/"), ("a/b[c]", "a/"), ("a/b", "a/")],
)
def test_the_prefix_of_a_glob_does_not_depend_on_what_matches(pattern: str, prefix: str) -> None:
    assert literal_prefix(pattern) == prefix
