"""The `--help` of a stage, in the form that doit gives to that of its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_STAGE = (
    "One of the stages of `doit package`. Those before it are done first, as far as they are not "
    "up to date; `provision explain` tells why one is not."
)
_DESCRIPTIONS = {
    "package": (
        "Each stage from collect to hash is done that is not up to date. What it is all for lies "
        "in artifacts/NAME-VERSION-PLATFORM/. `provision explain` tells beforehand what would be "
        "done, and why; `doit` alone verifies what was built, too."
    ),
    "verify": (
        "What lies in artifacts/ is read again and judged. Nothing is built: damage is told, "
        "where `doit` would repair it."
    ),
}
_STATUS = (
    "The exit status is 0 if all is well, 1 or 2 if a task failed, and 3 if nothing was run, "
    "since a spec has a fault or the command line has."
)
_EXAMPLES = {
    "": "all packages, for all their platforms",
    ":greenhouse": "one package, for all its platforms",
    ":greenhouse:raspberry-pi": "one package, for one platform",
    " port=9090": "with another value of a variable",
}


def page(stage: str, doc: str, options: Sequence[Mapping[str, Any]]) -> str:
    """The help of a stage; `doc` is what it does, `options` are those of its task."""
    command = Command()
    command.name, command.doc_purpose, command.cmd_options = stage, doc, options
    given = "".join(f" [--{option['long']}]" for option in options)
    words = f"{given} [VARIABLE=VALUE ...]".lstrip()
    command.doc_usage = f"{words}\ndoit {stage}:NAME[:PLATFORM] {words}"
    command.doc_description = f"{_DESCRIPTIONS.get(stage, _STAGE)}\n\n{_STATUS}"
    width = max(map(len, _EXAMPLES))
    examples = (f"    doit {stage}{how:<{width}}   {what}\n" for how, what in _EXAMPLES.items())
    return f"{command.help()}\n\n\nEXAMPLES\n{''.join(examples)}"
