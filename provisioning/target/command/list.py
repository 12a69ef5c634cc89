"""Knows the command that tells which packages are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.target.command.answer import GOOD, Answer
from provisioning.target.command.asked import add_output, add_root, root_of
from provisioning.target.registry import packages
from provisioning.target.status import status

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.target.telling import Telling

HELP = "tell which packages are installed"
CHANGES = False


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    add_root(parser)
    add_output(parser)


def run(options: Namespace, telling: Telling) -> Answer:
    """Tell the name, version and prefix of each."""
    root = root_of(options)
    found = [status(root, name, prefix) for name, prefix in packages(root).items()]
    for each in found:
        telling.tell(f"{each['name']} {each['version'] or '(nothing)'} {each['prefix']}")
    return Answer(GOOD, {"packages": found})
