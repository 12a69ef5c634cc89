"""`provision watch`: builds whenever something changes that packages are made from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidCommand

from provisioning.builder.collect.patterns import base_of, is_glob
from provisioning.builder.collect.sources import is_left_out
from provisioning.builder.plan.needs import needs_of
from provisioning.builder.workspace import sequence
from provisioning.builder.workspace.paths import ARTIFACTS, workspace
from provisioning.console import printable
from provisioning.plugin.commands.base import ProjectCommand, answer_json, count_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.builder.plan.variant_plan import VariantPlan

GOOD, STOPPED = 0, 130
_QUIET = 100  # milliseconds without a change, after which a save is over
_MOST = 5000  # milliseconds that this waits for, at most
_IDLE = 1000  # milliseconds without a change, after which it looks around
_GIT_SECONDS = 60  # that git may hold its lock
_NEVER = (f"{ARTIFACTS}/", ".git/")


class Watched(NamedTuple):
    """What packages are made from, as absolute paths."""

    files: frozenset[str]
    directories: tuple[str, ...]
    """All that is in them counts; with a trailing slash."""
    made: tuple[str, ...] = ()
    """What tasks leave: it does not count, for it would be made again and again. As above."""
    sums: tuple[str, ...] = ()
    """SHA256SUMS of each release that is built."""

    def counts(self, path: str) -> bool:
        """Whether a change of `path` may change a package."""
        place = f"{path}/"
        if temporary := _TEMPORARY.fullmatch(path):
            place = f"{temporary[1]}{temporary[2]}/"  # what it is going to be called
        # Directories above it are told of, too, when it is made.
        if any(place.startswith(made) or made.startswith(place) for made in self.made):
            return False
        if path in self.files:
            return True
        inside = next((each for each in self.directories if place.startswith(each)), None)
        return inside is not None and not is_left_out(path[len(inside) :])


# As builder/workspace/output.py names what it writes.
_TEMPORARY = re.compile(r"(.*/|)\.([^/]+)\.[0-9]+\.tmp")


class Watch(ProjectCommand):
    """Builds now, and again whenever something changes."""

    name = "watch"
    doc_purpose = "build, and build again whenever a source changes"
    doc_usage = "[--then COMMAND] [VARIABLE=VALUE ...] [TASK ...]"
    doc_description = (
        "Runs `doit` with the words that are given, then again after each change of what packages "
        "are made from: sources, specs, the dodo.py, what your own tasks read. It waits until an "
        "editor or git has finished writing. An error is reported, and the next change tried.\n\n"
        'The COMMAND of --then is run by sh after a build that has made packages anew; "$@" are '
        "the directories of their releases:\n\n"
        "    provision watch --then 'rsync -r \"$@\" pi@greenhouse.local:'\n\n"
        "Ctrl-C ends it; the exit status is then 130."
    )
    cmd_options = (
        {
            "name": "then",
            "long": "then",
            "type": str,
            "default": "",
            "help": "what to run after a build that has made packages anew",
        },
        {
            "name": "inputs",
            "long": "inputs",
            "type": bool,
            "default": False,
            "help": "only print what is watched, as JSON",
        },
    )

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Build and watch until a signal ends it, and return the exit code."""
        if opt_values["inputs"]:
            return answer_json(self._inputs(opt_values))
        root = opt_values.get("cwdPath") or os.path.dirname(opt_values.get("dodoFile") or "")
        options = _options(opt_values)
        _Watcher(os.path.abspath(root), options, pos_args, opt_values["then"]).run()
        return STOPPED

    def _inputs(self, parameters: Any) -> dict[str, Any]:
        """What is watched: paths relative to `root`, where they are in it."""
        plan = self.plan(parameters)
        sources = set(chain.from_iterable(map(_sources_of, plan.parts)))
        directories = {each for each in {*plan.read_from, *sources} if each.endswith("/")}
        files = {*plan.read_from, *sources} - directories
        made = {ARTIFACTS, sequence.FILE}
        for task in self.task_list:
            files.update(map(str, task.file_dep))
            made.update(map(str, task.targets))
        if plan.of_git:
            directories |= {".git/refs/"}
            files |= {".git/HEAD", ".git/packed-refs"}
        below = f"{ARTIFACTS}/"
        return {
            "root": os.getcwd(),
            "files": sorted(each for each in {*files, *_imported()} if not each.startswith(below)),
            "directories": sorted(directories),
            "made": sorted(each for each in made if not each.startswith(below)),
            "sums": [str(workspace(each.variant, ARTIFACTS).sums) for each in plan.parts],
        }


