"""The packages of this repository: `doit` builds and verifies them, `doit list` names the tasks."""

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages described in specs/."""
    yield from tasks()


def task_bench():
    """Measure against other tools and write doc/benchmarks.md; `doit help bench` has options."""
    from tests.bench.task import task  # noqa: PLC0415 - what only this task needs

    return task()
