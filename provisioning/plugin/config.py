"""What DOIT_CONFIG holds for the tasks of this plugin."""

from __future__ import annotations

from functools import partial
from typing import Any

from provisioning.builder.workspace import paths
from provisioning.plugin import ownership
from provisioning.plugin.database import BACKEND, Checker, digests_of
from provisioning.plugin.reporter import Reporter


def doit_config() -> dict[str, Any]:
    """DOIT_CONFIG for the tasks of this plugin. Raises doit.exceptions.InvalidDodoFile."""
    ownership.demand_ours(paths.ARTIFACTS)  # guard: artifacts-are-ours
    return {
        "backend": BACKEND,
        "dep_file": str(paths.database(paths.ARTIFACTS)),
        "check_file_uptodate": partial(Checker, digests_of(paths.ARTIFACTS)),
        "reporter": Reporter,
        "default_tasks": ["package", "verify"],
        "continue": True,  # all faults at once: one package's do not hide another's
    }
