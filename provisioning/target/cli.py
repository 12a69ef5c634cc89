"""Knows the command `provision`, which runs where packages are installed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.verify import is_tree, verify, verify_release

if TYPE_CHECKING:
    from provisioning.artifact.verify import Report

GOOD, DIFFERS, TROUBLE, INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 good, 1 differs, 2 usage or trouble."""
    try:
        return _verify(_parser().parse_args(argv))
    except KeyboardInterrupt:
        print("provision: interrupted", file=sys.stderr)
        return INTERRUPTED


def _verify(options: argparse.Namespace) -> int:
    absent = [path for path in options.paths if not os.path.exists(path)]
    for path in absent:
        print(f"provision: {path}: there is no such file or directory", file=sys.stderr)
    if absent:
        return TROUBLE
    reports = [report for path in options.paths for report in _reports(path)]
    if isinstance(sys.stdout, TextIOWrapper):  # paths may not be spelt in the locale's characters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _print(reports, options)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whose reader has just seen enough
            print(f"provision: standard output: {error.strerror}", file=sys.stderr)
        # Python flushes once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return TROUBLE
    return DIFFERS if any(one.findings for one in reports) else GOOD


def _reports(path: Path) -> tuple[Report, ...]:
    if os.path.isdir(path) and not is_tree(path):
        return verify_release(path)
    return (verify(path),)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="provision", description="Verify packages.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "verify",
        help="prove that archives are what their manifests, indexes and sums say",
        description="Read each archive to its last byte, and hold it against its manifest and"
        " the files beside it. Exit code: 0 good, 1 something differs, 2 usage or trouble.",
    )
    command.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="ARTIFACT|RELEASE",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), an unpacked package, or a directory of"
        " artifacts and their sidecars",
    )
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.add_argument("--quiet", action="store_true", help="print nothing but differences")
    return parser


def _print(reports: list[Report], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps({"artifacts": [_plain(one) for one in reports]}, indent=2))
        return
    for one in reports:
        for finding in one.findings:
            print(finding)
        if one.findings:
            count = len(one.findings)
            print(f"{one.artifact}: {count} difference{'s' * (count > 1)}, not verified")
        elif one.manifest and not options.quiet:
            print(f"{one.artifact}: {len(one.manifest.entries)} entries, verified")


def _plain(one: Report) -> dict[str, object]:
    return {
        "artifact": one.artifact,
        "entries": len(one.manifest.entries) if one.manifest else None,
        "verified": not one.findings,
        "findings": [finding._asdict() for finding in one.findings],
    }
