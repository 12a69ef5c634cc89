"""The commands that show what is installed: list and status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.installer.cli.arguments import (
    GOOD,
    TROUBLE,
    Answer,
    Command,
    own_place,
    place_of,
    root_of,
)
from provisioning.installer.ops.inspection import status, status_of_all

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from provisioning.console import Console


def _list(options: Namespace, console: Console) -> Answer:
    """Print the name, version and prefix of each package."""
    found, faults = status_of_all(root_of(options))
    for each in found:
        console.tell(f"{each['name']} {each['version'] or '(nothing)'} {each['prefix']}")
    return _answer(found, faults, console)


def _status(options: Namespace, console: Console) -> Answer:
    """Print the releases of one package, or of all."""
    faults: list[str] = []
    if options.name or own_place():
        place = place_of(options)
        found = [status(place.root, options.name or "", place.prefix)]
    else:
        found, faults = status_of_all(root_of(options))
    for each in found:
        for line in _lines(each):
            console.tell(line)
    return _answer(found, faults, console)


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


def _answer(found: list[dict[str, Any]], faults: list[str], console: Console) -> Answer:
    """The answer about several packages, and about those that cannot be read."""
    for fault in faults:
        console.complain(fault)
    document: dict[str, Any] = {"packages": found}
    if faults:
        document["error"] = "\n".join(faults)
    return Answer(TROUBLE if faults else GOOD, document)


COMMANDS = {
    "list": Command("list the installed packages", _list, changes=False),
    "status": Command(
        "show the current release of a package, and the others that are there",
        _status,
        takes_name=True,
        changes=False,
    ),
}
