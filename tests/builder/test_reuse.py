"""What is packed again is taken from the store: which chunks, at what cost, and what never is."""

from __future__ import annotations

import os
import random
import threading
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.tar import chunking
from provisioning.builder.archive.compress import thread_count
from provisioning.builder.archive.pack import Cost, pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import BuildError
from tests.builder.conftest import content, variant
from tests.layouts import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.artifact.tar.chunking import Index

STORE = Path("artifacts/.work/chunks")


def tree(files: int = 60, size: int = 60_000) -> None:
    draw = random.Random(1)
    for number in range(files):
        path = Path(f"t/{number % 7}/{number:04}.bin")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw.randbytes(size))


def large(size: int = 2 * chunking.MAX + 5) -> Path:
    path = Path("t/large")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(random.Random(1).randbytes(size))
    return path


def collected(artifacts: str = "artifacts", **changes: str) -> tuple[Workspace, Listing]:
    described = variant(content("src", "t", ""), **changes)
    (layout,) = lay_out([described], Sources(artifacts))
    found = Listing.of(collect(layout, Digests(Path("digests.sqlite")).look))
    return workspace(described, artifacts), found


def packed(artifacts: str = "artifacts", **changes: str) -> Cost:
    place, found = collected(artifacts, **changes)
    return pack(place, found, Digests(Path("digests.sqlite")))


def archive(artifacts: str = "artifacts", version: str = "1.0") -> bytes:
    stem = f"demo-{version}-raspberry-pi"
    return Path(artifacts, stem, f"{stem}.tar.gz").read_bytes()


def clean() -> bytes:
    """The archive, made without a store."""
    packed("clean")
    return archive("clean")


def index_now() -> Index:
    stem = "artifacts/demo-1.0-raspberry-pi/demo-1.0-raspberry-pi.tar.gz"
    return chunking.parse(Path(f"{stem}.index.json").read_bytes(), "")


def entries() -> list[Path]:
    """The chunks in the store, the smallest first."""
    return sorted(STORE.iterdir(), key=lambda path: path.stat().st_size)


def test_what_is_packed_again_is_all_reused_and_no_source_is_opened() -> None:
    tree()
    first = packed()
    place, found = collected()
    for each in found:
        Path(each.source).unlink(missing_ok=True) if each.source else None
    again = pack(place, found, Digests(Path("digests.sqlite")))
    assert (again.chunks_reused, again.chunks_rebuilt) == (first.chunks_rebuilt, 0)
    assert (again.bytes_in, again.bytes_out) == (0, 0)


def test_the_cost_adds_up_to_the_archive() -> None:
    tree()
    first = packed()
    assert first.bytes_in == index_now().tar_size
    Path("t/3/0003.bin").write_bytes(b"other")
    cost = packed()
    assert cost.chunks_reused > 0 < cost.chunks_rebuilt
    assert cost.chunks_reused + cost.chunks_rebuilt == len(index_now().chunks)
    assert cost.bytes_out + cost.bytes_reused == len(archive())


def test_a_new_version_is_one_new_chunk() -> None:
    tree()
    packed(version="1.0")
    assert packed(version="1.10").chunks_rebuilt == 1


def test_a_changed_file_rebuilds_its_own_chunk_and_the_manifest_s() -> None:
    tree()
    packed()
    path = Path("t/3/0003.bin")
    path.write_bytes(path.read_bytes()[::-1])
    assert packed().chunks_rebuilt == 2
    assert archive() == clean()


def test_an_executable_bit_rebuilds_its_own_chunk_and_the_manifest_s() -> None:
    tree()
    packed()
    Path("t/3/0003.bin").chmod(0o755)
    assert packed().chunks_rebuilt == 2
    assert archive() == clean()


