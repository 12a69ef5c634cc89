"""The one spelling of the JSON files."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from provisioning.artifact.model import canonical, manifest
from provisioning.errors import ArtifactError

from .making import file, manifest_of

GOOD = manifest_of([file("a", b"foo"), file("b", b"bar")])
EDITED = "is not as this tool writes it; was it edited?"
BROKEN = "is not JSON in UTF-8; is the file cut off or damaged?"


def fault(data: bytes) -> str:
    with pytest.raises(ArtifactError) as caught:
        manifest.parse(data, "m.json")
    return str(caught.value)


def test_a_newer_format_is_said_to_be_newer() -> None:
    data = GOOD.replace(b"manifest/1", b"manifest/2")
    assert fault(data) == (
        "m.json: line 1: doit-provisioning/manifest/2 was made by a newer version; update the tool"
    )


def test_another_kind_of_file_is_refused() -> None:
    data = GOOD.replace(b"manifest/1", b"index/1")
    assert (
        fault(data) == "m.json: line 1: is not the first line of a doit-provisioning/manifest file"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"mode":"0644"', b'"mode": "0644"', f"line 2: {EDITED}"),
        (b'"path":"a"', b'"path":"\\u0061"', f"line 2: {EDITED}"),
        (b'"path":"a"', b'"path":"\\ud800"', f"line 2: {EDITED}"),
        (b'"path":"a"', b'"path":"a","path":"a"', f"line 2: {EDITED}"),
        (b'"size":3', b'"size":03', f"line 2: {BROKEN}"),
        (b'"size":3', b'"size":3e0', f"line 2: {EDITED}"),
        (b'"path":"a"', b'"path":"\xff"', f"line 2: {BROKEN}"),
        (b'"version":"1', b'"version": "1', f"line 1: {EDITED}"),
        (b"[\n", b"[\n\n", f"line 2: {BROKEN}"),
        (b"[\n", b"[\n[],\n", "line 2: is not a JSON object"),
        (b"]}\n", b"]}\n\n", "line 4: should be the end of the file"),
        (b"]}\n", b"]}", "line 4: should be the end of the file"),
        (b"\n]}", b",\n]}", f"line 4: {BROKEN}"),
        (b"\n", b"\r\n", f"line 1: {EDITED}"),
    ],
)
def test_any_other_spelling_is_refused(old: bytes, new: bytes, message: str) -> None:
    assert fault(GOOD.replace(old, new, 1)) == f"m.json: {message}"


FORM = canonical.Form("demo/1", "rows")
LONGEST = 64 * 1024  # bytes of a line


@pytest.mark.parametrize("last", [False, True])
def test_a_row_of_more_than_64_kib_is_refused(last: bool) -> None:
    def spelt(length: int) -> bytes:
        rest = len('{"text":""}\n' if last else '{"text":""},\n')
        rows = [{"text": "x" * (length - rest)}, *([] if last else [{"text": ""}])]
        return canonical.dump(FORM, {"of": "demo"}, rows)

    assert len([*canonical.parse(spelt(LONGEST), FORM, "d.json")[1]]) == (1 if last else 2)
    with pytest.raises(ArtifactError, match=r"d\.json: line 2: is not "):
        [*canonical.parse(spelt(LONGEST + 1), FORM, "d.json")[1]]


def test_a_head_of_more_than_64_kib_is_neither_read_nor_written() -> None:
    def spelt(length: int) -> bytes:
        rest = len('{"format":"demo/1","of":"","rows":[\n')
        return canonical.dump(FORM, {"of": "x" * (length - rest)}, [])

    canonical.parse(spelt(LONGEST), FORM, "d.json")
    with pytest.raises(ArtifactError, match=r"d\.json: line 1: is not "):
        canonical.parse(spelt(LONGEST).replace(b'"of":"', b'"of":"x'), FORM, "d.json")
    with pytest.raises(ArtifactError, match="of the package take 65537 bytes; at most 65536"):
        spelt(LONGEST + 1)


def test_a_file_cut_off_anywhere_is_refused() -> None:
    for length in range(len(GOOD)):
        assert fault(GOOD[:length]).startswith("m.json: line ")


def test_a_bit_flipped_anywhere_is_refused_or_says_something_else() -> None:
    for offset in range(len(GOOD)):
        data = bytearray(GOOD)
        data[offset] ^= 1
        with suppress(ArtifactError):
            assert manifest.dump(manifest.parse(bytes(data), "m.json")) == data


@pytest.mark.parametrize(
    "row", [b"[" * 60_000, b'{"a":' * 10_000, b"1" * 60_000, b" " * 10_000_000, b"\n" * 10_000_000]
)
def test_what_is_made_to_exhaust_the_reader_is_refused_at_once(row: bytes) -> None:
    head, _, _ = GOOD.partition(b"\n")
    start = time.process_time()
    assert fault(head + b"\n" + row) == f"m.json: line 2: {BROKEN}"
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


def test_a_line_has_bounds() -> None:
    data = GOOD.replace(b'"path":"a"', b'"path":"%b"' % (b"a" * 70_000))
    assert fault(data) == f"m.json: line 2: {BROKEN}"


def test_a_file_is_not_read_beyond_its_limit() -> None:
    assert fault(bytes(canonical.LIMIT + 1)) == "m.json: is larger than 67108864 bytes"
