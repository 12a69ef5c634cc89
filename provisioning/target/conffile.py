"""Knows what becomes of a configuration file when another release comes: a table, and no disk.

What the user did to a file, and what the vendor did to it since it was installed, decide together
(the table in the reference is this code). Going back to a release, it is what the user had there,
unless it was edited since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

KEEP, INSTALL, NEW, ARCHIVE, RESTORE, OLD = ACTIONS = (
    "keep",
    "install",
    "new",
    "archive",
    "restore",
    "old",
)

ABSENT = ""
OTHER = "other"  # instead of a digest: a link, or something else that is no file


class Live(NamedTuple):
    """What lies at the path of a configuration file."""

    digest: str = ABSENT
    """SHA-256 of its content, ABSENT or OTHER."""
    mode: int = 0
    user: int = 0
    group: int = 0


class Decision(NamedTuple):
    """What becomes of one configuration file."""

    path: str
    """Below the prefix."""
    action: str
    """One of ACTIONS."""
    before: Live
    after: Live


def forward(path: str, live: Live, old: Entry | None, new: Entry | None) -> Decision:
    """Decide, where a release says `old` and the one to come `new`; None where it has no such."""
    if new is None:
        archived = old is not None and live.digest == old.digest
        return _decided(path, live, ARCHIVE if archived else KEEP, Live())
    if old is None:
        action = INSTALL if live.digest == ABSENT else _beside(live, new)
        return _decided(path, live, action, _installed(live, None, new))
    if live.digest == ABSENT or _says(old) == _says(new):
        return _decided(path, live, KEEP, live)
    action = INSTALL if live.digest == old.digest else _beside(live, new)
    return _decided(path, live, action, _installed(live, old, new))


def backward(live: Live, then: Decision, now: Entry | None) -> Decision:
    """Decide, going back to the release that was left with the decision `then`.

    `now` is what the release that is current says.
    """
    before, path = then.before, then.path
    unedited = live.digest in {then.after.digest, now.digest if now else then.after.digest}
    if OTHER in {live.digest, before.digest}:
        return _decided(path, live, KEEP, live)
    if live.digest == before.digest:
        only_mode = live == then.after != before
        return _decided(path, live, RESTORE if only_mode else KEEP, before)
    if before.digest == ABSENT:
        return _decided(path, live, ARCHIVE if unedited else KEEP, Live())
    if unedited:
        return _decided(path, live, RESTORE, before)
    return _decided(path, live, KEEP if live.digest == ABSENT else OLD, live)


def _decided(path: str, live: Live, action: str, after: Live) -> Decision:
    changes = action in {INSTALL, ARCHIVE, RESTORE}
    return Decision(path, action, live, after if changes else live)


def _beside(live: Live, new: Entry) -> str:
    return KEEP if live.digest == new.digest else NEW


def _says(entry: Entry) -> tuple[str, int, str, str]:
    return entry.digest, entry.mode, entry.owner, entry.group


def _installed(live: Live, old: Entry | None, new: Entry) -> Live:
    """The vendor's file, but for a mode and owners that the user has given it (as dpkg does)."""
    mode, user, group = new.mode, int(new.owner), int(new.group)
    if old and live.digest != ABSENT:
        mode = mode if live.mode == old.mode else live.mode
        user = user if live.user == int(old.owner) else live.user
        group = group if live.group == int(old.group) else live.group
    return Live(new.digest, mode, user, group)
