"""Knows what of a package lies beside its releases: what a removal leaves, what a purge takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import DEVICE
from provisioning.artifact.model.placement import BESIDE, RELEASES, STATE
from provisioning.installer.ops.journal import REMOVE
from provisioning.installer.store import configuration, footprint
from provisioning.installer.store.configuration import (
    ABSENT,
    ARCHIVE,
    ASIDE,
    FULL,
    IDLE,
    INSTALL,
    KEEP,
    NEW,
    OLD,
    RESTORE,
    RETURN,
    Decision,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.artifact.model.package import Package
    from provisioning.installer.store.configuration import Kept
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


_STAY_WORDS = {
    "configuration": "as it was installed",
    "edited": "it was edited",
    "beside": "it lies beside an edited one",
    "device": "the values of this machine",
    "data": "data",
    "directory": "if nothing else is in it",
    "before": "it was not made by the package",
}


class Stay(NamedTuple):
    """A path below the prefix that is left alone, or would be removed."""

    path: str
    what: str
    """A key of _WORDS."""

    def __str__(self) -> str:
        return f"{self.path}: stays, {_STAY_WORDS[self.what]}"

    @property
    def goes(self) -> str:
        """The same of what would be removed."""
        return f"remove {self.path}: {_STAY_WORDS[self.what]}"


def stays(home: Home, about: Release) -> tuple[Stay, ...]:
    """What there is of a package's configuration and data, sorted by path."""
    return tuple(sorted(_stays(home, about)))


def goes(home: Home, about: Release | None) -> tuple[Stay, ...]:
    """What a purge removes beside the releases, sorted by path."""
    words = {stay.path: stay.what for stay in _stays(home, about)} if about else {}
    kinds = footprint.known(home, about)
    own = {
        path: kind
        for path, kind in kinds.items()
        if kind != footprint.OTHER and path != footprint.PREFIX
    }
    found = {path: _kind(path, kind, words) for path, kind in own.items()}
    return tuple(Stay(path, what) for path, what in sorted(found.items()))


def spared(home: Home, about: Release) -> tuple[Stay, ...]:
    """What there is of a package's configuration and data that a purge leaves."""
    kinds = footprint.known(home, about)
    found = (
        stay.path for stay in _stays(home, about) if not footprint.goes(home, stay.path, kinds)
    )
    return tuple(Stay(path, "before") for path in sorted(found))


def _kind(path: str, kind: str, words: dict[str, str]) -> str:
    if kind != footprint.FILE:
        return kind
    beside = "beside" if path.endswith(BESIDE) else "edited"  # of a release that is no more
    return words.get(path, beside)


def _stays(home: Home, about: Release) -> Iterator[Stay]:
    for entry in about.layout.conffiles:
        found = configuration.look(home, entry.path).digest
        if found != ABSENT:
            yield Stay(entry.path, "configuration" if found == entry.digest else "edited")
        for name in (entry.path + suffix for suffix in BESIDE):
            if home.directory.status(name):
                yield Stay(name, "beside")
    for entry in about.layout.data:
        if home.directory.status(entry.path):
            yield Stay(entry.path, "data")
    if about.package.device and home.directory.status(DEVICE):
        yield Stay(DEVICE, "device")


_WORDS = {
    RESTORE: "back to what it was",
    NEW: "edited, and kept; the new one is put beside it as {path}.new",
    ARCHIVE: "not in this release any more; removed",
    IDLE: "edited, and kept; it has no effect, since this release has no such file",
    ASIDE: "edited, and kept as {path}.old, where it has no effect",
    RETURN: "back to what it was",
    OLD: "edited since, and kept; what it was is put beside it as {path}.old",
}


class InstallPlan(NamedTuple):
    """A change that would be made."""

    action: str
    """One of record.ACTIONS."""
    old: Release | None
    new: Release | None
    previous: str
    kept: Kept
    about: Package | None
    """What the package is; None if nothing tells any more what was removed."""
    is_there: bool = False
    """Whether the new release lies in the prefix already."""
    users: tuple[str, ...] = ()
    """Those who will be made, or removed."""
    purge: bool = False
    stays: tuple[Stay, ...] = ()
    """What is left where a package is removed."""
    doomed: tuple[str, ...] = ()
    """The releases that are removed with it."""
    goes: tuple[Stay, ...] = ()
    """What is removed beside the releases."""
    unlent: tuple[str, ...] = ()
    """What has fewer rights than the package says, and why."""

    @property
    def name(self) -> str:
        """What the package is called."""
        return self.about.name if self.about else ""

    @property
    def version(self) -> str:
        """Which version of it this is about."""
        return self.about.version if self.about else ""


def told(decision: Decision) -> str:
    """Say what becomes of a configuration file; "" if nothing does."""
    path = decision.path
    if decision.action == KEEP:
        return ""
    if decision.action == INSTALL:
        made = decision.before.digest == ABSENT
        return f"{path}: {'installed' if made else 'as the new release has it'}"
    if decision.action == IDLE and decision.before.digest == FULL:
        return f"{path}: not in this release any more; kept, with what lies in it"
    return f"{path}: {_WORDS[decision.action].format(path=path)}"


def is_warning(decision: Decision) -> bool:
    """Tell whether somebody has to look at a configuration file."""
    return decision.action in {NEW, OLD, IDLE, ASIDE}  # guard: configuration-worth-a-look


def steps(plan: InstallPlan, *, runs: bool) -> Iterator[str]:
    """Say what would be done, in order; `runs` tells whether anything of the package does."""
    hooks = {hook.name for hook in plan.about.hooks} if runs and plan.about else set()
    told = _removal if plan.action == REMOVE else _change
    return told(plan, hooks, runs=runs)


def _change(plan: InstallPlan, hooks: set[str], *, runs: bool) -> Iterator[str]:
    yield from (f"make the user {name}" for name in plan.users)
    if plan.new and not plan.is_there:
        size = sum(entry.size for entry in plan.new.layout.release)
        count = len(plan.new.layout.release)
        yield f"write {plan.new.path}: {count} entries, {size} bytes"
        yield from plan.unlent
    if "pre_install" in hooks:
        yield "run the hook pre_install"
    yield from (f"make the directory {path}" for path in plan.kept.absent)
    if plan.new:
        old = f", was {plan.old.path}" if plan.old else ""
        yield f"switch current to {plan.new.path}{old}"
    yield from filter(None, map(told, plan.kept.decisions))
    if "post_install" in hooks:
        yield "run the hook post_install"
    names = ", ".join(each.name for each in plan.new.package.services) if plan.new else ""
    if names and not runs:
        yield f"put there what starts the services {names}"
    elif names:
        yield f"start the services {names}, and wait until they are well"


def _removal(plan: InstallPlan, hooks: set[str], *, runs: bool) -> Iterator[str]:
    if plan.old:
        yield from _stop(plan.old.package, hooks, runs=runs)
    yield from (f"remove {RELEASES}/{name}" for name in plan.doomed)
    if plan.old and "post_remove" in hooks:
        yield "run the hook post_remove"
    yield from (each.goes for each in plan.goes)
    yield from (f"remove the user {name}" for name in plan.users)
    if plan.purge:
        yield f"remove {STATE}: the history, and what else was noted"
    yield from map(str, plan.stays)


def _stop(package: Package, hooks: set[str], *, runs: bool) -> Iterator[str]:
    if "pre_remove" in hooks:
        yield "run the hook pre_remove"
    names = ", ".join(each.name for each in package.services)
    if names:
        stop = "stop and " if runs else ""
        yield f"{stop}remove the services {names}"
