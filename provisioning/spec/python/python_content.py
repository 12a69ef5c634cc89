"""Reads the content `python`: a lock, and what of it a package takes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from provisioning.spec.model.variant import Environment
from provisioning.spec.python.lock import MAX_BYTES, Request, Unbuilt, choose, digests_in, wheels_in
from provisioning.spec.python.target import Target
from provisioning.spec.schema.rules import PATH, SCRIPT, clean
from provisioning.spec.yaml.node import Scalar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.spec.model.variant import BuiltFor, Wheel
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Mapping, Origin

WHEELS = "wheels"
"""The directory for wheels of one's own, where a spec names none."""
LOCK = "pylock.toml"
"""Its own lock, if there is one: wheels that were built here (PEP 751)."""
ALL = "all"
"""The word for all console scripts."""


def read_environment(
    file: str, item: Mapping, platform: BuiltFor, scope: Scope
) -> Environment | None:
    """What the lock `file` holds for the platform; None where it cannot be read.

    What is wrong, packages without a wheel included, is added to the scope's diagnostics.
    """
    at = {key: node.origin for key, node in item.items.items()}
    text = scope.inputs.text(file, at["python"], scope.diagnostics, MAX_BYTES)
    if text is None:
        return None
    own: tuple[Wheel, ...] = ()
    if (directory := scope.read(item, "wheels", PATH)) is not None:
        names = scope.inputs.wheels(clean(directory), at["wheels"], scope.diagnostics)
        own = wheels_in(names, clean(directory), at["wheels"], scope.diagnostics)
        _demand_locked(own, clean(directory), at["wheels"], scope)
    request = Request(
        file=file,
        platform=platform.name,
        target=Target(platform.os, platform.arch, platform.system),
        extras=scope.texts(item, "extras"),
        groups=scope.texts(item, "groups") if "groups" in item.items else None,
        own=own,
        at=at,
    )
    chosen = choose(text, request, scope.diagnostics)
    if chosen.missing:
        place = clean(directory or WHEELS)
        scope.inputs.unbuilt.append(Unbuilt(request.target, platform.name, place, chosen.missing))
    scripts = _scripts(item, scope)
    return Environment(
        lock=file,
        wheels=chosen.wheels,
        pinned=chosen.pinned,
        index_url=chosen.index_url,
        scripts=scripts,
        entry_points=_of_project(file, at["scripts"], scope) if scripts else (),
        is_for_others=chosen.is_for_others,
    )


def _demand_locked(own: Iterable[Wheel], directory: str, asked: Origin, scope: Scope) -> None:
    """Report each wheel of the project that is another than the lock beside it says."""
    file = f"{directory}/{LOCK}"
    if not os.path.lexists(os.path.join(scope.inputs.root, file)):
        return
    text = scope.inputs.text(file, asked, scope.diagnostics, MAX_BYTES)
    locked = dict(digests_in(text, file, scope.diagnostics)) if text is not None else {}
    for each in own:
        if locked.get(each.file, each.digest) != each.digest:
            message = f"{each.path}: its SHA-256 is {each.digest}, and {file} says another"
            hint = "if you have built it anew, correct that file"
            scope.diagnostics.error(asked, "bad-wheel", message, hint)


def _scripts(item: Mapping, scope: Scope) -> tuple[str, ...]:
    node = item.items.get("scripts")
    if not isinstance(node, Scalar):
        return scope.texts(item, "scripts", SCRIPT)
    name = scope.text(node, SCRIPT)
    return () if name is None else (name,)


def _of_project(lock: str, asked: Origin, scope: Scope) -> tuple[tuple[str, str], ...]:
    """The console scripts of the pyproject.toml beside a lock, if there is one."""
    file = os.path.join(os.path.dirname(lock), "pyproject.toml")
    if not os.path.lexists(os.path.join(scope.inputs.root, file)):
        return ()
    text = scope.inputs.text(file, asked, scope.diagnostics)
    try:
        project = tomllib.loads(text or "").get("project", {})
        scripts = project.get("scripts", {})
        return tuple(sorted((name, str(calls)) for name, calls in scripts.items()))
    except (ValueError, RecursionError, AttributeError) as error:
        scope.diagnostics.error(asked, "bad-lock", f"{file}: {error}")
        return ()
