"""`provision dumpdb`: the records of finished tasks, which doit's own `dumpdb` cannot read."""

from __future__ import annotations

from pprint import pformat
from typing import TYPE_CHECKING, Any

from doit.dependency import JSONCodec

from provisioning.console import printable
from provisioning.plugin.commands.base import ProjectCommand, answer
from provisioning.plugin.config import doit_config
from provisioning.plugin.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence


class DumpDB(ProjectCommand):
    """Prints all records of the project."""

    name = "dumpdb"
    doc_purpose = "print the records of finished tasks"
    doc_usage = ""
    doc_description = "What doit has recorded of each task that is done: files, values, targets."

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print all records, and return the exit code."""
        del pos_args
        self.set_up(opt_values)  # from here on, beside the dodo.py
        records = Database(doit_config()["dep_file"], JSONCodec()).records()
        return answer("".join(_told(*each) for each in records.items()))


def _told(task: str, record: Any) -> str:
    return f"{printable(task)} -> {pformat(record, indent=4, width=100)}\n"
