"""Knows how a package's hooks are run, and what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.cache import VARIABLE
from provisioning.artifact.path import HOOKS, shown
from provisioning.errors import TargetError
from provisioning.target.program import Program, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.artifact.package import Hook, Package
    from provisioning.target.program import Ended

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Occasion(NamedTuple):
    """Why a hook is run, and for what."""

    package: Package
    """The one that the hook belongs to."""
    release: str
    """The directory of its release."""
    old_version: str
    """The version that was installed before, "" if none was."""
    action: str
    """install, upgrade, rollback or remove."""
    cache: str = ""
    """Where Python keeps byte code; "" where it may as it is wont to."""


def environment(occasion: Occasion) -> dict[str, str]:
    """All environment variables that a hook has."""
    package = occasion.package
    cache = {VARIABLE: occasion.cache} if occasion.cache else {}
    return {
        "PROVISIONING_NAME": package.name,
        "PROVISIONING_VERSION": package.version,
        "PROVISIONING_PLATFORM": package.platform,
        "PROVISIONING_PREFIX": package.prefix,
        "PROVISIONING_RELEASE": occasion.release,
        "PROVISIONING_OLD_VERSION": occasion.old_version,
        "PROVISIONING_ACTION": occasion.action,
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        **cache,
    }


def run_hook(
    hook: Hook, occasion: Occasion, begun: Callable[[int], object] = lambda _: None
) -> tuple[bytes, str]:
    """Run a hook: the end of what it said, and why it has failed, "" if it has not.

    The number of its process is told as soon as it has `begun`.

    Raises TargetError if it cannot be run at all.
    """
    script = f"{occasion.release}/{HOOKS}/{hook.name}"
    program = Program([script], occasion.release, environment(occasion))
    try:
        ended = run(program, hook.timeout, begun)
    except OSError as error:
        reason = f"{error.strerror}; does its first line name what runs it, as in #!/bin/sh?"
        raise TargetError(f"{hook.name}: {script}: {reason}") from None
    return ended.output, _fault(hook, ended)


def _fault(hook: Hook, ended: Ended) -> str:
    last = ended.output.decode(errors="replace").rstrip().rpartition("\n")[2]
    said = f": {shown(last)}" if last else ""
    if ended.late:
        return f"{hook.name} did not end within {hook.timeout} seconds, and was killed{said}"
    if ended.status < 0:
        return f"{hook.name} was killed by signal {-ended.status}{said}"
    return f"{hook.name} ended with {ended.status}{said}" if ended.status else ""
