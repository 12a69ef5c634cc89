"""The law of the store: whatever happened before, a build gives the bytes of one that begins anew.

Chunks are a 64th of their size here, so that a few small files make many of them.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from provisioning.artifact.filesystem import of_file
from provisioning.builder.archive import zip as zip_format
from provisioning.builder.archive.pack import pack
from provisioning.builder.archive.store import Store
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import workspace
from tests.builder.conftest import content, variant
from tests.chunks import shrink
from tests.layouts import lay_out
from tests.plugin.conftest import SPEC, Project

if TYPE_CHECKING:
    from provisioning.spec.model.variant import Variant

NAMES = (
    "README", "bin/run", "data/large", "etc/a.ini", "lib/a.py", "lib/b.py", "lib/deep/c.py",
    "lib/deep/" + "long/" * 25 + "d.py", "lib/nämé", "lib/z.py", "share/1", "share/2",
)  # fmt: skip
SIZES = (0, 1, 511, 512, 3000, 3000, 20_000, 20_000, 70_000, 150_000)  # a piece is 65,536 bytes
names, sizes, seeds = st.sampled_from(NAMES), st.sampled_from(SIZES), st.integers(0, 3)
modes = st.sampled_from((None, 0o640, 0o755))
owners = st.sampled_from(("root", "www-data", "1000"))


class Builds(RuleBasedStateMachine):
    """A project that is edited, and built after each edit with what earlier builds have left."""

    def __init__(self) -> None:
        super().__init__()
        self.before = Path.cwd()
        self.root = tempfile.mkdtemp(dir="/dev/shm")  # syncing to disk is not what is tested
        os.chdir(self.root)
        os.mkdir("t")
        self.format = ""
        self.changes: dict[str, str] = {}
        self.contents: dict[str, object] = {}
        self.last = Listing([])
        self.digests = Digests(Path("artifacts/.work/digests.sqlite"))

    def teardown(self) -> None:
        os.chdir(self.before)
        shutil.rmtree(self.root)

    @initialize(format=st.sampled_from(("tar.gz", "zip")))
    def begin(self, format: str) -> None:
        self.format = format
        for number, name in enumerate(NAMES):
            self.write(name, SIZES[-number % len(SIZES)], number)

    @rule(name=names, size=sizes, seed=seeds)
    def write(self, name: str, size: int, seed: int) -> None:
        draw = random.Random(seed)
        self._cleared(name).write_bytes(draw.randbytes(size // 2) + b"text" * (size // 8))

    @rule(name=names, at=st.integers(0, 200_000))
    def edit(self, name: str, at: int) -> None:
        path = Path("t", name)
        if path.is_file() and path.stat().st_size:
            with open(path, "r+b") as file:
                file.seek(at % path.stat().st_size)
                file.write(b"?")

    @rule(name=names)
    def remove(self, name: str) -> None:
        Path("t", name).unlink(missing_ok=True)

    @rule(old=names, new=names)
    def rename(self, old: str, new: str) -> None:
        if old != new and Path("t", old).is_file():
            os.rename(Path("t", old), self._cleared(new))

    @rule(name=names, executable=st.booleans())
    def chmod(self, name: str, *, executable: bool) -> None:
        if Path("t", name).is_file():
            Path("t", name).chmod(0o755 if executable else 0o644)

    @rule(name=st.sampled_from(NAMES[4:6]), to=st.sampled_from(("README", "a.py")))
    def link(self, name: str, to: str) -> None:
        self._cleared(name).symlink_to(to)

    @rule(version=st.sampled_from(("1.0", "1.1", "1.10")), name=st.sampled_from(("demo", "other")))
    def release(self, version: str, name: str) -> None:
        self.changes = {"version": version, "name": name}

    @rule(mode=modes, owner=owners, group=owners, conffile=st.booleans())
    def describe(self, mode: int | None, owner: str, group: str, *, conffile: bool) -> None:
        self.contents = {"mode": mode, "owner": owner, "group": group, "conffile": conffile}

    @rule(number=st.integers(0, 50), at=st.integers(0, 100_000), how=st.integers(0, 3))
    def damage(self, number: int, at: int, how: int) -> None:
        kept = sorted([*self._store.glob("*"), *Path("artifacts").glob(".work/*/*/groups")])
        if not kept:
            return
        path, other = kept[number % len(kept)], kept[at % len(kept)]
        data = bytearray(path.read_bytes())
        if how == 0:
            path.unlink()
        elif how == 1:
            path.write_bytes(data[: at % len(data)])
        elif how == 2:
            data[at % len(data)] ^= 4
            path.write_bytes(data)
        else:
            other.write_bytes(data)

    @rule(kibibytes=st.integers(0, 300))
    def sweep(self, kibibytes: int) -> None:
        Store(self._store).sweep(kibibytes << 10)

    @rule()
    def lose(self) -> None:
        shutil.rmtree("artifacts", ignore_errors=True)

    @rule(after=st.floats(0, 0.05))
    def kill(self, after: float) -> None:
        child = os.fork()
        if not child:
            try:
                self._build("artifacts", self.digests)
            finally:
                os._exit(0)
        time.sleep(after)  # any moment may be drawn
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    @invariant()
    def builds_what_a_clean_build_builds(self) -> None:
        incremental = self._build("artifacts", self.digests)
        clean = self._build("clean", Digests(Path("clean/digests.sqlite")))
        shutil.rmtree("clean")
        assert incremental == clean

    def _cleared(self, name: str) -> Path:
        """A path where nothing lies, in a directory that is there."""
        path = Path("t", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path

    def _as_edited(self, listing: Listing) -> Listing:
        """The same, as an edit of the last one where it could have been one."""
        last, self.last = self.last, Listing(listing.lines)
        if [each.entry.path for each in last] != [each.entry.path for each in listing]:
            return listing
        return last.edited({at: each for at, each in enumerate(listing) if each != last[at]})

    @property
    def _store(self) -> Path:
        return workspace(self._variant, "artifacts").chunks

    @property
    def _variant(self) -> Variant:
        described = content("src", "t", "", optional=True, **self.contents)
        return variant(described, formats=(self.format,), **self.changes)

    def _build(self, artifacts: str, digests: Digests) -> dict[str, str]:
        (layout,) = lay_out([self._variant], Sources(artifacts))
        place = workspace(self._variant, artifacts)
        place.work.mkdir(parents=True, exist_ok=True)
        with place.lock():  # as every stage has it
            listing = Listing.of(collect(layout, digests.look))
            pack(place, self._as_edited(listing) if digests is self.digests else listing, digests)
            digests.save()
        return {each.name: of_file(each) for each in place.release.iterdir()}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, 64)
    monkeypatch.setattr(
        zip_format, "MORE", zip_format.MORE // 64
    )  # then it may find no end, as it may ever


class Doits(RuleBasedStateMachine):
    """The same through doit, as a user runs it: with its records, and all stages."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(dir="/dev/shm"))
        self.project = Project(self.place / "project")

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @rule(name=st.sampled_from(("main.py", "deep/data.txt", "new")), text=st.text(max_size=5))
    def write(self, name: str, text: str) -> None:
        self.project.write(f"src/{name}", text)

    @rule(old=st.sampled_from(("deep/data.txt", "new")))
    def rename(self, old: str) -> None:
        if self.project.path(f"src/{old}").exists():
            self.project.path(f"src/{old}").rename(self.project.path("src/main.py"))

    @rule(executable=st.booleans())
    def chmod(self, *, executable: bool) -> None:
        self.project.path("src/main.py").chmod(0o755 if executable else 0o644)

    @rule(version=st.sampled_from(("1.0", "1.1")), port=st.sampled_from((80, 8080)))
    def release(self, version: str, port: int) -> None:
        spec = SPEC.replace('"1.0"', f'"{version}"').replace("8080", str(port))
        self.project.write("specs/demo.yaml", spec)

    @rule(number=st.integers(0, 100), at=st.integers(0, 10_000))
    def damage(self, number: int, at: int) -> None:
        """Cut or lose anything of what earlier builds have left, but for what holds locks."""
        left = self.project.path("artifacts").rglob("*")
        files = sorted(each for each in left if each.is_file() and each.suffix != ".lock")
        if files:
            path = files[number % len(files)]
            os.truncate(path, at) if at < path.stat().st_size else path.unlink()

    @rule(after=st.floats(0.1, 0.8))
    def kill(self, after: float) -> None:
        with self.project.start("-n", "2") as process:
            time.sleep(after)  # any moment may be drawn
            # Doit's workers would wait for ever, with the pipe.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    @invariant()
    def builds_what_a_clean_build_builds(self) -> None:
        clean = Project(self.place / "clean", {})
        shutil.copytree(self.project.root, clean.root, ignore=lambda *_: ["artifacts"])
        assert self._built(self.project) == self._built(clean)
        shutil.rmtree(clean.root)

    def _built(self, project: Project) -> dict[str, str]:
        project.doit()
        version = "1.1" if '"1.1"' in project.path("specs/demo.yaml").read_text() else "1.0"
        releases = list(project.path("artifacts").glob(f"demo-{version}-*/*"))
        assert len({each.parent for each in releases}) == 2  # platforms
        return {each.name: of_file(each) for each in releases}


Short = settings(max_examples=25, stateful_step_count=20, deadline=None)
Long = settings(max_examples=300, stateful_step_count=40, deadline=None)
Doit = settings(max_examples=12, stateful_step_count=10, deadline=None)


class TestBuilds(Builds.TestCase):  # type: ignore[misc, name-defined]
    settings = Short


@pytest.mark.sweep
class TestManyBuilds(Builds.TestCase):  # type: ignore[misc, name-defined]
    settings = Long


@pytest.mark.sweep
class TestDoits(Doits.TestCase):  # type: ignore[misc, name-defined]
    settings = Doit
