"""Knows when an artifact was wrong from the start, and has the next build believe nothing.

What is remembered is sealed against damage. What is sealed and wrong all the same (bad memory, say,
or somebody's hand) would be packed again and again: the stages see that nothing has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.artifact.verify import verify
from provisioning.build import listing, output, workspace
from provisioning.build.collect import complete
from provisioning.build.store import Store
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.build.digests import Digests
    from provisioning.build.workspace import Workspace


def is_wrong_from_the_start(place: Workspace, digests: Digests) -> bool:
    """Whether an artifact is what the build left there, and not what that was made from."""
    try:
        collected = listing.load(place.collected)
        entries = [each.entry for each in complete(collected, place.rendered, digests)]
        left = place.sums.read_text("utf-8").splitlines()
        for path in place.artifacts:
            if path.is_file() and f"{digest.of_file(path)}  {path.name}" in left:
                found = verify(path)
                if found.findings or not found.manifest or [*found.manifest.entries] != entries:
                    return True
    except (OSError, ProvisioningError, UnicodeDecodeError):
        pass  # what is missing or damaged is made again
    return False


def begin_anew(artifacts: Path) -> None:
    """Forget whatever chunks are made of, and have all packages packed again without it.

    Raises:
        OSError: something cannot be written.
    """
    Store(workspace.chunks(str(artifacts))).sweep(0)
    for remembered in artifacts.glob(".work/*/*/groups"):
        remembered.unlink(missing_ok=True)
    path = workspace.anew(str(artifacts))
    output.write(path, f"{1 + _times(path)}\n".encode())


def _times(path: Path) -> int:
    """How often it was begun anew."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return 0
