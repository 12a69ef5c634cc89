"""Builds this checkout on another machine."""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from typing import TYPE_CHECKING

from tests.machines.root import SITE
from tests.plugin.shipped import REPOSITORY

if TYPE_CHECKING:
    from tests.machines.machine import Machine


def install(machine: Machine) -> None:
    """Lay what pip would lay of this checkout beside the libraries, in a root that builds."""
    site = machine.root / SITE
    shutil.copytree(
        REPOSITORY / "provisioning", site / "provisioning",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    known = distribution("doit-provisioning")
    directory = site / f"doit_provisioning-{known.version}.dist-info"
    directory.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (directory / name).write_text(known.read_text(name) or "", "utf-8")


def doit(machine: Machine, project: str, *before: str) -> str:
    """What `doit` prints, run in a project that lies on the machine, by way of `before`."""
    script = 'cd "$1"; shift; exec "$@"'
    return machine.run(
        *(
            "sh",
            "-ec",
            script,
            "sh",
            project,
            *before,
            f"python{machine.kind.python}",
            "-m",
            "doit",
        ),
        env={"PYTHONPATH": f"/{SITE}"},
    )
