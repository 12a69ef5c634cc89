"""Asks systemd itself what it has read in a unit, without starting it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ESCAPED = re.compile(r'\\([$"\\`])')


def dumped(units: dict[str, str], directory: Path) -> dict[str, dict[str, list[str]]]:
    """What systemd understands of units: for each, the values of each setting.

    It is asked to determine the jobs of a target that wants them all; as root it refuses to, so
    another has to reach the directory.
    """
    wants = "\n".join(f"Wants={name}" for name in units)
    for name, text in {**units, "all.target": f"[Unit]\n{wants}\n"}.items():
        (directory / name).write_text(text, encoding="utf-8")
    command = ["/lib/systemd/systemd", "--test", "--system", "--unit=all.target", "--no-pager"]
    told = subprocess.run(
        command,
        env={"SYSTEMD_UNIT_PATH": f"{directory}:", "SYSTEMD_LOG_TARGET": "null"},
        user=None if os.geteuid() else "nobody",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    parts = told.split("\t-> Unit ")[1:]
    found = {part.partition(":\n")[0]: _settings(part) for part in parts}
    assert {*found} >= {*units}, told
    return {name: found[name] for name in units}


def _settings(part: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for key, value in re.findall(r"^\t+([\w ]+): (.*)$", part, re.MULTILINE):
        settings.setdefault(key, []).append(value)
    return settings


def split(command: str) -> list[str]:
    """The words of a command line as systemd dumps it, with the quotes of a shell."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', command)
    return [plain or _ESCAPED.sub(r"\1", quoted) for quoted, plain in words]
