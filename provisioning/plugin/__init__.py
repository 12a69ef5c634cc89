"""The doit plugin: a dodo.py needs `DOIT_CONFIG = configure()` and `yield from tasks()`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def configure(*, signing: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What DOIT_CONFIG must hold for the tasks of this plugin.

    A dodo.py may add to it, as with `DOIT_CONFIG = configure() | {"verbosity": 2}`. From here on,
    a signal ends doit with one line, its records closed, instead of with a traceback.

    `signing` says how releases are signed, as `signing` of `[tool.doit-provisioning]` in
    pyproject.toml does: `{"key": FILE}`, or `{"command": WORDS, "signature": NAME}`.
    """
    # Imported here, as below: doit loads this package wherever it is installed, and a project
    # that does not use it should not pay for it.
    from provisioning.plugin import settings  # noqa: PLC0415
    from provisioning.plugin.config import doit_config  # noqa: PLC0415

    settings.give(signing)
    return doit_config()


def tasks(*specs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tasks of every package and platform described in specs/, as doit's task dicts.

    `specs` are further ones, made by Python: dicts with the keys and values that a YAML file of a
    spec would have, a mode as the text "0755". Faults in them point at the line of this call.

    Raises:
        doit.exceptions.InvalidDodoFile: with every fault of every spec.
    """
    from provisioning.plugin.task_graph import all_tasks  # noqa: PLC0415
    from provisioning.spec.resolve.inputs import PythonSpec  # noqa: PLC0415
    from provisioning.spec.yaml.node import Origin  # noqa: PLC0415

    caller = sys._getframe(1)  # noqa: SLF001 - as `warnings` does it
    file = os.path.relpath(caller.f_code.co_filename)
    origin = Origin(file=file, line=caller.f_lineno, column=1)
    return all_tasks([PythonSpec(values=values, origin=origin) for values in specs])
