"""Trouble while building: whatever happens, a name holds a whole artifact or nothing."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doit.task import Task

from provisioning.builder.collect.sources import Sources
from provisioning.builder.plan.variant_plan import Findings, VariantPlan
from provisioning.builder.workspace.paths import workspace
from provisioning.plugin.actions import Job, run
from tests.builder.conftest import variant
from tests.conftest import soon, unmeasured
from tests.plugin.conftest import PROGRAM
from tests.waiting import settle, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.plugin.conftest import Project


def _artifacts(project: Project) -> dict[str, bytes]:
    """The files that a user could take for output, by name."""
    root = project.path("artifacts")
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".work" not in path.parts and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a clean, undisturbed build leaves."""
    from tests.plugin.conftest import Project  # noqa: PLC0415

    project = Project(tmp_path_factory.mktemp("good") / "project")
    with unmeasured():
        project.doit()
    return _artifacts(project)


def _only_whole(project: Project, good: dict[str, bytes]) -> None:
    found = _artifacts(project)
    assert {name: found[name] == good[name] for name in found} == dict.fromkeys(found, True)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name
)
@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_a_signal_ends_doit_with_one_line(
    project: Project, number: signal.Signals, options: list[str]
) -> None:
    with open(project.path("src/large"), "wb") as file:
        file.truncate(2 << 30)
    with project.start(*options) as process:
        for line in process.stdout or ():
            if line.startswith(".  collect"):
                break
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert (
        f"{number.name}: stopped; nothing is left half-made; run `doit` again to continue" in output
    )
    assert "Traceback" not in output
    assert process.returncode == 128 + number
    assert _artifacts(project) == {}


_INTERRUPTED = """
import os, signal, time
from provisioning.plugin import configure, tasks
DOIT_CONFIG = configure()
interrupted = []

def interrupt():
    if not interrupted:
        interrupted.append(True)
        os.kill(os.getpid(), signal.SIGINT)

class Gone:
    def __del__(self):
        interrupt()

def task_provisioning():
    yield from tasks()

def task_forks():
    os.register_at_fork(before=interrupt)
    return {"actions": [lambda: time.sleep(30)]}  # until the signal comes

def task_goes():
    def go():
        Gone()
        time.sleep(30)  # as above
    return {"actions": [go]}
"""


@pytest.mark.parametrize("words", [["goes"], ["-n", "2", "forks"]], ids=" ".join)
def test_a_signal_ends_doit_where_python_lets_nothing_out(
    project: Project, words: list[str]
) -> None:
    project.write("dodo.py", _INTERRUPTED)
    with soon():
        said = project.doit(*words, status=128 + signal.SIGINT)
    assert said.count("SIGINT: stopped") == 1


@pytest.mark.parametrize("options", [[], ["-n", "2"], ["-n", "2", "-P", "thread"]], ids=" ".join)
def test_a_signal_leaves_nothing_half_made(project: Project, options: list[str]) -> None:
    """Even of a version that is never built again."""
    with project.start_on_a_slow_disk(*options, "package") as (process, _):
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, output
    assert list(project.root.glob("artifacts/**/.*.tmp")) == []


def test_what_started_doit_may_care_for_no_process(project: Project) -> None:
    for number in range(300):
        project.write(f"src/{number}/file", "text")  # as many as are looked for by several
    command = ["env", "--ignore-signal=CHLD", sys.executable, "-m", "doit"]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Done: 10 tasks.\n")


def test_want_of_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = variant()
    job = Job(
        part=VariantPlan(variant=asked, findings=Findings(asked, Sources("artifacts"))),
        workspace=workspace(asked, "artifacts"),
        artifacts="artifacts",
    )
    failed = run(lambda _: {"much": bytes(1 << 62)}, job, Task("stage", None))
    assert failed.get_msg() == (
        "artifacts/.work/demo/raspberry-pi: there is not enough memory; see `ulimit -v`\n"
    )


@pytest.mark.parametrize("seed", range(6))
@unmeasured()
def test_a_kill_at_any_moment_leaves_only_whole_artifacts(
    project: Project, good: dict[str, bytes], seed: int, injected: Callable[[str], None]
) -> None:
    wait = random.Random(seed)
    for _ in range(4):
        with project.start() as process:
            time.sleep(wait.uniform(0.1, 0.9))  # any moment may be drawn
            process.kill()
            process.communicate()
        injected("kills")
        _only_whole(project, good)
    project.doit()
    assert _artifacts(project) == good


