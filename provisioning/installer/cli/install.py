"""Knows the command that installs a package, or another release of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.errors import TargetError
from provisioning.installer.cli.arguments import add_output, add_root, own_tree, root_of, some_path
from provisioning.installer.cli.report import changed, planned, unchanged
from provisioning.installer.ops import journal
from provisioning.installer.ops.installation import install, release_of
from provisioning.installer.ops.installation import planned as plan_of
from provisioning.installer.ops.session import to_change
from provisioning.installer.services import lifecycle
from provisioning.installer.store import stage
from provisioning.installer.store.prefix import SYSTEM, exists, looked_at

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console
    from provisioning.installer.cli.arguments import Answer
    from provisioning.installer.store.releases import Release
    from provisioning.installer.store.stage import PackageSource

HELP = "install a package, or another release of it"
CHANGES = True


def declare(parser: ArgumentParser) -> None:
    """Say what the command can be told."""
    parser.add_argument(
        "source",
        nargs="?",
        type=some_path,
        default=own_tree(),
        metavar="ARTIFACT|DIR",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), or a package that was unpacked",
    )
    parser.add_argument(
        "--allow-downgrade", action="store_true", help="install an older version than there is"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, only")
    add_root(parser)
    add_output(parser)


def run(options: Namespace, console: Console) -> Answer:
    """Install, and tell what it was."""
    if options.source is None:
        raise TargetError("which package? give an archive, or a directory that one was unpacked to")
    with stage.opened(options.source) as opened:
        root = root_of(options)
        new = release_of(opened, strict=root == SYSTEM)
        # Where there is nothing, first without a lock: it would be a trace of what is refused.
        if options.dry_run or not exists(root, new.package.prefix):
            with looked_at(root, new.package.prefix) as home:
                plan = plan_of(home, new, downgrade=options.allow_downgrade)
                console.warn(journal.doubt(home, new.package.name) if options.dry_run else "")
            if options.dry_run:
                return planned(plan, home, console)
        return _install(options, opened, new, console)


def _install(options: Namespace, opened: PackageSource, new: Release, console: Console) -> Answer:
    with to_change(root_of(options), new.package.prefix, console, make=True) as home:
        if lifecycle.make_users(home, new.package):  # whose numbers nobody knew before
            new = release_of(opened, strict=True)
        plan = plan_of(home, new, downgrade=options.allow_downgrade)
        if plan is None:
            return unchanged(new.package, home, console)
        console.warn(journal.doubt(home, new.package.name))
        install(home, opened, plan, console)
        return changed(plan, home, console)
