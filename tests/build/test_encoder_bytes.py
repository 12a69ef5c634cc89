"""The encoder gives the same bytes on every processor: the Pi's, the Mac's, the build server's.

Real processors are stood in for by QEMU, which runs one process with the instructions of a model.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

from provisioning.build.encode import LEVEL, encoder

pytestmark = pytest.mark.sweep

MIB = 1 << 20
SIZE = 60  # MiB of the standard library: text, bytecode and machine code

ENCODE = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from deflate import gzip_compress
digest = hashlib.sha256()
with open(sys.argv[2], "rb") as file:
    while piece := file.read(1 << 20):
        digest.update(gzip_compress(piece, int(sys.argv[3])))
print(digest.hexdigest())
"""

APT = """
mkdir -p lists/partial archives/partial root; : >status
set -- -o Dir::State::lists="$PWD/lists" -o Dir::State::status="$PWD/status" \
    -o Dir::Cache="$PWD" -o Dir::Cache::archives="$PWD/archives" \
    -o Dir::State::extended_states="$PWD/extended" -o APT::Architecture=arm64 \
    -o APT::Architectures=arm64 -o Acquire::Languages=none -o APT::Sandbox::User=root \
    -o APT::Install-Recommends=false
apt-get "$@" -qq update
apt-get "$@" -qq -y --download-only install python3
for package in archives/*.deb; do dpkg-deb -x "$package" root; done
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data"
    with open(path, "wb") as file:
        for each in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*")):
            if each.is_file() and file.tell() < SIZE * MIB:
                file.write(each.read_bytes())
        assert file.tell() > SIZE // 2 * MIB
    return path


@pytest.fixture(scope="module")
def wanted(data: Path) -> str:
    """The digest of what this processor makes of it."""
    digest, content = hashlib.sha256(), data.read_bytes()
    for start in range(0, len(content), MIB):
        digest.update(encoder("gzip").press(content[start : start + MIB]))
    return digest.hexdigest()


@pytest.fixture(scope="module")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Raspberry Pi OS is made of, with Python, and the encoder's wheel in /site."""
    place = tmp_path_factory.mktemp("arm64")
    subprocess.run(["sh", "-ec", APT], cwd=place, check=True, stdout=subprocess.DEVNULL)
    (python,) = (place / "root/usr/bin").glob("python3.[0-9]*")
    download = [
        *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"),
        *("--python-version", python.name.removeprefix("python"), "-d", place / "wheels"),
        *("--platform", "manylinux2014_aarch64", f"deflate=={version('deflate')}"),
    ]
    subprocess.run(download, check=True)
    (wheel,) = (place / "wheels").iterdir()
    unpack = [sys.executable, "-m", "zipfile", "-e", wheel, place / "root/site"]
    subprocess.run(unpack, check=True)
    return place / "root"


def _made_by(command: list[str | Path], site: Path, data: Path, cpu: str) -> str:
    done = subprocess.run(
        [*command, "-c", ENCODE, site, data, str(LEVEL)],
        env={**os.environ, "QEMU_CPU": cpu}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "max"])  # Pi 3, Pi 4, all there is
def test_arm64_makes_the_same_bytes(arm64: Path, data: Path, wanted: str, cpu: str) -> None:
    (python,) = (arm64 / "usr/bin").glob("python3.[0-9]*")
    command = ["qemu-aarch64-static", "-L", arm64, python]
    assert _made_by(command, arm64 / "site", data, cpu) == wanted


@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "max"])  # without and with AVX2
def test_other_x86_64_processors_make_the_same_bytes(data: Path, wanted: str, cpu: str) -> None:
    site = Path(sysconfig.get_paths()["platlib"])
    python = Path(sys.executable).resolve()
    assert _made_by(["qemu-x86_64-static", python], site, data, cpu) == wanted
