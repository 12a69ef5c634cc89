"""`provision install NAME:PLATFORM`: what was built, in a scratch root of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.builder.workspace import paths
from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.plugin.commands.base import AS_JSON, ProjectCommand
from provisioning.spec.model.variant import matching, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS = {
    "dry_run": "only print what would be done",
    "allow_downgrade": "install an older version than the one installed",
    "quiet": "print only what is wrong, and warnings",
}


class Install(ProjectCommand):
    """Runs the installer inside the package; a target does the same without `--root`."""

    name = "install"
    doc_purpose = "install a built package into a scratch root, to look at it"
    doc_usage = "--root DIR [--dry-run] [--json] NAME:PLATFORM"
    doc_description = (
        "Does here what `provision install ARTIFACT --root DIR` does on a target: PREFIX and the "
        "units of services are installed below DIR. Nothing is started, and nothing outside "
        "DIR is touched. `provision rehearse` does this, too, and breaks it on the way.\n\n"
        "The exit status is that of `provision install ARTIFACT`, or 2 if there is an error before "
        "that."
    )
    cmd_options = (
        {
            "name": "root",
            "long": "root",
            "type": str,
            "default": "",
            "help": "the directory to install into; created if it does not exist",
        },
        *(
            {
                "name": name,
                "long": name.replace("_", "-"),
                "type": bool,
                "default": False,
                "help": text,
            }
            for name, text in _FLAGS.items()
        ),
        AS_JSON,
    )

    trouble = 2  # as of `provision install ARTIFACT`, too

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Install, and return the tool's exit code."""
        if not opt_values["root"]:
            raise InvalidCommand(
                "NAME:PLATFORM is installed into a scratch root: add --root DIR; to install it on"
                " this machine, name its artifact"
            )
        if len(pos_args) != 1:
            raise InvalidCommand("install takes one NAME:PLATFORM")
        root = Path(opt_values["root"]).absolute()  # before doit goes to the project's directory
        variants = [part.variant for part in self.parts(opt_values)]
        found = matching(variants, pos_args[0])
        if len(found) != 1:
            several = f"{pos_args[0]} is built for several platforms; name one"
            raise InvalidCommand(several if found else unknown(variants, pos_args[0]))
        place = paths.workspace(found[0], ARTIFACTS)
        artifact = next((path for path in place.artifacts if path.exists()), None)
        if artifact is None:
            raise InvalidCommand(f"{pos_args[0]} has not been built; `doit package` builds it")
        root.mkdir(parents=True, exist_ok=True)
        tool = str(paths.tool(ARTIFACTS))
        command = [sys.executable, tool, "install", str(artifact), "--root", str(root)]
        command += [f"--{name.replace('_', '-')}" for name in _FLAGS if opt_values[name]]
        command += ["--json"] * opt_values["as_json"]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own tool