def _left(path: Path) -> Path:
    """What a build leaves of a file if it is killed, long ago."""
    stale = path.with_name(f".{path.name}.4242.tmp")
    stale.write_bytes(b"half")
    os.utime(stale, (0, 0))
    return stale


def test_the_next_build_sweeps_what_a_kill_left(built: Project) -> None:
    work = built.path("artifacts/.work")
    stale = [_left(built.archive()), _left(work / "seen"), _left(work / "install")]
    before = built.archive(version="0.9")
    before.parent.mkdir()
    stale += [_left(before), before.parent]
    (work / "install").write_bytes(b"damaged")  # else it would not be made anew
    built.write("src/main.py", "print('servus')\n")
    settle(built.root)
    built.doit()
    assert [path.name for path in stale if path.exists()] == []


@pytest.mark.parametrize("name", ["doit.sqlite", "digests.sqlite"])
@pytest.mark.parametrize("damage", ["deleted", "emptied", "garbage", "truncated"])
def test_lost_records_cost_time_and_nothing_else(
    built: Project, good: dict[str, bytes], name: str, damage: str
) -> None:
    records = built.path(f"artifacts/.work/{name}")
    whole = records.read_bytes()
    records.unlink()
    if damage != "deleted":
        damaged = {"emptied": b"", "garbage": b"garbage" * 999, "truncated": whole[:-5000]}
        records.write_bytes(damaged[damage])
    built.doit()
    assert _artifacts(built) == good
    assert "Nothing to do" in built.doit()


@unmeasured()
def test_two_doits_at_once_are_both_right(project: Project, good: dict[str, bytes]) -> None:
    for _ in range(3):
        with project.start("-n", "2") as one, project.start() as other:
            outputs = [process.communicate(timeout=60)[0] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), outputs
        assert _artifacts(project) == good
        project.doit("clean")
        project.doit("forget", "--all")


def _waits_for_a_lock(process: subprocess.Popen[str]) -> bool:
    """Whether one of the locks that processes wait for is this one's (proc_locks(5))."""
    waiting = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any(line[1] == "->" and line[5] == str(process.pid) for line in waiting)


