"""Knows what a command answers: an exit code, and a document for other programs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import provisioning
from provisioning.artifact.model.entry import TOOL, shown
from provisioning.artifact.model.placement import CURRENT, RELEASES
from provisioning.artifact.model.release import is_tree
from provisioning.artifact.verify import tree
from provisioning.errors import ArtifactError, TargetError
from provisioning.installer.store.prefix import SYSTEM, exists
from provisioning.installer.store.releases import left_at, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


GOOD, DIFFERS, TROUBLE, REFUSED, FAILED, LOCKED = 0, 1, 2, 3, 4, 5


class Answer(NamedTuple):
    """What a command answers."""

    code: int
    document: dict[str, Any]


class Place(NamedTuple):
    """Where a package lies."""

    root: Path
    prefix: str


def some_word(text: str) -> str:
    """What somebody says, and not the value of a variable that is not set."""
    if not text:
        raise ArgumentTypeError("is empty")
    return text


def some_path(text: str) -> Path:
    """The same of a path: the empty one would be the directory that one is in."""
    return Path(some_word(text))


def add_root(parser: ArgumentParser) -> None:
    """Have --root."""
    parser.add_argument(
        "--root",
        type=some_path,
        default=SYSTEM,
        metavar="DIR",
        help="rehearse below DIR: nothing outside is touched, and no service started",
    )


def add_name(parser: ArgumentParser) -> None:
    """Have the name of a package that is installed."""
    parser.add_argument(
        "name",
        type=some_word,
        nargs="?",
        metavar="NAME",
        help="the package, or its prefix, which begins with a slash; without, that to which the"
        " tool belongs",
    )


def add_output(parser: ArgumentParser) -> None:
    """Have --json and --quiet."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")


def root_of(options: Namespace) -> Path:
    """The root that was asked for. Raises TargetError if it is no directory."""
    root = Path(os.path.realpath(options.root))
    if not root.is_dir():
        raise TargetError(f"{shown(str(options.root))}: is no directory")
    return root


def place_of(options: Namespace, *, left: bool = False) -> Place:
    """Where the package that was asked for lies, or one that was removed and has `left` something.

    Raises TargetError if nobody knows.
    """
    root, name = root_of(options), options.name
    if name and name.startswith("/"):
        path = os.path.normpath(name)
        return place_at(path) if root == SYSTEM else Place(root, path)
    if not name:
        place = own_place()
        if place is None:
            raise TargetError("which package? `provision list` tells their names")
        return place
    prefix = prefix_of(root, name)
    remains = left_at(root, name) if left and not prefix else ""
    if not prefix and not (remains and exists(root, remains)):
        raise not_installed(name)
    return Place(root, prefix or remains)


def not_installed(name: str) -> TargetError:
    """What is wrong where no package is called so."""
    return TargetError(f"{shown(name)}: is not installed; `provision list` tells what is")


def own_tree() -> Path | None:
    """The directory of the package to which the running tool belongs, if it was started as such."""
    archive = getattr(provisioning.__spec__.loader, "archive", None)
    if not archive or os.path.basename(sys.argv[0]) != TOOL:
        return None
    found = Path(os.path.realpath(sys.argv[0])).parent
    return found if is_tree(found) else None


def called() -> str:
    """How the running tool was started, as far as people have to know."""
    if not own_tree():
        return "provision"
    return sys.argv[0] if "/" in sys.argv[0] else f"./{sys.argv[0]}"


def own_place() -> Place | None:
    """Where the package is installed to which the running tool belongs."""
    found = own_tree()
    if not found or found.parent.name != RELEASES:
        return None
    return place_at(str(found.parent.parent))


def place_at(path: str) -> Place:
    """Where the package lies that is installed at a path: on the system, or rehearsed in a root."""
    try:
        prefix = tree.read_manifest(Path(path, CURRENT))[1].package.prefix
    except (ArtifactError, OSError):
        return Place(SYSTEM, path)
    if path.endswith(prefix):
        return Place(Path(path[: -len(prefix)] or "/"), prefix)
    return Place(SYSTEM, path)


_INSTALLS = """\
Installs {name} into {prefix}, for which you most likely have to be root:

    sudo {called}

To see what it would do, or to do it in a directory of your own first:

    {called} --dry-run
    mkdir scratch && {called} --root scratch

Afterwards, {prefix}/current/install tells how it is installed, and takes it back or
removes it. `{called} install --help` tells all options.
"""
_INSTALLED = """\
Tells how {name} is installed in {prefix}, if no command is given. Commands that take the
NAME of a package mean this one, and need none.
"""


_PLAIN = "Install and verify packages."


def about() -> tuple[str | None, str]:
    """Say how this tool is started, where its options do not tell it, and what for."""
    found = own_tree()
    if not found:
        return None, _PLAIN
    try:
        package = tree.read_manifest(found)[1].package
    except (ArtifactError, OSError):
        return None, _PLAIN
    told = _INSTALLED if own_place() else _INSTALLS
    name = f"{package.name} {package.version}"
    text = told.format(name=name, prefix=package.prefix, called=called())
    return f"{called()} [COMMAND] [OPTION ...]", text
