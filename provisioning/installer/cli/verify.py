"""The command that checks artifacts and installed packages: verify."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.release import is_tree
from provisioning.artifact.verify.verify import VerifyResult, verify, verify_release
from provisioning.errors import TargetError
from provisioning.installer.cli.arguments import (
    DIFFERS,
    GOOD,
    Answer,
    Command,
    Place,
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

    from provisioning.console import Console


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        type=some_word,
        nargs="*",
        metavar="ARTIFACT|RELEASE|NAME|PREFIX",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), an unpacked package, a directory of"
        " artifacts and their sidecars, or a package that is installed",
    )
    parser.add_argument(
        "--strict", action="store_true", help="count byte code left by Python as a difference"
    )


def _verify(options: Namespace, console: Console) -> Answer:
    """Verify artifacts and packages, and print every difference."""
    root = root_of(options)
    if not options.paths:
        place = own_place()
        if place is None:
            raise TargetError("nothing to verify: give artifacts, or names of installed packages")
        return _answer([inspect(*place)], options, console)
    known = [(word, _installed(root, word)) for word in options.paths]
    absent = [word for word, place in known if not place and not os.path.exists(word)]
    if absent:
        raise TargetError("\n".join(f"{shown(word)}: no such file or package" for word in absent))
    reports = list[VerifyResult]()
    for word, place in known:
        path = Path(word)
        if place:
            reports.append(inspect(*place))
        elif os.path.isdir(path) and not is_tree(path):
            reports += verify_release(path)
        else:
            reports.append(verify(path))
    return _answer(reports, options, console)


def _installed(root: Path, word: str) -> Place | None:
    """Where the package is installed that a word names; None if it names an artifact.

    The name of an installed package wins over a file of that name.
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


def _answer(reports: list[VerifyResult], options: Namespace, console: Console) -> Answer:
    if options.strict:
        reports = [one.strict() for one in reports]
    for one in reports:
        for finding in one.findings:
            console.tell(str(finding))
        if one.byte_code and not options.quiet:
            more = len(one.byte_code) - 1
            which = f"{shown(one.byte_code[0])}{f' and {more} more' * (more > 0)}"
            console.tell(
                f"{one.artifact}: note: Python has left byte code ({which}); --strict counts it as"
                " a difference"
            )
        if one.findings:
            count = len(one.findings)
            console.tell(f"{one.artifact}: {count} difference{'s' * (count > 1)}, not verified")
        elif one.manifest and not options.quiet:
            console.tell(f"{one.artifact}: {len(one.manifest.entries)} entries, verified")
    code = DIFFERS if any(one.findings for one in reports) else GOOD
    return Answer(code, {"artifacts": [_document(one) for one in reports]})


def _document(one: VerifyResult) -> dict[str, object]:
    return {
        "artifact": one.artifact,
        "entries": len(one.manifest.entries) if one.manifest else None,
        "verified": not one.findings,
        "findings": [finding._asdict() for finding in one.findings],
        "byte_code": list(one.byte_code),
    }


COMMANDS = {
    "verify": Command(
        "check artifacts and installed packages against their manifests",
        _verify,
        _add_arguments,
        changes=False,
    )
}
