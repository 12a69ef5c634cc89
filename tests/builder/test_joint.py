"""Parts of a content, deflated apart, that become one stream."""

from __future__ import annotations

import random
import zlib

import pytest

from provisioning.builder.archive.encoders import encoder
from provisioning.builder.archive.zip import END, DeflateConcat, deflate_part

DRAWN = random.Random(1)
NOISE = DRAWN.randbytes(500_000)
TEXT = b"".join(b"%d bottles of beer, %f\n" % (number, number**0.5) for number in range(40_000))
CONTENTS = {
    "text": TEXT[:700_000],
    "noise": NOISE,
    "zeros": bytes(700_000),
    "text, then noise": TEXT[:400_000] + NOISE[:350_000],
    "text, then a little noise": TEXT[:600_000] + NOISE[:20_000],
    "noise, then text": NOISE[:350_000] + TEXT[:400_000],
    "text, then zeros": TEXT[:400_000] + bytes(400_000),
    "both in turn": b"".join(
        TEXT[at : at + 1000] + NOISE[at : at + 1000] for at in range(0, 400_000, 1000)
    ),
    "little": b"x" * 1000,
    "one byte": b"x",
}


def _joined(contents: list[bytes], level: int) -> tuple[bytes, int]:
    press, joint, stream = encoder("deflate", level).compress, DeflateConcat(), b""
    for content in contents:
        stream += joint.add(deflate_part(content, press), len(content))
    return stream + END, joint.crc


def _inflated(stream: bytes) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflate.decompress(stream)
    assert inflate.eof
    assert not inflate.unused_data
    return data


@pytest.mark.parametrize("level", [1, 4, 7, 9])
@pytest.mark.parametrize("name", CONTENTS)
def test_any_content_can_be_followed_by_another(name: str, level: int) -> None:
    contents = [CONTENTS[name], TEXT[:100_000]]
    stream, crc = _joined(contents, level)
    assert _inflated(stream) == b"".join(contents)
    assert crc == zlib.crc32(b"".join(contents))


@pytest.mark.sweep
@pytest.mark.parametrize("level", range(1, 13))
@pytest.mark.parametrize("name", CONTENTS)
def test_the_last_block_is_found_at_every_level(name: str, level: int) -> None:
    _costs_a_few_bytes(CONTENTS[name] * 3, level)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_stream_without_an_end_costs_a_few_bytes(name: str) -> None:
    _costs_a_few_bytes(CONTENTS[name], 7)


def _costs_a_few_bytes(content: bytes, level: int) -> None:
    press = encoder("deflate", level).compress
    assert len(deflate_part(content, press)) <= len(press(content)) + 4 + 5


def test_many_parts_have_the_crc_of_the_whole() -> None:
    contents = [DRAWN.randbytes(DRAWN.randrange(1, 3000)) for _ in range(50)]
    stream, crc = _joined(contents, 7)
    assert (_inflated(stream), crc) == (b"".join(contents), zlib.crc32(b"".join(contents)))


def test_where_no_last_block_is_found_the_content_is_stored() -> None:
    def other(data: bytes | bytearray) -> bytes:
        """An encoder whose blocks depend on how much there is."""
        return zlib.compress(data, 1 + len(data) % 9)[2:-4]

    content, joint = TEXT[:200_000], DeflateConcat()
    stream = bytes(joint.add(deflate_part(content, other), len(content))) + END
    assert _inflated(stream) == content
    assert len(stream) - len(content) == 5 * 4 + 2
