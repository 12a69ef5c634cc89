"""Knows the command `doit gc`: what the store of chunks frees, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.plugin import ARTIFACTS
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    parse_size,
    size_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.builder.archive.store import SweepResult


class Gc(ProjectCommand):
    """Sweeps the store of chunks, as each build does that has added to it."""

    name = "gc"
    doc_purpose = "free the compressed chunks that builds have not used for longest"
    doc_usage = "[--limit SIZE] [--dry-run] [--json]"
    doc_description = (
        "Every build that adds chunks to artifacts/.work/chunks/ sweeps it as well, so nobody has "
        "to call this. With --limit 0 all of them go: the next build takes as long as the first. "
        "It is safe to sweep while a build runs."
    )
    cmd_options = (
        {
            "name": "limit",
            "long": "limit",
            "type": str,
            "default": "",
            "help": "how much may stay, as in 500M or 2G; by default 1G, or twice what the "
            "archives in artifacts/ take, whichever is more",
        },
        {
            "name": "dry_run",
            "long": "dry-run",
            "type": bool,
            "default": False,
            "help": "free nothing, tell what would be freed",
        },
        AS_JSON,
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Sweep, print what went, and return the exit code."""
        # Imported here: doit imports all commands to tell of them, as in `doit help`.
        from provisioning.builder.archive.store import Store, limit  # noqa: PLC0415
        from provisioning.builder.workspace import paths  # noqa: PLC0415

        if pos_args:
            raise InvalidCommand(f"gc takes no {pos_args[0]}: the store belongs to all packages")
        most = parse_size(opt_values["limit"]) if opt_values["limit"] else None
        if most is None and opt_values["limit"]:
            raise InvalidCommand(
                f"--limit {opt_values['limit']}: is no size; say it as in 500M or 2G"
            )
        self._loader.setup(opt_values)  # from here on, beside the dodo.py
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
