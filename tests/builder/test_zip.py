"""A package as a zip: what others make of it, and what of it is made anew."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.verification import verify
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import workspace
from provisioning.errors import BuildError
from tests.builder.conftest import content, variant, write
from tests.chunks import shrink
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.archive.format import Cost
    from provisioning.builder.collect.file_state import Digests

DRAWN = random.Random(1)
NOISE = DRAWN.randbytes(100_000)
TEXT = b"".join(b"%d bottles of beer\n" % number for number in range(30_000))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of more than 64 KiB is cut."""
    shrink(monkeypatch, 64)


def _tree() -> None:
    write("t/bin/run", "#!/bin/sh\n", mode=0o755)
    write("t/lib/text").write_bytes(TEXT[:5000])
    write("t/lib/empty")
    write("t/lib/noise").write_bytes(NOISE[:5000])
    write("t/lib/größe").write_bytes(TEXT)
    os.symlink("../bin/run", "t/lib/link")
    os.symlink("./" * 45 + "text", "t/lib/long")


def _build(digests: Digests, artifacts: str = "artifacts", **changes: Any) -> tuple[Path, Cost]:
    where = {key: changes.pop(key) for key in ("owner", "group") if key in changes}
    contents = content("src", "t", "", **where), content("dir", "", "var/log", mode=0o750)
    described = variant(*contents, formats=("zip",), **changes)
    (layout,) = lay_out([described], Sources(artifacts))
    place = workspace(described, artifacts)
    cost = pack(place, Listing.of(collect(layout, digests.look)), digests)
    path = place.artifact("zip")
    assert verify(path).findings == ()
    return path, cost


def _listing(root: str) -> list[str]:
    command = ["find", ".", "-printf", "%P %y %m %l\n"]
    return sorted(subprocess.check_output(command, cwd=root, text=True).splitlines()[1:])


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("judge", [["unzip", "-q"], ["bsdtar", "-xf"]])
def test_all_that_unpack_it_make_the_same_of_it(digests: Digests, judge: list[str]) -> None:
    _tree()
    path, _ = _build(digests)
    subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)
    Path("out").mkdir()
    locale = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    subprocess.run([*judge, path.resolve()], cwd="out", check=True, env=locale)
    Path("t/var/log").mkdir(parents=True)
    Path("t/var/log").chmod(0o750)
    subprocess.run(["rm", "-r", "out/demo/.provisioning"], check=True)
    subprocess.run(["diff", "-r", "--no-dereference", "t", "out/demo"], check=True)
    assert _listing("t") == _listing("out/demo")


@pytest.mark.usefixtures("small_chunks")
def test_python_reads_the_same(digests: Digests) -> None:
    _tree()
    with zipfile.ZipFile(_build(digests)[0]) as archive:
        assert archive.testzip() is None
        found = {info.filename: info for info in archive.infolist()}
        read = {name: archive.read(name) for name in found}
    assert read["demo/lib/größe"] == TEXT
    assert read["demo/lib/noise"] == NOISE[:5000]
    assert read["demo/lib/link"] == b"../bin/run"
    modes = {name: stat.filemode(info.external_attr >> 16) for name, info in found.items()}
    assert modes["demo/lib/link"] == "lrwxrwxrwx"
    assert modes["demo/bin/run"] == "-rwxr-xr-x"
    assert modes["demo/var/log/"] == "drwxr-x---"
    times = {name: info.date_time for name, info in found.items() if not name.endswith("/")}
    links = times.pop("demo/lib/link")
    assert {links, found["demo/lib/"].date_time} == {(2000, 1, 1, 0, 0, 0)}
    assert all(2000 <= time[0] < 2020 for time in times.values())
    assert len({*times.values()}) == len({read[name] for name in times})  # one for each content
    assert list(found)[:3] == ["demo/", "demo/.provisioning/", "demo/.provisioning/manifest.json"]


def test_what_does_not_shrink_is_stored(digests: Digests) -> None:
    _tree()
    with zipfile.ZipFile(_build(digests)[0]) as archive:
        kept = {info.filename: info.compress_type for info in archive.infolist()}
    assert kept["demo/lib/text"] == zipfile.ZIP_DEFLATED
    stored = {name for name, method in kept.items() if method == zipfile.ZIP_STORED}
    assert {"demo/lib/noise", "demo/lib/empty", "demo/lib/long", "demo/lib/"} <= stored


@pytest.mark.parametrize(("owner", "expected"), [("1000", (1000, 20)), ("root", None)])
def test_owners_are_kept_where_they_are_numbers(
    digests: Digests, owner: str, expected: tuple[int, int] | None
) -> None:
    _tree()
    path, _ = _build(digests, owner=owner, group="20")
    Path("out").mkdir()
    subprocess.run(["unzip", "-qX", path.resolve()], cwd="out", check=True)
    status = Path("out/demo/lib/text").stat()
    assert (status.st_uid, status.st_gid) == (expected or (os.getuid(), os.getgid()))


