"""Runs a program in the root of another machine, as if the machine had booted it.

    with machine(Kind("arm64"), tmp_path) as pi:
        shutil.copy(archive, pi.path("/tmp"))
        assert pi.run("tar", "-tf", f"/tmp/{archive.name}").startswith("greenhouse/")

`pi.root` is an ordinary directory, a copy of this test's own, that may be written and read from
outside. What runs in it has the processor's instructions (by QEMU where they are another
processor's), the C library, the Python and the tools of that machine, and this one's kernel and
network. Neither files of this machine nor its environment reach it.
"""

from __future__ import annotations

import platform
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.machines.root import locked, pristine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.machines.root import Kind

_CPU = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "arm"}
_MODELS = {"arm64": "cortex-a72"}  # of QEMU: the Pi 4's, and five times as fast as all there is
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
# The mounts belong to the process, and go when it ends, however it ends.
_ENTER = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/dev/shm"
cd /
exec chroot "$@"
"""


class Machine(NamedTuple):
    """A root of one's own, in which programs are run."""

    root: Path
    kind: Kind

    def path(self, inside: str) -> Path:
        """Where a path of the machine lies here."""
        return self.root / inside.lstrip("/")

    def run(self, *command: str, status: int = 0, env: Mapping[str, str] | None = None) -> str:
        """What a program prints, on standard output and error, which ends with `status`."""
        with self.start(*command, env=env) as process:
            output, _ = process.communicate(timeout=600)
        assert process.returncode == status, output
        return output

    def start(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin to run a program; signals to the process reach the program itself."""
        known = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", _ENTER, "sh", self.root, *command],
            env={**known, **emulation(self.kind), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def emulation(kind: Kind) -> dict[str, str]:
    """The environment in which the programs of a machine run well here."""
    model = "" if _CPU[kind.arch] == platform.machine() else _MODELS.get(kind.arch)
    return {"QEMU_CPU": model} if model else {}


@contextmanager
def machine(kind: Kind, place: Path) -> Iterator[Machine]:
    """A machine of `kind` with a root below `place`, which is removed at the end."""
    cpu = _CPU[kind.arch]
    if cpu != platform.machine():
        _emulate(cpu)
    source = pristine(kind)
    with tempfile.TemporaryDirectory(dir=place, prefix="machine-") as directory:
        root = Path(directory, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", source, root], check=True)
        yield Machine(root, kind)


def _emulate(cpu: str) -> None:
    """Have the kernel run this processor's programs by QEMU, as Debian's package describes it."""
    with locked(Path(tempfile.gettempdir(), "doit-provisioning-binfmt.lock")):
        if not (_BINFMT / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "none", _BINFMT], check=True)
        if not (_BINFMT / f"qemu-{cpu}").exists():
            known = Path(f"/usr/lib/binfmt.d/qemu-{cpu}.conf").read_bytes()
            (_BINFMT / "register").write_bytes(known)
