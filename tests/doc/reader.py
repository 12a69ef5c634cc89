"""Does what a reader does with a page: writes its files, runs its commands, compares."""

from __future__ import annotations

import re
import shutil
from itertools import zip_longest
from typing import TYPE_CHECKING

from .page import GREENHOUSE, blocks
from .test_tutorial import demand_alike, run

if TYPE_CHECKING:
    from pathlib import Path

    from .page import Block

# What names its file in its first line is that file; "in" one, it is the keys it holds.
_NAMED = re.compile(r"(?:#!.*\n)?(?:# |// |\{#- )(?P<part>in )?(?P<path>[\w./-]+\.\w+)(?: -#\})?\n")
_KEY = re.compile(r"^(?=\w+:)", re.MULTILINE)


def follow(page: Path, project: Path) -> None:
    """Do to a copy of the greenhouse in `project` what `page` says; it must print what it shows."""
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    follow_in(project, page)


def follow_in(project: Path, page: Path) -> None:
    """Do in `project` what `page` says; it must print what it shows."""
    found = blocks(page)
    for block, after in zip_longest(found, found[1:]):
        if block.language == "sh":
            shown = after.text if after and after.language == "text" else ""
            demand_alike(run(block.text, project), shown, block.text)
        elif block.language not in {"text", "console"}:
            _write(block, project)


def _write(block: Block, project: Path) -> None:
    named = _NAMED.match(block.text)
    assert named, f"which file is this?\n{block.text}"
    path = project / named["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = block.text
    if named["part"]:
        text = _replaced(path.read_text(encoding="utf-8"), text[named.end() :])
    path.write_text(text, encoding="utf-8")


def _replaced(old: str, new: str) -> str:
    """The YAML text `old`, in which the top-level keys of `new` are as they are there."""
    parts = {
        part.partition(":")[0]: part for text in (old, new) for part in _KEY.split(text) if part
    }
    return "".join(parts.values())
