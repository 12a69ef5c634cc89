"""What `doit` builds here: the greenhouse controller, for every machine named in specs/."""

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages of this project, described in specs/."""
    yield from tasks()
