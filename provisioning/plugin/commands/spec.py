"""`provision spec`: what each package is on each platform, and where each value was written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.console import shows_colour
from provisioning.plugin.commands.base import AS_JSON, ProjectCommand, answer, answer_json
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.model.variant import matching, unknown
from provisioning.spec.resolve.project import read_project
from provisioning.spec.resolve.resolved_view import resolved_view, write
from provisioning.spec.schema.schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.spec.resolve.resolved_view import ResolvedView


class Spec(ProjectCommand):
    """Prints resolved specs, or the schema for editors."""

    name = "spec"
    doc_purpose = "print the resolved specs, each value with its origin"
    doc_usage = "[NAME[:PLATFORM] ...] [VARIABLE=VALUE ...]"
    doc_description = (
        "Without a name, all packages are printed, each for all its platforms. A value's origin "
        "is the file and line where it was written. Secrets are not shown.\n\n"
        "If a spec has faults, all of them are reported, and the exit status is 3."
    )
    cmd_options = (
        AS_JSON,
        {
            "name": "schema",
            "long": "schema",
            "type": bool,
            "default": False,
            "help": "print the JSON Schema of specs, platform files and fragments, for editors",
        },
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print what is asked for, and return the exit code."""
        if opt_values["schema"]:
            return answer_json(json_schema())
        found = _selected(self._views(opt_values), pos_args)
        if opt_values["as_json"]:
            return answer_json({"variants": [each.as_json() for each in found]})
        return answer(_yaml(found))

    def _views(self, parameters: Any) -> list[ResolvedView]:
        inputs = self.inputs(parameters)
        reading = read_project(inputs)
        if reading.diagnostics:  # a file has changed since the tasks were made
            raise SpecError(reading.diagnostics, inputs.root)
        return [resolved_view(resolved) for resolved in reading.resolved]


def _selected(views: Sequence[ResolvedView], words: Sequence[str]) -> list[ResolvedView]:
    """Return those that `words` name, each once; all of them without words.

    Raises:
        InvalidCommand: with each word that names nothing.
    """
    chosen = {word: matching(views, word) for word in words}
    strange = [unknown(views, word) for word, found in chosen.items() if not found]
    if strange:
        raise InvalidCommand("\n".join(strange))
    named = {id(each) for found in chosen.values() for each in found}
    return [each for each in views if not words or id(each) in named]


def _yaml(views: Sequence[ResolvedView]) -> str:
    colour = shows_colour(sys.stdout)
    return "---\n".join(write(each.node, colour=colour) for each in views)
