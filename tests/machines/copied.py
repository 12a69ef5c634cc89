"""Runs a program in a temporary copy of this system, whose dpkg is empty.

    with copied(tmp_path) as pi:
        pi.run("dpkg", "-i", "/tmp/demo.deb")
        assert pi.path("/opt/demo").exists()

The copy is an overlay in the memory: what is written there is never written here. Half of what a
root of tests/machines/root.py would be is missing: nothing is known to be installed.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# The mounts are in a namespace of a process, and go when it ends, however it ends.
_ENTER = """
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" root
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t tmpfs tmpfs root/var/lib/dpkg
mount -t tmpfs -o mode=1777 tmpfs root/tmp
# The environment of this Python may lie in /tmp.
mkdir -p "root$2"
mount --bind "$2" "root$2"
mkdir root/var/lib/dpkg/info root/var/lib/dpkg/updates root/var/lib/dpkg/triggers
touch root/var/lib/dpkg/status root/var/lib/dpkg/available
echo 1 >root/var/lib/dpkg/info/format
echo ready
exec cat
"""


class Copied(NamedTuple):
    """A copy of this system."""

    root: Path
    process: int

    def path(self, inside: str) -> Path:
        """Where a path of the copy lies here."""
        return self.root / inside.lstrip("/")

    def run(self, *command: str, status: int = 0, env: Mapping[str, str] | None = None) -> str:
        """What a program prints, which ends with `status`; there is nobody to answer it."""
        known = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        ended = subprocess.run(
            ["nsenter", f"--target={self.process}", "--mount", "chroot", self.root, *command],
            env={**known, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        assert ended.returncode == status, ended.stdout
        return ended.stdout


@contextmanager
def copied(place: Path) -> Iterator[Copied]:
    """A copy, mounted on a directory below `place` where nobody but its programs sees it."""
    mount = place / "copied"
    mount.mkdir()
    command = ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", mount, sys.prefix]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Copied(Path(f"/proc/{process.pid}/root{mount}/root"), process.pid)
        finally:
            process.stdin.close()
