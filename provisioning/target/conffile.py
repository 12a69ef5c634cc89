"""Knows what becomes of a configuration file when another release comes: a table, and no disk.

What the user did to a file, and what the vendor did to it since it was installed, decide together
(the table in the reference is this code). So it is with what becomes a directory of data, or was
one. Going back to a release, it is what the user had there, unless it was edited since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.entry import DIR, FILE

if TYPE_CHECKING:
    from provisioning.artifact.entry import Entry

KEEP, INSTALL, NEW, ARCHIVE, RESTORE, OLD, IDLE, ASIDE, RETURN = ACTIONS = (
    *("keep", "install", "new", "archive", "restore", "old"),
    *("idle", "aside", "return"),
)
"""The last: kept where nothing uses it, moved aside, and moved back from there."""

# Instead of a digest: a link, or something that is neither file nor directory; a directory that
# holds no file, and one that does.
ABSENT, OTHER, EMPTY, FULL = "", "other", "empty", "full"
_NO_FILES = frozenset({OTHER, EMPTY, FULL})
_FREE = frozenset({ABSENT, EMPTY})


class Live(NamedTuple):
    """What lies at the path of a configuration file."""

    digest: str = ABSENT
    """SHA-256 of its content, or one of ABSENT, OTHER, EMPTY and FULL."""
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
        return _decided(path, live, _without(live, old), Live())
    if new.type == DIR:
        return _decided(path, live, _cleared(live, old), Live())
    if old is None or old.type == DIR:
        action = INSTALL if live.digest in {ABSENT, EMPTY} else _beside(live, new)
        return _decided(path, live, action, _installed(live, None, new))
    if live.digest == ABSENT or _says(old) == _says(new):
        return _decided(path, live, KEEP, live)
    action = INSTALL if live.digest == old.digest else _beside(live, new)
    return _decided(path, live, action, _installed(live, old, new))


def backward(live: Live, then: Decision, now: Entry | None, coming: Entry | None) -> Decision:
    """Decide, going back to the release that was left with the decision `then`.

    `now` is what the release that is current says, and `coming` what that one does.
    """
    before, path = then.before, then.path
    unedited = live.digest in {then.after.digest, now.digest if now else then.after.digest}
    if any(each and each.type == DIR for each in (now, coming)):
        action = _directory_back(live, before, now, coming)
        return _decided(path, live, action, before if action in {RESTORE, RETURN} else Live())
    if live.digest in _NO_FILES or before.digest in {OTHER, FULL}:
        return _decided(path, live, KEEP, live)
    if live.digest == before.digest:
        only_mode = live == then.after != before
        return _decided(path, live, RESTORE if only_mode else KEEP, before)
    if before.digest in _FREE:
        return _decided(path, live, ARCHIVE if unedited else KEEP, Live())
    if unedited:
        return _decided(path, live, RESTORE, before)
    return _decided(path, live, KEEP if live.digest == ABSENT else OLD, live)


def _directory_back(live: Live, before: Live, now: Entry | None, coming: Entry | None) -> str:
    """What becomes of something that is a directory in one of two releases."""
    if live.digest == before.digest:
        return KEEP
    if coming and coming.type == DIR:
        return _cleared(live, now)
    if live.digest not in _FREE:
        return KEEP if before.digest in {*_NO_FILES, ABSENT} else OLD
    if before.digest == OTHER:
        return RETURN
    return ARCHIVE if before.digest in {*_NO_FILES, ABSENT} else RESTORE


def _without(live: Live, old: Entry | None) -> str:
    """What becomes of something of which the release to come has nothing."""
    if old is None or live.digest in {ABSENT, EMPTY}:
        return KEEP
    return ARCHIVE if old.type == FILE and live.digest == old.digest else IDLE


def _cleared(live: Live, old: Entry | None) -> str:
    """What becomes of something that lies where a directory is to be."""
    was_file = old is not None and old.type == FILE
    if live.digest in {ABSENT, EMPTY, FULL} or (live.digest == OTHER and not was_file):
        return KEEP  # a link is where somebody keeps the data
    return ARCHIVE if was_file and old and live.digest == old.digest else ASIDE


def _decided(path: str, live: Live, action: str, after: Live) -> Decision:
    changes = action in {INSTALL, ARCHIVE, RESTORE, ASIDE, RETURN}
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
