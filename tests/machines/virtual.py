"""Boots the disk image of an arm64 machine: QEMU is its hardware, Debian's kernel its kernel.

    disk = image(folder, Path("/srv/root"))
    with mounted(disk) as root:
        ...
    assert "ready" in boot(disk, until="ready")

Nothing of this machine is in what runs there but the disk. A minute of it is some seconds of its
clock; whoever waits for something waits for a line on its console.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.machines.root import Kind, pristine

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 600  # seconds, in which a machine that is emulated has started

MACHINE = Kind(more=("dbus", "mount", "passwd", "procps", "systemd-sysv", "util-linux"))
"""A Debian of which systemd is the first process."""
_KERNEL = Kind(more=("busybox-static", "linux-image-cloud-arm64"))
_MODULES = ("virtio_ring", "virtio", "virtio_mmio", "virtio_blk")  # each needs those before it
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for name in {modules}; do /bin/busybox insmod /$name.ko; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /lib/systemd/systemd
"""


def image(folder: Path) -> Path:
    """A disk with a system that has not started yet."""
    disk = folder / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(1 << 30)
    make = ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", "-d", pristine(MACHINE), disk]
    subprocess.run(make, check=True)
    return disk


@contextmanager
def mounted(disk: Path) -> Iterator[Path]:
    """Where the files of a disk are, as those of a card in a reader."""
    with tempfile.TemporaryDirectory(dir=disk.parent, prefix="card-") as place:
        subprocess.run(["mount", "-o", "loop", disk, place], check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def boot(disk: Path, until: str) -> str:
    """Switch the machine on, and cut its power at a line; returns what its console has shown."""
    kernel, initrd = _kernel(disk.parent)
    console = disk.with_suffix(".console")
    console.write_bytes(b"")
    command = [
        *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-m", "1024"),
        *("-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none"),
        *("-serial", f"file:{console}", "-kernel", kernel, "-initrd", initrd),
        *("-append", "console=ttyAMA0 quiet panic=-1 systemd.show_status=no systemd.firstboot=no"),
        *("-drive", f"if=none,id=disk,file={disk},format=raw"),
        *("-device", "virtio-blk-device,drive=disk"),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as machine:
        try:
            return _await(machine, console, until)
        finally:
            machine.kill()


def _await(machine: subprocess.Popen[bytes], console: Path, until: str) -> str:
    deadline, said = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline and machine.poll() is None:
        said = console.read_text(errors="replace")
        if until in said.replace("\r", "").splitlines():
            return said
        time.sleep(0.05)
    raise AssertionError(said)


def _kernel(folder: Path) -> tuple[Path, Path]:
    """The kernel, and the first root, from which it finds the disk."""
    root, initrd = pristine(_KERNEL), folder / "initrd.gz"
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    if not initrd.exists():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            first = Path(place)
            for name in ("bin", "dev", "root"):
                (first / name).mkdir()
            shutil.copy(root / "bin/busybox", first / "bin/busybox")
            for name in _MODULES:
                (module,) = (root / "lib/modules").rglob(f"{name}.ko")
                shutil.copy(module, first)
            (first / "init").write_text(_INIT.format(modules=" ".join(_MODULES)))
            (first / "init").chmod(0o755)
            pack = ["bsdtar", "--format=newc", "-czf", initrd, "-C", first, "."]
            subprocess.run(pack, check=True)
    return kernel, initrd
