from __future__ import annotations

import gzip
import itertools
import os
import random
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import of_bytes
from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.release import index_name
from provisioning.artifact.tar import chunking
from provisioning.artifact.tar.archive import EPOCH
from provisioning.builder.archive import encoders
from provisioning.builder.archive import tar as tar_format
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import ArtifactError, BuildError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.artifact.tar.chunking import Index
    from provisioning.builder.collect.file_state import Digests


def _packed(digests: Digests, version: str = "1.0", artifacts: str = "artifacts") -> Workspace:
    described = variant(content("src", "t", ""), version=version)
    (layout,) = lay_out([described], Sources(artifacts))
    place = workspace(described, artifacts)
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    return place


def _archive(place: Workspace) -> Path:
    return place.artifact("tar.gz")


def _beside(place: Workspace) -> Path:
    return _archive(place).with_name(index_name(_archive(place).name))


def _index(place: Workspace) -> Index:
    return chunking.parse(_beside(place).read_bytes(), "index")


def _tree(files: int, size: int, seed: int = 1) -> None:
    source = random.Random(seed)
    for number in range(files):
        path = Path(f"t/{number % 7}/{number:04}.bin")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(size))


JUDGES = {
    "GNU tar": ["tar", "-xf"],
    "bsdtar": ["bsdtar", "-xf"],
    "busybox tar": ["busybox", "tar", "-xzf"],
}


@pytest.mark.parametrize("judge", JUDGES)
def test_the_world_s_tars_extract_what_was_packed(digests: Digests, judge: str) -> None:
    _tree(40, 60_000)
    write("t/" + "long/" * 30 + "nämé", "text")
    write("t/empty")
    os.symlink("0/0000.bin", "t/link")
    place = _packed(digests)
    Path("out").mkdir()
    subprocess.run([*JUDGES[judge], _archive(place).resolve()], cwd="out", check=True)
    subprocess.run(["rm", "-r", "out/demo/.provisioning"], check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "t", "out/demo"], check=True)


def test_gzip_and_sha256sum_agree(digests: Digests) -> None:
    _tree(40, 60_000)
    place = _packed(digests)
    subprocess.run(["gzip", "-t", _archive(place)], check=True)
    line = f"{_index(place).digest}  {_archive(place)}\n"
    subprocess.run(["sha256sum", "-c"], input=line, text=True, check=True)
    tar = subprocess.run(["gzip", "-dc", _archive(place)], check=True, capture_output=True).stdout
    assert len(tar) == _index(place).tar_size


def test_members_carry_no_trace_of_the_builder(digests: Digests) -> None:
    write("t/a", "text", mode=0o600)
    with tarfile.open(_archive(_packed(digests))) as archive:
        members = archive.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "root", "root")}
    assert {m.mtime for m in members if m.isdir()} == {EPOCH}
    assert all(EPOCH < m.mtime < 1577750400 for m in members if m.isfile())  # up to 2020
    assert [m.name for m in members] == [
        "demo", "demo/.provisioning", "demo/.provisioning/manifest.json", "demo/a",
    ]  # fmt: skip


def test_the_manifest_lies_inside_and_beside(digests: Digests) -> None:
    write("t/a", "text")
    place = _packed(digests)
    with tarfile.open(_archive(place)) as archive:
        inside = archive.extractfile("demo/.provisioning/manifest.json")
        assert inside is not None
        assert inside.read() == place.manifest.read_bytes()
    (entry,) = manifest.parse(place.manifest.read_bytes(), "").entries
    assert (entry.path, entry.mode) == ("a", 0o644)


def test_chunks_follow_each_other_and_cover_the_archive(digests: Digests) -> None:
    _tree(60, 60_000)
    chunks = _index(_packed(digests)).chunks
    assert len(chunks) > 3
    assert all(
        (a.offset + a.length, a.tar_offset + a.tar_length) == (b.offset, b.tar_offset)
        for a, b in itertools.pairwise(chunks)
    )


