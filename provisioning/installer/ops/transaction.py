"""Knows how a package is changed on a machine: step by step, and back or on from any of them.

The design document (Installation) names the steps and says what holds after each. What was changed
is told by the links and the record alone, so that whoever finds them after a kill or a power cut
goes on as the one that was killed would have.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES, STATE
from provisioning.artifact.tool import tool
from provisioning.errors import FailedError, RefusedError, TargetError
from provisioning.installer.ops import cleanup, journal
from provisioning.installer.ops.journal import (
    BEGUN,
    DONE,
    FAILED,
    RETURNING,
    ROLLBACK,
    SWITCHING,
    Event,
    Record,
)
from provisioning.installer.services import bytecode, lifecycle
from provisioning.installer.store import apply_configuration, configuration, releases
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import can_give

if TYPE_CHECKING:
    from provisioning.console import Console
    from provisioning.installer.store.configuration import Kept
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

TOOL = f"{STATE}/tool"
ATTEMPTS = 3  # that a release gets to start well, and the one before it to start again


class Transaction(NamedTuple):
    """A change under way, and where."""

    home: Home
    console: Console
    record: Record
    old: Release | None
    new: Release | None

    def noted(self, **fields: object) -> Transaction:
        """The same, with another record, which is on the disk."""
        changed = self.record._replace(**fields)  # type: ignore[arg-type]
        journal.write_record(self.home, changed)
        return self._replace(record=changed)


def carry_out(change: Transaction, kept: Kept) -> None:
    """Have another release current, its configuration in place and its services running.

    Raises:
        FailedError: it did not come up; the one before is back.
        TargetError: nothing was changed.
    """
    try:
        change = _prepare(begun(change), kept)
        _switch(change)
        finish(change)
    except (TargetError, OSError) as error:
        if not has_ended(change):
            raise _undone(change, error) from None  # guard: undo-when-unwell
    except BaseException:  # a signal, or a fault of this program
        if not has_ended(change):
            undo(change, "interrupted")  # guard: undo-when-interrupted
            raise
        journal.remove_record(change.home)  # it comes too late: all was done


def begun(change: Transaction) -> Transaction:
    """Note that a change begins, after what it takes to end it should this run not do so."""
    data = tool()
    if change.home.directory.read(TOOL) != data:
        change.home.directory.write(TOOL, data, Owned(0o755))
    about = change.new or change.old
    if about:
        lifecycle.guard(change.home, about.package)
    return change.noted(phase=BEGUN)  # guard: journal-begun


def has_ended(change: Transaction) -> bool:
    """Tell whether all of a change was done, but perhaps for removing its record."""
    events = journal.read_history(change.home)
    return bool(events) and events[-1].sequence == change.record.sequence


def is_committed(change: Transaction) -> bool:
    """Tell whether the release that shall be current is."""
    return change.home.directory.leads(CURRENT) == f"{RELEASES}/{change.record.new}"


def finish(change: Transaction) -> None:
    """Bring up the release that has become current, and end the change."""
    home, old, new = change.home, change.old, change.new
    change = change.noted(attempts=change.record.attempts + 1)  # guard: attempts-counted
    if new is None:
        raise TargetError(f"{home.path / RELEASES / change.record.new}: is damaged")
    decided = configuration.kept(home, change.record.old).decisions
    apply_configuration.apply(home, decided, new.name, new.layout)
    if change.record.action == ROLLBACK and old:  # guard: configuration-of-a-rollback
        apply_configuration.forget_new(home, old.layout.conffiles)
    lifecycle.run_hook(home, change.record, "post_install", (old, new))
    resting = change.record.resting.split()
    lifecycle.start(home, old, new, resting)
    for name in resting:
        change.console.say(f"{name}: somebody has stopped, disabled or masked it; it stays so")
    change.console.warn(lifecycle.note(home, new))
    end(change, DONE)


def undo(change: Transaction, why: str) -> bool:
    """Have all as it was before; tell whether the release had been switched."""
    if is_committed(change):
        go_back(change, why)
        return True
    _abandon(change)
    return False


def go_back(change: Transaction, why: str) -> None:
    """Have the old release current again, its configuration in place and its services running."""
    home, old, new = change.home, change.old, change.new
    again = change.record.phase == RETURNING
    attempts = change.record.attempts + 1 if again else 0
    # Where even this cannot be written, the way back is worth a try: a run to come would go on.
    with suppress(OSError):
        change = change.noted(phase=RETURNING, attempts=attempts, reason=why)
    if change.record.old and not home.directory.is_directory(f"{RELEASES}/{change.record.old}"):
        raise TargetError(f"{home.path / RELEASES / change.record.old}: is not there to go back to")
    _point(home, CURRENT, change.record.old)
    _point(home, PREVIOUS, change.record.previous)
    then = configuration.kept(home, change.record.old)
    before, after = (each.layout if each else None for each in (old, new))
    decided = configuration.decide_back(home, after, before, then)
    apply_configuration.apply(home, decided, change.record.old, before)
    apply_configuration.forget_new(home, after.conffiles if after else ())
    apply_configuration.unmake(home, then.absent)
    if attempts < ATTEMPTS:
        _start_again(change)
    if not old:
        change.console.warn(releases.strike(home))
        discard(change, change.record.new)
    end(change, FAILED, why)
    with suppress(OSError):  # there will be another time
        cleanup.remove_bad(home, change.record.new)


def _prepare(change: Transaction, kept: Kept) -> Transaction:
    home, new = change.home, change.new
    try:
        lifecycle.run_hook(home, change.record, "pre_install", (change.old, new))
    except TargetError as error:
        raise RefusedError(str(error)) from None
    configuration.keep(home, change.record.old, kept)
    if new:
        apply_configuration.make(home, new, change.old or journal.left(home, change.record.name))
        # guard: byte-code-swept
        change.console.warn(bytecode.sweep(home, new.path, new.layout.release))
    change.console.warn(releases.enter(home, change.record.name))
    return change.noted(phase=SWITCHING)  # guard: journal-switching


def _switch(change: Transaction) -> None:
    """The commit: what was current until the second line is not any more after it."""
    old, new = change.record.old, change.record.new
    if old and releases.plain_name(old) != releases.plain_name(new):
        _point(change.home, PREVIOUS, old)
    _point(change.home, CURRENT, new)


def _abandon(change: Transaction) -> None:
    """Undo what came before the commit: nothing of the old release was touched."""
    home, entry = change.home, change.record
    _point(home, PREVIOUS, entry.previous)
    apply_configuration.unmake(home, configuration.kept(home, entry.old).absent)
    if not entry.old:
        change.console.warn(releases.strike(home))
        if change.new:
            lifecycle.forget(home, change.new.package)
        change.console.warn(*lifecycle.remove_users(home))
    if not journal.last_of(journal.read_history(home), entry.new):
        discard(change, entry.new)
    journal.remove_record(home)


def _undone(change: Transaction, fault: TargetError | OSError) -> TargetError:
    """Undo a change that failed, and tell so."""
    name = change.record.name
    why = reason(fault) if isinstance(fault, OSError) else str(fault)
    refused = isinstance(fault, RefusedError)
    try:
        if not undo(change, why):
            kind = RefusedError if refused else TargetError
            return kind(f"{name}: {why}; nothing was changed")
    except (TargetError, OSError) as error:
        where = change.home.path
        return TargetError(f"{name}: {why}; and then {error}: run `provision recover {where}`")
    back = change.old.package.version if change.old else "what was before, nothing,"
    return FailedError(f"{name}: {why}; {back} is back")


def discard(change: Transaction, release: str) -> None:
    """Remove a release that did not come up; what of it cannot be is none of this change's."""
    home = change.home
    try:
        home.directory.remove_tree(f"{RELEASES}/{release}")
    except OSError as error:
        change.console.warn(f"{error.filename}: could not be removed: {reason(error)}")


def _start_again(change: Transaction) -> None:
    try:
        lifecycle.start(change.home, change.new, change.old, change.record.resting.split())
    except TargetError as error:
        change.console.warn(f"after going back: {error}")


def _point(home: Home, link: str, release: str) -> None:
    """Have `current` or `previous` lead to a release, or not be there."""
    leads = f"{RELEASES}/{release}"
    if not release:
        home.directory.remove(link)
    elif home.directory.leads(link) != leads:
        home.directory.link(link, leads)


def end(change: Transaction, outcome: str, why: str = "") -> None:
    """Have the change in the history, and none under way."""
    home, entry = change.home, change.record
    release = entry.new or entry.old
    event = Event(
        sequence=entry.sequence,
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        action=entry.action,
        release=release,
        version=releases.version_of(release),
        old=entry.old,
        outcome=outcome,
        reason=why,
        owned=can_give(),
    )
    journal.add(home, event)
    journal.remove_record(home)
