"""Knows what the tool says of itself when it is asked for help: it may belong to a package."""

from __future__ import annotations

from provisioning.artifact import tree
from provisioning.errors import ArtifactError
from provisioning.target.command.asked import called, own_place, own_tree

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
