"""`provision wheels PLATFORM`: builds what has no wheel for a platform."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.errors import ProvisioningError
from provisioning.plugin.commands.base import ProjectCommand, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.spec.python.lock import Unbuilt


class Wheels(ProjectCommand):
    """Builds wheels from source, in a Debian of the platform's release and processor."""

    name = "wheels"
    doc_purpose = "build the Python packages that have no wheel for a platform"
    doc_usage = "PLATFORM"
    doc_description = (
        "Builds the packages of a lock that have no wheel for PLATFORM: from the source that the "
        "lock names, in a Debian of its release and processor, which mmdebstrap makes (for another "
        "processor, with qemu-user-static). The wheels are put into the directory that `wheels:` "
        "of the content names, else into wheels/, and their digests into a pylock.toml beside "
        "them. Commit both.\n\n"
        "The exit status is 0 if all was built, or nothing had to be, and 2 on errors."
    )

    trouble = 2

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Build, print where the wheels are, and return the exit code."""
        if len(pos_args) != 1:
            raise InvalidCommand("wheels takes one PLATFORM")
        (platform,) = pos_args
        missing = [each for each in self._unbuilt(opt_values) if each.platform == platform]
        if not missing:
            return answer(f"every package has a wheel for {platform}\n")
        # Imported here: doit imports all commands to list them, as in `doit help`.
        from provisioning.builder.python.source_build import build  # noqa: PLC0415

        for each in missing:
            names = ", ".join(f"{package.name} {package.version}" for package in each.packages)
            print(f"building {names} for {platform}; this takes minutes", file=sys.stderr)
            for path in build(each):
                answer(f"{path}\n")
        return 0

    def _unbuilt(self, parameters: Any) -> Sequence[Unbuilt]:
        """What has no wheel, whatever else is wrong with the specs."""
        from provisioning.plugin.task_graph import made_from  # noqa: PLC0415 - as above

        try:
            inputs = self.inputs(parameters)
        except (ProvisioningError, InvalidDodoFile):
            if not made_from or not made_from[-1].unbuilt:
                raise
            return made_from[-1].unbuilt
        return inputs.unbuilt
