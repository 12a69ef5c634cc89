"""What doit prints while it runs our tasks: on a terminal a line that moves, in a pipe plain ones.

The moving line is drawn by a timer's signal: a thread could hold a lock while doit forks workers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from textwrap import indent
from typing import TYPE_CHECKING, Any

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ConsoleReporter

from provisioning.builder.workspace import progress
from provisioning.builder.workspace.paths import ARTIFACTS
from provisioning.console import BOLD, leave_plain, paint, shows_colour
from provisioning.spec.yaml.node import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.builder.workspace.progress import Progress

PROVED = "provisioning: proved"
"""The key in a task's `meta` that names the artifact which it proves."""
ABSENT = "provisioning: absent"
"""The one that tells which optional contents have found nothing."""
RELEASE = "provisioning: release"
"""The one that all stages have: the name of the release's directory."""

ASKS = "provisioning: asks"
"""The one of a stage that may ask somebody at the terminal for something."""

_SOON, _OFTEN = 0.5, 0.1  # seconds: before the line appears, and between two drawings
_ERASE = "\r\x1b[K"
_COLUMNS = 80  # of a terminal that does not say how many it has
_NARROW = 20  # columns, in which the line says nothing
_OWN = f"{ARTIFACTS}/"
_UNITS = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


class Reporter(ConsoleReporter):  # type: ignore[misc]  # doit has no type hints
    """doit's console reporter, with a fault as its text alone and a summary at the end."""

    desc = "console output of the provisioning plugin"

    def __init__(self, outstream: Any, options: dict[str, Any]) -> None:
        super().__init__(outstream, options)
        self._done = self._idle = self._failed = 0
        self._verified: list[str] = []
        self._absent: list[str] = []
        self._seconds: dict[str, float] = {}
        self._files: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._others = 0  # tasks of the project's own that run now: they may write themselves
        self._line: _MovingLine | None = None

    def initialize(self, tasks: Any, selected_tasks: Any) -> None:
        """Look at the artifacts as they were, and begin to draw on a terminal."""
        super().initialize(tasks, selected_tasks)
        if _moves(self.outstream):
            proved = ((each.meta or {}).get(PROVED, ()) for each in tasks.values())
            self._sizes = {path: _size(path) for paths in proved for path in paths}
            self._line = _MovingLine(self.outstream)

    def write(self, text: str) -> None:
        """Write at once: progress should show in a pipe, too."""
        if self._line:
            self._line.erase()
        self.outstream.write(text)
        self.outstream.flush()

    def execute_task(self, task: Any) -> None:
        """Tell what begins; on a terminal the moving line tells it of our stages."""
        if not (self._line and _is_ours(task)):
            super().execute_task(task)
        if self._line and task.actions and _may_write(task):
            self._others += 1
            self._line.rest()

    def add_success(self, task: Any) -> None:
        """Count what was done, and keep in mind what was proved."""
        super().add_success(task)
        self._ended(task)
        self._done += bool(task.actions)
        self._keep(task)
        if task.meta and PROVED in task.meta:
            self._verified += task.meta[PROVED]
            self._files[task.meta[RELEASE]] = (task.values or {}).get("files", 0)
        if _is_ours(task) and task.actions:
            release = task.meta[RELEASE]
            seconds = (task.values or {}).get("seconds", 0)
            self._seconds[release] = self._seconds.get(release, 0) + seconds
            if self._line:
                stage = task.name.partition(":")[0]
                self.write(f".  {task.name}{_why(stage, task.values or {})}\n")

    def skip_uptodate(self, task: Any) -> None:
        """Count what was up to date; of our stages, the summary says so in one line."""
        if not _is_ours(task):
            super().skip_uptodate(task)
        self._idle += 1
        self._keep(task)

    def add_failure(self, task: Any, fail: Any) -> None:
        """Report a fault once, as its text; a bug of this program or of doit as doit does."""
        self._ended(task)
        if isinstance(fail, UnmetDependency):
            return  # what it needs has been reported
        self._failed += 1
        if isinstance(fail, TaskFailed):
            self.write(f"!! {task.name} failed\n{indent(fail.message.rstrip(), '   ')}\n")
        else:
            super().add_failure(task, fail)

    def complete_run(self) -> None:
        """Say what was proved, and in one line how the run went."""
        if self._line:
            self._line.end()
        super().complete_run()
        for told in dict.fromkeys(self._absent):  # platforms share most of their contents
            self.write(f"note: {told}\n")
        for artifact in self._verified:
            self.write(f"verified {artifact}{self._about(artifact)}\n")
        self.write(self._summary() + "\n")

    def _about(self, artifact: str) -> str:
        """The size of an artifact, and how it has changed; on a terminal, where it may differ."""
        if not self._line:
            return ""
        size, before = _size(artifact), self._sizes.get(artifact, 0)
        release = os.path.basename(os.path.dirname(artifact))
        number = self._files.get(release, 0)
        parts = [f"{number} file{'s' * (number != 1)}", _bytes(size)]
        if before and size != before:
            parts.append(f"{'+' if size > before else '-'}{_bytes(abs(size - before))}")
        if seconds := self._seconds.get(release):
            parts.append(f"{seconds:.1f} s")
        return f"  ({', '.join(parts)})"

    def _ended(self, task: Any) -> None:
        if self._line and task.actions and _may_write(task):
            self._others = max(0, self._others - 1)
            if not self._others:
                self._line.go_on()

    def _keep(self, task: Any) -> None:
        """Keep in mind what is not there, and need not be."""
        self._absent += (task.meta or {}).get(ABSENT, ())

    def _summary(self) -> str:
        if sys.exc_info()[0]:  # doit calls this last, however the run has ended
            return f"Stopped; done: {_tasks(self._done)}."
        if self._failed:
            return f"Failed: {_tasks(self._failed)}; done: {_tasks(self._done)}."
        if not self._done:
            return f"Nothing to do: {_tasks(self._idle)} up to date."
        rest = f"; {_tasks(self._idle)} up to date" if self._idle else ""
        return f"Done: {_tasks(self._done)}{rest}."


