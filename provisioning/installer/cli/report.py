"""What the commands print about a change: its steps before, and what was done after it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.placement import RELEASES, STATE
from provisioning.artifact.model.service import groups_of
from provisioning.installer.cli.arguments import GOOD, TROUBLE, Answer
from provisioning.installer.ops.cleanup import clean_up
from provisioning.installer.ops.journal import REMOVE, ROLLBACK
from provisioning.installer.services import lifecycle, managers, users
from provisioning.installer.services.managers import manager_of
from provisioning.installer.store import releases
from provisioning.installer.store.configuration import (
    ABSENT,
    ARCHIVE,
    ASIDE,
    FULL,
    IDLE,
    INSTALL,
    KEEP,
    NEW,
    OLD,
    RESTORE,
    RETURN,
)
from provisioning.installer.store.owners import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.artifact.model.package import Package
    from provisioning.console import Console
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.store.configuration import Decision
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


def planned(plan: InstallPlan | None, home: Home, console: Console) -> Answer:
    """Print what would be done."""
    found = list(_steps(plan, runs=not home.is_rehearsal)) if plan else []
    if plan and plan.new and home.is_image:
        found += _first_start(plan.new, home, () if users.can_create() else plan.users)
    for step in found or ["already installed and intact"]:
        console.tell(step)
    return Answer(GOOD, {**_document(plan), "steps": found, "dry_run": True})


def unchanged(package: Package, home: Home, console: Console) -> Answer:
    """Print that nothing had to be done, but perhaps to register the package again."""
    console.warn(releases.enter(home, package.name))
    console.say(f"{package.name} {package.version}: already installed in {home.path}")
    document = {"action": "none", "name": package.name, "version": package.version}
    return Answer(GOOD, {**document, "warnings": console.warnings})


def changed(plan: InstallPlan, home: Home, console: Console) -> Answer:
    """Print what was done, and remove the releases that are no longer needed."""
    for decision in plan.kept.decisions:
        text = _decided(decision)
        # guard: configuration-worth-a-look
        if decision.action in {NEW, OLD, IDLE, ASIDE}:  # somebody has to look at the file
            console.warn(text)
        elif text:
            console.say(text)
    console.warn(*plan.unlent)
    console.say(_done(plan, home))
    starts = list[str]()
    if plan.new and home.is_image:
        coming = lifecycle.users_to_make(home, plan.new.package)
        starts += _first_start(plan.new, home, coming)
    for line in starts:
        console.say(line)
    gone = list[str]()
    try:
        gone = clean_up(home)
    except OSError as error:  # the change itself has succeeded
        console.warn(f"{home.path}: old releases could not be removed: {reason(error)}")
    document = {**_document(plan), "removed": gone, "warnings": console.warnings}
    return Answer(GOOD, {**document, **({"first_start": starts} if home.is_image else {})})


def _first_start(new: Release, home: Home, coming: Sequence[str]) -> Iterator[str]:
    """Say what a machine that does not run has to start, and what it does when it starts first."""
    package = new.package
    names = managers.names(package) if package.services else []
    for name in names:
        yield f"{name}: enabled in {home.root / manager_of(package).DIRECTORY}"
    steps = []
    if coming:
        steps.append(f"create the user {', '.join(coming)} and give it its files")
    hooks = lifecycle.hooks_at_start(package)
    if hooks:
        steps.append(f"run the hook {', then '.join(hooks)}, as root")
    if names:
        steps.append(f"start {', '.join(names)}")
        steps.append("wait for the health checks" if any(_checked(package)) else "see that it runs")
    if not steps:
        return
    if package.service_manager:
        yield "when the machine starts, it will:"
        yield from (f"  {number}. {step}" for number, step in enumerate(steps, 1))
        yield f"`provision status {package.name}` on the machine says whether that went well"
    else:  # nothing starts the tool there
        yield f"on the machine, run `sudo provision recover {package.name}` to {steps[0]}"


def _checked(package: Package) -> Iterator[bool]:
    return (service.health is not None for service in package.services)


def removed(plan: InstallPlan, stuck: Sequence[str], home: Home, console: Console) -> Answer:
    """Print what was removed, what is kept, and what could not be removed."""
    for stay in plan.stays:
        console.say(str(stay))
    purge = "--purge " if plan.purge or not stuck else ""
    root = f"--root {home.root} " if home.is_rehearsal else ""
    command = f"`provision uninstall {purge}{root}{home.prefix}`"
    document = {**_document(plan), "warnings": console.warnings, "stuck": [*stuck]}
    if stuck:
        for each in stuck:
            console.complain(each)
        console.complain(f"{home.path}: not everything could be removed; then run {command} again")
        return Answer(TROUBLE, document)
    if home.is_image and plan.about:
        for hook in plan.about.hooks:
            if hook.name in {"pre_remove", "post_remove"}:
                why = "since only the machine itself can run hooks"
                console.warn(f"{hook.name}: was not run, {why}")
    console.say(_done(plan, home))
    if plan.stays and not plan.purge:
        console.say(f"{command} removes what was kept")
    return Answer(GOOD, document)


def way_out(error: PermissionError, command: Sequence[str]) -> str:
    """Say who owns what this user may not read or change, and what to type; "" if nobody else."""
    if not error.filename:
        return ""
    path = Path(os.fsdecode(error.filename))
    for way in (path, *path.parents):
        try:
            owner = way.lstat().st_uid
        except OSError:  # it does not exist, or this user cannot see it
            continue
        if os.geteuid() in {0, owner}:
            return ""
        name = name_of(owner)
        user = [] if owner == 0 else ["-u", name]
        typed = shlex.join(["sudo", *user, *command])
        return f"; {shown(str(way))} belongs to {name}: run `{typed}`"
    return ""


def _done(plan: InstallPlan, home: Home) -> str:
    was = f", was {plan.old.package.version}" if plan.old and plan.new else ""
    done = {REMOVE: "removed from", ROLLBACK: "current again in"}.get(plan.action, "installed in")
    return f"{plan.name} {plan.version}: {done} {home.path}{was}".lstrip(": ")


def _document(plan: InstallPlan | None) -> dict[str, Any]:
    if plan is None:
        return {"action": "none"}
    document: dict[str, Any] = {
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
    }
    if plan.action == REMOVE:
        document["removed"] = [*plan.doomed]
        document["goes"] = [each._asdict() for each in plan.goes]
        document["stays"] = [each._asdict() for each in plan.stays]
    return document


_DECISIONS = {
    INSTALL: "updated",
    RESTORE: "restored",
    NEW: "edited, so kept; the new version is in {path}.new",
    ARCHIVE: "no longer in this release; removed",
    IDLE: "edited, so kept, but without effect: this release has no such file",
    ASIDE: "edited, so kept as {path}.old, where it has no effect",
    RETURN: "restored",
    OLD: "edited since, so kept; the earlier version is in {path}.old",
}


def _decided(decision: Decision) -> str:
    """Say what happens to a configuration file; "" if nothing does."""
    path, action = decision.path, decision.action
    if action == KEEP:
        return ""
    if action == INSTALL and decision.before.digest == ABSENT:
        return f"{path}: installed"
    if action == IDLE and decision.before.digest == FULL:
        return f"{path}: no longer in this release; kept with what is in it"
    return f"{path}: {_DECISIONS[action].format(path=path)}"


def _steps(plan: InstallPlan, *, runs: bool) -> Iterator[str]:
    """The steps of a plan, in order; `runs` says whether hooks and services are run."""
    hooks = {hook.name for hook in plan.about.hooks} if runs and plan.about else set()
    steps = _removal_steps if plan.action == REMOVE else _install_steps
    return steps(plan, hooks, runs=runs)


def _install_steps(plan: InstallPlan, hooks: set[str], *, runs: bool) -> Iterator[str]:
    for name in plan.users:
        groups = groups_of(plan.new.package.services, name) if plan.new else []
        yield f"create the user {name}{', a member of ' if groups else ''}{', '.join(groups)}"
    if plan.new and not plan.is_there:
        entries = plan.new.layout.release
        size = sum(entry.size for entry in entries)
        yield f"write {plan.new.path}: {len(entries)} entries, {size} bytes"
        yield from plan.unlent
    if "pre_install" in hooks:
        yield "run the hook pre_install"
    yield from (f"create the directory {path}" for path in plan.kept.absent)
    if plan.new:
        old = f", was {plan.old.path}" if plan.old else ""
        yield f"switch current to {plan.new.path}{old}"
    yield from filter(None, map(_decided, plan.kept.decisions))
    if "post_install" in hooks:
        yield "run the hook post_install"
    names = ", ".join(each.name for each in plan.new.package.services) if plan.new else ""
    if names and not runs:
        yield f"install the service units for {names}"
    elif names:
        yield f"start the services {names} and wait for their health checks"


def _removal_steps(plan: InstallPlan, hooks: set[str], *, runs: bool) -> Iterator[str]:
    if plan.old:
        if "pre_remove" in hooks:
            yield "run the hook pre_remove"
        names = ", ".join(each.name for each in plan.old.package.services)
        if names:
            yield f"{'stop and ' if runs else ''}remove the services {names}"
    yield from (f"remove {RELEASES}/{name}" for name in plan.doomed)
    if plan.old and "post_remove" in hooks:
        yield "run the hook post_remove"
    yield from (each.removal for each in plan.goes)
    yield from (f"remove the user {name}" for name in plan.users)
    if plan.purge:
        yield f"remove {STATE}: the history and all other notes"
    yield from map(str, plan.stays)
