from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.spec.schema import rules


@pytest.mark.parametrize("text", ["644", "0644", "1777", "4755", "0000"])
def test_a_mode_is_three_or_four_octal_digits(text: str) -> None:
    assert rules.MODE.reason(text) == ""


@pytest.mark.parametrize("text", ["", "64", "06440", "0o644", "0800", "-644", "٠٦٤٤", "644\n"])
def test_nothing_else_is_a_mode(text: str) -> None:
    assert rules.MODE.reason(text)


@pytest.mark.parametrize("text", ["root", "_www", "www-data", "a.b", "0", "1000", "2097151"])
def test_an_owner_is_a_name_or_a_number(text: str) -> None:
    assert rules.OWNER.reason(text) == ""


@pytest.mark.parametrize("text", ["", "-x", "01", "a b", "a:b", "2097152", "x" * 33, "ä", "a\n"])
def test_nothing_else_is_an_owner(text: str) -> None:
    assert rules.OWNER.reason(text)


@pytest.mark.parametrize("text", ["1.4.2", "1.4.2~rc1", "1.4.2+5.gabcdef123456.dirty", "2024_1"])
def test_a_version_is_readable_in_a_file_name(text: str) -> None:
    assert rules.VERSION.reason(text) == ""


@pytest.mark.parametrize("text", ["", "1-2", ".1", "1/2", "1 2", "1\n", "x" * 81])
def test_nothing_else_is_a_version(text: str) -> None:
    assert rules.VERSION.reason(text)


@pytest.mark.parametrize("text", ["a", "a-b", "0ad", "libstdc++6", "python3.11"])
def test_a_name_is_what_debian_calls_one(text: str) -> None:
    assert rules.NAME.reason(text) == ""


@pytest.mark.parametrize("text", ["", "A", "-a", ".a", "a/b", "a_b", "a b", "ä", "x" * 65])
def test_nothing_else_is_a_name(text: str) -> None:
    assert rules.NAME.reason(text)


CONTROL = "has a control character"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("/etc", "is absolute; write a relative path"),
        ("a\\b", "has a backslash; separate with /"),
        ("a\x1fb", CONTROL),
        (
            "a\ab",
            rf"{CONTROL}: in double quotes, \a is one, and no backslash; separate with /",
        ),
        ("a\ufffe", "has U+FFFE, which is not a character"),
        ("a/../b", "leaves its root with .."),
        ("..", "leaves its root with .."),
    ],
)
def test_a_path_stays_below_its_root(text: str, reason: str) -> None:
    assert rules.PATH.reason(text) == reason


@pytest.mark.parametrize("text", ["..a", "a..", "a/...", "./a", "a//b", "ä b", "a*"])
def test_two_dots_in_a_name_are_no_way_out(text: str) -> None:
    assert rules.PATH.reason(text) == ""


@pytest.mark.parametrize("text", ["/", "//", "/./", "opt", "/opt/../etc", "/opt\n", ""])
def test_a_prefix_is_absolute_and_no_root(text: str) -> None:
    assert rules.PREFIX.reason(text)


@given(st.text(st.sampled_from("ab./\\\n"), max_size=12))
def test_a_clean_path_is_clean_and_stays_so(text: str) -> None:
    if not rules.PATH.reason(text):
        path = rules.clean(text)
        assert rules.clean(path) == path
        assert not {".", "..", ""} & set(path.split("/")) or path == ""