def test_another_package_of_the_same_files_shares_no_chunk_but_the_end() -> None:
    tree()
    packed()
    cost = packed(name="other")
    assert cost.chunks_reused == 1  # all names begin with the package's


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_cut, _flip, Path.unlink])
def test_a_damaged_chunk_is_rebuilt_and_kept_anew(damage: Callable[[Path], None]) -> None:
    tree()
    packed()
    before = archive()
    damage(entries()[-1])
    assert packed().chunks_rebuilt == 1
    assert archive() == before
    assert packed().chunks_rebuilt == 0


def test_a_lost_piece_of_a_large_file_is_rebuilt_alone() -> None:
    large()
    packed()
    before = archive()
    entries()[-1].unlink()
    assert packed().chunks_rebuilt == 1
    assert archive() == before


def test_a_large_file_that_changed_fails_even_where_only_a_piece_was_lost() -> None:
    path = large()
    packed()
    place, found = collected()
    entries()[-1].unlink()
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    with pytest.raises(BuildError) as caught:
        pack(place, found, Digests(Path("digests.sqlite")))
    assert str(caught.value).startswith("t/large: changed while")


@pytest.mark.parametrize("now", ["changed", "grown", "shorter"])
def test_of_a_large_file_that_changes_meanwhile_nothing_is_kept(now: str) -> None:
    path = large(7 * chunking.MAX if now == "changed" else 2 * chunking.MAX + 5)
    whole = path.read_bytes()
    place, found = collected()
    path.write_bytes({"changed": b"?" + whole[1:], "grown": whole + b"?"}.get(now, whole[:-1]))
    with pytest.raises(BuildError) as caught:
        pack(place, found, Digests(Path("digests.sqlite")))
    assert str(caught.value).startswith("t/large: changed while")
    assert not [each for each in entries() if each.name.startswith(".")]
    path.write_bytes(whole)
    packed()
    assert archive() == clean()


def test_a_build_that_fails_keeps_what_it_had_finished() -> None:
    tree(400)
    place, found = collected()
    last = Path(found[-1].source)
    content_before = last.read_bytes()
    last.write_bytes(b"other")
    with pytest.raises(BuildError):
        pack(place, found, Digests(Path("digests.sqlite")))
    last.write_bytes(content_before)
    cost = pack(place, found, Digests(Path("digests.sqlite")))
    assert cost.chunks_reused >= 2
    assert archive() == clean()


def test_a_source_that_became_a_directory_is_named() -> None:
    tree(1)
    place, found = collected()
    source = Path(found[-1].source)
    source.unlink()
    source.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        pack(place, found, Digests(Path("digests.sqlite")))
    assert caught.value.filename == str(source)


def test_a_large_source_that_became_a_directory_is_named() -> None:
    path = large()
    place, found = collected()
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        pack(place, found, Digests(Path("digests.sqlite")))
    assert caught.value.filename == "t/large"


def test_a_build_without_a_store_is_the_same() -> None:
    tree(10)
    STORE.parent.mkdir(parents=True)
    STORE.write_text("no directory")
    assert packed().chunks_reused == 0
    assert archive() == clean()


def test_what_a_build_has_just_used_outlives_the_sweep_that_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree()
    monkeypatch.setattr("provisioning.builder.archive.pack.limit", lambda _: 0)
    packed()
    assert len(entries()) == len(index_now().chunks)
    Path("t/3/0003.bin").unlink()
    packed()
    assert len(entries()) == len(index_now().chunks)


def _of_a_worker(answers: list[int]) -> None:
    answers.append(thread_count())


def _of_a_process() -> None:
    raise SystemExit(thread_count())


def test_tasks_that_run_at_once_share_the_cores() -> None:
    alone, answers = thread_count(), list[int]()
    assert alone == len(os.sched_getaffinity(0))
    worker = threading.Thread(target=_of_a_worker, args=(answers,))
    worker.start()
    worker.join()
    process = get_context("fork").Process(target=_of_a_process)
    process.start()
    process.join()
    assert answers == [process.exitcode] == [max(1, alone // 2)]
