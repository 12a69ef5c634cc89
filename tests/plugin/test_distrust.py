"""What is remembered, sealed and wrong all the same: verify tells, the next build forgets it."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import deflate
import pytest

from provisioning.builder.archive import groups, store
from tests.waiting import settle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project


def seal_again(project: Project, old: bytes, new: bytes) -> None:
    """Change what the chunks in the store hold, and seal them, as nobody should."""
    changed = 0
    for path in project.path("artifacts/.work/chunks").iterdir():
        whole = path.read_bytes()
        with suppress(gzip.BadGzipFile):  # a part of a stream: of the tool in a deb, say
            content = gzip.decompress(whole[store._HEAD :])
            if old not in content:
                continue
            content = content.replace(old, new)
            data = bytes(deflate.gzip_compress(content, 6))
            digest = hashlib.sha256(content).digest()
            packed = store.StoredChunk(data, hashlib.sha256(data).digest(), digest)
            path.write_bytes(store._seal(path.name, packed) + digest + data)
            changed += 1
    assert changed


@pytest.fixture
def misled(built: Project) -> Project:
    """A project that was packed with a chunk that is sealed, and wrong."""
    seal_again(built, b"print('hello')", b"print('HELLO')")
    for archive in built.root.glob("artifacts/*/*.tar.gz"):
        archive.unlink()
    built.doit("package")
    return built


def test_what_was_wrong_from_the_start_is_made_right(misled: Project, tmp_path: Path) -> None:
    wrong = misled.archive().read_bytes()
    told = misled.doit("verify", status=2)
    assert "lib/main.py: sha256 " in told
    assert "`doit package`" in told
    assert misled.ran("package") >= {"archive:demo:mac-mini", "archive:demo:raspberry-pi"}
    assert misled.archive().read_bytes() != wrong
    misled.doit("verify")


def test_so_is_what_was_shared_out_among_chunks(built: Project) -> None:
    for platform in ("mac-mini", "raspberry-pi"):
        content = json.loads(
            built.path(f"artifacts/.work/demo/{platform}/collect.json").read_bytes()
        )
        kept = built.path(f"artifacts/.work/listings/{content}.demo.groups")
        cuts = groups.recall(kept, content)
        assert cuts
        others = [cut._replace(lines=bytes(cut.lines).replace(b"0644", b"0600")) for cut in cuts]
        assert others != cuts
        groups.keep(kept, content, others)
    built.archive().unlink()
    built.doit("package")
    built.doit("verify", status=2)
    built.doit("package")
    built.doit("verify")


def test_a_second_time_it_is_made_right_too(misled: Project) -> None:
    misled.doit("verify", status=2)
    misled.doit("package")
    seal_again(misled, b"print('hello')", b"print('HELLO')")
    misled.archive().unlink()
    misled.doit(status=2)
    misled.doit()


def test_what_was_damaged_later_costs_no_chunk(built: Project) -> None:
    archive = built.archive()
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    built.doit("verify", status=2)
    assert not built.path("artifacts/.work/anew").exists()
    built.doit()


def test_a_digest_that_is_remembered_wrongly_goes_with_a_rebuild(built: Project) -> None:
    """The file has been edited, and what it held before is remembered of what it holds now."""
    before = hashlib.sha256(built.path("src/main.py").read_bytes()).hexdigest()
    built.write("src/main.py", "print('salve')\n")
    built.doit("package")
    right = built.archive().read_bytes()
    settle(built.root)  # so that the digest of the file is remembered
    built.doit("forget", "--all")
    built.doit("package")
    memory = built.path("artifacts/.work/digests.sqlite")
    with closing(sqlite3.connect(memory)) as rows, rows:
        asked = "update cache set digest = ? where path = 'src/main.py'"
        assert rows.execute(asked, (before,)).rowcount == 1
        # Of a file that nobody asks for: it goes with all the rest, and not since it was read.
        rows.execute("insert into cache select 'gone', 0, 0, 0, 0, 0, ?, ''", (before,))
    for name in ("seen", "specs.sqlite"):
        built.path(f"artifacts/.work/{name}").unlink()
    built.doit("package")
    assert built.archive().read_bytes() != right
    assert "lib/main.py: content" in built.doit("verify", "--rebuild", status=2)
    if memory.exists():
        with closing(sqlite3.connect(memory)) as rows:
            asked = "select path from cache where digest = ? or path = 'gone'"
            assert rows.execute(asked, (before,)).fetchall() == []
    built.doit("package")
    assert built.archive().read_bytes() == right
    built.doit("verify", "--rebuild")
