"""Knows which files of two states of a package are shown as text, and reads both to do so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.lines import Text, unified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provisioning.artifact.difference import Change
    from provisioning.artifact.view import View

LARGEST = 256 * 1024  # bytes of a file: more than anyone writes by hand
_MOST_KEPT = 32 * 1024 * 1024  # bytes of all of them, before and after
_MOST_LINES = 100_000  # of all differences: more than anyone reads


def texts(
    old: View, new: View, changes: Iterable[Change], why_not: Callable[[Change], str]
) -> dict[str, Text]:
    """Read both states to their ends, and tell how the texts differ in files that were changed.

    Without `changes`, both are read all the same. `why_not` says of what must not be shown why.
    Raises ProvisioningError where a state is not what its manifest says.
    """
    found, wanted, room = dict[str, Text](), list[str](), _MOST_KEPT
    for change in changes:
        if change.holds_other_bytes():
            size = sum(change.sizes)
            reason = _too_large(change) or why_not(change)
            if not reason and size > room:
                reason = "more texts differ than are compared at a time"
            found[change.path] = Text(why_not=reason)
            if not reason:
                room -= size
                wanted.append(change.path)
    before, after = old.contents(wanted), new.contents(wanted)
    told = 0
    for path in wanted:
        if told > _MOST_LINES:
            found[path] = Text(why_not="too many lines of other texts were told before")
            continue
        found[path] = unified(before[path], after[path])
        told += len(found[path].lines)
    return found


def _too_large(change: Change) -> str:
    return f"larger than {LARGEST // 1024}K" if max(change.sizes) > LARGEST else ""