def test_times_follow_contents_where_one_asks_for_that(digests: Digests) -> None:
    _tree()
    _build(digests)
    times = []
    for text in ("one\n", "two\n"):
        write("t/lib/text", text)
        with zipfile.ZipFile(_build(digests, mtime="content")[0]) as archive:
            times.append({info.filename: info.date_time for info in archive.infolist()})
    changed = {name for name in times[0] if times[0][name] != times[1][name]}
    assert changed == {"demo/lib/text", "demo/.provisioning/manifest.json"}
    assert times[0]["demo/lib/"] == (2000, 1, 1, 0, 0, 0)


@pytest.mark.usefixtures("small_chunks")
def test_a_file_of_many_parts_is_one_stream(digests: Digests) -> None:
    whole = TEXT[:200_000] + NOISE + bytes(65_536 * 2)
    write("t/both").write_bytes(whole)
    write("t/exactly").write_bytes(TEXT[: 65_536 * 2])
    path, _ = _build(digests)
    subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("demo/both") == whole
        assert archive.read("demo/exactly") == TEXT[: 65_536 * 2]
        assert archive.getinfo("demo/both").compress_size < len(whole) // 2


@pytest.fixture
def many() -> None:
    for number in range(60):
        write(f"t/{number % 7}/{number:04}.txt").write_bytes(DRAWN.randbytes(40_000))
    write("t/large").write_bytes(TEXT * 8)


@pytest.mark.usefixtures("many")
def test_a_second_build_reads_nothing(digests: Digests) -> None:
    first, cost = _build(digests)
    data = first.read_bytes()
    again, repeated = _build(digests)
    assert (repeated.chunks_rebuilt, repeated.bytes_in) == (0, 0)
    assert repeated.chunks_reused == cost.chunks_rebuilt > 5
    assert again.read_bytes() == data


@pytest.mark.usefixtures("many")
def test_one_changed_file_is_one_new_chunk_beside_the_manifest_s(digests: Digests) -> None:
    _build(digests)
    path = Path("t/3/0003.txt")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    made, cost = _build(digests)
    assert cost.chunks_rebuilt == 2
    clean, _ = _build(digests, artifacts="elsewhere")
    assert made.read_bytes() == clean.read_bytes()


@pytest.mark.usefixtures("many")
def test_a_new_version_is_one_new_chunk(digests: Digests) -> None:
    _build(digests)
    _, cost = _build(digests, version="1.1")
    assert cost.chunks_rebuilt == 1


@pytest.mark.parametrize("name", ["t/lib/text", "t/large"])
def test_a_source_that_changes_meanwhile_fails_the_build_by_name(
    digests: Digests, name: str
) -> None:
    _tree()
    write("t/large").write_bytes(TEXT * 8)
    described = variant(content("src", "t", ""), formats=("zip",))
    (layout,) = lay_out([described], Sources("artifacts"))
    collected = Listing.of(collect(layout, digests.look))
    path = Path(name)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    place = workspace(described, "artifacts")
    with pytest.raises(BuildError) as caught:
        pack(place, collected, digests)
    assert str(caught.value).startswith(f"{name}: changed while")
    assert list(place.release.iterdir()) == []


@pytest.mark.sweep
def test_more_members_and_bytes_than_the_first_zip_could_count(digests: Digests) -> None:
    Path("t/many").mkdir(parents=True)
    for number in range(70_000):
        Path(f"t/many/{number:05}").write_bytes(b"%d" % number)
    with open(write("t/large"), "wb") as file:
        file.truncate((4 << 30) + 5)
    write("t/noise").write_bytes(NOISE)
    path, _ = _build(digests)
    subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.check_output(["bsdtar", "-tf", path]).splitlines()
    with zipfile.ZipFile(path) as archive:
        assert [info.filename for info in archive.infolist()] == [str(n, "utf-8") for n in listed]
        assert len(listed) == 70_000 + 8
        assert archive.getinfo("demo/large").file_size == (4 << 30) + 5
        assert archive.read("demo/many/69999") == b"69999"
        assert archive.read("demo/noise") == NOISE


@pytest.mark.sweep
def test_a_member_beyond_4_gib_is_found(digests: Digests) -> None:
    Path("t").mkdir()
    with open("t/large", "wb") as file:
        file.writelines(DRAWN.randbytes(64 << 20) for _ in range(66))
    write("t/then", "text")
    path, _ = _build(digests, compression={"zip": "deflate:1"})
    assert path.stat().st_size > 4 << 30
    subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)
    assert subprocess.check_output(["bsdtar", "-xOf", path, "demo/then"]) == b"text"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("demo/then") == b"text"
