"""Knows what is asked of a writer: what to make, of what, and to account for what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.build.press import Pressed
    from provisioning.build.runs import Group
    from provisioning.build.store import Store
    from provisioning.build.workspace import Workspace
    from provisioning.spec.variant import Variant


class Cost(NamedTuple):
    """What packing took. The artifacts are `bytes_out` + `bytes_reused` long."""

    chunks_reused: int = 0
    chunks_rebuilt: int = 0
    bytes_in: int = 0  # that were read and compressed
    bytes_out: int = 0  # of what that came to
    bytes_reused: int = 0  # of chunks that came compressed from the store


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


class Tally:
    """What the chunks of all formats took."""

    def __init__(self) -> None:
        self.cost = Cost()
        self.keys: set[str] = set()

    def count(self, pressed: Pressed) -> None:
        """Add a chunk."""
        length = len(pressed.packed.data)
        reused, rebuilt, taken, out, again = self.cost
        if pressed.reused:
            self.cost = Cost(reused + 1, rebuilt, taken, out, again + length)
        else:
            self.cost = Cost(reused, rebuilt + 1, taken + pressed.tar_length, out + length, again)
        self.keys.add(pressed.key)

    def count_stream(self, taken: int, out: int) -> None:
        """Add one stream, of `taken` bytes that came to `out`, which no store keeps."""
        cost = self.cost
        self.cost = cost._replace(
            chunks_rebuilt=cost.chunks_rebuilt + 1,
            bytes_in=cost.bytes_in + taken,
            bytes_out=cost.bytes_out + out,
        )
