"""Knows the command `doit install`: what was built, in a scratch root of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.plugin import ARTIFACTS
from provisioning.plugin.commands.base import AS_JSON, ProjectCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

TROUBLE = 2  # as of `provision`, too


class Install(ProjectCommand):
    """Runs the tool that the package brings along; a target does the same without `--root`."""

    name = "install"
    doc_purpose = "install what was built into a scratch root, to look at"
    doc_usage = "--root DIR [--dry-run] [--json] NAME:PLATFORM"
    doc_description = (
        "What `provision install --root DIR` does on a target is done here: PREFIX and the units "
        "of services come to lie below DIR. Nothing is started, and nothing outside DIR is "
        "touched. `doit rehearse` does this and breaks it on the way.\n\n"
        "The exit status is that of `provision install`, 2 too if it does not come so far."
    )
    cmd_options = (
        {
            "name": "root",
            "long": "root",
            "type": str,
            "default": "",
            "help": "where to install to; made if it is not there",
        },
        {
            "name": "dry_run",
            "long": "dry-run",
            "type": bool,
            "default": False,
            "help": "tell what would be done, only",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Install, and return the tool's exit code."""
        # Imported here: doit imports all commands to tell of them, as in `doit help`.
        from provisioning.builder.plan.plan import make_plan  # noqa: PLC0415
        from provisioning.builder.workspace import paths  # noqa: PLC0415
        from provisioning.plugin.commands.base import matching, unknown  # noqa: PLC0415
        from provisioning.plugin.config import digests_of  # noqa: PLC0415

        if not opt_values["root"]:
            raise InvalidCommand("say where to: --root DIR; on a target, `provision install` does")
        if len(pos_args) != 1:
            raise InvalidCommand("install takes one NAME:PLATFORM")
        root = Path(opt_values["root"]).absolute()  # before doit goes to the project's directory
        parts = make_plan(self.inputs(opt_values), digests_of(ARTIFACTS), ARTIFACTS).parts
        found = matching([part.variant for part in parts], pos_args[0])
        if len(found) != 1:
            told = unknown([part.variant for part in parts], pos_args[0])
            raise InvalidCommand(f"{pos_args[0]} is built for several" if found else told)
        place = paths.workspace(found[0], ARTIFACTS)
        artifact = next((path for path in place.artifacts if path.exists()), None)
        if artifact is None:
            raise InvalidCommand(f"{pos_args[0]} has not been built; `doit package` builds it")
        root.mkdir(parents=True, exist_ok=True)
        tool = str(paths.tool(ARTIFACTS))
        command = [sys.executable, tool, "install", str(artifact), "--root", str(root)]
        command += ["--dry-run"] * opt_values["dry_run"]
        command += ["--json"] * opt_values["as_json"]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own tool
