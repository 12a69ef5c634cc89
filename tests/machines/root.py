"""Makes the root of a Debian machine from its packages, and keeps it for later tests.

apt resolves and dpkg-deb unpacks: nothing is configured, no maintainer script runs, and another
architecture's root takes as long as one's own: ten seconds. Its dpkg knows what it holds, so that
`dpkg -i` finds what a package depends on.

Roots lie in ~/.cache/doit-provisioning-tests, or below XDG_CACHE_HOME, each named after what was
asked for. To have them made anew, delete them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

SITE = "opt/site"
"""Where a root has the libraries of a build: no Python of the root looks there by itself."""

STOCK = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "diffutils", "dpkg", "findutils"),
    *("grep", "gzip", "libc-bin", "mawk", "python3", "sed", "tar", "xz-utils"),
)
"""What a stock system brings, as far as packages meet it. python3-minimal lacks json."""

# Debian has no other. forky will have newer ones too, and this one for as long as it can.
PYTHONS = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13", "forky": "3.14"}
_WHEELS = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7l"}
_VERSION = 2  # of what is made here of a Kind: grows when the functions below make something else


class Kind(NamedTuple):
    """What a root is to hold."""

    arch: str = "arm64"  # as Debian calls it: amd64, arm64, armhf
    suite: str = "bookworm"  # of Debian: one of PYTHONS
    more: tuple[str, ...] = ()  # packages besides STOCK
    builds: bool = False  # whether SITE holds the libraries that a build needs

    @property
    def python(self) -> str:
        """The version of its Python."""
        return PYTHONS[self.suite]


def cached(name: str = "") -> Path:
    """Where the tests keep something that is slow to get, for as long as you do not delete it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "doit-provisioning-tests" / name


def pristine(kind: Kind) -> Path:
    """The root of `kind`, made now or earlier, and the same for all: nobody may write in it."""
    place = cached()
    place.mkdir(parents=True, exist_ok=True)
    wheels = _constraints() if kind.builds else []
    asked = json.dumps([_VERSION, kind, STOCK, wheels]).encode()
    root = place / f"{kind.suite}-{kind.arch}-{hashlib.sha256(asked).hexdigest()[:16]}"
    with locked(place / f"{root.name}.lock"):
        if not root.exists():
            begun = place / f"{root.name}.begun"
            shutil.rmtree(begun, ignore_errors=True)  # what a killed run has left
            _make(kind, begun)
            os.rename(begun / "root", root)
            shutil.rmtree(begun)
    return root


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Whoever else asks for `path`, of this or another process, waits until this one has done."""
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(kind: Kind, place: Path) -> None:
    root = place / "root"
    if kind.builds:
        place.mkdir()
        subprocess.run(["cp", "-a", pristine(kind._replace(builds=False)), root], check=True)
        _libraries(kind, place, root / SITE)
        return
    for name in ("bin", "sbin", "lib", "lib64"):  # merged, as on every machine of today
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    packages = _download(kind, place)
    for package in packages:
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    _finish(root, packages)


def _download(kind: Kind, place: Path) -> list[Path]:
    """The packages of `kind` and what they depend on."""
    for name in ("lists/partial", "archives/partial"):
        (place / name).mkdir(parents=True)
    (place / "status").touch()
    signed = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
    (place / "sources.list").write_text(f"deb [{signed}] {_mirror()} {kind.suite} main\n")
    options = {
        "Dir::Etc::sourcelist": place / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": place / "lists",
        "Dir::State::status": place / "status",
        "Dir::State::extended_states": place / "extended",
        "Dir::Cache": place,
        "Dir::Cache::archives": place / "archives",
        "APT::Architecture": kind.arch,
        "APT::Architectures": kind.arch,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    subprocess.run([*apt, "update"], check=True)
    wanted = [*STOCK, f"python{kind.python}", *kind.more]
    install = [*apt, "-y", "--download-only", "install", *wanted]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return sorted((place / "archives").glob("*.deb"))


def _mirror() -> str:
    """Where this machine has its own packages from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"]
    known = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    assert known, "no Debian mirror is known here: run apt-get update once"
    return known[0]


def _finish(root: Path, packages: list[Path]) -> None:
    """Do what a test would miss of what maintainer scripts do."""
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "opt", "var/lib/dpkg/updates"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "usr/bin/sh").unlink(missing_ok=True)
    (root / "usr/bin/sh").symlink_to("dash")
    (root / "usr/bin/awk").symlink_to("mawk")
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "format").write_text("1\n")  # the names of lists may hold an architecture
    (root / "var/lib/dpkg/available").touch()
    with open(root / "var/lib/dpkg/status", "w", encoding="utf-8") as status:
        for package in packages:
            _register(package, info, status)


def _register(package: Path, info: Path, status: TextIO) -> None:
    """Have the root's dpkg know that `package` is installed, and which files it has."""
    control = _output("dpkg-deb", "-f", package)
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line)
    status.write(f"{control}Status: install ok installed\n\n")
    shared = fields.get("Multi-Arch") == "same"
    name = f"{fields['Package']}:{fields['Architecture']}" if shared else fields["Package"]
    members = _output("sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -t', "sh", package)
    paths = [line[1:].rstrip("/") or "/." for line in members.splitlines()]
    (info / f"{name}.list").write_text("".join(f"{path}\n" for path in paths))
    sums = subprocess.run(["dpkg-deb", "-I", package, "md5sums"], capture_output=True, check=False)
    if sums.returncode == 0:
        (info / f"{name}.md5sums").write_bytes(sums.stdout)


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _libraries(kind: Kind, place: Path, site: Path) -> None:
    """Install what a build needs, in the versions that it has here, as pip does on a Pi."""
    (place / "constraints.txt").write_text("\n".join(_constraints()))
    wanted = [each for each in requires("doit-provisioning") or () if "extra ==" not in each]
    machine = _WHEELS[kind.arch]
    command = [
        *(sys.executable, "-m", "pip", "install", "-qq", "--no-compile", "--target", site),
        *("--python-version", kind.python, "--implementation", "cp", "--only-binary=:all:"),
        *(f"--platform=manylinux_2_{minor}_{machine}" for minor in range(31, 16, -1)),
        *(f"--platform=manylinux2014_{machine}", "-c", place / "constraints.txt", *wanted),
    ]
    subprocess.run(command, check=True)


def _constraints() -> list[str]:
    """All that is installed here, each in its version."""
    return sorted({f"{each.name}=={each.version}" for each in distributions()})
