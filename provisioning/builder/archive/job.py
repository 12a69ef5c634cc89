"""Knows the package as its manifest has it: with what a Debian package makes of the entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.formats import DEB
from provisioning.artifact.tar import ustar
from provisioning.artifact.tar.archive import mtime_of_content

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.package import Package
    from provisioning.builder.archive.compress import Pressed
    from provisioning.builder.archive.groups import Group
    from provisioning.builder.archive.members import Run, Span
    from provisioning.builder.archive.store import Store
    from provisioning.builder.collect.collect import Collected
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Variant


def stating(package: Package, formats: Collection[str], collected: Iterable[Collected]) -> Package:
    """The package that holds what was collected, templates as they became, in these formats.

    A hook, and whatever else a Debian package has elsewhere too, is read: raises like
    `members.whole`.
    """
    if DEB not in formats:
        return package
    # Imported here: a cost that a package without a deb does not owe.
    from provisioning.builder.archive.deb import described, files  # noqa: PLC0415

    return package._replace(debian_files=files(described(package, collected)))


_EPOCH = "epoch"


def is_by_content(variant: Variant) -> bool:
    """Tell whether another content has another time."""
    return variant.mtime != _EPOCH  # guard: time-by-content


def mtime(variant: Variant, entry: Entry) -> int:
    """The time of an entry, in seconds: that of all, or one that another content would not have."""
    return mtime_of_content(entry) if is_by_content(variant) else ustar.EPOCH


class Made(NamedTuple):
    """A chunk that had to be made, and what of the package it holds. Sizes are in bytes."""

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
    bytes_out: int = 0  # of what that came to
    bytes_reused: int = 0  # of chunks that came compressed from the store
    made: tuple[Made, ...] = ()  # the chunks that were rebuilt, in order


def cost_of(made: Sequence[Made], reused: Sequence[int]) -> Cost:
    """What came of chunks that were made, and of others of these lengths that were there."""
    return Cost(
        chunks_reused=len(reused),
        chunks_rebuilt=len(made),
        bytes_in=sum(each.bytes_in for each in made),
        bytes_out=sum(each.bytes_out for each in made),
        bytes_reused=sum(reused),
        made=tuple(made),
    )


class Order(NamedTuple):
    """A package to be made in one format."""

    format: str
    variant: Variant
    place: Workspace
    groups: Sequence[Group]
    """All that it holds, in order."""
    manifest: bytes
    store: Store
    tally: Tally

    def noted(self, planned: Iterable[Run]) -> Iterator[Run]:
        """The runs of an artifact, on their way to be made."""
        for run in planned:
            self.tally.expect(run, self.format)
            yield run


class Tally:
    """What the chunks of all formats took, and what they hold."""

    def __init__(self, ahead: Collection[str] = ()) -> None:
        """Chunks with the keys `ahead` this build has made before, and does not reuse."""
        self._ahead = ahead
        self.keys: set[str] = set()
        self._spans: dict[str, tuple[str, Span]] = {}
        self._made: list[Made] = []
        self._reused: list[int] = []

    @property
    def cost(self) -> Cost:
        """What all that was counted took."""
        return cost_of(self._made, self._reused)

    def expect(self, run: Run, format: str) -> None:
        """Know what the chunks hold that are going to be counted."""
        for key, _ in run.chunks:
            self._spans[key] = format, run.span

    def count(self, pressed: Pressed) -> None:
        """Add a chunk, which was expected."""
        self.keys.add(pressed.key)
        length = len(pressed.packed.data)
        if pressed.reused and pressed.key not in self._ahead:
            self._reused.append(length)
        else:
            format, span = self._spans[pressed.key]
            self.add(Made(format, *span, pressed.tar_length, length))

    def add(self, made: Made) -> None:
        """Add what no store has had."""
        self._made.append(made)
