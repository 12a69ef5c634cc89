"""Knows the command that tells which packages are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.installer.cli.arguments import (
    GOOD,
    TROUBLE,
    Answer,
    add_output,
    add_root,
    root_of,
)
from provisioning.installer.ops.inspection import status_of_all

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console

HELP = "tell which packages are installed"
CHANGES = False


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Tell the name, version and prefix of each."""
    found, faults = status_of_all(root_of(options))
    for each in found:
        console.tell(f"{each['name']} {each['version'] or '(nothing)'} {each['prefix']}")
    return of_packages(found, faults, console)


def of_packages(found: list[dict[str, Any]], faults: list[str], console: Console) -> Answer:
    """What is answered of several packages, of which some cannot be looked at, and why."""
    for fault in faults:
        console.complain(fault)
    document: dict[str, Any] = {"packages": found}
    if faults:
        document["error"] = "\n".join(faults)
    return Answer(TROUBLE if faults else GOOD, document)
