"""Makes another release current, step by step, and takes each step back if one fails.

Design 002 names the steps, and says what holds after each. Only links and the record tell how far a
change came, so that the next run after a kill or a power cut continues as the killed run would
have.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact import filesystem
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES, STATE
from provisioning.artifact.tool import tool
from provisioning.errors import FailedError, RefusedError, TargetError
from provisioning.installer.ops import cleanup, journal
from provisioning.installer.ops.journal import (
    BEGUN,
    DONE,
    FAILED,
    PREPARED,
    RETURNING,
    ROLLBACK,
    SWITCHING,
    Event,
    Record,
)
from provisioning.installer.services import bytecode_cache, lifecycle
from provisioning.installer.store import configuration, releases, trusted_keys
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import can_give

if TYPE_CHECKING:
    from provisioning.console import Console
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release
    from provisioning.installer.store.stage import PackageSource

TOOL = f"{STATE}/tool"
ATTEMPTS = 3  # to start a new release, and then to start the one before it again


class Transaction(NamedTuple):
    """A change under way."""

    home: Home
    console: Console
    record: Record
    old: Release | None
    new: Release | None

    def noted(self, **fields: object) -> Transaction:
        """Write the record with other fields to the disk, and return the change with it."""
        changed = self.record._replace(**fields)  # type: ignore[arg-type]
        journal.write_record(self.home, changed)
        return self._replace(record=changed)


def install(  # noqa: PLR0915 - the story, from its first step to its last
    home: Home, plan: InstallPlan, console: Console, source: PackageSource | None = None
) -> None:
    """Make the new release of a plan current, its configuration in place, its services running.

    `source` has the files of a release that is not in the prefix yet.

    Raises:
        FailedError: the new release did not come up, and the old one is current again.
        TargetError: nothing was changed.
    """
    old, new = plan.old, plan.new

    # Stage: the release is written under a temporary name, synced, read back, and then renamed.
    # To undo: a release that is not current is removed.
    if source and new and not plan.is_there:
        # Imported here: gc and recover, which need none of it, would start an eighth later.
        from provisioning.installer.store import stage  # noqa: PLC0415

        home.directory.make(RELEASES, Owned(0o755))
        console.begin(sum(entry.size for entry in new.layout.release))
        made = stage.stage(home, stage.Staging(source, new, old, console.progress))
        console.end()
        stage.place(home, made, new)
    if new:
        bytecode_cache.prepare(home, new, console)
        trusted_keys.keep(home, new.name, source.signed if source else None)

    change = begin(home, plan, console)
    try:
        # Begin: the record, and the tool that can end the change, are on the disk.
        change = begun(change)

        # Prepare: nothing of the old release is touched.
        try:
            lifecycle.run_hook(home, change.record, "pre_install", (old, new))
        except TargetError as error:
            raise RefusedError(str(error)) from None
        configuration.keep(home, change.record.old, plan.kept)
        if new:
            before = old or journal.left(home, plan.name)
            configuration.make(home, new, before)
            # guard: byte-code-swept
            console.warn(bytecode_cache.sweep(home, new.path, new.layout.release))
            bytecode_cache.link(home, new)  # guard: byte-code-linked
        console.warn(releases.enter(home, plan.name))
        change = change.noted(phase=SWITCHING)  # guard: journal-switching

        # Switch: the second link is the commit.
        was, comes = change.record.old, change.record.new
        if was and releases.plain_name(was) != releases.plain_name(comes):
            _point(home, PREVIOUS, was)
        _point(home, CURRENT, comes)

        # Start: configuration, hook, services, health; then the change has ended.
        finish(change)
    except (TargetError, OSError) as error:
        if not has_ended(change):
            raise _undone(change, error) from None  # guard: undo-when-unwell
    except BaseException:  # a signal, or a fault of this program
        if not has_ended(change):
            undo(change, "interrupted")  # guard: undo-when-interrupted
            raise
        journal.remove_record(home)  # it came too late: all was done


def begin(home: Home, plan: InstallPlan, console: Console) -> Transaction:
    """Return a planned change before its first step: nothing is on the disk yet."""
    record = Record(
        sequence=journal.next_sequence(home),
        action=plan.action,
        name=plan.name,
        old=plan.old.name if plan.old else "",
        new=plan.new.name if plan.new else "",
        previous=plan.previous,
        phase=BEGUN,
        attempts=0,
        purge=plan.purge,
        tool=filesystem.of_bytes(tool()),
        reason="",
        resting=" ".join(lifecycle.resting(home, plan.old)),
        coming="",
    )
    return Transaction(home, console, record, plan.old, plan.new)


def begun(change: Transaction) -> Transaction:
    """Write the record, after what it takes to end the change if this run is killed."""
    data = tool()
    if change.home.directory.read(TOOL) != data:
        change.home.directory.write(TOOL, data, Owned(0o755))
    about = change.new or change.old
    if about:
        lifecycle.guard(change.home, about.package)
    return change.noted(phase=BEGUN)  # guard: journal-begun


def has_ended(change: Transaction) -> bool:
    """Whether all of a change was done, except perhaps removing its record."""
    events = journal.read_history(change.home)
    return bool(events) and events[-1].sequence == change.record.sequence


def is_committed(change: Transaction) -> bool:
    """Whether the new release is current."""
    return change.home.directory.leads(CURRENT) == f"{RELEASES}/{change.record.new}"


def finish(change: Transaction) -> None:
    """Bring up the release that has become current, and end the change."""
    home, old, new = change.home, change.old, change.new
    change = change.noted(attempts=change.record.attempts + 1)  # guard: attempts-counted
    if new is None:
        raise TargetError(f"{home.path / RELEASES / change.record.new}: is damaged")
    decided = configuration.kept(home, change.record.old).decisions
    configuration.apply(home, decided, new.name, new.layout)
    if change.record.action == ROLLBACK and old:  # guard: configuration-of-a-rollback
        configuration.forget_new(home, old.layout.conffiles)
    bytecode_cache.note(home, new)
    lifecycle.run_hook(home, change.record, "post_install", (old, new))
    resting = change.record.resting.split()
    lifecycle.start(home, old, new, resting)
    for name in resting:
        change.console.say(f"{name}: was stopped, disabled or masked by somebody; it stays so")
    change.console.warn(*lifecycle.notes(home, new))
    if lifecycle.waits(home, new):
        coming = " ".join(lifecycle.users_to_make(home, new.package))
        change.noted(phase=PREPARED, attempts=0, coming=coming)
    else:
        end(change, DONE)


def undo(change: Transaction, why: str) -> bool:
    """Undo a change; returns whether it had committed."""
    if is_committed(change):
        go_back(change, why)
        return True
    # What came before the commit touched nothing of the old release.
    home, entry = change.home, change.record
    _point(home, PREVIOUS, entry.previous)
    configuration.unmake(home, configuration.kept(home, entry.old).absent)
    if not entry.old:
        change.console.warn(releases.strike(home))
        if change.new:
            lifecycle.forget(home, change.new.package)
        change.console.warn(*lifecycle.remove_users(home))
    if not journal.last_of(journal.read_history(home), entry.new):
        _discard(change, entry.new)
    journal.remove_record(home)
    return False


def go_back(change: Transaction, why: str) -> None:
    """Make the old release current again, its configuration in place and its services running."""
    home, old, new = change.home, change.old, change.new
    again = change.record.phase == RETURNING
    attempts = change.record.attempts + 1 if again else 0
    # If even this cannot be written, going back is worth a try: a later run would go on.
    with suppress(OSError):
        change = change.noted(phase=RETURNING, attempts=attempts, reason=why)
    if change.record.old and not home.directory.is_directory(f"{RELEASES}/{change.record.old}"):
        raise TargetError(f"{home.path / RELEASES / change.record.old}: is missing; cannot go back")
    _point(home, CURRENT, change.record.old)
    _point(home, PREVIOUS, change.record.previous)
    then = configuration.kept(home, change.record.old)
    before, after = (each.layout if each else None for each in (old, new))
    decided = configuration.decide_back(home, after, before, then)
    configuration.apply(home, decided, change.record.old, before)
    configuration.forget_new(home, after.conffiles if after else ())
    configuration.unmake(home, then.absent)
    bytecode_cache.note(home, old)
    if attempts < ATTEMPTS:
        try:
            lifecycle.start(home, new, old, change.record.resting.split())
        except TargetError as error:
            change.console.warn(f"after rolling back: {error}")
    if not old:
        change.console.warn(releases.strike(home))
        _discard(change, change.record.new)
    end(change, FAILED, why)
    with suppress(OSError):  # there will be another time
        cleanup.remove_bad(home, change.record.new)


def end(change: Transaction, outcome: str, why: str = "") -> None:
    """Write the change to the history, and remove its record."""
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


def _undone(change: Transaction, fault: TargetError | OSError) -> TargetError:
    """Undo a change that failed, and return the error that says so."""
    name = change.record.name
    why = reason(fault) if isinstance(fault, OSError) else str(fault)
    try:
        if not undo(change, why):
            kind = RefusedError if isinstance(fault, RefusedError) else TargetError
            return kind(f"{name}: {why}; nothing was changed")
    except (TargetError, OSError) as error:
        where = change.home.path
        return TargetError(f"{name}: {why}; and then {error}: run `provision recover {where}`")
    now = f"{change.old.package.version} is current again" if change.old else "nothing is installed"
    return FailedError(f"{name}: {why}; rolled back: {now}")


def _discard(change: Transaction, release: str) -> None:
    """Remove a release that did not come up, as far as possible."""
    try:
        releases.remove(change.home, release)
    except OSError as error:
        change.console.warn(f"{error.filename}: could not be removed: {reason(error)}")


def _point(home: Home, link: str, release: str) -> None:
    """Make `current` or `previous` lead to a release; with "", remove it."""
    leads = f"{RELEASES}/{release}"
    if not release:
        home.directory.remove(link)
    elif home.directory.leads(link) != leads:
        home.directory.link(link, leads)