def _is_ours(task: Any) -> bool:
    return bool(task.meta and RELEASE in task.meta)


def _may_write(task: Any) -> bool:
    """Whether a task may write to the terminal itself."""
    return not _is_ours(task) or ASKS in task.meta


_FOLLOWS = {
    "archive": "what was collected or rendered has changed",
    "hash": "the artifacts have changed",
    "sign": "SHA256SUMS has changed",
    "verify": "the artifacts have changed",
}
"""Why a stage ran for which nothing else has been recorded: what it works on is another."""


def _why(stage: str, values: dict[str, Any]) -> str:
    """Why a stage ran, in short: its first reason, or the first path that it found changed."""
    reasons = values.get("because", ())
    changes = [each for each in map(str, values.get("changes", ())) if not each.startswith(_OWN)]
    if changes and not any(each.kind == "new" for each in reasons):
        count = values.get("changed", len(changes))
        more = f" and {count - 1} more" if count > 1 else ""
        return f": {shorten(changes[0])}{more}"
    told = (line for reason in reasons for line in reason.lines())
    return f": {shorten(next(told, '') or _FOLLOWS.get(stage, ''))}".removesuffix(": ")


def _moves(stream: Any) -> bool:
    """Whether a line can be drawn again and again: on a terminal, from the main thread."""
    try:
        is_terminal = stream.isatty() and os.isatty(stream.fileno())
    except (AttributeError, ValueError, OSError):
        return False
    is_main = threading.current_thread() is threading.main_thread()
    free = signal.getsignal(signal.SIGALRM) in {signal.SIG_DFL, None}
    return is_terminal and os.environ.get("TERM", "") not in {"", "dumb"} and is_main and free


class _MovingLine:
    """The last line of a terminal, which tells what runs now."""

    def __init__(self, stream: Any) -> None:
        self._descriptor: int = stream.fileno()
        self._paint = paint if shows_colour(stream) else leave_plain
        self._is_drawn = self._rests = False
        self._process = os.getpid()
        progress.watch()
        signal.signal(signal.SIGALRM, self._draw)
        signal.setitimer(signal.ITIMER_REAL, _OFTEN, _OFTEN)

    def rest(self) -> None:
        """Draw nothing until `go_on`."""
        self._rests = True
        self.erase()

    def go_on(self) -> None:
        """Draw again."""
        self._rests = False

    def erase(self) -> None:
        """Make room for another line."""
        if self._is_drawn:
            self._is_drawn = False
            self._write(_ERASE)

    def end(self) -> None:
        """Draw nothing more."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self.erase()

    def _draw(self, *_: Any) -> None:
        if self._rests or os.getpid() != self._process:
            return
        now = time.monotonic()
        running = [each for each in progress.seen() if now - each.began >= _SOON]
        try:
            width = (os.get_terminal_size(self._descriptor).columns or _COLUMNS) - 1
        except OSError:
            width = 0
        if not running or width < _NARROW:
            self.erase()
            return
        text = told(running, now)[:width]
        name, gap, rest = text.partition("  ")
        self._is_drawn = True
        self._write(f"{_ERASE}{self._paint(name, BOLD)}{gap}{rest}")

    def _write(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            self._rests = True  # what it cannot write, nobody sees


def told(running: Iterable[Progress], now: float) -> str:
    """What the stages that run have done so far, in one line: the oldest, and how many others."""
    first, *others = running
    parts: list[str] = []
    if first.files:
        parts.append(f"{first.files} files")
    if first.total:
        # What is packed is more than its contents by the headers of members.
        parts.append(f"{_bytes(first.done)} of {_bytes(max(first.done, first.total))}")
    elif first.done:
        parts.append(_bytes(first.done))
    if first.packed or first.reused:
        parts.append(f"{first.packed} chunks packed, {first.reused} reused")
    elapsed = now - first.began
    if 0 < first.done < first.total and elapsed > 1:
        parts.append(f"{max(1, round(elapsed * (first.total - first.done) / first.done))} s left")
    else:
        parts.append(f"{elapsed:.0f} s")
    more = f"  and {len(others)} more" if others else ""
    return f"{first.stage}  {', '.join(parts)}{more}"


def _bytes(size: int) -> str:
    for one, unit in _UNITS:
        if size >= one:
            return f"{size / one:.1f}{unit}"
    return f"{size} bytes"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
