"""The commands `install`, `rollback` and `uninstall`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.placement import CURRENT
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    Command,
    add_dry_run,
    not_installed,
    own_place,
    own_tree,
    place_of,
    root_of,
    some_path,
    some_word,
)
from provisioning.installer.cli.report import changed, planned, removed, unchanged
from provisioning.installer.ops import journal, removal
from provisioning.installer.ops.install_plan import (
    Allowed,
    is_anything,
    plan_install,
    plan_removal,
    plan_rollback,
    release_of,
    stays,
)
from provisioning.installer.ops.installation import install
from provisioning.installer.ops.journal import REMOVE
from provisioning.installer.ops.session import to_change
from provisioning.installer.services import lifecycle
from provisioning.installer.store import footprint, releases, stage, trusted_keys
from provisioning.installer.store.prefix import exists, looked_at, opened
from provisioning.installer.store.releases import left_at, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.artifact.signature.signed_release import SignedRelease
    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Place
    from provisioning.installer.ops.install_plan import InstallPlan
    from provisioning.installer.store.prefix import Home


def _add_install_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        type=some_path,
        default=own_tree(),
        metavar="ARTIFACT|DIR",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), or an unpacked package",
    )
    parser.add_argument(
        "--trust",
        type=some_path,
        metavar="KEYFILE",
        help="install only what this public key has signed, and trust it from then on to sign this"
        " package; see `provision trust`",
    )
    parser.add_argument(
        "--allow-downgrade",
        action="store_true",
        help="install an older version than the one that is installed, or an older signed release",
    )
    parser.add_argument(
        "--allow-platform-change",
        action="store_true",
        help="install a signed release for another platform than the one that is installed",
    )
    add_dry_run(parser)


def _install(options: Namespace, console: Console) -> Answer:
    """Install a package, and print what was done."""
    if options.source is None:
        raise TargetError("which package? give an archive, or an unpacked package")
    root = root_of(options)
    _demand_from_elsewhere(options)
    trust = trusted_keys.trust_of(root, options.trust)
    allowed = Allowed(options.allow_downgrade, options.allow_platform_change)
    with stage.opened(options.source, trust) as source:
        new, signed = release_of(source, root), source.signed
        prefix = new.package.prefix
        # If nothing is there, check first without a lock: a refused installation leaves no trace.
        if options.dry_run or not exists(root, prefix):
            with looked_at(root, prefix) as home:
                plan = plan_install(home, new, allowed, signed)
                console.warn(journal.doubt(home, new.package.name) if options.dry_run else "")
            if options.dry_run:
                return planned(plan, home, console)
        with to_change(root, prefix, console, make=True) as home:
            made = lifecycle.make_users(home, new.package)
            if made:  # whose numbers were unknown before
                new = release_of(source, root)
            plan = plan_install(home, new, allowed, signed)
            if plan is None:
                # It may have been installed before any key was trusted.
                trusted_keys.keep(home, releases.at(home, CURRENT), signed)
                _note_signed(root, signed, options)
                return unchanged(new.package, home, console)
            console.warn(journal.doubt(home, new.package.name))
            install(home, plan, console, source)
            _note_signed(root, signed, options)
            if signed:
                console.say(f"{new.package.name} {new.package.version}: signed by {signed.signer}")
            for name in made if home.is_image else ():
                console.say(f"user {name}: created in {root / 'etc/passwd'}")
            return changed(plan, home, console)


def _demand_from_elsewhere(options: Namespace) -> None:
    """Refuse a key that lies in the package that it is to vouch for."""
    if options.trust and options.source.is_dir():
        package = Path(os.path.realpath(options.source))
        if package in Path(os.path.realpath(options.trust)).parents:  # guard: key-from-elsewhere
            raise RefusedError(
                f"{shown(str(options.trust))}: came with the package, so it proves nothing; get the"
                " key from whom you know"
            )


def _note_signed(root: Path, signed: SignedRelease | None, options: Namespace) -> None:
    """Note which signed release came up; and, with --trust, whose key it is."""
    if signed is None:
        return
    trusted_keys.note_installed(root, signed)
    if options.trust:
        trusted_keys.add(root, [signed.signer._replace(packages=signed.about.name)])


def _add_rollback_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "version",
        type=some_word,
        nargs="?",
        default=None,
        metavar="VERSION",
        help="the version to go back to; default: the previous one",
    )
    add_dry_run(parser)


def _rollback(options: Namespace, console: Console) -> Answer:
    """Go back to another release, and print what was done."""
    if _is_version(options):
        options.name, options.version = None, options.name
    place = place_of(options)
    trust = trusted_keys.read(place.root)
    if options.dry_run:
        with opened(*place) as home:
            return planned(plan_rollback(home, options.version or "", trust), home, console)
    with to_change(*place, console) as home:
        plan = plan_rollback(home, options.version or "", trust)
        install(home, plan, console)
        return changed(plan, home, console)


def _is_version(options: Namespace) -> bool:
    """Whether the only word is a version: a tool that belongs to a package needs no name."""
    word = options.name
    if options.version or not word or word.startswith("/") or not own_place():
        return False
    return not prefix_of(root_of(options), word)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--purge", action="store_true", help="also remove the configuration and data it created"
    )
    add_dry_run(parser)


def _uninstall(options: Namespace, console: Console) -> Answer:
    """Remove a package, and print what was removed."""
    if _is_gone(options):
        return _ended(options, console)
    place = place_of(options, left=True)
    if options.dry_run:
        with opened(*place) as home:
            return planned(_planned(home, options), home, console)
    ends = _ends(place, options)
    with to_change(*place, console) as home:
        if not releases.at(home, CURRENT):
            console.warn(releases.strike(home))  # which may have failed before
        if ends and not is_anything(home, purge=options.purge):
            return _ended(options, console)
        plan = _planned(home, options)
        stuck = removal.remove(home, plan, console)
        if plan.old and not plan.purge:  # a hook may have removed some of it
            plan = plan._replace(stays=stays(home, plan.old))
        return removed(plan, stuck, home, console)


def _planned(home: Home, options: Namespace) -> InstallPlan:
    if not is_anything(home, purge=options.purge):
        by_name = options.name and not options.name.startswith("/")
        raise (
            not_installed(options.name)
            if by_name
            else RefusedError(f"{home.path}: nothing is installed")
        )
    return plan_removal(home, purge=options.purge)


def _is_gone(options: Namespace) -> bool:
    """Whether a run that was killed had removed all but the registry's entry; removes that."""
    name, root = options.name or "", root_of(options)
    if name.startswith("/"):
        root, prefix = place_of(options)
    else:
        prefix = prefix_of(root, name) or left_at(root, name)
    ends = options.purge and not options.dry_run and prefix and not exists(root, prefix)
    return bool(ends and releases.forget(root, prefix))


def _ends(place: Place, options: Namespace) -> bool:
    """Whether a run that was killed was removing the package: to finish that is the task."""
    with looked_at(*place) as home:
        if journal.is_of_removal(home) or footprint.is_new(home):  # guard: removal-or-new
            return True
    return options.purge and bool(left_at(place.root, options.name or ""))


def _ended(options: Namespace, console: Console) -> Answer:
    console.say(f"{options.name or 'it'}: nothing is left")
    return Answer(GOOD, {"action": REMOVE, "warnings": console.warnings})


COMMANDS = {
    "install": Command(
        "install a package, or another release of it", _install, _add_install_arguments
    ),
    "rollback": Command(
        "go back to the previous release, or to another one that is still there",
        _rollback,
        _add_rollback_arguments,
        takes_name=True,
    ),
    "uninstall": Command(
        "remove a package; its configuration and data stay",
        _uninstall,
        _add_arguments,
        takes_name=True,
    ),
}
