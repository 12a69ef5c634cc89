"""Knows whether a package holds what its services are started by."""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING

from provisioning.artifact.entry import DIR
from provisioning.artifact.path import shown
from provisioning.build.links import follow
from provisioning.build.runnable import why_not, why_not_begun
from provisioning.spec.fault import Fault, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.build.item import Item
    from provisioning.spec.origin import Origin
    from provisioning.spec.variant import Service, Variant

_EXECUTABLE = 0o111


def faults(variant: Variant, items: Mapping[str, Item]) -> Iterator[Fault]:
    """What is wrong with the programs and directories that services name, of what is in `items`."""
    for service in variant.services:
        for key, command in _commands(service):
            yield from _program(service, command, key, items)
        if service.directory and not _is_directory(service.directory, items):
            message = f"the package holds no directory {service.directory}"
            directories = [path for path, item in items.items() if item.type == DIR]
            yield _fault(service, "directory", message, _meant(service.directory, directories))


def _program(
    service: Service, command: str, key: str, items: Mapping[str, Item]
) -> Iterator[Fault]:
    path = shlex.split(command)[0]
    item = _reached(path, items)
    if item is None and path in items:
        yield _fault(service, key, f"{path} is a link to nothing in the package")
    elif item is None:
        hint = _meant(path, [each for each in items if items[each].type != DIR])
        hint = hint or "to run what the system has, put a script into the package that does"
        yield _fault(service, key, f"the package holds no {path}", hint)
    elif item.type == DIR:
        yield _fault(service, key, f"{path} is a directory")
    elif not _is_executable(item):
        hint = f'make {item.source} executable, or say mode: "0755" where contents name it'
        yield _fault(service, key, f"{path} is not executable", hint)
    elif not item.template:
        yield from _begins(service, key, path, item)


def rendered_faults(variant: Variant, rendered: Mapping[str, bytes]) -> Iterator[Fault]:
    """What is wrong with the programs that were made of templates, by their paths."""
    for service in variant.services:
        for key, command in _commands(service):
            path = shlex.split(command)[0]
            if path in rendered:
                yield from _told(service, key, path, why_not_begun(rendered[path]))


def sources(variant: Variant, items: Mapping[str, Item]) -> set[str]:
    """The files of the project that services name: how they begin is of account."""
    paths = (shlex.split(each)[0] for one in variant.services for _, each in _commands(one))
    found = (_reached(path, items) for path in paths)
    return {item.source for item in found if item and item.source}


def _commands(service: Service) -> Iterator[tuple[str, str]]:
    """The command lines of a service, by the keys that say them."""
    yield "exec", service.exec
    if service.health and service.health.check == "command":
        yield "health", service.health.what


def _begins(service: Service, key: str, path: str, item: Item) -> Iterator[Fault]:
    """What is wrong with how a program begins: nothing of the target's would run it."""
    try:
        reason = why_not(item.source)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}", ""
    source = path if item.source == path else f"{path} ({shown(item.source)})"
    yield from _told(service, key, source, reason)


def _told(service: Service, key: str, path: str, told: tuple[str, str]) -> Iterator[Fault]:
    reason, hint = told
    if reason:
        origin: Origin = service.origins.get(key, service.origin)
        yield Fault.at(origin, "not-runnable", f"{path} {reason}", hint)


def _fault(service: Service, key: str, message: str, hint: str = "") -> Fault:
    origin: Origin = service.origins.get(key, service.origin)
    return Fault.at(origin, "no-program", message, hint)


def _meant(path: str, known: list[str]) -> str:
    near = nearest(path, known)
    return f"did you mean {near}?" if near else ""


def _is_directory(path: str, items: Mapping[str, Item]) -> bool:
    item = _reached(path, items)
    return item is not None and item.type == DIR


def _is_executable(item: Item) -> bool:
    if item.mode is not None:
        return bool(item.mode & _EXECUTABLE)
    return bool(os.stat(item.source).st_mode & stat.S_IXUSR)


def _reached(path: str, items: Mapping[str, Item]) -> Item | None:
    """What lies at `path` once the links in the package are followed."""
    end = follow(path, items)
    return items.get(end.path) if end.is_there else None
