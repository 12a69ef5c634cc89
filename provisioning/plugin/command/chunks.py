"""Knows how people are told of chunks that were made, or would be: by the members in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.artifact.path import shown
from provisioning.plugin.command.size import count, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Cost = Mapping[str, Any]


def made(cost: Cost, most: int) -> Iterator[str]:
    """A line for each chunk that was made, of at most so many."""
    chunks: Sequence[Mapping[str, Any]] = cost.get("made", ())
    for chunk in chunks[:most]:
        out = f" → {told(chunk['bytes_out'])}" if chunk["bytes_out"] else ""
        yield f"{chunk['format']}: {_members(chunk)}, {told(chunk['bytes_in'])}{out}"
    left = cost.get("chunks_rebuilt", 0) - len(chunks[:most])
    if chunks and left > 0:
        yield f"and {left} more"


def summary(cost: Cost) -> Iterator[str]:
    """What was made and what was reused, in a few words each."""
    rebuilt, reused = cost["chunks_rebuilt"], cost["chunks_reused"]
    if rebuilt:
        yield f"{count(rebuilt, 'chunk')} made of {told(cost['bytes_in'])}"
    if reused:
        yield f"{count(reused, 'chunk')} reused ({told(cost['bytes_reused'])})"


def _members(chunk: Mapping[str, Any]) -> str:
    first, last, number = shown(chunk["first"]), shown(chunk["last"]), chunk["members"]
    if number > 1:
        return f"{first} … {last} ({number} members)"
    return first or "the end"
