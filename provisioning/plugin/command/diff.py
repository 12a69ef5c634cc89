"""Knows the command `doit diff`: how a package differs from another, or from the specs."""

from __future__ import annotations

import sys
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.plugin.command.project import AS_JSON, ProjectCommand, answer, answer_json
from provisioning.terminal import leave_plain, paint, shows_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.plugin.command.telling import Outcome

EQUAL, DIFFERENT, TROUBLE, INTERRUPTED = 0, 1, 2, 130


class Diff(ProjectCommand):
    """Compares two packages, of which each was built or is what the specs give; builds nothing."""

    name = "diff"
    doc_purpose = "tell how packages differ, or what a build would change"
    doc_usage = "[--brief] [--json] ARTIFACT|NAME:PLATFORM [ARTIFACT|NAME:PLATFORM]"
    doc_description = (
        "An ARTIFACT is a file in any format, an unpacked package, or the directory of a release; "
        "it is verified on the way. NAME:PLATFORM is what the specs give now.\n\n"
        "Two of them are compared, the old one first. One alone is compared with what the specs "
        "give now: an ARTIFACT, or of NAME:PLATFORM what was built last.\n\n"
        "Of a file that holds secrets, or may hold some, no text is shown.\n\n"
        "The exit status is 0 if they are equal, 1 if they differ, and 2 in trouble."
    )
    cmd_options = (
        {
            "name": "brief",
            "short": "q",
            "long": "brief",
            "type": bool,
            "default": False,
            "help": "tell which paths differ and in what, without their texts",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """Run; an interruption is none of the exit codes that mean something."""
        try:
            return super().parse_execute(in_args)
        except KeyboardInterrupt:  # where no dodo.py was read, which would see to it
            print("interrupted", file=sys.stderr)
            return INTERRUPTED

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print how two packages differ, and return the exit code."""
        if not 1 <= len(pos_args) <= 2:  # noqa: PLR2004 - a difference has two sides
            raise InvalidCommand("diff takes one or two of ARTIFACT and NAME:PLATFORM")
        outcome = self._compare(opt_values, pos_args)
        if opt_values["as_json"]:
            answer_json(outcome.as_json())
        else:
            how = paint if shows_colour(sys.stdout) else leave_plain
            answer("".join(f"{line}\n" for line in outcome.lines(how)))
        return DIFFERENT if any(outcome.difference) else EQUAL

    def _compare(self, parameters: Any, words: Sequence[str]) -> Outcome:
        # Imported here: doit imports all commands to tell of them, as in `doit help`.
        from provisioning.artifact.difference import compare  # noqa: PLC0415
        from provisioning.artifact.text import texts  # noqa: PLC0415
        from provisioning.build.secrecy import secrecy  # noqa: PLC0415
        from provisioning.plugin.command.side import Packages, sides  # noqa: PLC0415
        from provisioning.plugin.command.telling import Outcome  # noqa: PLC0415

        packages = Packages(partial(self.inputs, parameters))
        old, new = sides(words, packages)
        difference = compare(old.view.manifest, new.view.manifest)
        views = (old.view, new.view)

        @cache
        def known() -> Any:
            return secrecy((each, packages.known(each.manifest.package)) for each in views)

        shown = () if parameters["brief"] else difference.changes
        found = texts(*views, shown, lambda change: known().why_not(change))
        return Outcome(old, new, difference, found)
