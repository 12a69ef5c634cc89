from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.spec.diagnostics import Diagnostics, SpecError
from provisioning.spec.resolve.data_files import load
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.yaml.node import Mapping, Node, Origin, Scalar, plain
from provisioning.spec.yaml.reader import parse

if TYPE_CHECKING:
    from pathlib import Path

HERE = Origin(file="a.yaml", line=0, column=1)
PIECES = st.sampled_from(
    [
        "a",
        "b",
        ": ",
        ":",
        "- ",
        "\n",
        "\n  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        '"',
        "'",
        "&x ",
        "*x",
        "|",
        "!!str ",
        "? ",
        "<<",
        "#",
        "\t",
        "0644",
        "1:30",
        "~",
        "{{ a }}",
        "---\n",
        "%",
        "\ufeff",
        "@",
        "&",
        ">",
        "\\",
        "=",
        "?",
        "- a: b\n",
        "  - b\n",
        "{%",
        "...\n",
    ]
)


def told(text: str) -> list[str]:
    faults = Diagnostics()
    parse(text, "a.yaml", faults)
    return [f"{fault.origin}: {fault.where}: {fault.message} [{fault.code}]" for fault in faults]


def read(text: str) -> Node:
    faults = Diagnostics()
    node = parse(text, "a.yaml", faults)
    assert node is not None
    assert not faults
    return node


def report(path: Path) -> str:
    faults = Diagnostics()
    assert load(Inputs(path.parent), path.name, HERE, faults) is None
    return str(SpecError(faults, path.parent))


def test_every_value_knows_where_it_was_written() -> None:
    node = read("a:\n  - {b: 1}\n  - x\n")
    assert isinstance(node, Mapping)
    first, second = node.sequence("a")
    assert isinstance(first, Mapping)
    assert (str(second.origin), second.origin.path) == ("a.yaml:3:5", "a[1]")
    assert (str(first.keys["b"]), first.keys["b"].path) == ("a.yaml:2:6", "a[0].b")
    assert str(first.items["b"].origin) == "a.yaml:2:9"


@pytest.mark.parametrize(
    ("text", "value"),
    [("0644", 420), ("1.10", 1.1), ("on", True), ("1:30", 90), ("0o644", "0o644"), ("~", None)],
)
def test_a_value_remembers_its_text(text: str, value: object) -> None:
    node = read(text)
    assert isinstance(node, Scalar)
    assert (node.value, node.text, node.quoted) == (value, text, False)


@pytest.mark.parametrize("text", ["'0644'", '"0644"', "|-\n 0644", ">-\n 0644"])
def test_what_is_quoted_is_text(text: str) -> None:
    node = read(text)
    assert isinstance(node, Scalar)
    assert (node.value, node.quoted) == ("0644", True)


def test_a_date_is_text() -> None:
    assert plain(read("2001-02-03")) == "2001-02-03"


def test_a_byte_order_mark_at_the_start_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    node = load(Inputs(tmp_path), "a.yaml", HERE, Diagnostics())
    assert node is not None
    assert node.keys["a"] == Origin(file="a.yaml", line=1, column=1, path="a")


def test_utf_16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("a: b".encode("utf-16"))
    expected = "a.yaml:1:1: this is not text in UTF-8 [not-utf8]"
    assert report(tmp_path / "a.yaml").splitlines()[0] == expected


def test_an_alias_is_the_value_of_its_anchor() -> None:
    assert plain(read("{a: &x [1, 2], b: *x}")) == {"a": [1, 2], "b": [1, 2]}


def test_a_scalar_can_be_an_alias_key() -> None:
    assert plain(read("{a: &x b, *x : 1}")) == {"a": "b", "b": 1}


def test_the_first_of_two_equal_keys_counts() -> None:
    faults = Diagnostics()
    node = parse("a: 1\na: 2\n", "a.yaml", faults)
    assert node is not None
    assert plain(node) == {"a": 1}
    assert [fault.code for fault in faults] == ["duplicate-key"]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert plain(read("'<<': 1")) == {"<<": 1}


