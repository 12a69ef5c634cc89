"""The packages of this repository: `doit` builds and verifies them, `doit list` names the tasks."""

import sys
from pathlib import Path

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """Packages described in specs/."""
    yield from tasks()


def task_docs():
    """Make a site of the documents, in artifacts/docs/; what is wrong with a link is an error."""
    options = "-q -W --keep-going -n -b html -c doc/sphinx -d artifacts/.work/docs"
    pages = [*map(str, Path().glob("doc/*/*.*")), *map(str, Path().glob("*.md"))]
    return {
        "actions": [f"{sys.executable} -m sphinx {options} . artifacts/docs"],
        "file_dep": [*pages, *map(str, Path().glob("doc/*.*")), "doc/sphinx/templates/index.html"],
        "targets": ["artifacts/docs/index.html"],
    }


def task_bench():
    """Measure against other tools and write doc/benchmarks.md; `doit help bench` has options."""
    from tests.bench.task import task  # noqa: PLC0415 - what only this task needs

    return task()