def test_a_large_file_is_cut_into_pieces(digests: Digests) -> None:
    _tree(1, 2 * chunking.MAX + 5)
    lengths = [each.tar_length for each in _index(_packed(digests)).chunks]
    assert lengths[1:4].count(chunking.MAX) == 2


def test_the_index_tells_what_each_chunk_holds(digests: Digests) -> None:
    _tree(20, 60_000)
    place = _packed(digests)
    content = _archive(place).read_bytes()
    for each in _index(place).chunks:
        packed = content[each.offset : each.offset + each.length]
        held = gzip.decompress(packed)
        assert (each.digest, each.tar_digest) == (of_bytes(packed), of_bytes(held))
        assert each.tar_length == len(held)


def test_a_new_version_is_one_new_chunk(digests: Digests) -> None:
    _tree(60, 60_000)
    old, new = (
        {each.digest for each in _index(_packed(digests, version)).chunks}
        for version in ("1.0", "1.10")
    )
    assert len(new - old) == 1


def test_a_changed_file_disturbs_its_own_chunk_alone(digests: Digests) -> None:
    _tree(60, 60_000)
    old = {each.digest for each in _index(_packed(digests)).chunks}
    Path("t/3/0003.bin").write_bytes(b"other")
    new = {each.digest for each in _index(_packed(digests)).chunks}
    assert len(new - old) <= 3  # the manifest's, its own, and a neighbour if the boundary moved


@pytest.mark.parametrize("now", ["longer than before", "shrt", "tixt!"])
def test_a_source_that_changes_meanwhile_fails_the_build_by_name(
    digests: Digests, now: str
) -> None:
    write("t/a", "text!")
    described = variant(content("src", "t", ""))
    (layout,) = lay_out([described], Sources("artifacts"))
    collected = Listing.of(collect(layout, digests.look))
    write("t/a", now)
    place = workspace(described, "artifacts")
    with pytest.raises(BuildError) as caught:
        pack(place, collected, digests)
    assert str(caught.value) == "t/a: changed while it was packaged; run doit again"
    assert list(place.release.iterdir()) == []


def test_a_source_that_is_replaced_by_a_link_is_not_followed(digests: Digests) -> None:
    write("t/a", "text")
    described = variant(content("src", "t", ""))
    (layout,) = lay_out([described], Sources("artifacts"))
    collected = Listing.of(collect(layout, digests.look))
    Path("t/a").unlink()
    os.symlink("/etc/passwd", "t/a")
    with pytest.raises(OSError, match="symbolic links"):
        pack(workspace(described, "artifacts"), collected, digests)


def test_what_is_packed_does_not_depend_on_where_it_is_packed(digests: Digests) -> None:
    _tree(10, 1000)
    one, other = _packed(digests), _packed(digests, artifacts="elsewhere")
    assert _archive(one).read_bytes() == _archive(other).read_bytes()
    assert _beside(one).read_bytes() == _beside(other).read_bytes()


def test_memory_is_bounded_by_a_chunk_not_by_a_file(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def measured(data: bytes | bytearray) -> bytes:
        sizes.append(len(data))
        return b"-"

    Path("t").mkdir()
    with open("t/sparse", "wb") as file:
        file.truncate(64 << 20)
    made = encoders.Encoder("gzip", "measured", measured)
    monkeypatch.setattr(tar_format, "encoder_of", lambda *_: made)
    _packed(digests)
    assert max(sizes) == chunking.MAX


def test_a_manifest_that_no_reader_would_take_is_not_written(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tree(30, 1)
    monkeypatch.setattr(canonical, "LIMIT", 5000)
    with pytest.raises(ArtifactError) as caught:
        _packed(digests)
    assert str(caught.value) == ".provisioning/manifest.json: is larger than 5000 bytes"
    assert not Path("artifacts/demo-1.0-raspberry-pi").exists()
