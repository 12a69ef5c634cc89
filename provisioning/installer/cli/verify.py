"""Knows the command that proves artifacts, and packages that are installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.release import is_tree
from provisioning.artifact.verify.verify import verify, verify_release
from provisioning.errors import TargetError
from provisioning.installer.cli.arguments import (
    DIFFERS,
    GOOD,
    Answer,
    Place,
    add_output,
    add_root,
    own_place,
    place_at,
    root_of,
    some_word,
)
from provisioning.installer.ops.inspection import inspect, is_prefix, prefix_above
from provisioning.installer.store.prefix import SYSTEM
from provisioning.installer.store.releases import prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from provisioning.artifact.verify.verify import Report
    from provisioning.console import Console

HELP = "prove that artifacts and installed packages are what their manifests say"
CHANGES = False


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    parser.add_argument(
        "paths",
        type=some_word,
        nargs="*",
        metavar="ARTIFACT|RELEASE|NAME|PREFIX",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), an unpacked package, a directory of"
        " artifacts and their sidecars, or a package that is installed",
    )
    parser.add_argument(
        "--strict", action="store_true", help="byte code that Python has left is a difference too"
    )
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Verify, and tell every difference."""
    root = root_of(options)
    if not options.paths:
        place = own_place()
        if place is None:
            raise TargetError("what? give artifacts, or the names of installed packages")
        return _answer([inspect(*place)], options, console)
    known = [(word, _installed(root, word)) for word in options.paths]
    absent = [word for word, place in known if not place and not os.path.exists(word)]
    if absent:
        raise TargetError(
            "\n".join(f"{shown(word)}: there is no such file or directory" for word in absent)
        )
    reports = [
        report
        for word, place in known
        for report in ([inspect(*place)] if place else _reports(Path(word)))
    ]
    return _answer(reports, options, console)


def _installed(root: Path, word: str) -> Place | None:
    """Where the package is installed that a word means; None if it means an artifact.

    A name is that of a package which is installed, whatever else is called so here.
    """
    prefix = "" if "/" in word else prefix_of(root, word)
    if prefix:
        return Place(root, prefix)
    if root != SYSTEM and os.path.isabs(word) and is_prefix(f"{root}{word}"):
        return Place(root, os.path.normpath(word))
    if os.path.exists(word):
        path = os.path.abspath(word)
        prefix = path if is_prefix(path) else prefix_above(path)
        return place_at(prefix) if prefix else None
    return None


def _reports(path: Path) -> tuple[Report, ...]:
    if os.path.isdir(path) and not is_tree(path):
        return verify_release(path)
    return (verify(path),)


def _answer(reports: list[Report], options: Namespace, console: Console) -> Answer:
    if options.strict:
        reports = [one.strict() for one in reports]
    for one in reports:
        for finding in one.findings:
            console.tell(str(finding))
        if one.byte_code and not options.quiet:
            console.tell(f"{one.artifact}: note: {_noted(one.byte_code)}")
        if one.findings:
            count = len(one.findings)
            console.tell(f"{one.artifact}: {count} difference{'s' * (count > 1)}, not verified")
        elif one.manifest and not options.quiet:
            console.tell(f"{one.artifact}: {len(one.manifest.entries)} entries, verified")
    code = DIFFERS if any(one.findings for one in reports) else GOOD
    return Answer(code, {"artifacts": [_plain(one) for one in reports]})


def _noted(byte_code: Sequence[str]) -> str:
    """Say that there is byte code, by the first of it."""
    more = len(byte_code) - 1
    what = f"{shown(byte_code[0])}{f' and {more} more' * (more > 0)}"
    return f"Python has left byte code ({what}); --strict tells it as a difference"


def _plain(one: Report) -> dict[str, object]:
    return {
        "artifact": one.artifact,
        "entries": len(one.manifest.entries) if one.manifest else None,
        "verified": not one.findings,
        "findings": [finding._asdict() for finding in one.findings],
        "byte_code": list(one.byte_code),
    }
