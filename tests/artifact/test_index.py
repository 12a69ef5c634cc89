"""The index of an archive."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.artifact.filesystem import of_bytes
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.chunking import Chunk, Index
from provisioning.errors import ArtifactError

SHA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
TAR = f'"tar_digest":"{SHA}"'
HEAD = (
    '{"format":"doit-provisioning/index/1","archive":"a.tar.gz","codec":"gzip",'
    f'"digest":"{SHA}","manifest_digest":"{SHA}","size":15,{TAR},'
    '"tar_size":1536,"chunks":['
)
CHUNKS = (Chunk(0, 10, 0, 512, SHA, SHA), Chunk(10, 5, 512, 1024, SHA, SHA))
INDEX = Index("a.tar.gz", 15, SHA, 1536, SHA, SHA, "gzip", CHUNKS)


def fault(changed: Index) -> str:
    with pytest.raises(ArtifactError) as caught:
        chunking.parse(chunking.dump(changed), "i.json")
    return str(caught.value)


def test_an_index_is_one_chunk_a_line() -> None:
    assert chunking.dump(INDEX).decode().splitlines() == [
        HEAD,
        f'{{"digest":"{SHA}","length":10,"offset":0,{TAR},"tar_length":512,"tar_offset":0}},',
        f'{{"digest":"{SHA}","length":5,"offset":10,{TAR},"tar_length":1024,"tar_offset":512}}',
        "]}",
    ]


def test_the_tar_s_digest_is_that_of_its_chunks_digests_one_a_line() -> None:
    digests = chunking.dump(INDEX).decode().replace(HEAD, "").split('"tar_digest":"')[1:]
    lines = "".join(f"{each[:64]}\n" for each in digests)
    assert chunking.tar_digest(CHUNKS) == of_bytes(lines.encode())


def test_what_is_dumped_is_parsed_as_it_was() -> None:
    assert chunking.parse(chunking.dump(INDEX), "i.json") == INDEX


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codec": "lzip"}, "its codec is unknown; update the tool"),
        ({"size": True}, "does not have exactly the fields of an index"),
        ({"digest": "x"}, "digest is not a SHA-256 in hexadecimal"),
        ({"tar_digest": SHA[1:]}, "tar_digest is not a SHA-256 in hexadecimal"),
        ({"size": 16}, "its chunks are not 16 bytes, one after the other"),
        ({"tar_size": 1535}, "its chunks are not 1535 bytes, one after the other"),
        ({"chunks": ()}, "its chunks are not 15 bytes, one after the other"),
        ({"chunks": CHUNKS[::-1]}, "its chunks are not 15 bytes, one after the other"),
        (
            {"chunks": (Chunk(0, 15, 0, 1536, SHA, SHA), Chunk(15, 0, 1536, 0, SHA, SHA))},
            "its chunks are not 15 bytes, one after the other",
        ),
    ],
)
def test_an_index_that_is_not_sound_is_refused(changes: dict[str, Any], message: str) -> None:
    assert fault(INDEX._replace(**changes)) == f"i.json: {message}"
