"""`provision prune` frees old compressed chunks; `provision dumpdb` prints the records."""

from __future__ import annotations

from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING, Any

from doit.dependency import JSONCodec
from doit.exceptions import InvalidCommand

from provisioning.builder.archive.store import Store, limit
from provisioning.builder.workspace import paths
from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.console import printable
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    parse_size,
    size_text,
)
from provisioning.plugin.config import doit_config
from provisioning.plugin.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.builder.archive.store import SweepResult


class Prune(ProjectCommand):
    """Frees chunks of the store, like each build that has added to it."""

    name = "prune"
    doc_purpose = "free the least recently used compressed chunks"
    doc_usage = "[--limit SIZE] [--dry-run] [--json]"
    doc_description = (
        "Every build that adds chunks to artifacts/.work/chunks/ does this, too, so you "
        "rarely need it. --limit 0 removes all of them: the next build takes as long as the "
        "first. It is safe while a build runs."
    )
    cmd_options = (
        {
            "name": "limit",
            "long": "limit",
            "type": str,
            "default": "",
            "help": "maximum size to keep, e.g. 500M or 2G; default: 1G, or twice the size of the "
            "archives in artifacts/ if that is more",
        },
        {
            "name": "dry_run",
            "long": "dry-run",
            "type": bool,
            "default": False,
            "help": "only print what would be freed",
        },
        AS_JSON,
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Free chunks, print how many, and return the exit code."""
        if pos_args:
            raise InvalidCommand(
                f"unexpected argument {pos_args[0]}: all packages share the chunks; to remove "
                "installed releases, use `provision gc`"
            )
        most = parse_size(opt_values["limit"]) if opt_values["limit"] else None
        if most is None and opt_values["limit"]:
            raise InvalidCommand(
                f"--limit {opt_values['limit']}: not a size; write, for example, 500M or 2G"
            )
        self.set_up(opt_values)  # from here on, beside the dodo.py
        most = limit(Path(ARTIFACTS)) if most is None else most
        freed = Store(paths.chunks(ARTIFACTS)).sweep(most, dry=opt_values["dry_run"])
        if opt_values[AS_JSON["name"]]:
            document = {**freed._asdict(), "limit": most, "dry_run": opt_values["dry_run"]}
            return answer_json(document)
        return answer(_sentence(freed, most, dry=opt_values["dry_run"]))


def _sentence(freed: SweepResult, most: int, *, dry: bool) -> str:
    verb = "would free" if dry else "freed"
    return (
        f"{verb} {_chunks(freed.removed, freed.freed)}; {_chunks(freed.left, freed.size)} stay,"
        f" of at most {size_text(most)}\n"
    )


def _chunks(number: int, size: int) -> str:
    return f"{count_text(number, 'chunk')} ({size_text(size)})"


class DumpDB(ProjectCommand):
    """Prints all records of the project."""

    name = "dumpdb"
    doc_purpose = "print the records of finished tasks"
    doc_usage = ""
    doc_description = "What doit has recorded about each finished task: files, values, targets."

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print all records, and return the exit code."""
        del pos_args
        self.set_up(opt_values)  # from here on, beside the dodo.py
        records = Database(doit_config()["dep_file"], JSONCodec()).records()
        return answer("".join(_told(*each) for each in records.items()))


def _told(task: str, record: Any) -> str:
    return f"{printable(task)} -> {pformat(record, indent=4, width=100)}\n"
