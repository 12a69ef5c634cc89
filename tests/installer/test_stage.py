"""How a release comes to lie in a prefix: the order of calls, the memory, all processors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.artifact.making import file
from tests.memory import peak

from .making import items, package

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine

CALLS = "fsync,syncfs,rename,renameat,renameat2,symlinkat,openat,write,close,unlinkat"


def traced(machine: Machine, *words: str | Path) -> list[str]:
    """The calls of a command of `provision`, those of this tool on this machine's disk."""
    log = machine.folder / "trace"
    command = [sys.executable, "-m", "provisioning.installer", *words, "--root", machine.root]
    subprocess.run(["strace", "-f", "-y", "-o", log, "-e", f"trace={CALLS}", *command], check=True)
    lines = log.read_text(errors="replace").splitlines()
    return [
        machine.named(line.partition(" ")[2].lstrip())
        for line in lines
        if str(machine.root) in line
    ]


def position(calls: list[str], pattern: str, after: int = 0) -> int:
    found = [at for at, call in enumerate(calls) if at >= after and re.search(pattern, call)]
    assert found, pattern
    return found[0]


def test_what_is_renamed_was_synced_and_so_is_its_directory_then(machine: Machine) -> None:
    machine.install("1.4.2")
    machine.write("etc/greenhouse.ini", "mine\n")
    path = package(machine.folder, "1.5.0", items("1.5.0", b"port = 9\n"))
    calls = traced(machine, "install", path)
    renames = [(at, call) for at, call in enumerate(calls) if call.startswith("rename")]
    assert len(renames) > 8
    for at, call in renames:
        source, target = re.findall(r'\d+<([^>]*)>, "([^"]*)"', call)
        assert re.match(rf"fsync\(\d+<{re.escape(target[0])}>\)", calls[at + 1]), call
        made = f"{source[0]}/{source[1]}"
        before = calls[:at]
        is_link = any(
            f'{source[0]}>, "{source[1]}"' in each for each in before if "symlink" in each
        )
        synced = any(re.match(rf"fsync\(\d+<{re.escape(made)}>\)", each) for each in before)
        flushed = any(each.startswith("syncfs(") for each in before)
        assert is_link or synced or (flushed and source[0].endswith("/releases")), call


def test_the_steps_are_in_order(machine: Machine) -> None:
    machine.install("1.4.2")
    calls = traced(machine, "install", package(machine.folder, "1.5.0"))
    steps = [
        r"^syncfs\(\d+</opt/greenhouse/releases>",
        r'^rename.*releases>, "1.5.0-',
        r"^fsync.*/releases>",
        r'^rename.*state>, "transaction.json"',
        r"^fsync.*/state>",
        r'^rename.*state/kept>, "1.4.2-',
        r'^rename.*state>, "transaction.json"',
        r'^rename.*greenhouse>, "previous"',
        r"^fsync.*greenhouse>",
        r'^rename.*greenhouse>, "current"',
        r"^fsync.*greenhouse>",
        r'^rename.*state>, "history"',
        r'^unlinkat.*state>, "transaction.json"',
        r"^fsync.*/state>",
    ]
    at = -1
    for step in steps:
        at = position(calls, step, at + 1)
    opened = position(calls, r"^openat.*releases", 0)
    assert opened < position(calls, r"^write\(")  # or what went wrong with it would not be told


def test_all_processors_write_the_same(machine: Machine) -> None:
    many = [*items("1.4.2"), *(file(f"lib/{n:03}", os.urandom(3000)) for n in range(300))]
    path = package(machine.folder, "1.4.2", many, indexed=True)
    command = [sys.executable, "-m", "provisioning.installer", "install", path]
    subprocess.run([*command, "--root", machine.root], check=True, capture_output=True)
    assert machine.run("verify", "greenhouse").out == "greenhouse 1.4.2: 309 entries, verified\n"


def test_an_index_of_another_archive_is_told(machine: Machine) -> None:
    path = package(machine.folder, "1.4.2", indexed=True)
    index = path.with_name(f"{path.name}.index.json")
    good = index.read_bytes()
    index.write_bytes(re.sub(rb'"digest":"..', b'"digest":"zz', good).replace(b"zz", b"00"))
    told = f"is not what {path.name}.index.json beside it says"
    assert machine.run("install", path) == (3, "", f"provision: {path.name}: {told}\n")
    assert not machine.prefix.exists()
    index.write_bytes(good[:-1])
    assert machine.run("install", path).code == 0


@pytest.mark.parametrize("indexed", [False, True])
def test_a_flipped_bit_anywhere_is_refused(machine: Machine, *, indexed: bool) -> None:
    path = package(machine.folder, "1.4.2", indexed=indexed)
    data = path.read_bytes()
    for at in range(0, len(data), 23):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        if machine.run("install", path).code != 3:
            # Bits that fill up the last byte of a chunk mean nothing; but an index tells of them.
            assert not indexed
            assert machine.run("verify", "greenhouse").code == 0
            machine.run("uninstall", "greenhouse", "--purge")
        path.write_bytes(data[:at])
        assert machine.run("install", path).code == 3
    assert not machine.prefix.exists()


def test_an_artifact_that_is_exchanged_meanwhile_is_not_installed(machine: Machine) -> None:
    path = package(machine.folder, "1.4.2")
    other = package(machine.folder, "1.4.2x").read_bytes()
    (machine.folder / "one").write_bytes(path.read_bytes())
    (machine.folder / "other").write_bytes(other)
    ended = threading.Event()

    def exchange() -> None:
        while not ended.is_set():
            for name in ("other", "one"):
                os.link(machine.folder / name, machine.folder / "link")
                os.replace(machine.folder / "link", path)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(20):
            assert machine.run("install", path, "--allow-downgrade").code == 0
            assert machine.run("verify", "greenhouse").code == 0
    finally:
        ended.set()
        thread.join()


@pytest.mark.sweep
def test_memory_is_bounded(machine: Machine) -> None:
    many = [*items("1.4.2"), *(file(f"lib/{n:05}", b"%d" % n * 500) for n in range(20_000))]
    path = package(machine.folder, "1.4.2", many)
    command = [sys.executable, "-m", "provisioning.installer", "install", path]
    assert peak([*command, "--root", machine.root], machine.folder) < 100 * 1024