@unmeasured()
def test_a_second_doit_waits_for_the_first(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    with open(built.path("artifacts/.work/demo/raspberry-pi.lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as the first does
        with built.start("package:demo:raspberry-pi") as second:
            wait_until(lambda: second.poll() is not None or _waits_for_a_lock(second))
            assert second.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            output, _ = second.communicate(timeout=60)
    assert second.returncode == 0, output


@pytest.fixture
def small_disk(project: Project) -> Iterator[Path]:
    """artifacts/ on a disk of its own that has little room."""
    artifacts = project.path("artifacts")
    artifacts.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", artifacts], check=True)
    yield artifacts
    subprocess.run(["umount", artifacts], check=True)


@pytest.mark.needs("root")
def test_a_full_disk_is_told_and_the_old_artifacts_stay(project: Project, small_disk: Path) -> None:
    project.doit()
    before = _artifacts(project)
    project.path("src/large").write_bytes(random.Random(1).randbytes(6_000_000))
    output = project.doit("--continue", status=2)
    assert ".tar.gz: No space left on device" in output
    assert _artifacts(project) == before
    project.path("src/large").unlink()
    project.doit()
    assert _artifacts(project) == before


@pytest.mark.needs("root")
def test_a_read_only_disk_is_told_and_the_old_artifacts_stay(
    project: Project, small_disk: Path
) -> None:
    project.doit()
    before = _artifacts(project)
    project.write("src/main.py", "print('servus')\n")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    output = project.doit(status=2)
    assert "Read-only file system" in output
    assert _artifacts(project) == before


@pytest.mark.needs("root")
def test_a_read_only_disk_does_not_hinder_a_build_with_nothing_to_do(
    project: Project, small_disk: Path
) -> None:
    project.doit()
    settle(project.root)
    project.doit("package")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert project.doit("package").endswith("Nothing to do: 8 tasks up to date.\n")


@pytest.fixture
def read_only(project: Project, small_disk: Path) -> Project:
    """A project whose artifacts were built, on a disk that cannot be written since."""
    with unmeasured():
        project.doit()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    return project


@pytest.mark.needs("root")
def test_what_cannot_be_removed_is_told(read_only: Project) -> None:
    before = _artifacts(read_only)
    said = read_only.doit("clean", status=1)
    archive = "artifacts/demo-1.0-mac-mini/demo-1.0-mac-mini.tar.gz"
    assert f"ERROR: {archive}: Read-only file system\n" in said
    assert ": Read-only file system\n" in read_only.provision("prune", "--limit", "0", status=3)
    assert ": Read-only file system\n" in read_only.doit("forget", "--all", status=3)
    assert _artifacts(read_only) == before
    for words in (("ignore", "verify"), ("forget", "verify")):
        assert "attempt to write a readonly database\n" in read_only.doit(*words, status=1)


@pytest.mark.needs("root")
def test_what_cannot_be_written_can_be_judged(read_only: Project) -> None:
    """By whom there is neither a lock nor a place to unpack something to."""
    assert "Done: 2 tasks." in read_only.doit("verify")
    rehearsed = read_only.provision("rehearse", "--points", "1", "demo:mac-mini")
    assert "survived 2\n" in rehearsed


@pytest.mark.needs("root", "Linux")
def test_what_cannot_be_kept_is_told_once(read_only: Project) -> None:
    read_only.edit("specs/demo.yaml", "unused: 1", "unused: 2")
    demo, root = "demo:mac-mini", str(read_only.path("root"))
    run = read_only.provision
    said = [run("diff", demo), run("rehearse", demo), run("install", "--root", root, demo)]
    for each in (read_only.doit("list"), *said):
        told = [line for line in each.splitlines() if "next run is slower" in line]
        assert told[0].startswith("artifacts/.work/specs.sqlite: cannot be written")
        assert len(set(told)) == len(told)


@pytest.mark.needs("root", "Linux")
def test_what_was_never_built_and_cannot_be_is_told_of(project: Project) -> None:
    """A tree that cannot be written, without artifacts."""
    mount = "mount --bind . . && mount -o remount,ro,bind . && cd ."
    doit = f"{sys.executable} -m doit"
    for command, status in (
        (f"{doit} list", 0),
        (f"{doit} info package", 1),
        (f"{PROGRAM} spec", 0),
        (f"{PROGRAM} explain", 0),
        (doit, 2),
    ):
        shell = ["unshare", "-m", "sh", "-c", f"{mount} && {command}"]
        done = subprocess.run(shell, cwd=project.root, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode == status, done.stdout + done.stderr
    assert "   artifacts: Read-only file system\n" in done.stdout


@pytest.mark.parametrize("number", range(1, 6))
def test_a_failing_disk_is_told_by_name(
    project: Project, number: int, injected: Callable[[str], None]
) -> None:
    injected("errors")
    inject = f"inject=fsync:error=EIO:when={number}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", inject, sys.executable, "-m", "doit"]
    done = subprocess.run(command, cwd=project.root, text=True, capture_output=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == 2
    assert ": Input/output error" in done.stdout
    project.doit()


def test_an_edit_while_doit_runs_is_noticed_by_the_next(built: Project) -> None:
    """The one source is edited all the time: no artifact may mix two states of it."""
    stop = threading.Event()

    def edit() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for name in ("src/main.py", "src/deep/data.txt"):
                built.write(name, f"{number}\n" * 1000)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        with built.start() as process:
            output, _ = process.communicate(timeout=60)
    finally:
        stop.set()
        editor.join()
    assert "Traceback" not in output
    assert process.returncode == 0 or "changed while it was" in output
    built.doit()
    built.doit("verify")


def test_a_source_that_vanished_is_named(built: Project) -> None:
    built.edit("specs/demo.yaml", "src: src/", "src: src/main.py")
    built.path("src/main.py").unlink()
    assert "src/main.py: No such file or directory" in built.doit(status=3)


def test_a_fifo_in_a_tree_is_named_and_never_opened(built: Project) -> None:
    os.mkfifo(built.path("src/pipe"))
    assert "src/pipe is neither" in built.doit(status=3)
