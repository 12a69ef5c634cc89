"""The packages of this repository: `doit` builds and verifies them, `doit list` names the tasks."""

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages described in specs/."""
    yield from tasks()
