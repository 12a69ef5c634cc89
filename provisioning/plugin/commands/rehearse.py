"""`provision rehearse`: installs what was built into a scratch root, broken at every step."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.builder.verify.rehearse import rehearse
from provisioning.builder.workspace.paths import ARTIFACTS, workspace
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    named_parts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.builder.verify.rehearse import RehearsalReport

GOOD, BROKEN, TROUBLE = 0, 1, 2
_POINTS = 20


class Rehearse(ProjectCommand):
    """Installs into a scratch root, on this machine, and breaks it on the way."""

    name = "rehearse"
    doc_purpose = (
        "install into a scratch root, break the installation on the way, and check that it recovers"
    )
    doc_usage = "[--from ARTIFACT] [--points N] [--json] [NAME[:PLATFORM] ...]"
    doc_description = (
        "The installer in the package installs an earlier release, then the one that was built, "
        "and rolls back: everything must be as before. Then it does the same again, killed or with "
        "a failing disk at one change after another: the old release or the new one must be "
        "complete, and installing again must succeed. Nothing is started, and nothing outside "
        "the scratch root is touched.\n\n"
        "The earlier release is --from, or the same package built again as an earlier version.\n\n"
        "The exit status is 0 if all went well, 1 if something did not, and 2 on errors."
    )
    cmd_options = (
        {
            "name": "earlier",
            "long": "from",
            "type": str,
            "default": "",
            "help": "an earlier artifact of the package",
        },
        {
            "name": "points",
            "long": "points",
            "type": int,
            "default": _POINTS,
            "help": f"how many changes to break it at; default: {_POINTS}; 0: every change",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Rehearse, print what was seen, and return the exit code."""
        # Before the project is read: doit then goes to its directory.
        earlier = Path(opt_values["earlier"]).absolute() if opt_values["earlier"] else None
        if opt_values["points"] < 0:
            raise InvalidCommand(f"--points {opt_values['points']}: must be 0 or more")
        seen = self._rehearse(opt_values, pos_args, earlier)
        faulty = any(each.faults for each in seen)
        if opt_values[AS_JSON["name"]]:
            answer_json([_document(each) for each in seen])
        else:
            answer("".join(map(_told, seen)))
        return BROKEN if faulty else GOOD

    def _rehearse(
        self, opt_values: Any, words: Sequence[str], earlier: Path | None
    ) -> list[RehearsalReport]:
        parts = self.parts(opt_values)
        most = opt_values["points"] or sys.maxsize
        seen = []
        for part in named_parts(parts, words):
            place = workspace(part.variant, ARTIFACTS)
            called = f"{part.variant.name}:{part.variant.platform}"
            seen.append(
                rehearse(part.findings.layout, place, earlier, most, partial(_show, called))
            )
            _clear()
        return seen


def _show(called: str, number: int) -> None:
    """Show the progress on a terminal: this takes a while."""
    if sys.stderr.isatty():
        print(f"\r{called}: broken {number} times", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _told(seen: RehearsalReport) -> str:
    called = f"{seen.package}:{seen.platform}"
    lines = [f"{called}: {seen.old} → {seen.new} → {seen.old}, as it was before"]
    for broken, fault in seen.faults:
        lines.append(f"{called}: {_HOWS[broken.how]} at change {broken.at}: {fault}")
    survived = seen.broken - len(seen.faults)
    lines.append(
        f"{called}: broken {count_text(seen.broken, 'time')}"
        f" in {count_text(seen.changes, 'change')} to the disk, survived {survived}"
    )
    return "".join(f"{line}\n" for line in lines)


_HOWS = {"kill": "killed", "disk": "a failing disk"}


def _document(seen: RehearsalReport) -> dict[str, Any]:
    faults = [{**broken._asdict(), "fault": fault} for broken, fault in seen.faults]
    return {**seen._asdict(), "faults": faults}
