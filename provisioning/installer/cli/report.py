"""Knows whose it is what somebody may not read or change, and what to type to be allowed to."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.entry import shown
from provisioning.installer.cli.arguments import GOOD, TROUBLE, Answer
from provisioning.installer.ops import install_plan as plans
from provisioning.installer.ops.cleanup import clean_up
from provisioning.installer.ops.journal import REMOVE, ROLLBACK
from provisioning.installer.store import releases
from provisioning.installer.store.configuration import KEEP
from provisioning.installer.store.owners import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.artifact.model.package import Package
    from provisioning.console import Console
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.store.prefix import Home


def way_out(error: PermissionError, command: Sequence[str]) -> str:
    """Say so of what has failed, to be added to that; "" where it is nobody else's."""
    if not error.filename:
        return ""
    path = Path(os.fsdecode(error.filename))
    for way in (path, *path.parents):
        try:
            owner = way.lstat().st_uid
        except OSError:  # it is not there, or in what this user may not look into
            continue
        return _told_way(way, owner, command)
    return ""


def _told_way(way: Path, owner: int, command: Sequence[str]) -> str:
    if os.geteuid() in {0, owner}:
        return ""
    name = name_of(owner)
    who = [] if owner == 0 else ["-u", name]
    typed = shlex.join(["sudo", *who, *command])
    return f"; {shown(str(way))} belongs to {name}: run `{typed}`"


def planned(plan: InstallPlan | None, home: Home, console: Console) -> Answer:
    """Tell what would be done."""
    found = list(plans.steps(plan, runs=not home.is_rehearsal)) if plan else []
    for step in found or ["nothing to do: it is installed, and as it should be"]:
        console.tell(step)
    return Answer(GOOD, {**_document(plan), "steps": found, "dry_run": True})


def unchanged(package: Package, home: Home, console: Console) -> Answer:
    """Tell that there was nothing to do, but to be known: an entry may have failed before."""
    console.warn(releases.enter(home, package.name))
    console.say(f"{package.name} {package.version}: is installed in {home.path} already")
    document = {"action": "none", "name": package.name, "version": package.version}
    return Answer(GOOD, {**document, "warnings": console.warnings})


def changed(plan: InstallPlan, home: Home, console: Console) -> Answer:
    """Tell what was done, and remove the releases that are not needed any more."""
    for decision in plan.kept.decisions:
        text = plans.told(decision)
        if text:
            (console.warn if plans.is_warning(decision) else console.say)(text)
    for unlent in plan.unlent:
        console.warn(unlent)
    console.say(_told(plan, home))
    found = {"removed": _clean_up(home, console), "warnings": console.warnings}
    return Answer(GOOD, {**_document(plan), **found})


def removed(plan: InstallPlan, stuck: Sequence[str], home: Home, console: Console) -> Answer:
    """Tell what was removed, what stays, and what could not be removed."""
    for stay in plan.stays:
        console.say(str(stay))
    purge = "--purge " if plan.purge or not stuck else ""
    root = f"--root {home.root} " if home.is_rehearsal else ""
    command = f"`uninstall {purge}{root}{home.prefix}`"
    document = {**_document(plan), "warnings": console.warnings, "stuck": [*stuck]}
    if stuck:
        for each in stuck:
            console.complain(each)
        console.complain(f"{home.path}: not all could be removed; then say {command} again")
        return Answer(TROUBLE, document)
    console.say(_told(plan, home))
    if plan.stays and not plan.purge:
        console.say(f"what stays goes with {command}")
    return Answer(GOOD, document)


def _clean_up(home: Home, console: Console) -> list[str]:
    try:
        return clean_up(home)
    except OSError as error:  # the change itself has come to a good end
        console.warn(f"{home.path}: old releases could not be removed: {reason(error)}")
        return []


def _told(plan: InstallPlan, home: Home) -> str:
    was = f", was {plan.old.package.version}" if plan.old and plan.new else ""
    done = {REMOVE: "removed from", ROLLBACK: "back in"}.get(plan.action, "installed in")
    return f"{plan.name} {plan.version}: {done} {home.path}{was}".lstrip(": ")


def _document(plan: InstallPlan | None) -> dict[str, Any]:
    if plan is None:
        return {"action": "none"}
    return {
        "action": plan.action,
        "name": plan.name,
        "version": plan.new.package.version if plan.new else "",
        "release": plan.new.name if plan.new else "",
        "was": plan.old.package.version if plan.old else "",
        "configuration": [
            {"path": each.path, "action": each.action}
            for each in plan.kept.decisions
            if each.action != KEEP
        ],
        **(_removal(plan) if plan.action == REMOVE else {}),
    }


def _removal(plan: InstallPlan) -> dict[str, Any]:
    return {
        "removed": [*plan.doomed],
        "goes": [each._asdict() for each in plan.goes],
        "stays": [each._asdict() for each in plan.stays],
    }
