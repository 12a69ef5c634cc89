"""Records the README's terminal: `python -m tests.doc.recording` writes doc/terminal.svg.

Nothing is typed by hand: what it shows is what the commands print on a terminal. It moves by CSS
alone; where motion is not wanted, all of it is there at once.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import sys
import tempfile
import termios
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .page import DOC, GREENHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FILE = DOC / "terminal.svg"
COMMANDS = (
    "provision init",
    "doit",
    "echo '# mind the frost' >> src/greenhouse/vents.py",
    "doit",
)
COLUMNS = 124
_ERASED = re.compile(r"[^\n]*\r\x1b\[K")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_CHARACTER, _LINE, _MARGIN = 8.4, 20, 18  # pixels
_TYPING, _BETWEEN, _PAUSE = 0.05, 0.06, 1.2  # seconds: a character, a line, after a command
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img"
aria-label="{label}">
<style>
rect {{ fill: #f6f8fa; stroke: #d0d7de }}
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328;
white-space: pre }}
.c {{ font-weight: 700 }}
.p {{ fill: #0b5cad }}
@keyframes hidden {{ from, to {{ opacity: 0 }} }}
text {{ animation: hidden 0s step-end }}
@media (prefers-color-scheme: dark) {{
rect {{ fill: #0d1117; stroke: #30363d }}
text {{ fill: #e6edf3 }}
.p {{ fill: #6cb6ff }}
}}
@media (prefers-reduced-motion: reduce) {{ text {{ animation: none !important }} }}
</style>
<rect x="0.5" y="0.5" width="{inner_width:.0f}" height="{inner_height}" rx="8"/>
"""


class Shown(NamedTuple):
    """A command, and the lines that it has printed."""

    command: str
    lines: Sequence[str]


def record(project: Path) -> list[Shown]:
    """What the commands print, one after the other, in a new project."""
    shutil.copytree(
        GREENHOUSE, project, ignore=shutil.ignore_patterns("specs", "dodo.py", "artifacts")
    )
    return [Shown(command, _printed(command, project)) for command in COMMANDS]


def _printed(command: str, project: Path) -> list[str]:
    process, descriptor = pty.fork()
    if not process:
        os.chdir(project)
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"})
        os.environ.pop("COLUMNS", None)
        os.execvp("sh", ["sh", "-c", command])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("4H", 40, COLUMNS, 0, 0))
    written = b""
    try:
        while more := os.read(descriptor, 65536):
            written += more
    except OSError:  # its other end is closed
        pass
    os.close(descriptor)
    _, status = os.waitpid(process, 0)
    text = _STYLE.sub("", _ERASED.sub("", written.decode().replace("\r\n", "\n")))
    if status:
        raise SystemExit(f"{command}: {text}")
    # Which wheels are fetched depends on what the machine has in its cache.
    return [line for line in text.splitlines() if not line.startswith("fetched ")]


def drawn(shown: Iterable[Shown]) -> str:
    """The recording as SVG."""
    rows, at = [], 0.5
    for command, lines in shown:
        typed = f'<tspan class="p">$</tspan> {escape(command, quote=False)}'
        rows.append(_text(len(rows), at, typed, "c"))
        at += len(command) * _TYPING
        for line in lines:
            rows.append(_text(len(rows), at, escape(line[:COLUMNS], quote=False)))
            at += _BETWEEN
        at += _PAUSE
    width, height = 2 * _MARGIN + COLUMNS * _CHARACTER, 2 * _MARGIN + len(rows) * _LINE
    label = "A terminal: " + "; ".join(COMMANDS)
    head = _HEAD.format(
        width=width,
        height=height,
        label=escape(label),
        inner_width=width - 1,
        inner_height=height - 1,
    )
    return head + "".join(rows) + "</svg>\n"


def _text(row: int, at: float, text: str, kind: str = "") -> str:
    classes = f' class="{kind}"' if kind else ""
    place = f'x="{_MARGIN}" y="{_MARGIN + 14 + row * _LINE}"'
    return f'<text{classes} {place} style="animation-duration:{at:.2f}s">{text}</text>\n'


def lines_of(svg: str) -> list[str]:
    """The lines of a recording, without what differs from run to run: seconds, and sizes.

    The tool is in each package, and grows.
    """
    found = re.findall(r"<text[^>]*>(.*)</text>", svg)
    lines = (re.sub(r"<[^>]*>", "", line) for line in found)
    return [re.sub(r"files, [^)]*\)", "files, SIZE, SECONDS)", line) for line in lines]


def main() -> None:
    """Record, and write the file."""
    with tempfile.TemporaryDirectory() as directory:
        FILE.write_text(drawn(record(Path(directory, "greenhouse"))), encoding="utf-8")


if __name__ == "__main__":
    main()