def test_faults_before_one_that_ends_it_all_are_told_too() -> None:
    assert told("a: 1\na: 2\nb: [\n") == [
        "a.yaml:2:1: a: this key appears twice [duplicate-key]",
        "a.yaml:4:1: : a list or map in brackets is not closed [yaml-syntax]",
    ]


@pytest.mark.parametrize(
    ("text", "value"), [("9" * 100, int("9" * 100)), ("0x" + "f" * 98, int("f" * 98, 16))]
)
def test_a_number_of_a_hundred_digits_is_read(text: str, value: int) -> None:
    assert plain(read(text)) == value


@pytest.mark.parametrize("text", ["9" * 101, "0x" + "f" * 99, "1:" * 50 + "1", "1." + "0" * 99])
def test_a_longer_number_is_refused(text: str) -> None:
    assert told(text)[0].endswith("... is a number that cannot be used [not-finite]")


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    shown = "9" * 57
    message = f"a.yaml:1:1: : {shown}... is a number that cannot be used [not-finite]"
    assert told("9" * 5000) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500,
        "[" * 1_000_000,
        "- " * 500_000,
        "a: &a [" + "x, " * 9 + "x]\n" + "".join(f"k{n}: &a [{'*a, ' * 10}]\n" for n in range(20)),
        "[" + "1," * 500_000 + "]",
        "{" + '"a":1,' * 150_000 + "}",
        'a: "' + "x" * 1_000_000,
        "1:" * 500_000 + "1",
        "1:" * 500_000 + "1.5",
        "0x" + "f" * 1_000_000,
        "1" + "_" * 1_000_000,
        "[" + ("1:" * 49 + "1, ") * 5_000,
        "a: " + " " * 500_000 + "x: " * 100_000,
        "a: b: " + "'" * 1_000_000,
        "a: [" + "[]" * 500_000,
        "a: [" + " " * 1_000_000 + "x: y",
        "\n" * 500_000 + "@",
        "a: b\n c: " + "# " * 500_000,
    ],
    ids=[
        "500-levels",
        "a-million-levels",
        "dashes",
        "laughs",
        "many",
        "duplicates",
        "open",
        "base-60",
        "base-60-fraction",
        "base-16",
        "underscores",
        "numbers",
        "colons",
        "quotes",
        "brackets",
        "spaces",
        "lines",
        "comments",
    ],
)
def test_hostile_text_is_refused_in_a_second(text: str) -> None:
    start = time.process_time()
    assert told(text)
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


def test_too_many_values_are_refused() -> None:
    message = "[19999]: the file holds more than 20,000 values [too-many-values]"
    assert told("[" + "1," * 60_000 + "]") == [f"a.yaml:1:40000: {message}"]


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    os.truncate(path, 100 << 20)
    start = time.process_time()
    faults = Diagnostics()
    assert load(Inputs(tmp_path), "a.yaml", HERE, faults) is None
    assert [f"{each.origin}: {each.message} [{each.code}]" for each in faults] == [
        "a.yaml:1:1: the file is larger than 1 MiB [file-too-large]"
    ]
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert report(tmp_path / "a.yaml") == "a.yaml: this is not a file [unreadable-file]"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    assert report(tmp_path / "a.yaml").startswith("a.yaml: ")


@given(st.lists(PIECES, max_size=60).map("".join))
def test_whatever_looks_like_yaml_is_a_value_or_a_fault(text: str) -> None:
    faults = Diagnostics()
    node = parse(text, "a.yaml", faults)
    assert node is not None or faults


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_map_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("bytes")
    (root / "a.yaml").write_bytes(data)
    faults = Diagnostics()
    assert load(Inputs(root), "a.yaml", HERE, faults) is not None or faults
    assert isinstance(str(SpecError(faults, root)), str)


def test_nothing_outside_the_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret.yaml").write_text("a: 1")
    (tmp_path / "project/link.yaml").symlink_to("../secret.yaml")
    assert report(tmp_path / "project/link.yaml") == (
        "a.yaml: link.yaml: a symbolic link leads out of the project [unreadable-file]"
    )
