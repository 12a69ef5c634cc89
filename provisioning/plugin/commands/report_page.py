"""`provision report`: a page for a browser of what a package holds, and what its builds did."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.dependency import JSONCodec
from doit.exceptions import InvalidCommand

from provisioning.builder.workspace import output
from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    named_parts,
)
from provisioning.plugin.config import doit_config
from provisioning.plugin.database import Database, digests_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioning.builder.plan.variant_plan import VariantPlan

_VALUES = "_values_:"  # where doit records what a task has returned
_MARK = b"<!doctype html>\n<!-- provision report"


class Report(ProjectCommand):
    """Writes a page for each package; verifies what was built, and builds nothing."""

    name = "report"
    doc_purpose = "write a page for a browser: what takes the room, what changed, what it cost"
    doc_usage = "[-o FILE] [--json] NAME[:PLATFORM]"
    doc_description = (
        "The page is one file, which needs no network: what takes the room, what has changed since "
        "the last release, the stages of the last build, the sizes of the last builds, what "
        "verification finds, and all files, to search.\n\n"
        f"It is written to {ARTIFACTS}/NAME-VERSION-PLATFORM.html, beside the release; NAME alone "
        "means a page for each of its platforms."
    )
    cmd_options = (
        {
            "name": "output",
            "short": "o",
            "long": "output",
            "type": str,
            "default": "",
            "help": "write the page to this file",
        },
        AS_JSON,
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Write the pages, say where, and return the exit code."""
        if len(pos_args) != 1:
            raise InvalidCommand("report takes one package: NAME or NAME:PLATFORM")
        (word,) = pos_args
        # Before the project is read: doit goes to its directory.
        wanted = os.path.abspath(opt_values["output"]) if opt_values["output"] else ""
        plan = self.plan(opt_values, anew=True)  # with the lines of all keys
        chosen = named_parts(plan.parts, [word])
        if wanted and len(chosen) > 1:
            named = ", ".join(f"{each.variant.name}:{each.variant.platform}" for each in chosen)
            raise InvalidCommand(f"--output takes one page, and {word} has {named}")
        pages = [(part, Path(wanted) if wanted else _place(part)) for part in chosen]
        for _, path in pages:
            _demand_ours(path)
        told = [{**_write(part, path), "page": str(path)} for part, path in pages]
        if opt_values["as_json"]:
            return answer_json({"pages": told})
        return answer("".join(f"{each['page']}: {_verdict(each)}\n" for each in told))


def _place(part: VariantPlan) -> Path:
    variant = part.variant
    return Path(ARTIFACTS, f"{variant.name}-{variant.version}-{variant.platform}.html")


def _demand_ours(path: Path) -> None:
    """Overwrite nothing but a page. Raises InvalidCommand."""
    if not os.path.lexists(path):
        return
    is_page = False
    with suppress(OSError):
        if path.is_file():  # a pipe would be waited for
            with open(path, "rb") as file:
                is_page = file.read(len(_MARK)) == _MARK
    if not is_page:
        raise InvalidCommand(f"{path}: is there already, and is no report; name another file")


def _write(part: VariantPlan, path: Path) -> dict[str, Any]:
    # Imported here: doit imports all commands to list them, as in `doit help`.
    from provisioning.plugin.page import document, facts  # noqa: PLC0415

    records = Database(doit_config()["dep_file"], JSONCodec())

    def values_of(task: str) -> Mapping[str, Any]:
        return records.get(task, _VALUES) or {}

    try:
        found = facts.gather(part, digests_of(ARTIFACTS), values_of)
        output.write(path, document.page(found))
    except OSError as error:
        raise InvalidCommand(f"{error.filename or path}: {error.strerror}") from None
    return {
        "name": part.variant.name,
        "version": part.variant.version,
        "platform": part.variant.platform,
        "built": found.is_built,
        "faults": list(found.faults),
    }


def _verdict(told: Mapping[str, Any]) -> str:
    if not told["built"]:
        return "not built yet; it shows what the specs give"
    number = len(told["faults"])
    return f"{number} faults found" if number > 1 else "one fault found" if number else "verified"
