"""A package, unpacked to see what becomes of it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from provisioning.artifact import process_pool
from provisioning.artifact.extract import TreeWriter
from provisioning.artifact.verification import Verification

from .making import NAME, directory, file, link, write_release
from .zip.making import write_release as write_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest

MANY = (
    *(file(f"{number:05}", b"%d" % number) for number in range(2500)),
    directory("closed", mode=0o500),
    file("closed/x", b"x", mode=0o4755),
    link("link", "closed/x"),
)


FORMATS = {"tar.gz": write_release, "zip": write_zip}


class Scratch:
    """Directories below a folder, and how much room each had to have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rooms: list[int] = []

    @contextmanager
    def __call__(self, room: int) -> Iterator[Path]:
        self.rooms.append(room)
        directory = self.folder / str(len(self.rooms))
        directory.mkdir(parents=True)
        yield directory


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "scratch")


class AfterWriting(Protocol):
    def __call__(self, meddle: Callable[[Path], object]) -> None: ...


@pytest.fixture
def after_writing(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> AfterWriting:
    """Does something to what was unpacked, when all of it was."""
    real = TreeWriter.finish

    def finish_and(meddle: Callable[[Path], object]) -> None:
        def finish(writer: TreeWriter) -> None:
            real(writer)
            meddle(scratch.folder / str(len(scratch.rooms)))

        monkeypatch.setattr(TreeWriter, "finish", finish)

    return finish_and


@pytest.fixture(scope="module")
def release_of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, for tests to copy: it takes longer than what they do with it."""
    return write_release(tmp_path_factory.mktemp("many") / "release", MANY, group=100)


@pytest.fixture(params=[1, 3])
def many(
    request: pytest.FixtureRequest,
    release_of_many: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setattr(process_pool, "processors", lambda: request.param)
    return shutil.copytree(release_of_many.parent, tmp_path / "release") / NAME


@pytest.mark.parametrize("format", ["tar.gz", "zip"])
def test_while_others_read_the_manifest_is_handed_out_once(format: str, tmp_path: Path) -> None:
    path = FORMATS[format](tmp_path / "release", MANY[:100])
    handed: list[Manifest] = []
    with Verification(path, meanwhile=handed.append) as verification:
        assert list(verification.read()) == []
    assert handed == [verification.manifest]


def told(path: Path, scratch: Scratch) -> list[str]:
    with Verification(path, scratch) as verification:
        assert list(verification.read()) == []
        return [str(finding) for finding in verification.try_unpacking()]


def test_what_is_unpacked_as_it_should_be_is_unpacked_once(many: Path, scratch: Scratch) -> None:
    before = len(os.listdir("/dev/fd"))
    assert told(many, scratch) == []
    assert len(scratch.rooms) == 1
    assert not list((scratch.folder / "1").iterdir())  # what was compared is removed at once
    assert len(os.listdir("/dev/fd")) == before


def test_the_room_that_a_package_takes_is_known_before(
    many: Path, scratch: Scratch, after_writing: AfterWriting
) -> None:
    taken: list[int] = []

    def measure(folder: Path) -> None:
        found = (path.lstat() for path in folder.rglob("*"))
        taken.append(sum(status.st_blocks * 512 for status in found))

    after_writing(measure)
    assert told(many, scratch) == []
    assert taken[0] < scratch.rooms[0] < 4 * taken[0]


def test_an_archive_alone_is_unpacked_too(many: Path, scratch: Scratch) -> None:
    many.with_name(f"{NAME}.index.json").unlink()
    assert told(many, scratch) == []
    last = scratch.folder / str(len(scratch.rooms))
    assert (last / "closed/x").read_bytes() == b"x"


@pytest.mark.parametrize("path", ["00000", "02499", "closed/x"])
def test_what_is_written_otherwise_is_told(
    many: Path, scratch: Scratch, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TreeWriter.write

    def meddled(self: TreeWriter, entry: Entry, blocks: Iterable[bytes]) -> None:
        real(self, entry, [b"?" * entry.size] if entry.path == path else blocks)

    monkeypatch.setattr(TreeWriter, "write", meddled)
    (finding,) = told(many, scratch)
    assert finding.startswith(f"{path}: sha256 ")
    assert len(scratch.rooms) == 2


CLOSED = pytest.mark.needs("root")  # nobody else makes anything in a directory of mode 0555


@pytest.mark.parametrize(
    ("path", "make"),
    [("new", Path.touch), pytest.param("closed/new", Path.mkdir, marks=CLOSED)],
)
def test_what_is_written_and_not_listed_is_told(
    many: Path,
    scratch: Scratch,
    after_writing: AfterWriting,
    path: str,
    make: Callable[[Path], None],
) -> None:
    after_writing(lambda folder: make(folder / path))
    assert told(many, scratch) == [f"{path}: is not in the manifest"]


@pytest.mark.parametrize("path", ["closed", "closed/x"])
def test_what_has_another_mode_is_told(
    many: Path, scratch: Scratch, after_writing: AfterWriting, path: str
) -> None:
    after_writing(lambda folder: (folder / path).chmod(0o711))
    (finding,) = told(many, scratch)
    assert finding.startswith(f"{path}: mode 0711, ")


def test_all_is_there_before_any_of_it_is_compared(
    many: Path, scratch: Scratch, after_writing: AfterWriting
) -> None:
    found: list[int] = []
    after_writing(lambda folder: found.append(len(list(folder.rglob("*")))))
    assert told(many, scratch) == []
    assert found == [len(MANY) + 2]


def test_what_fails_the_first_time_may_do_with_more_room(
    many: Path, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TreeWriter.write

    def full(self: TreeWriter, entry: Entry, blocks: Iterable[bytes]) -> None:
        if entry.path == "closed/x" and len(scratch.rooms) == 1:
            raise OSError(28, "No space left on device")
        real(self, entry, blocks)

    monkeypatch.setattr(TreeWriter, "write", full)
    assert told(many, scratch) == []
    assert scratch.rooms[1] > 2**60
    assert (scratch.folder / "2/closed/x").read_bytes() == b"x"


def test_what_is_damaged_is_not_unpacked_twice(many: Path, scratch: Scratch) -> None:
    many.write_bytes(many.read_bytes()[:-1])
    with Verification(many, scratch) as verification:
        assert list(verification.read())
    assert len(scratch.rooms) == 1
