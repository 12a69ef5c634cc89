"""Boots a machine: systemd is its first process, and runs its services.

    with booted(tmp_path) as pi:
        pi.run("systemctl", "start", "greenhouse")
        pi.cut()
        pi.boot()

It is a root of Debian in namespaces of its own: processes, mounts, network, host name. The kernel
is this one's, and so are the processor's instructions. `cut` kills all that runs at once, as a
power cut does, but what was written is not lost: whether that has reached the disk is not seen.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.machines.machine import machine
from tests.machines.root import Kind
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60  # seconds
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
_MORE = (
    *("adduser", "dbus", "init-system-helpers", "mount", "passwd", "perl-base", "procps"),
    *("systemd-sysv", "util-linux"),
)
_KIND = Kind(_ARCH, more=_MORE)
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
# A container as systemd documents its interface (systemd.io/CONTAINER_INTERFACE), with the control
# groups in whichever of their two layouts the kernel has here.
_BOOT = """
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
for name in null zero full random urandom tty; do
    touch dev/$name && mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm && mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd
mount -t sysfs -o ro sysfs sys
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
exec chroot . /lib/systemd/systemd --unit=multi-user.target
"""


class Booted:
    """A machine that can be switched on and off."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Switch it on, and wait until it has started what it starts."""
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork",
             "sh", "-ec", _BOOT, "sh", self.root],
            env={"container": "tests", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._await(["systemctl", "is-system-running", "--wait"], "running\n")

    def cut(self) -> None:
        """Kill all that runs on it at once."""
        if self._process:
            os.kill(self._first(), signal.SIGKILL)  # with it go all others of its namespace
            self._process.wait(PATIENCE)
            self._process = None

    def run(self, *command: str, status: int = 0) -> str:
        """What a program prints, on standard output and error, which ends with `status`."""
        with self.start(*command) as process:
            output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == status, output
        return output

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Begin to run a program on it, as root."""
        enter = ["nsenter", f"--target={self._first()}", "--all", "--root", "--wd", "env", "-i"]
        return subprocess.Popen(
            [*enter, _PATH, "LC_ALL=C.UTF-8", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _first(self) -> int:
        assert self._process is not None
        pid = self._process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    def _await(self, command: list[str], answer: str) -> None:
        def answers() -> bool:
            with suppress(ValueError), self.start(*command) as process:  # none: no first one yet
                return process.communicate(timeout=PATIENCE)[0] == answer
            return False

        wait_until(answers, PATIENCE, lambda: self.run("systemctl", "--failed"))


@contextmanager
def booted(place: Path) -> Iterator[Booted]:
    """A machine that has started, with a root below `place`; it is switched off at the end."""
    with machine(_KIND, place) as made:
        _configure(made.root)
        running = Booted(made.root)
        try:
            running.boot()
            yield running
        finally:
            running.cut()


def _configure(root: Path) -> None:
    """Do what Debian's installer would have done, as far as services miss it."""
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/hostname").write_text("pi\n")
    for unit in ("systemd-firstboot.service", "systemd-networkd.service"):
        (root / "etc/systemd/system").mkdir(exist_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
