"""The interface of a format's writer, what it is given (`PackJob`), and its `Cost`."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from provisioning.artifact.formats import FORMATS
from provisioning.artifact.tar.archive import EPOCH, mtime_of_content
from provisioning.artifact.tar.chunking import MAX
from provisioning.builder.archive.compress import compress_runs
from provisioning.builder.workspace import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.compress import CompressedChunk
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.members import ChunkRun, MemberRange, Read
    from provisioning.builder.archive.store import Store
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.workspace.output import Output
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Variant


class FormatWriter(Protocol):
    """What writes a format: a module of this folder, named in `artifact.formats.FORMATS`."""

    def state(
        self, variant: Variant, package: Package, collected: Callable[[], Iterable[Collected]], /
    ) -> Package:
        """The package as its manifest states it, with what this format adds to it.

        `collected` returns all that the package holds, in order.

        Raises:
            BuildError: a source is no longer what was collected.
            OSError: a file cannot be read.
        """

    def write(self, job: PackJob, made: Output, /) -> None:
        """Write the artifact: the same bytes for the same job, wherever and whenever.

        Raises:
            BuildError: a source is no longer what was collected.
            OSError: a file cannot be read or written.
        """

    def plan(self, job: PackJob, /) -> Iterator[ChunkRun]:
        """The chunks that it will consist of, in order, before a source is read: for `explain`.

        None if it does not consist of chunks.
        """

    def plan_group(
        self, variant: Variant, format: str, group: Group, read: Read, /
    ) -> ChunkRun | None:
        """The chunks that hold one group, whose small files `read` reads: to make them early."""


def writer(format: str) -> FormatWriter:
    """What writes this format. Imported here: a build pays for the formats that it makes."""
    return cast("FormatWriter", import_module(f"{__package__}.{FORMATS[format].writer}"))


def stated(
    variant: Variant, package: Package, collected: Callable[[], Iterable[Collected]]
) -> Package:
    """The package as its manifest states it, with what each of its formats adds to it.

    `collected` and what is raised are as for `FormatWriter.state`.
    """
    for format in variant.formats:
        package = writer(format).state(variant, package, collected)
    return package


class PackJob(NamedTuple):
    """A package to be written in one format."""

    format: str
    variant: Variant
    place: Workspace
    groups: Sequence[Group]
    """All that it holds, in order."""
    manifest: bytes
    store: Store
    stats: PackStats

    @property
    def members(self) -> Iterator[Collected]:
        """All that it holds, in order."""
        return (each for group in self.groups for each in group.members)

    def chunks(
        self, runs: Iterable[ChunkRun], largest: int = MAX
    ) -> Generator[CompressedChunk, None, None]:
        """The chunks of `runs`, made or reused, and counted; raises as `compress_runs` does."""
        with closing(compress_runs(self._expected(runs), self.store, largest)) as chunks:
            for each in chunks:
                self.stats.count(each)
                made = not each.reused
                progress.count(done=each.tar_length, packed=made, reused=not made)
                yield each

    def _expected(self, runs: Iterable[ChunkRun]) -> Iterator[ChunkRun]:
        for run in runs:
            self.stats.expect(run, self.format)
            yield run


class MadeChunk(NamedTuple):
    """A chunk that had to be compressed, and the members it holds. Sizes are in bytes."""

    format: str
    first: str
    last: str
    members: int
    bytes_in: int
    bytes_out: int


class Cost(NamedTuple):
    """What packing took. The artifacts are `bytes_out` + `bytes_reused` long."""

    chunks_reused: int = 0
    chunks_rebuilt: int = 0
    bytes_in: int = 0  # that were read and compressed
    bytes_out: int = 0  # of the result
    bytes_reused: int = 0  # of chunks that came compressed from the store
    made: tuple[MadeChunk, ...] = ()  # the chunks that were rebuilt, in order


def cost_of(made: Sequence[MadeChunk], reused: Sequence[int]) -> Cost:
    """Sum up chunks that were made, and others of these lengths that were reused."""
    return Cost(
        chunks_reused=len(reused),
        chunks_rebuilt=len(made),
        bytes_in=sum(each.bytes_in for each in made),
        bytes_out=sum(each.bytes_out for each in made),
        bytes_reused=sum(reused),
        made=tuple(made),
    )


class PackStats:
    """Counts the chunks of all formats of a package: made or reused, and what they hold."""

    def __init__(self, prefetched: Collection[str] = ()) -> None:
        """Chunks with the keys `prefetched` were made earlier in this build: they count as made."""
        self._prefetched = prefetched
        self.keys: set[str] = set()
        self._ranges: dict[str, tuple[str, MemberRange]] = {}
        self._made: list[MadeChunk] = []
        self._reused: list[int] = []

    @property
    def cost(self) -> Cost:
        """The sum of all that was counted."""
        return cost_of(self._made, self._reused)

    def expect(self, run: ChunkRun, format: str) -> None:
        """Note what the chunks of a run hold, before they are counted."""
        for key, _ in run.chunks:
            self._ranges[key] = format, run.members

    def count(self, chunk: CompressedChunk) -> None:
        """Count a chunk, which was expected."""
        self.keys.add(chunk.key)
        length = len(chunk.packed.data)
        if chunk.reused and chunk.key not in self._prefetched:
            self._reused.append(length)
        else:
            format, members = self._ranges[chunk.key]
            self.add(MadeChunk(format, *members, chunk.tar_length, length))

    def add(self, made: MadeChunk) -> None:
        """Count what is not kept in the store."""
        self._made.append(made)


def is_by_content(variant: Variant) -> bool:
    """Whether the times of files depend on their contents."""
    return variant.mtime != "epoch"  # guard: time-by-content


def mtime(variant: Variant, entry: Entry) -> int:
    """The modification time of an entry, in seconds: the same for all, or by its content."""
    return mtime_of_content(entry) if is_by_content(variant) else EPOCH
