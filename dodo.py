"""The packages of this repository: `doit` builds and verifies them, `doit list` names the tasks."""

import sys

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages described in specs/."""
    yield from tasks()


def task_docs():
    """Make a site of the documents, in artifacts/docs/; what is wrong with a link is an error."""
    # From the beginning each time: Sphinx tells what is wrong with a page only when it reads it,
    # and a link may lead to any file of the repository.
    options = "-q -W --keep-going -n -E -b html -c doc/sphinx -d artifacts/.work/docs"
    remove = "rm -rf artifacts/docs artifacts/.work/docs"
    return {
        "actions": [remove, f"{sys.executable} -m sphinx {options} . artifacts/docs"],
        "clean": [remove],
    }


def task_bench():
    """Measure against other tools and write doc/benchmarks.md; `doit help bench` has options."""
    from tests.bench.task import task  # noqa: PLC0415 - what only this task needs

    return task()
