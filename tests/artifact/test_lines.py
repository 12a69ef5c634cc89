from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.artifact.difference import MOST_LINES, Text, unified

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = [f"{number}\n" for number in range(1, 41)]
_HUNK = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@")


def text(lines: list[str]) -> bytes:
    return "".join(lines).encode()


def edited(*changes: tuple[int, str]) -> bytes:
    """The numbers, some of them replaced, by their index."""
    lines = list(NUMBERS)
    for index, line in changes:
        lines[index] = line
    return text(lines)


@pytest.mark.parametrize(
    "new",
    [
        edited((9, "ten\n"), (29, "thirty\n")),
        edited((0, "one\n"), (39, "forty")),
        edited((20, "")),
        edited((20, "21\nmore\n")),
        text(NUMBERS)[:-1],
        text(NUMBERS[:-2]),
        text(["0\n", *NUMBERS, "41\n"]),
    ],
)
def test_lines_are_those_of_gnu_diff(tmp_path: Path, new: bytes) -> None:
    (tmp_path / "old").write_bytes(text(NUMBERS))
    (tmp_path / "new").write_bytes(new)
    command = ["diff", "-u", tmp_path / "old", tmp_path / "new"]
    judged = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert list(unified(text(NUMBERS), new).lines) == judged.splitlines()[2:]


def test_what_was_empty_begins_before_the_first_line() -> None:
    assert unified(b"", b"a\nb\n").lines == ("@@ -0,0 +1,2 @@", "+a", "+b")
    assert unified(b"a\n", b"").lines == ("@@ -1,1 +0,0 @@", "-a")


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc\n")), st.lists(st.sampled_from("abc\n")))
def test_the_lines_lead_from_the_old_text_to_the_new_one(old: list[str], new: list[str]) -> None:
    before, after = text(old), text(new)
    if before != after:
        assert applied(before.decode(), unified(before, after).lines) == after.decode()


def applied(old: str, lines: tuple[str, ...]) -> str:
    """What patch(1) makes of a text."""
    kept, made, at, last = old.splitlines(keepends=True), list[str](), 0, ""
    for line in lines:
        if hunk := _HUNK.fullmatch(line):
            start = int(hunk[1]) - (hunk[2] != "0")
            made += kept[at:start]
            at = start
        elif line.startswith("\\"):
            if last == "+":
                made[-1] = made[-1].rstrip("\n")
        elif line.startswith("-"):
            assert kept[at].rstrip("\n") == line[1:]
            at += 1
        else:
            made.append(f"{line[1:]}\n")
            if line[0] == " ":
                assert kept[at].rstrip("\n") == line[1:]
                made[-1] = kept[at]
                at += 1
        last = line[0]
    return "".join(made + kept[at:])


@pytest.mark.parametrize("binary", [b"\0", b"a\n\0\n", b"\xff\xfe", "ö".encode("latin-1")])
def test_what_is_no_text_has_no_lines(binary: bytes) -> None:
    assert unified(binary, b"a\n") == Text(why_not="it is not UTF-8 text")
    assert unified(b"a\n", binary) == Text(why_not="it is not UTF-8 text")


def test_nothing_in_a_line_reaches_a_terminal_as_it_is() -> None:
    hostile = "tab\t \x1b[31m \x9b1m \r \u202e \u2028 \x7f \ufeff ö\n"
    assert unified(b"", hostile.encode()).lines == (
        "@@ -0,0 +1,1 @@",
        r"+tab" + "\t" + r" \x1b[31m \x9b1m \r \u202e \u2028 \x7f \ufeff ö",
    )


def test_lines_that_would_look_alike_are_shown_apart() -> None:
    told = unified("é\n".encode(), "e\u0301\n".encode()).lines
    assert told[1:] == ("-é", r"+e\u0301")


def test_lines_end_where_editors_say_they_do() -> None:
    assert unified(b"a\n", "a\x0cb\x85c\n".encode()).lines[2:] == (r"+a\x0cb\x85c",)
    assert unified(b"a\n", b"a\r\n").lines[1:] == ("-a", r"+a\r")


def test_a_line_for_no_reader_is_not_shown() -> None:
    assert unified(b"", b"x" * 1000).lines[1] == "+" + "x" * 1000
    assert unified(b"", b"x" * 1001) == Text(why_not="it has a line of more than 1000 characters")


def test_more_lines_than_can_be_compared_in_time_are_not() -> None:
    many = [f"{number}\n" for number in range(MOST_LINES)]
    assert len(unified(b"", text(many)).lines) == MOST_LINES + 1
    reason = f"the differences spread over more than {MOST_LINES} lines"
    assert unified(b"", text([*many, "x"])) == Text(why_not=reason)
    # Those before and behind do not count.
    assert len(unified(text([*many, "x\n", *many]), text([*many, "y\n", *many])).lines) == 9


def test_the_worst_text_takes_little_time() -> None:
    half = MOST_LINES // 2
    popular = [f"{number % (half // 15)}\n" for number in range(half)]
    old = [line for number in range(half) for line in (f"m{number}\n", popular[number])]
    new = [f"m{number}\n" for number in range(half)] + popular
    began = time.perf_counter()
    unified(text(old), text(new))
    assert time.perf_counter() - began < 60  # it takes two, where nothing else runs
