"""Numbers signed releases: each package has numbers that only grow, for each platform.

They lie in a file of the project's own, beside the specs, to be committed with them: a clock can be
wrong, and a release that was built again from the same commit must have the same number.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.artifact.model.sums import HIGHEST
from provisioning.builder.workspace import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.builder.workspace.paths import Workspace

FILE = "specs/sequence.json"
"""Beside the specs of every project that signs."""
GIVEN = "PROVISIONING_SEQUENCE"
"""A variable of the environment, for a machine that keeps no file: as the number of a CI run."""

_NUMBER = re.compile(r"[1-9][0-9]{0,14}")


def number_of(place: Workspace, digest: str) -> int:
    """The number of a release whose files have a digest: the last one's if it is that.

    Raises:
        BuildError: the file is damaged, or the number that was given too low.
        OSError: it cannot be read or written.
    """
    name, platform = place.package.name, place.package.platform
    with _locked(place):
        known = _read()
        last = known.get(name, {}).get(platform, {"sequence": 0, "release": ""})
        if last["release"] == digest:
            return int(last["sequence"])
        if given := os.environ.get(GIVEN, ""):
            return _given(given, last["sequence"])
        number = last["sequence"] + 1
        known.setdefault(name, {})[platform] = {"sequence": number, "release": digest}
        output.write(Path(FILE), json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
        return int(number)


def _given(text: str, last: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise BuildError(f"{GIVEN}={text}: not a number from 1 to {HIGHEST}")
    if int(text) <= last:  # guard: number-that-grows
        raise BuildError(f"{GIVEN}={text}: release {last} has been made already ({FILE})")
    return int(text)


@contextmanager
def _locked(place: Workspace) -> Iterator[None]:
    """Be the only process that numbers releases of this project."""
    # Beside the locks of variants, since the file itself is replaced.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(place.work.parent.with_name("sequence.lock"), flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read() -> dict[str, Any]:
    try:
        with open(FILE, "rb") as file:
            known = json.loads(file.read())
        for platforms in known.values():
            for last in platforms.values():
                if not (1 <= last["sequence"] <= HIGHEST and isinstance(last["release"], str)):
                    raise ValueError  # noqa: TRY301 - as what json finds
    except FileNotFoundError:
        return {}
    # guard: damaged-numbers
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise BuildError(
            f"{FILE}: is damaged or was merged badly; take it from git, or give each package of it"
            " a sequence that is at least the highest one there was"
        ) from None
    return dict(known)
