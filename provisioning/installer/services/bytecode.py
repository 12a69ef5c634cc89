"""Knows what becomes of the byte code that Python leaves on a machine.

None of it is needed, and nobody is stopped where it cannot be kept or removed: Python looks at the
source, too, before it believes what it has left.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact.bytecode import Beside, has_sources
from provisioning.artifact.filesystem import Descent, reason
from provisioning.artifact.model.entry import DIR, STATE
from provisioning.artifact.service_files import CACHES, cache_of
from provisioning.errors import TargetError
from provisioning.installer.services.health import identity
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.prefix import reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.package import Package, Service
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


def sweep(home: Home, path: str, entries: Iterable[Entry]) -> str:
    """Remove what Python has left of `entries`, which lie below `path` in a prefix.

    Returns why some of it cannot be removed, "" if nothing is left.
    """
    with home.directory.opened(path) as opened, Descent(opened) as root:
        found = (_remove(root, each) for each in Beside(entries).below(root))
        why = next(filter(None, [*found]), "")
    return why and f"{home.path / path}: byte code could not be removed: {why}"


def _remove(root: Descent, found: Entry) -> str:
    try:
        parent, name = root.to(found.path)
        (os.rmdir if found.type == DIR else os.unlink)(name, dir_fd=parent)
    except OSError as error:
        return f"{found.path}: {reason(error)}"
    return ""


@contextmanager
def cache(home: Home, release: Release) -> Iterator[str]:
    """A directory for the byte code of a hook, while it runs; "" where it would keep none.

    Nobody else may write there, nor into what holds it.
    """
    if not has_sources(release.manifest.entries):
        yield ""
        return
    made = home.directory.temporary(STATE)
    try:
        yield str(home.path / made)
    finally:
        with suppress(OSError):  # whoever changes the package next removes it
            home.directory.remove_tree(made)


def renew(home: Home, package: Package) -> None:
    """Have no byte code of another release where services of a package keep theirs."""
    forget(home, package)
    # systemd makes the directories itself: see unit.py.
    if package.service_manager == "launchd" and not home.is_rehearsal:
        for service in package.services:
            if cache_of(package, service) in dict(service.environment).values():
                with suppress(OSError, TargetError):
                    _make(home, package, service)


def forget(home: Home, package: Package) -> None:
    """Have no byte code of any release there."""
    with suppress(OSError, TargetError), reached(home.root, CACHES, package.name) as directory:
        directory.remove_tree(package.name)


def _make(home: Home, package: Package, service: Service) -> None:
    above, _, name = cache_of(package, service).rpartition("/")
    who = identity(service)
    with reached(home.root, above, make=True) as directory:
        directory.make(name, Owned(0o700, who.get("user", -1), who.get("group", -1)))
