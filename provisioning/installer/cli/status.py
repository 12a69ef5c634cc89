"""Knows the command that tells how packages are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.installer.cli.arguments import (
    add_name,
    add_output,
    add_root,
    own_place,
    place_of,
    root_of,
)
from provisioning.installer.cli.list import of_packages
from provisioning.installer.ops.inspection import status, status_of_all

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Answer

HELP = "tell which release of a package is current, and which others there are"
CHANGES = False


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_name(parser)
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Tell of one package, or of all."""
    faults: list[str] = []
    if options.name or own_place():
        found = [status(*_asked(options))]
    else:
        found, faults = status_of_all(root_of(options))
    for each in found:
        for line in _lines(each):
            console.tell(line)
    return of_packages(found, faults, console)


def _asked(options: Namespace) -> tuple[Any, str, str]:
    place = place_of(options)
    return place.root, options.name or "", place.prefix


def _lines(each: dict[str, Any]) -> Iterator[str]:
    yield f"{each['name']} {each['version'] or 'is not installed'}"
    yield f"  prefix    {each['prefix']}"
    if each["version"]:
        yield f"  current   {each['current']}{'' if each['owned'] else ', without owners'}"
    if each["previous"]:
        yield f"  previous  {each['previous']}"
    for release in each["releases"]:
        yield f"  release   {release['name']}: {release['state']}"
    if each["interrupted"]:
        yield f"  an interrupted {each['interrupted']}: run `provision recover {each['prefix']}`"
