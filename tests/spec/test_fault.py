from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault, SpecError
from provisioning.spec.node import Origin

if TYPE_CHECKING:
    from pathlib import Path


def fault(line: int, column: int, code: str = "odd", file: str = "a.yaml") -> Fault:
    return Fault.at(Origin(file=file, line=line, column=column), code, "this is odd")


def shown(root: Path, text: bytes, line: int = 1, column: int = 1) -> list[str]:
    (root / "a.yaml").write_bytes(text)
    return str(SpecError([fault(line, column)], root)).splitlines()[1:]


def test_faults_are_sorted_and_told_once(tmp_path: Path) -> None:
    faults = [fault(2, 1), fault(1, 9), fault(2, 1), fault(1, 9, "bad"), fault(10, 1)]
    places = [(each.origin.line, each.code) for each in SpecError(faults, tmp_path).faults]
    assert places == [(1, "bad"), (1, "odd"), (2, "odd"), (10, "odd")]


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
