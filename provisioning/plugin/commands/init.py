"""`provision init`: sets a project up, from what is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    json_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provisioning.plugin.init.survey import Survey

GOOD, REFUSED = 0, 3
_OURS = "provisioning.plugin"
_LINES = """\
    from provisioning.plugin import configure, tasks
    DOIT_CONFIG = configure()
    def task_provisioning(): yield from tasks()
"""


class Init(ProjectCommand):
    """Looks at a project, and writes a dodo.py and a spec."""

    name = "init"
    doc_purpose = "set up a project: write a dodo.py and a spec of what is there"
    doc_usage = "[--dry-run] [--json]"
    doc_description = (
        "Looks at the project in the working directory: pyproject.toml, a lock, packages and "
        "programs, units of systemd, configuration. Writes a dodo.py and a spec in specs/ that "
        "`doit` builds at once, says what was found, and what was left out and why. It asks "
        "nothing, and overwrites nothing.\n\n"
        "The exit status is 0 if the files were written, and 3 if something is in the way."
    )
    cmd_options = (
        {
            "name": "dry_run",
            "long": "dry-run",
            "type": bool,
            "default": False,
            "help": "write nothing: print the spec",
        },
        AS_JSON,
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Look, write, say what was done, and return the exit code."""
        # Imported here: doit imports all commands to list them, as in `doit help`.
        from provisioning.plugin.init import survey as looking  # noqa: PLC0415
        from provisioning.plugin.init import texts  # noqa: PLC0415
        from provisioning.spec.schema.schema import json_schema  # noqa: PLC0415

        if pos_args:
            raise InvalidCommand(f"unexpected argument {pos_args[0]}: init takes none")
        if opt_values.get("cwdPath"):
            os.chdir(opt_values["cwdPath"])
        root = Path.cwd()
        found = looking.look(root)
        spec = texts.spec_name(found)

        def written(survey: Survey) -> dict[str, str]:
            has_dodo = (root / "dodo.py").exists()
            return texts.texts(survey, json_text(json_schema()), has_dodo=has_dodo)

        def unlocked() -> str:
            return written(looking.look(root, passes_over_locks=True))[spec]

        files = written(found)
        is_ours = _is_ours(root, spec, files[spec], unlocked)
        advice = [*_advice(root), *found.advice]
        if not opt_values["dry_run"]:
            if is_ours:  # as it was written before there was a lock
                (root / spec).unlink()
            _write(root, files)
        if opt_values["as_json"]:
            return answer_json(
                {
                    "found": found.found,
                    "left_out": found.left_out,
                    "advice": advice,
                    "files": {path: text for path, text in files.items() if path != texts.SCHEMA},
                    "dry_run": opt_values["dry_run"],
                }
            )
        told = [*_told(found, advice)]
        if opt_values["dry_run"]:
            print("".join(f"{line}\n" for line in told), end="", file=sys.stderr)
            return answer(files[spec])
        lines = [*told, *(f"wrote     {path}" for path in files), "next      doit"]
        return answer("".join(f"{line}\n" for line in lines))


def _is_ours(root: Path, spec: str, text: str, unlocked: Callable[[], str]) -> bool:
    """Whether `spec` is there as it was written without a lock, and `text` is to take its place.

    Raises InvalidCommand where the project is set up already.
    """
    there = [str(each.relative_to(root)) for each in sorted((root / "specs").glob("*.yaml"))]
    if there == [spec]:
        held = (root / spec).read_bytes()
        if held != text.encode() and held == unlocked().encode():
            return True
    if there:
        raise InvalidCommand(f"{there[0]} is there already, and nothing was written: run `doit`")
    return False


def _advice(root: Path) -> Iterator[str]:
    dodo = root / "dodo.py"
    if dodo.exists() and _OURS not in dodo.read_text("utf-8", "replace"):
        yield f"dodo.py stays as it is; add these lines to it:\n{_LINES}".rstrip()


def _write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(place, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue  # the schema of another spec, or what somebody has written meanwhile
        except OSError as error:
            raise InvalidCommand(f"{path}: {error.strerror}") from None


def _told(found: Survey, advice: Sequence[str]) -> Iterator[str]:
    yield from (f"found     {each}" for each in found.found)
    yield from (f"left out  {each}" for each in found.left_out)
    yield from (f"advice    {each}" for each in advice)
