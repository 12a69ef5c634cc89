"""Ends, when a machine starts first, what was prepared in its root while it did not run.

The record of the change stays until then, in one of two phases. `prepared`: before its services
start, users are created and given their files, and hooks run. `starting`: the services have started
with the machine, and their health checks decide. A power cut repeats the phase that it interrupts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import reason
from provisioning.errors import TargetError
from provisioning.installer.ops import installation, journal
from provisioning.installer.ops.installation import ATTEMPTS, TOOL
from provisioning.installer.ops.journal import DONE, INSTALL, PREPARED, STARTING
from provisioning.installer.services import bytecode_cache, lifecycle
from provisioning.installer.services.subprocesses import is_starting
from provisioning.installer.store import owners, releases

if TYPE_CHECKING:
    from provisioning.installer.ops.installation import Transaction
    from provisioning.installer.ops.journal import Record
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

WAITING = (PREPARED, STARTING)


def awaited(home: Home) -> Record | None:
    """Return the record of a change that the first start of the machine ends; None if none is."""
    found = journal.read_record(home)
    return found if found and found.phase in WAITING else None


def go_on(change: Transaction) -> None:
    """Go on with what was prepared, if this is the machine that it was prepared for.

    What goes wrong is told, and kept in the record: the next start, or command, tries again. If
    another release has run on the machine before, that one is current again instead.
    """
    if change.home.is_image:
        return
    name, old = change.record.name, _that_ran(change)
    try:
        _start(change, old)
    except (TargetError, OSError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        if old:
            installation.go_back(change, why)
            way_out = f"rolled back: {old.package.version} is current again"
        else:
            _wait(change, why)
            way_out = f"`provision recover {name}` tries again"
        change.console.warn(f"{name}: {why}; {way_out}")


def _wait(change: Transaction, why: str) -> None:
    """Leave all to the next start: services do not start before their hooks have run."""
    found = journal.read_record(change.home) or change.record
    if change.new and found.phase == PREPARED and is_starting():  # guard: services-after-hooks
        with suppress(TargetError):
            lifecycle.withhold(change.home, change.new)
    journal.write_record(change.home, found._replace(reason=why))


def _that_ran(change: Transaction) -> Release | None:
    """The release before, if it ever ran on the machine: there is no way back to another."""
    events = journal.read_history(change.home)
    return change.old if journal.has_come_up(events, change.record.old) else None


def _start(change: Transaction, old: Release | None) -> None:
    """Bring up what was prepared, as far as the machine has come. Raises TargetError, OSError."""
    home, new, record = change.home, change.new, change.record
    if new is None:
        raise TargetError(f"{record.new}: is damaged; install the package again")
    if old and record.attempts >= ATTEMPTS:  # guard: attempts-of-a-first-start
        raise TargetError(f"was not up after {ATTEMPTS} starts of the machine")
    change = change.noted(attempts=record.attempts + is_starting())
    resting = lifecycle.resting(home, new)
    if record.phase == PREPARED:
        lifecycle.make_users(home, new.package)
        new = releases.read(home, new.name)  # with the numbers of the users
        owners.give(
            home, new.path, new.layout, record.coming.split()
        )  # guard: owners-at-the-first-start
        bytecode_cache.prepare(home, new, change.console)
        bytecode_cache.note(home, new)
        # No release that only was prepared is one that hooks know.
        known = record if old else record._replace(action=INSTALL)
        for hook in lifecycle.hooks_at_start(new.package):
            lifecycle.run_hook(home, known, hook, (old, new))
        change = change.noted(phase=STARTING, reason="")
        lifecycle.start(home, change.old, new, resting)
    if is_starting() and new.package.services:
        command = [f"{home.path / TOOL}", "recover", "--prefix", home.prefix]
        lifecycle.go_on_later(new, command)
        return
    fault = lifecycle.unwell(home, new, resting)
    if fault:
        raise TargetError(fault)
    installation.end(change, DONE)
    change.console.say(f"{record.name} {new.package.version}: runs since its first start here")
