from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """The package, of what is locked."""
    yield from tasks()
