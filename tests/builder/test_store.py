"""The store of chunks: it gives back what was kept, or nothing, whatever happens to it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.archive.store import Store, StoredChunk, SweepResult, limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNKS = Path("chunks")


def key_of(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


KEY = key_of(0)


def packed(data: bytes) -> StoredChunk:
    return StoredChunk(data, hashlib.sha256(data).digest(), hashlib.sha256(data + data).digest())


CHUNK = packed(b"compressed, as far as anybody here knows")


@pytest.fixture
def store() -> Store:
    return Store(CHUNKS)


def keep(store: Store, number: int = 0, chunk: StoredChunk = CHUNK) -> Path:
    """Keep a chunk; the chunk of a lower number was used longer ago."""
    staged = store.stage(key_of(number), chunk)
    assert staged is not None
    store.keep(staged)
    path = CHUNKS / key_of(number)
    os.utime(path, (number, number))
    return path


def names() -> list[str]:
    return sorted(each.name for each in CHUNKS.iterdir())


def test_what_is_kept_is_given_back(store: Store) -> None:
    keep(store)
    assert store.get(KEY) == CHUNK
    assert Store(CHUNKS).get(KEY) == CHUNK


def test_what_was_never_kept_is_not_there(store: Store) -> None:
    assert store.get(KEY) is None
    keep(store)
    assert store.get(key_of(1)) is None


def test_what_is_staged_is_not_there_until_it_is_kept(store: Store) -> None:
    staged = store.stage(KEY, CHUNK)
    assert staged is not None
    assert store.get(KEY) is None
    store.drop(staged)
    assert names() == []
    store.keep(staged)  # somebody took it for left behind: only the work is lost
    assert store.get(KEY) is None


def test_an_entry_cut_off_anywhere_is_noticed_and_removed(store: Store) -> None:
    whole = keep(store).read_bytes()
    for length in range(len(whole)):
        (CHUNKS / KEY).write_bytes(whole[:length])
        assert store.get(KEY) is None
        assert names() == []


def test_an_entry_with_any_byte_changed_or_one_more_is_noticed(store: Store) -> None:
    whole = keep(store).read_bytes()
    damaged = [whole + b"\0"]
    damaged += [whole[:at] + bytes([byte ^ 1]) + whole[at + 1 :] for at, byte in enumerate(whole)]
    for content in damaged:
        (CHUNKS / KEY).write_bytes(content)
        assert store.get(KEY) is None
        assert names() == []


def test_an_entry_under_the_key_of_another_is_noticed(store: Store) -> None:
    keep(store).rename(CHUNKS / key_of(1))
    assert store.get(key_of(1)) is None


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other.name)


@pytest.mark.parametrize("instead", [Path.mkdir, _fifo, _link])
def test_what_is_no_file_is_no_entry(store: Store, instead: Callable[[Path], None]) -> None:
    path = keep(store)
    if instead is not _link:
        path.unlink()
    instead(path)
    assert store.get(KEY) is None


def test_a_store_that_cannot_be_written_keeps_nothing_and_does_not_complain() -> None:
    Path("file").touch()
    store = Store(Path("file/chunks"))
    assert store.stage(KEY, CHUNK) is None
    assert store.get(KEY) is None
    assert store.sweep(0) == SweepResult(0, 0, 0, 0)


@pytest.fixture
def small_disk() -> Iterator[None]:
    CHUNKS.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", CHUNKS], check=True)
    yield
    subprocess.run(["umount", CHUNKS], check=True)


@pytest.mark.needs("root")
def test_a_full_disk_keeps_what_fits_and_nothing_of_the_rest(
    store: Store, small_disk: None
) -> None:
    keep(store)
    assert store.stage(key_of(1), packed(bytes(100_000))) is None
    assert names() == [KEY]
    assert store.get(KEY) == CHUNK


def test_a_sweep_removes_what_was_used_longest_ago(store: Store) -> None:
    size = sum(keep(store, number).stat().st_size for number in range(4)) // 4
    store.get(key_of(0))
    assert store.sweep(2 * size) == SweepResult(2, 2 * size, 2, 2 * size)
    assert names() == sorted(map(key_of, (0, 3)))


def test_a_sweep_below_the_limit_removes_nothing(store: Store) -> None:
    size = keep(store).stat().st_size
    assert store.sweep(size) == SweepResult(0, 0, 1, size)
    assert names() == [KEY]


def test_a_sweep_spares_what_it_is_told_to(store: Store) -> None:
    size = sum(keep(store, number).stat().st_size for number in range(3)) // 3
    assert store.sweep(0, {key_of(1)}) == SweepResult(2, 2 * size, 1, size)
    assert names() == [key_of(1)]


def test_a_dry_sweep_tells_and_removes_nothing(store: Store) -> None:
    size = keep(store).stat().st_size
    assert store.sweep(0, dry=True) == SweepResult(1, size, 0, 0)
    assert names() == [KEY]


def test_a_sweep_removes_what_a_kill_left_staged_and_nothing_that_is_being_made(
    store: Store,
) -> None:
    old, new = store.stage(KEY, CHUNK), store.stage(key_of(1), CHUNK)
    assert old is not None
    assert new is not None
    os.utime(old.temporary, (0, 0))
    assert store.sweep(0).removed == 0
    assert names() == [Path(new.temporary).name]


def test_a_sweep_leaves_alone_what_is_not_the_store_s(store: Store) -> None:
    keep(store)
    for name in ("raspberry-pi.lock", "note.txt", KEY[:-1], f"{KEY}.bak", f".{KEY}.tmp"):
        (CHUNKS / name).touch()
        os.utime(CHUNKS / name, (0, 0))
    assert store.sweep(0).removed == 1
    assert len(names()) == 5


def test_the_limit_is_twice_what_the_archives_take_and_never_less_than_a_gibibyte() -> None:
    assert limit(Path("artifacts")) == 1 << 30
    for name in ("a-1", "a-2"):
        Path("artifacts", name).mkdir(parents=True)
        with open(f"artifacts/{name}/{name}.tar.gz", "wb") as file:
            file.truncate(600 << 20)
    assert limit(Path("artifacts")) == 2400 << 20


def _use(seed: int) -> None:
    """Keep, get and sweep at random; anything but the right chunk or none ends with an error."""
    store, draw = Store(CHUNKS), random.Random(seed)
    for _ in range(500):
        number = draw.randrange(8)
        chunk = packed(b"%d" % number * 5000)
        assert store.get(key_of(number)) in {chunk, None}
        staged = store.stage(key_of(number), chunk)
        if staged and draw.random() < 0.7:
            store.keep(staged)
        elif staged:
            store.drop(staged)
        if draw.random() < 0.2:
            store.sweep(draw.randrange(40_000))


def test_many_processes_use_and_sweep_one_store_at_once() -> None:
    fork = multiprocessing.get_context("fork")
    users = [fork.Process(target=_use, args=(seed,)) for seed in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert [user.exitcode for user in users] == [0] * 4
    Store(CHUNKS).sweep(0)
    assert names() == []
