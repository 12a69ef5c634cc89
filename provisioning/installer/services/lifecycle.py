"""Runs what a package has to run on a machine: hooks, services and their users."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.bytecode import FORMER_CACHES, has_sources
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model import device
from provisioning.artifact.model.entry import DEVICE, STATE
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.services import health, hooks, managers, subprocesses, users
from provisioning.installer.services.hooks import Occasion
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import accounts, doubt_about
from provisioning.installer.store.prefix import reached

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from provisioning.artifact.model.package import Package
    from provisioning.installer.ops.journal import Record
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

_LOG = Owned(0o600)
_CONTROLLERS = Path("/sys/fs/cgroup/cgroup.controllers")
_PLATFORMS = {"systemd": "linux", "launchd": "darwin"}


def demand_ready(home: Home, new: Release) -> None:
    """Check that a release can run here. Raises RefusedError, with all that is wrong."""
    package = new.package
    found = managers.faults(_system(home, package), new.manifest)
    if home.is_image:
        if (package.services or package.hooks) and os.geteuid() != 0:
            what = "services" if package.services else "hooks"
            found.append(f"{package.name}: has {what}, which only root can install in {home.root}")
        found += users.faults(home, package)
        found += device.faults(package.device, _values_file(home, package))
    if not home.is_rehearsal:
        if package.services:
            manager = package.service_manager
            if not sys.platform.startswith(_PLATFORMS[manager]):
                found.append(f"{package.name}: has services for {manager}, not for {sys.platform}")
            elif os.geteuid() != 0:
                found.append(f"{package.name}: has services, which only root can install")
        doubt = doubt_about(home, "") if package.hooks or package.services else ""
        # guard: hook-that-others-write
        if doubt:  # others could exchange what root is about to run
            found.append(
                f"{package.name}: runs programs from {home.path}, but {doubt}; change that"
            )
        found += users.unreachable(home, new)  # guard: closed-way
        found += users.faults(home, package)
        found += device.faults(package.device, _values_file(home, package))
    if found:
        raise RefusedError("\n".join(found))


def users_to_make(home: Home, package: Package) -> list[str]:
    """Return the users of services that have to be created."""
    return users.wanted(package, accounts(home.root)) if _has_users(home) else []


def make_users(home: Home, package: Package) -> list[str]:
    """Create the users of services, and return those who were created. Raises TargetError."""
    return users.make(home, package) if _has_users(home) else []


def remove_users(home: Home) -> list[str]:
    """Remove the users that were created for services; returns why one could not be removed.

    Somebody may have started something as such a user, and then the user stays.
    """
    return users.remove(home) if _has_users(home) else []


def _has_users(home: Home) -> bool:
    """Whether users are created there: a rehearsal has those of this machine."""
    return home.is_image or not home.is_rehearsal


def sweep(home: Home, package: Package) -> None:
    """Remove temporary files of killed runs outside the prefix. Raises TargetError."""
    with _naming(package):
        managers.sweep(_system(home, package), package)


def guard(home: Home, package: Package) -> None:
    """Install the unit that ends an interrupted change at the next boot. Raises TargetError."""
    sweep(home, package)
    with _naming(package):
        managers.guard(_system(home, package), package)


def run_hook(home: Home, record: Record, name: str, releases: tuple[Release | None, ...]) -> None:
    """Run a hook of the new release, or of the old one if none comes, if it has that hook.

    Raises TargetError if it fails.
    """
    old, new = releases
    owner = new or old
    hook = owner and next((each for each in owner.package.hooks if each.name == name), None)
    if owner is None or hook is None or home.is_rehearsal:
        return
    doubt = doubt_about(home, owner.path)
    if doubt:  # guard: hook-that-goes-and-others-write
        raise TargetError(f"{name}: is not run, since {doubt}")
    before = old.package.version if old else ""
    where = str(home.path / owner.path)
    with _bytecode_cache(home, owner) as cache:  # guard: byte-code-of-a-hook
        occasion = Occasion(owner.package, where, before, record.action, cache)
        with hooks.noting(home) as begun:
            output, fault = hooks.run_hook(hook, occasion, begun)
    log = f"{STATE}/{name}.log"
    home.directory.write(log, output, _LOG)
    if fault:
        raise TargetError(f"{fault}; its output is in {home.path / log}")  # guard: hook-raises


def resting(home: Home, old: Release | None) -> list[str]:
    """Return the services of a release that somebody has stopped, disabled or masked.

    Raises TargetError.
    """
    return managers.resting(_system(home, old.package), old.package) if old else []


def start(
    home: Home, old: Release | None, new: Release | None, resting: Collection[str] = ()
) -> None:
    """Run the services of `new`, and no other of `old`, and wait for their health checks.

    Services that are `resting` are left as they are. Raises TargetError.
    """
    if old and (new is None or new.package.service_manager != old.package.service_manager):
        forget(home, old.package)
    if new is None:
        return
    package, at = new.package, _system(home, new.package)
    values = device.values(package.device, _values_file(home, package).data)
    with _naming(package):
        make_users(home, package)
        _forget_former_bytecode(home, package)  # guard: former-byte-code
        managers.arrange(at, package, new.manifest, values)
    managers.restart(at, package, resting)  # guard: restart-services
    fault = health.fault(at, package, values, resting)
    if fault:
        raise TargetError(fault)  # guard: unwell-service


def waits(home: Home, new: Release) -> bool:
    """Whether a release has something to run that only its machine can run, when it starts."""
    return home.is_image and bool(new.package.services or hooks_at_start(new.package))


def hooks_at_start(package: Package) -> list[str]:
    """Return the hooks that an installation runs, in their order."""
    names = {each.name for each in package.hooks}
    return [name for name in ("pre_install", "post_install") if name in names]


def unwell(home: Home, new: Release, resting: Collection[str]) -> str:
    """Return why the services of a release are not well, after a while; "" if they are.

    Raises TargetError.
    """
    package, at = new.package, _system(home, new.package)
    values = device.values(package.device, _values_file(home, package).data)
    return health.fault(at, package, values, resting)


def withhold(home: Home, new: Release) -> None:
    """Keep the services of a release from starting with the machine. Raises TargetError."""
    managers.withhold(_system(home, new.package), new.package)


def go_on_later(new: Release, command: Sequence[str]) -> None:
    """Have a command run once the machine has started the services. Raises TargetError."""
    managers.go_on_later(new.package, command)


def notes(home: Home, new: Release) -> Iterator[str]:
    """Say what somebody should know who has installed a release."""
    package = new.package
    if not package.services or home.is_rehearsal:
        return
    if _system(home, package).runs:
        yield unlimited(package, _CONTROLLERS)
    else:
        manager = package.service_manager
        yield f"{manager} is not running here: services were enabled, but not started"
    yield from users.strangers(package)


def unlimited(package: Package, controllers: Path) -> str:
    """Return which services may use all memory, whatever they say, since nothing here limits it.

    The kernel of Raspberry Pi OS does so only if its command line demands it (cgroups(7)).
    """
    names = ", ".join(each.name for each in package.services if each.memory_max)
    try:
        known = controllers.read_text().split()
    except OSError:
        return ""  # not of Linux, or one that says so elsewhere
    if not names or "memory" in known:
        return ""
    return (
        f"memory_max of {names} has no effect: this kernel limits no memory; on a Raspberry Pi,"
        " add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt, and restart it"
    )


def stop(home: Home, old: Release) -> None:
    """Stop all services of a release. Raises TargetError."""
    managers.stop(_system(home, old.package), old.package)


def forget(home: Home, package: Package) -> None:
    """Remove a package from the service manager. Raises TargetError."""
    with _naming(package):
        managers.arrange(_system(home, package), package, None, {})
        _forget_former_bytecode(home, package)


def _system(home: Home, package: Package) -> subprocesses.System:
    return subprocesses.at(home.root, package.service_manager)


def _values_file(home: Home, package: Package) -> device.File:
    status, data = home.directory.status(DEVICE), home.directory.read(DEVICE)
    return device.File(f"{package.prefix}/{DEVICE}", data or b"", status)


@contextmanager
def _naming(package: Package) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{package.name}: {reason(error)}") from None


@contextmanager
def _bytecode_cache(home: Home, release: Release) -> Iterator[str]:
    """A directory for byte code while a hook runs; "" if the release has no Python sources.

    Nobody else can write to it, nor to the directory above.
    """
    if not has_sources(release.manifest.entries):
        yield ""
        return
    made = home.directory.temporary(STATE)
    try:
        yield str(home.path / made)
    finally:
        with suppress(OSError):  # the next change removes it
            home.directory.remove_tree(made)


def _forget_former_bytecode(home: Home, package: Package) -> None:
    """Remove byte code that services have left which an older tool started."""
    with (
        suppress(OSError, TargetError),
        reached(home.root, FORMER_CACHES, package.name) as directory,
    ):
        directory.remove_tree(package.name)
