"""Boots a machine: systemd is its first process, and runs its services.

    with booted(tmp_path) as pi:
        pi.run("systemctl", "start", "greenhouse")
        pi.cut()
        pi.boot()

It is a root of Debian in namespaces of its own: processes, mounts, network, host name. The kernel
is this one's, and so are the processor's instructions, unless another processor's is asked for:
that is emulated, systemd too. `cut` kills all that runs at once, as a power cut does, but what was
written is not lost: whether that has reached the disk is not seen.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.machines.machine import emulation, machine
from tests.machines.root import Kind
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machines.machine import Machine

PATIENCE = 60  # seconds; on an emulated processor ten times as long
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
BOOTS = (
    *("adduser", "dbus", "init-system-helpers", "mount", "passwd", "perl-base", "procps"),
    *("systemd-sysv", "util-linux"),
)
"""What a root needs to boot."""
OWN = Kind(_ARCH, more=BOOTS)
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
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

    def __init__(self, made: Machine) -> None:
        self.root = made.root
        self._emulation = emulation(made.kind)
        self._patience = PATIENCE * (10 if self._emulation else 1)
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Switch it on, and wait until it has started what it starts."""
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork",
             "sh", "-ec", _BOOT, "sh", self.root],
            env={"container": "tests", "PATH": os.environ["PATH"], **self._emulation},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._await(["systemctl", "is-system-running", "--wait"], "running\n")

    def cut(self) -> None:
        """Kill all that runs on it at once."""
        if self._process:
            os.kill(self._first(), signal.SIGKILL)  # with it go all others of its namespace
            self._process.wait(self._patience)
            self._process = None

    def run(self, *command: str, status: int = 0) -> str:
        """What a program prints, on standard output and error, which ends with `status`."""
        with self.start(*command) as process:
            output, _ = process.communicate(timeout=self._patience)
        assert process.returncode == status, output
        return output

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Begin to run a program on it, as root."""
        enter = ["nsenter", f"--target={self._first()}", "--all", "--root", "--wd"]
        known = {"PATH": _PATH, "LC_ALL": "C.UTF-8", **self._emulation}
        return subprocess.Popen(
            [*enter, *command],
            env=known,
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
                return process.communicate(timeout=self._patience)[0] == answer
            return False

        wait_until(answers, self._patience, lambda: self.run("systemctl", "--failed"))


@contextmanager
def booted(place: Path, kind: Kind = OWN) -> Iterator[Booted]:
    """A machine that has started, with a root below `place`; it is switched off at the end."""
    with machine(kind, place) as made:
        _configure(made)
        running = Booted(made)
        try:
            running.boot()
            yield running
        finally:
            running.cut()


def _configure(made: Machine) -> None:
    """Do what Debian's installer would have done, as far as services miss it."""
    root = made.root
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/hostname").write_text("pi\n")
    if known := emulation(made.kind):
        # Services get none of the environment, and QEMU cannot mount what holds credentials.
        said = "".join(f"Environment={name}={value}\n" for name, value in known.items())
        every = root / "etc/systemd/system/service.d"
        every.mkdir(parents=True)
        (every / "emulated.conf").write_text(f"[Service]\nLoadCredential=\n{said}")
    for unit in ("systemd-firstboot.service", "systemd-networkd.service"):
        (root / "etc/systemd/system").mkdir(exist_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
