"""What is proved on several processors is what one reader, byte after byte, finds nothing in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.artifact import process_pool
from provisioning.artifact.filesystem import of_bytes
from provisioning.artifact.tar.archive import padding
from provisioning.artifact.tar.reader import TarReader
from provisioning.artifact.verification import verify

from .making import (
    ITEMS,
    NAME,
    Item,
    chunks,
    directory,
    file,
    index_in,
    link,
    manifest_of,
    packed,
    proved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from provisioning.artifact.model.entry import Entry

SHA = "0" * 64
LARGE = (directory("a"), file("a/b", bytes(range(256)) * 12_000), file("c", b"x"), link("d", "c"))
MANY = tuple(file(f"{number:03}", b"%d" % number) for number in range(40))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An archive of a chunk for each of many files."""
    path = tmp_path / NAME
    path.write_bytes(packed(chunks(MANY, group=1)))
    return path


@pytest.fixture(params=[1, 3])
def processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """This machine with so many processors."""
    monkeypatch.setattr(process_pool, "processors", lambda: request.param)
    return int(request.param)


@pytest.fixture
def one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is forked, which would take longer than these tests."""
    monkeypatch.setattr(process_pool, "processors", lambda: 1)


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("items", [(), ITEMS, LARGE, MANY])
@pytest.mark.parametrize("length", [512, 1536, 4096, 1 << 20, 1 << 30])
def test_a_sound_archive_is_proved_however_it_is_cut(
    path: Path, items: tuple[Item, ...], length: int
) -> None:
    whole = b"".join(chunks(items))
    path.write_bytes(packed(whole[at : at + length] for at in range(0, len(whole), length)))
    says = index_in(path.read_bytes(), 1 << 30)
    found = proved(path, says)
    assert found == says._replace(manifest_digest=of_bytes(manifest_of(items)))


def test_a_release_that_is_proved_is_not_read_once_more(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(TarReader, "findings")
    assert verify(release).findings == ()


def test_files_are_handed_over_by_several_processes(
    path: Path, tmp_path: Path, processors: int
) -> None:
    written = tmp_path / "written"
    written.mkdir()

    def write(entry: Entry, blocks: Iterable[bytes]) -> None:
        name = f"{entry.path.replace('/', '-')} {os.getpid()}"
        (written / name).write_bytes(b"".join(blocks))

    assert proved(path, index_in(path.read_bytes()), write)
    found = [one.name.split() for one in written.iterdir()]
    at_work = {int(process) for _, process in found}
    assert len(at_work) <= processors
    assert (os.getpid() in at_work) == (processors == 1)
    reserved = Item(file(".provisioning-manifest.json").entry, manifest_of(MANY))
    for item in (*MANY, reserved):
        (one,) = written.glob(f"{item.entry.path} *")
        assert one.read_bytes() == item.content


@pytest.mark.usefixtures("processors")
def test_a_file_that_cannot_be_written_is_not_proved(path: Path) -> None:
    def write(entry: Entry, _: Iterable[bytes]) -> None:
        raise OSError(entry.path)

    assert proved(path, index_in(path.read_bytes()), write) is None


@pytest.mark.parametrize("number", [0, 1, 20, 41])
@pytest.mark.parametrize("key", ["digest", "tar_digest", "length", "tar_length"])
def test_an_index_that_says_anything_else_of_a_chunk_proves_nothing(
    path: Path, number: int, key: str
) -> None:
    says = index_in(path.read_bytes())
    chunk = says.chunks[number]
    other = chunk._replace(**{key: SHA if "digest" in key else getattr(chunk, key) + 512})
    changed = (*says.chunks[:number], other, *says.chunks[number + 1 :])
    assert proved(path, says._replace(chunks=changed)) is None


def test_a_chunk_too_few_or_too_many_is_not_proved(path: Path) -> None:
    says = index_in(path.read_bytes())
    for changed in (says.chunks[:-1], says.chunks[1:], (*says.chunks, says.chunks[-1]), ()):
        assert proved(path, says._replace(chunks=changed)) is None


@pytest.mark.parametrize("size", [1, 511, (1 << 17) + 1])
def test_nothing_but_zeros_follows_a_content(path: Path, size: int) -> None:
    preamble, member, end = chunks([file("a", b"a" * size)], group=1)
    path.write_bytes(packed([preamble, member, end]))
    assert proved(path, index_in(path.read_bytes()))
    for at in (len(member) - padding(size), len(member) - 1):
        other = member[:at] + b"x" + member[at + 1 :]
        path.write_bytes(packed([preamble, other, end]))
        assert proved(path, index_in(path.read_bytes())) is None


@pytest.mark.parametrize("change", [-1, 1, 2**60])
def test_an_archive_of_another_size_is_not_proved(path: Path, change: int) -> None:
    says = index_in(path.read_bytes())
    assert proved(path, says._replace(size=says.size + change)) is None


def test_what_follows_the_archive_is_not_proved(path: Path) -> None:
    says = index_in(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"\0")
    assert proved(path, says) is None


@pytest.mark.usefixtures("one_processor")
def test_a_bit_flipped_at_any_byte_is_not_proved(path: Path) -> None:
    path.write_bytes(packed(chunks(group=1)))
    data = path.read_bytes()
    says = index_in(data)
    for offset in range(says.chunks[1].offset, len(data)):  # the manifest's chunk is read before
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        path.write_bytes(flipped)
        assert proved(path, says) is None


others = st.sampled_from(
    [
        ITEMS[0],
        directory("bin", mode=0o700),
        link("bin/greenhouse", "../lib"),
        file("etc/greenhouse.toml", b"port = 9090\n", mode=0o640),
        file("etc/greenhouse.toml", b"port = 8080\n", mode=0o640, owner="pi"),
        file("lib/main.py", b"", mode=0o755),
        file("lib/\u00f6l.txt"),
        file("lib/zzz", b"x" * 600),
    ]
)


@pytest.mark.usefixtures("one_processor")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(others, st.integers(0, 6), st.lists(st.integers(1, 4), min_size=20))
def test_what_is_proved_is_what_nothing_is_found_in(
    path: Path, other: Item, number: int, blocks: list[int]
) -> None:
    replaced = (other if item.entry.path == other.entry.path else item for item in ITEMS)
    held = list(replaced)
    held[number:number] = [other] * (other.entry.path == "lib/zzz")
    whole, parts = b"".join(chunks(held, manifest_of(ITEMS))), list[bytes]()
    for count in blocks:
        parts.append(whole[: 512 * count])
        whole = whole[512 * count :]
    path.write_bytes(packed([*parts, whole]))
    found = verify(path).findings
    assert (proved(path, index_in(path.read_bytes())) is None) == bool(found)
