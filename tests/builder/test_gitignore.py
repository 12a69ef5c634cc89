"""Git itself is the judge of what patterns of gitignore mean."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provisioning.builder.collect.patterns import Ignored, PatternError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a", "b", "ab", "a.b", "a b", "-", "]", "[", "\\x", "!a", "#a", "A", "9", " ")
ENDS = ("/f", ".f", "/a/b")
FILES = sorted(
    {f"{one}/{other}{end}" for one in NAMES for other in NAMES[:5] for end in ENDS}
    | {f"{name}1" for name in NAMES}
    | {"x/y/z/f"}
)
PIECES = st.sampled_from(
    [
        *("a", "b", "f", "*", "?", "/", "/**/", "/**", "[ab]", "[!a]", "[^a]", "[a-b]", "[]]"),
        *("[!]]", "[\\]a]", "\\a", "\\*", "!", "#", "\\!", "\\#", " ", "\\ ", "-", "[a-]", "[-a]"),
        *(".", "1", "[a\\-z]", "[+--]", "[[]", "9", "A", "[A-Z]", "[[:alpha:]]", "[[:alpha:]"),
        *(
            "[![:digit:]b]",
            "[[:upper:][:space:]]",
            "[[:punct:]]",
            "[[:foo:]]",
            "[",
            "]",
            "\\",
            "[]",
        ),
    ]
)
STARTS = st.sampled_from(["", "", "!", "**/", "/"])
# But what git reads against its own manual: see the module.
AGAINST = re.compile(r"[^/]\*\*")
PATTERN = st.builds("{}{}".format, STARTS, st.lists(PIECES, max_size=5).map("".join)).filter(
    lambda pattern: not AGAINST.search(pattern)
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def ignored_by_git(checkout: Path, patterns: list[str]) -> set[str]:
    (checkout / ".gitignore").write_text("\n".join(patterns) + "\n", encoding="utf-8")
    command = ["git", "-C", checkout, "check-ignore", "--no-index", "-z", "--stdin"]
    asked = "\0".join(FILES).encode()
    done = subprocess.run(command, input=asked, capture_output=True, check=False)
    assert done.returncode in (0, 1)
    return {name.decode() for name in done.stdout.split(b"\0") if name}


@given(st.lists(PATTERN, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
@example(["a/", "!a/b.f"])
@example(["a/*", "!a/b.f"])
@example(["*", "!*/", "!*.f"])
@example(["[[:alpha:]]/**"])
@example(["[![:alnum:]]1"])
@example(["a/**/b"])
@example(["**/a/b"])
@example(["\\#a", "\\!a", "a\\ b"])
@example(["\\ ", "a b "])
def test_what_git_ignores_is_left_out(checkout: Path, patterns: list[str]) -> None:
    try:
        ignored = Ignored(patterns)
    except PatternError:
        return
    assert {name for name in FILES if name in ignored} == ignored_by_git(checkout, patterns)


@pytest.mark.parametrize(
    "pattern", ["[", "a[", "[!]", "[]", "a\\", "[[:alpha:]", "[[:foo:]]", "/[a"]
)
def test_what_matches_nothing_ever_is_no_pattern(checkout: Path, pattern: str) -> None:
    with pytest.raises(PatternError):
        Ignored([pattern])
    assert ignored_by_git(checkout, [pattern]) == set()


def test_a_character_is_one_however_many_bytes_it_has() -> None:
    ignored = Ignored(["?.a", "[éß].b", "[![:alpha:]].c", "[à-é].d"])
    names = {"é.a", "é.b", "a.b", "é.c", "ç.d", "ß/é.d"}
    assert {name for name in names if name in ignored} == names - {"a.b"}


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("!", "it names nothing"),
        ("/", "it names nothing"),
        ("a[b", "[ is not closed; write a backslash before a character that is meant literally"),
        (
            "a\\",
            (
                "a backslash stands at the end; write a backslash before a character that is meant "
                "literally"
            ),
        ),
        ("[b-a]", "b-a is a range in reverse order"),
    ],
)
def test_a_pattern_that_is_none_says_why(pattern: str, told: str) -> None:
    with pytest.raises(PatternError) as caught:
        Ignored([pattern])
    assert str(caught.value) == told


def test_no_pattern_takes_long() -> None:
    assert "a" * 200 not in Ignored(["*a" * 20 + "b"])
    assert "/".join(["a"] * 50) not in Ignored(["/".join(["**", "a"] * 20 + ["x"])])