def _options(given: Any) -> list[str]:
    """Doit's options for the dodo.py, as they were given."""
    named = {"-f": given.get("dodoFile"), "-d": given.get("cwdPath")}
    options = [part for option, value in named.items() if value for part in (option, str(value))]
    return [*options, *(["-k"] if given.get("seek_file") else [])]


def _sources_of(part: VariantPlan) -> Iterator[str]:
    """What a variant is made from: directories end in a slash."""
    for need in needs_of(part.variant):
        is_tree = is_glob(need.source) or os.path.isdir(need.source)
        yield (base_of(need.source) or "./") if is_tree else need.source
    yield from part.findings.summary.named


def _imported() -> Iterator[str]:
    """The dodo.py, and what it has imported of the project."""
    here = f"{os.getcwd()}/"
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(here) and "/site-packages/" not in file:
            yield file.removeprefix(here)


class _Watcher:
    """Builds one after the other, each in a process of its own: it sees the dodo.py as it is."""

    def __init__(self, root: str, options: list[str], words: Sequence[str], then: str) -> None:
        self._root, self._options, self._words, self._then = root, options, words, then
        self._watched: Watched | None = None

    def run(self) -> None:
        """Build, and build again after each change; returns when a signal ends it.

        Raises:
            InvalidCommand: the system does not tell what changes.
        """
        # Imported here: doit imports all commands to list them, as in `doit help`.
        from watchfiles import watch  # noqa: PLC0415

        self._learn()
        changes = watch(
            self._root,
            watch_filter=lambda _, path: self._counts(path),
            step=_QUIET,
            debounce=_MOST,
            rust_timeout=_IDLE,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        try:
            next(changes, None)  # from here on, it sees what happens during a build
            self._build()
            print(f"watching {self._root}; Ctrl-C ends it", flush=True)
            for found in filter(None, changes):
                self._await_git()
                self._tell(sorted(self._named(path) for _, path in found))
                self._build()
        except OSError as error:
            raise InvalidCommand(f"cannot watch {self._root}: {error}") from None

    def _build(self) -> None:
        """Run doit, learn what to watch, and run what comes then."""
        before = self._stamps()
        doit = [sys.executable, "-m", "doit", "run", *self._options, *self._words]
        status = subprocess.run(doit, check=False).returncode  # noqa: S603 - the user's own words
        self._learn()
        now = self._stamps()
        anew = [os.path.dirname(path) for path, stamp in now.items() if stamp != before.get(path)]
        if status == GOOD and anew and self._then:
            script = ["sh", "-c", self._then, "sh", *anew]
            ended = subprocess.run(script, check=False)  # noqa: S603 - as above
            if ended.returncode:
                told = f"--then ended with status {ended.returncode}"
                print(told, file=sys.stderr, flush=True)

    def _learn(self) -> None:
        """Ask another process what to watch; with faults in the project, what was said last."""
        program = [sys.executable, "-m", "provisioning.plugin.program"]
        asked = [*program, "watch", "--inputs", *self._options]
        ended = subprocess.run(asked, check=False, capture_output=True)  # noqa: S603 - as above
        if ended.returncode == GOOD:
            found = json.loads(ended.stdout)
            self._root = found["root"]
            self._watched = Watched(
                frozenset(chain.from_iterable(map(self._places, found["files"]))),
                tuple(f"{each}/" for name in found["directories"] for each in self._places(name)),
                tuple(f"{each}/" for name in found["made"] for each in self._places(name)),
                tuple(os.path.join(self._root, each) for each in found["sums"]),
            )

    def _places(self, name: str) -> set[str]:
        """Where a change of what is called `name` is seen: as written, and with links followed."""
        path = os.path.normpath(os.path.join(self._root, name))
        return {path, os.path.realpath(path)}

    def _counts(self, path: str) -> bool:
        if self._watched:
            return self._watched.counts(path)
        below = os.path.relpath(path, self._root)
        return not below.startswith(_NEVER) and not is_left_out(below)

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """When SHA256SUMS of each release was made, which is the last that a build makes."""
        found = {}
        for path in self._watched.sums if self._watched else ():
            with suppress(OSError):
                status = os.stat(path)
                found[path] = status.st_ino, status.st_mtime_ns
        return found

    def _await_git(self) -> None:
        """Wait while git changes the files, as in `git switch`."""
        end = time.monotonic() + _GIT_SECONDS
        while os.path.lexists(f"{self._root}/.git/index.lock") and time.monotonic() < end:
            time.sleep(_QUIET / 1000)

    def _named(self, path: str) -> str:
        """A path as people know it."""
        return path.removeprefix(f"{self._root}/")

    def _tell(self, names: Sequence[str]) -> None:
        more = f" and {count_text(len(names) - 1, 'other')}" if len(names) > 1 else ""
        print(f"{printable(names[0])}{more} changed", flush=True)
