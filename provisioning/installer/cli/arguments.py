"""What the commands of `provision` share: arguments, exit codes, and which package is meant."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import provisioning
from provisioning.artifact import contents
from provisioning.artifact.model.entry import TOOL, shown
from provisioning.artifact.model.placement import CURRENT, RELEASES
from provisioning.artifact.model.release import is_tree
from provisioning.errors import ArtifactError, TargetError
from provisioning.installer.store.prefix import SYSTEM, exists
from provisioning.installer.store.releases import left_at, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from provisioning.console import Console


GOOD, DIFFERS, TROUBLE, REFUSED, FAILED, LOCKED = 0, 1, 2, 3, 4, 5


class Answer(NamedTuple):
    """The result of a command: an exit code, and a document for other programs."""

    code: int
    document: dict[str, Any]


class Command(NamedTuple):
    """One command of `provision`."""

    help: str
    """What it does, in a line."""
    run: Callable[[Namespace, Console], Answer]
    add_arguments: Callable[[ArgumentParser], object] = lambda _: None
    """Adds the arguments that this command alone has."""
    takes_name: bool = False
    """Whether it is about one installed package: NAME comes first."""
    changes: bool = True
    """Whether it changes the machine: then a result that cannot be printed is not a failure."""

    def declare(self, parser: ArgumentParser) -> None:
        """Add all arguments of this command to its parser."""
        if self.takes_name:
            parser.add_argument(
                "name",
                type=some_word,
                nargs="?",
                metavar="NAME",
                help="the package, or its prefix (starting with a slash); default: the package to"
                " which this tool belongs",
            )
        self.add_arguments(parser)
        parser.add_argument(
            "--root",
            type=some_path,
            default=SYSTEM,
            metavar="DIR",
            help="work below DIR instead of /: nothing outside is touched, no service is started",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--quiet", action="store_true", help="print only what is wrong")


def add_dry_run(parser: ArgumentParser) -> None:
    """Add --dry-run."""
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")


def some_word(text: str) -> str:
    """Return a word that is not empty, as the value of a variable that is not set would be."""
    if not text:
        raise ArgumentTypeError("is empty")
    return text


def some_path(text: str) -> Path:
    """Return a path that is not empty: the empty one would be the current directory."""
    return Path(some_word(text))


class Place(NamedTuple):
    """Where a package is installed."""

    root: Path
    prefix: str


def root_of(options: Namespace) -> Path:
    """Return the root directory that --root names. Raises TargetError if it is no directory."""
    root = Path(os.path.realpath(options.root))
    if not root.is_dir():
        raise TargetError(f"{shown(str(options.root))}: is not a directory")
    return root


def place_of(options: Namespace, *, left: bool = False) -> Place:
    """Return where the package called NAME is installed; with `left`, or where it left something.

    Raises TargetError if that is unknown.
    """
    root, name = root_of(options), options.name
    if name and name.startswith("/"):
        path = os.path.normpath(name)
        return place_at(path) if root == SYSTEM else Place(root, path)
    if not name:
        place = own_place()
        if place is None:
            raise TargetError("which package? `provision list` shows their names")
        return place
    prefix = prefix_of(root, name)
    remains = left_at(root, name) if left and not prefix else ""
    if not prefix and not (remains and exists(root, remains)):
        raise not_installed(name)
    return Place(root, prefix or remains)


def not_installed(name: str) -> TargetError:
    """Return the error for a package that is not installed."""
    return TargetError(f"{shown(name)}: is not installed; `provision list` shows what is")


def own_tree() -> Path | None:
    """Return the unpacked package or release to which the running tool belongs, if any."""
    archive = getattr(provisioning.__spec__.loader, "archive", None)
    if not archive or os.path.basename(sys.argv[0]) != TOOL:
        return None
    found = Path(os.path.realpath(sys.argv[0])).parent
    return found if is_tree(found) else None


def called() -> str:
    """Return how the running tool was started, as a user would type it."""
    if not own_tree():
        return "provision"
    return sys.argv[0] if "/" in sys.argv[0] else f"./{sys.argv[0]}"


def own_place() -> Place | None:
    """Return where the package to which the running tool belongs is installed, if it is."""
    found = own_tree()
    if not found or found.parent.name != RELEASES:
        return None
    return place_at(str(found.parent.parent))


def place_at(path: str) -> Place:
    """Return the root and prefix of the package that is installed at a path of this system."""
    try:
        prefix = contents.read_manifest(Path(path, CURRENT))[1].package.prefix
    except (ArtifactError, OSError):
        return Place(SYSTEM, path)
    if path.endswith(prefix):
        return Place(Path(path[: -len(prefix)] or "/"), prefix)
    return Place(SYSTEM, path)


_PLAIN = "Install and verify packages."
_INSTALLS = """\
Installs {name} into {prefix}. This usually needs root:

    sudo {called}

To see what it would do, or to try it in a directory of your own first:

    {called} --dry-run
    mkdir scratch && {called} --root scratch

Afterwards, {prefix}/current/install shows how it is installed, rolls it back or
removes it. `{called} install --help` shows all options.
"""
_INSTALLED = """\
Without a command, shows how {name} is installed in {prefix}. Commands that take the NAME of
a package use this one by default.
"""


def about() -> tuple[str | None, str]:
    """Return the usage line, None for the usual one, and the description of the running tool."""
    found = own_tree()
    if not found:
        return None, _PLAIN
    try:
        package = contents.read_manifest(found)[1].package
    except (ArtifactError, OSError):
        return None, _PLAIN
    text = _INSTALLED if own_place() else _INSTALLS
    name = f"{package.name} {package.version}"
    text = text.format(name=name, prefix=package.prefix, called=called())
    return f"{called()} [COMMAND] [OPTION ...]", text
