"""The encoders give the same bytes on every processor: the Pi's, the Mac's, the build server's.

Real processors are stood in for by QEMU, which runs one process with the instructions of a model.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from provisioning.builder.archive.encoders import encoder
from tests.machines.machine import machine
from tests.machines.root import SITE, Kind, pristine

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parents[2]
CODECS = ["gzip", "zstd", "xz"]
MIB = 1 << 20
SIZE = 60  # MiB of the standard library: text, bytecode and machine code

ENCODE = """
import hashlib, sys
sys.path[:0] = sys.argv[1:3]
from provisioning.builder.archive.encoders import encoder
digest, press = hashlib.sha256(), encoder(sys.argv[4]).compress
with open(sys.argv[3], "rb") as file:
    while piece := file.read(1 << 20):
        digest.update(press(piece))
print(digest.hexdigest())
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


def _wanted(data: Path, codec: str) -> str:
    """The digest of what this processor makes of it."""
    digest, content = hashlib.sha256(), _read(data, codec)
    for start in range(0, len(content), MIB):
        digest.update(encoder(codec).compress(content[start : start + MIB]))
    return digest.hexdigest()


def _read(data: Path, codec: str) -> bytes:
    with open(data, "rb") as file:
        return file.read(MIB * (SIZE if codec != "xz" else SIZE // 10))  # xz takes its time


def _same(command: list[str | Path], site: Path, data: Path, codec: str, cpu: str) -> bool:
    part = data.with_name(f"{codec}-data")
    part.write_bytes(_read(data, codec))
    done = subprocess.run(
        [*command, "-c", ENCODE, ROOT, site, part, codec],
        env={**os.environ, "QEMU_CPU": cpu}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip() == _wanted(data, codec)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "max"])  # Pi 3, Pi 4, all there is
def test_arm64_makes_the_same_bytes(data: Path, codec: str, cpu: str) -> None:
    kind = Kind("arm64", builds=True)
    root = pristine(kind)
    command = ["qemu-aarch64-static", "-L", root, root / f"usr/bin/python{kind.python}"]
    assert _same(command, root / SITE, data, codec, cpu)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("suite", ["trixie", "forky"])
def test_another_python_and_liblzma_make_the_same_bytes(
    tmp_path: Path, data: Path, codec: str, suite: str
) -> None:
    with machine(Kind("amd64", suite, builds=True), tmp_path) as other:
        shutil.copytree(ROOT / "provisioning", other.path("/src/provisioning"))
        other.path("/data").write_bytes(_read(data, codec))
        python = f"python{other.kind.python}"
        told = other.run(python, "-c", ENCODE, "/src", f"/{SITE}", "/data", codec)
        assert told.strip() == _wanted(data, codec)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem", "max"])  # without and with AVX2
def test_other_x86_64_processors_make_the_same_bytes(data: Path, codec: str, cpu: str) -> None:
    site = Path(sysconfig.get_paths()["platlib"])
    python = Path(sys.executable).resolve()
    assert _same(["qemu-x86_64-static", python], site, data, codec, cpu)
