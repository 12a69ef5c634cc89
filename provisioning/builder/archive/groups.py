"""Groups the members of a package into chunks, and remembers the groups for the next build.

Losing what is remembered costs time and never correctness: it is sealed by its digest, and valid
for one listing. Groups that an edit has not touched are not made again.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from provisioning.artifact.model import canonical, manifest
from provisioning.artifact.model.entry import MANIFEST
from provisioning.artifact.tar import archive, chunking
from provisioning.builder.collect.collect import Collected
from provisioning.builder.collect.sources import code_state
from provisioning.builder.workspace import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.artifact.model.manifest import Package
    from provisioning.builder.collect.collect import Listing

T = TypeVar("T")

_SEAL = hashlib.sha256().digest_size  # bytes, with which the file ends


class Group(NamedTuple):
    """Members that share a chunk; or one that is larger than a chunk may be."""

    members: Sequence[Collected]
    length: int
    """Their size in bytes of tar, as `Posix` spells them."""
    lines: bytes | memoryview
    """Their lines of the manifest."""


class Cut(NamedTuple):
    """A group as it is remembered: with the number of its members instead of the members."""

    members: int
    length: int
    lines: bytes | memoryview


def portions(items: Iterable[tuple[str, int, T]], level: int = 0) -> Iterator[tuple[int, list[T]]]:
    """Divide items, each with a path and a size in bytes of tar, as chunks of a level will be.

    Each portion comes with its size. No more items are taken than a portion and the next item.
    """
    if not level:
        yield from _portions(items, 0)
        return
    named = ((path, length, (path, item)) for path, length, item in items)
    finer = ((some[-1][0], length, some) for length, some in portions(named, level - 1))
    for length, several in _portions(finer, level):
        yield length, [item for some in several for _, item in some]


def _portions(items: Iterable[tuple[str, int, T]], level: int) -> Iterator[tuple[int, list[T]]]:
    lengths: list[int] = []
    some: list[T] = []

    def told() -> Iterator[tuple[str, int]]:
        for path, length, item in items:
            lengths.append(length)
            some.append(item)
            yield path, length

    for each in chunking.boundaries(told(), level):
        count = each.stop - each.start
        yield sum(lengths[:count]), some[:count]
        del lengths[:count], some[:count]


def share_out(name: str, members: Iterable[Collected]) -> Iterator[Cut]:
    """Divide the members of the package `name` into groups, the same for every format.

    Like `portions`, it takes no more members than it must.
    """
    length_of = archive.Posix(name).length
    entries = (each.entry for each in members)
    for length, some in portions((each.path, length_of(each), each) for each in entries):
        yield Cut(len(some), length, manifest.lines(some))


def share_again(name: str, listing: Listing, before: Sequence[Cut]) -> Iterator[Cut]:
    """The same for an edited listing; `before` are the cuts of the listing it was made from."""
    starts = accumulate((cut.members for cut in before), initial=0)
    known = dict(zip(starts, before, strict=False))  # the last one is the end
    edited = sorted(listing.edit.numbers)
    at = 0
    while at < len(listing):
        cut = known.get(at)
        # A group may have ended only because the member behind it was too large.
        if cut and bisect_left(edited, at) == bisect_left(edited, at + cut.members + 1):
            yield cut
            at += cut.members
            continue
        for cut in share_out(name, listing[at:]):
            yield cut
            at += cut.members
            if at in known:
                break  # what was known of the next one does not depend on what precedes it


def keep(path: Path, content: str, cuts: Iterable[Cut]) -> None:
    """Write the cuts of the listing with this content to a file."""
    output.remember(path, _sealed(content, cuts))


def _sealed(content: str, cuts: Iterable[Cut]) -> Iterator[bytes | memoryview]:
    """Each cut, and its lines of the manifest; then the digest of all."""
    sealed = hashlib.sha256(_seed(content))
    for members, length, lines in cuts:
        for part in (b"%d %d %d\n" % (members, length, len(lines)), lines):
            sealed.update(part)
            yield part
    yield sealed.digest()


def _seed(content: str) -> bytes:
    return f"{code_state()} {content}".encode()


def recall(path: Path, content: str) -> list[Cut] | None:
    """The remembered cuts of the listing with this content; None if there are none."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    end = len(data) - _SEAL
    sealed = hashlib.sha256(_seed(content))
    sealed.update(memoryview(data)[: max(0, end)])
    if data[max(0, end) :] != sealed.digest():
        return None
    cuts, at = [], 0
    whole = memoryview(data)  # 100,000 lines are 25 MB: once is enough, here and below
    while at < end:
        start = data.index(b"\n", at) + 1
        members, length, width = map(int, data[at:start].split())
        at = start + width
        cuts.append(Cut(members, length, whole[start:at]))
    return cuts


def group(members: Sequence[Collected], cuts: Iterable[Cut], content: bytes) -> Iterator[Group]:
    """The groups of the members with these cuts, whose manifest is `content`."""
    start, at = 0, content.index(b"\n") + 1
    whole = memoryview(content)
    for count, length, lines in cuts:
        yield Group(members[start : start + count], length, whole[at : at + len(lines)])
        start, at = start + count, at + len(lines) + len(",\n")


def joined(groups: Iterable[Group], codec: str) -> list[Group]:
    """The groups joined to the chunks of a codec."""
    groups = [*groups]
    told = [(each.members[-1].entry.path, each.length) for each in groups]
    return [_join(groups[some]) for some in chunking.joined(told, chunking.LEVEL_OF.get(codec, 0))]


def _join(groups: Sequence[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    members = _JoinedMembers([each.members for each in groups])
    lines = b"\n".join(each.lines for each in groups)
    return Group(members, sum(each.length for each in groups), lines)


class _JoinedMembers(Sequence[Collected]):
    """The members of several groups, one after the other, without copying them."""

    def __init__(self, parts: Sequence[Sequence[Collected]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._parts))

    def __getitem__(self, number: Any) -> Any:
        """The one of this number, or those of a slice."""
        return [*self][number] if number not in {0, -1} else self._parts[number][number]

    def __iter__(self) -> Iterator[Collected]:
        """Each of them, in order."""
        return chain.from_iterable(self._parts)


def spell(package: Package, cuts: Iterable[Cut]) -> bytes:
    """The manifest of a package. Raises ArtifactError if no reader would accept it."""
    content = manifest.join(package, [cut.lines for cut in cuts])
    # The reader refuses a manifest that is too large and an invalid package, and says why. The
    # layout has checked the entries.
    judged = content if len(content) > canonical.LIMIT else manifest.join(package, ())
    manifest.parse(judged, MANIFEST)
    return content
