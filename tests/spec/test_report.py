from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.spec.diagnostics import Diagnostic, SpecError
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from pathlib import Path


def fault(line: int, column: int, file: str = "a.yaml") -> Diagnostic:
    return Diagnostic.at(Origin(file=file, line=line, column=column), "odd", "this is odd")


def shown(root: Path, text: bytes, line: int = 1, column: int = 1) -> list[str]:
    (root / "a.yaml").write_bytes(text)
    return str(SpecError([fault(line, column)], root)).splitlines()[1:]


def test_a_quoted_string_is_underlined_whole(tmp_path: Path) -> None:
    assert shown(tmp_path, b'a: "x: \\" #y" # z', column=4)[1] == "      |    ^^^^^^^^^^"


def test_plain_text_is_underlined_up_to_a_comment(tmp_path: Path) -> None:
    assert shown(tmp_path, b"a: one two # z", column=4)[1] == "      |    ^^^^^^^"


def test_a_line_that_is_not_there_has_no_excerpt(tmp_path: Path) -> None:
    assert shown(tmp_path, b"a", line=7) == []


def test_a_file_that_is_not_there_has_no_excerpt(tmp_path: Path) -> None:
    assert str(SpecError([fault(1, 1)], tmp_path)) == "a.yaml:1:1: this is odd [odd]"


def test_a_directory_or_an_impossible_name_has_no_excerpt(tmp_path: Path) -> None:
    assert str(SpecError([fault(1, 1, file=".")], tmp_path)) == ".:1:1: this is odd [odd]"
    long = fault(1, 1, file="x" * 300)
    assert str(SpecError([long], tmp_path)).endswith("x:1:1: this is odd [odd]")


def test_a_long_line_is_shown_around_the_fault(tmp_path: Path) -> None:
    line, caret = shown(tmp_path, b"x" * 500 + b" here " + b"y" * 500, column=502)
    assert len(line) == 128
    assert line[caret.index("^") :].startswith("here")


def test_the_terminal_is_not_written_to_by_a_file(tmp_path: Path) -> None:
    assert shown(tmp_path, b"a: \x1b[2Jb")[0] == "    1 | a:  [2Jb"


def test_line_ends_are_those_of_yaml(tmp_path: Path) -> None:
    text = "a\r\nb\rc\u2028d\x0ce".encode()
    assert shown(tmp_path, text, line=4) == ["    4 | d e", "      | ^^^"]


def test_a_byte_order_mark_takes_no_column(tmp_path: Path) -> None:
    assert shown(tmp_path, b"\xef\xbb\xbfabc: d")[0] == "    1 | abc: d"


def test_under_wide_letters_the_caret_is_wide(tmp_path: Path) -> None:
    assert shown(tmp_path, "温度: 高い # e\u0301".encode(), column=5) == [
        "    1 | 温度: 高い # e\u0301",
        "      |       ^^^^",
    ]


def test_letters_that_combine_take_no_column(tmp_path: Path) -> None:
    assert shown(tmp_path, "e\u0301e\u0301: x".encode(), column=7)[1] == "      |     ^"


def test_neither_key_nor_message_nor_hint_writes_to_the_terminal(tmp_path: Path) -> None:
    origin = Origin(file="\x1b[2J.yaml", line=1, column=1, path="a\x1bb")
    error = SpecError([Diagnostic.at(origin, "odd", "c\x9bd\n", "\u202ee")], tmp_path)
    assert str(error).splitlines() == [
        "\\x1b[2J.yaml:1:1: a\\x1bb: c\\x9bd\\n [odd]",
        "  help: \\u202ee",
    ]


def test_a_name_that_is_no_utf_8_can_be_printed(tmp_path: Path) -> None:
    error = SpecError([fault(1, 1, file="caf\udce9.yaml")], tmp_path)
    assert str(error).encode() == b"caf\\xe9.yaml:1:1: this is odd [odd]"


def test_a_file_that_may_not_be_shown_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("password: hunter2\n")
    secret, other = replace(fault(1, 11), excerpt=False), fault(1, 1)
    assert str(SpecError([secret, other], tmp_path)).splitlines() == [
        "a.yaml:1:1: this is odd [odd]",
        "a.yaml:1:11: this is odd [odd]",
    ]


def test_after_a_hundred_faults_the_others_are_counted(tmp_path: Path) -> None:
    lines = str(SpecError((fault(line, 1) for line in range(1, 5001)), tmp_path)).splitlines()
    assert len(lines) == 101
    assert lines[-2:] == ["a.yaml:100:1: this is odd [odd]", "and 4,900 more faults"]


def test_after_ten_places_the_others_are_counted(tmp_path: Path) -> None:
    places = tuple((Origin(file="b.yaml", line=line, column=1), "here") for line in range(1, 31))
    lines = str(SpecError([replace(fault(1, 1), related=places)], tmp_path)).splitlines()
    assert lines[-2:] == ["  b.yaml:10:1: here", "  and 20 more places"]


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    long = Diagnostic.at(
        Origin(file="a", line=1, column=1, path="k" * 9999), "odd", "x" * 9999, "y" * 9999
    )
    told, hint = str(SpecError([long], tmp_path)).splitlines()
    assert told == f"a:1:1: {'k' * 499}…: {'x' * 499}… [odd]"
    assert hint == f"  help: {'y' * 499}…"


def test_of_a_huge_file_a_mebibyte_is_read(tmp_path: Path) -> None:
    assert shown(tmp_path, b"x: y\n" + b"z" * (1 << 20) + b"\nlast\n")[0] == "    1 | x: y"
    os.truncate(tmp_path / "a.yaml", 1 << 40)
    assert str(SpecError([fault(3, 1)], tmp_path)) == "a.yaml:3:1: this is odd [odd]"


def test_twenty_thousand_faults_in_long_lines_are_told_in_a_second(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(("x" * 500_000 + "\n") * 2)
    faults = [fault(1 + column % 2, column) for column in range(1, 20_001)]
    start = time.process_time()
    assert str(SpecError(faults, tmp_path)).endswith("and 19,900 more faults")
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine
