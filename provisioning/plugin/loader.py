"""doit's loader of tasks for a project without a dodo.py.

`[tool.doit] loader = "provisioning"` in pyproject.toml chooses it (entry point doit.LOADER).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from doit.cmd_base import DodoTaskLoader

from provisioning.plugin import configure, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

_DODO = "dodo.py"


class Loader(DodoTaskLoader):  # type: ignore[misc]  # doit has no type hints
    """Loads the packages described in specs/; a dodo.py, if there is one, instead."""

    def setup(self, opt_values: Any) -> None:
        """Go to the project's directory, and load the tasks' namespace."""
        file = opt_values["dodoFile"]
        place = os.path.join(opt_values["cwdPath"] or "", file)
        if file != _DODO or opt_values["seek_file"] or os.path.exists(place):
            super().setup(opt_values)
            return
        if opt_values["cwdPath"]:
            os.chdir(opt_values["cwdPath"])
        self.namespace = {"DOIT_CONFIG": configure(), "task_provisioning": task_provisioning}


def task_provisioning() -> Iterator[dict[str, Any]]:
    """The packages that are described in specs/."""
    yield from tasks()
