"""Another processor, C library and Python make the same bytes, and a stock machine reads them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.formats import FORMATS
from provisioning.artifact.model.sums import SUMS
from tests.machines.building import doit, install
from tests.machines.machine import machine
from tests.machines.root import Kind
from tests.plugin.shipped import PROJECTS, lay, left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.machine import Machine

pytestmark = pytest.mark.sweep

BUILDERS = [
    Kind("arm64", builds=True),
    Kind("amd64", "trixie", builds=True),
    Kind("amd64", "forky", builds=True),
]
STOCK = [Kind("arm64"), Kind("armhf"), Kind("amd64", "bullseye"), Kind("arm64", "trixie")]
HAS_ZSTD = Kind("amd64", "forky")  # as Python has it from 3.14 on
RELEASE = "/srv/greenhouse/greenhouse-1.4.2-raspberry-pi"
ARCHIVE = f"{RELEASE}/greenhouse-1.4.2-raspberry-pi"
UNPACKED_BY_TAR = ["tar.gz", "tar.xz"]
TOOL = "/opt/provisioning/bin/provision"


def _called(kind: Kind) -> str:
    return f"{kind.suite}-{kind.arch}"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The projects, built on this machine."""
    place = tmp_path_factory.mktemp("here")
    laid = {name: lay(name, place / name) for name in PROJECTS}
    for project in laid.values():
        command = [sys.executable, "-m", "doit"]
        subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
    return laid


@pytest.fixture(scope="module", params=BUILDERS, ids=_called)
def builder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    with machine(request.param, tmp_path_factory.mktemp("builder")) as made:
        install(made)
        yield made


@pytest.fixture(scope="module", params=STOCK, ids=_called)
def stock(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    here: dict[str, Path],
) -> Iterator[Machine]:
    """What was built here, on a machine that has nothing but the tool of this repository."""
    with machine(request.param, tmp_path_factory.mktemp("stock")) as made:
        _deliver(made, here)
        yield made


def _deliver(to: Machine, here: dict[str, Path]) -> None:
    for name, project in here.items():
        shutil.copytree(project / "artifacts", to.path(f"/srv/{name}"), symlinks=True)
    (tool,) = to.path("/srv/repository").glob("*-raspberry-pi/*.tar.gz")
    to.run("tar", "-xf", f"/{tool.relative_to(to.root)}", "-C", "/opt")


@pytest.mark.parametrize("name", PROJECTS)
def test_another_machine_makes_the_same_bytes(
    builder: Machine, here: dict[str, Path], name: str
) -> None:
    project = f"/src/{name}"
    lay(name, builder.path(project))
    assert "verified" in doit(builder, project)
    assert _left(builder.path(project)) == _left(here[name])


def _left(project: Path) -> dict[str, str]:
    """What is left, but for the version of liblzma, which the provenance tells and is another.

    So the digest of the provenance is another one, too, in its line of SHA256SUMS.
    """
    told = left(project)
    for path in project.glob("artifacts/*/*.provenance.json"):
        text, count = re.subn(r"liblzma 5[0-9.]+ -", "liblzma -", path.read_text("utf-8"))
        assert count == 1
        told[str(path.relative_to(project / "artifacts"))] = text
        sums = path.with_name(SUMS)
        lines = [line for line in sums.read_text("utf-8").splitlines() if path.name not in line]
        told[str(sums.relative_to(project / "artifacts"))] = "\n".join(lines)
    return told


def test_another_user_makes_the_same_bytes(builder: Machine, here: dict[str, Path]) -> None:
    project = "/home/somebody"
    lay("greenhouse", builder.path(project))
    builder.run("chown", "-R", "1000:1000", project)
    doit(builder, project, "chroot", "--userspec=1000:1000", "--skip-chdir", "/")
    assert _left(builder.path(project)) == _left(here["greenhouse"])
    assert builder.path(f"{project}/artifacts").stat().st_uid == 1000


def test_a_stock_python_verifies_every_artifact_but_zstd(stock: Machine) -> None:
    sums = (stock.path(f"{RELEASE}/SHA256SUMS")).read_text()
    listed = [line.split("  ")[1] for line in sums.splitlines()]
    names = [name for name in (*listed, "greenhouse") if not name.endswith((".json", ".tar.zst"))]
    assert len(names) == len(FORMATS) - 1
    told = stock.run("python3", "-I", TOOL, "verify", *(f"{RELEASE}/{name}" for name in names))
    assert [line.partition(":")[0] for line in told.splitlines()] == names
    assert told.count(" entries, verified\n") == len(names)


@pytest.mark.parametrize("format", UNPACKED_BY_TAR)
def test_what_its_own_tar_unpacks_is_verified_and_runs(stock: Machine, format: str) -> None:
    place = f"/opt/{format}"
    stock.run("mkdir", place)
    stock.run("tar", "-xf", f"{ARCHIVE}.{format}", "-C", place)
    told = stock.run(TOOL, "verify", f"{place}/greenhouse")
    assert told.endswith(" entries, verified\n")
    settings = stock.path(f"{place}/greenhouse/etc/greenhouse.ini")
    settings.write_text(settings.read_text().replace("port = 8080", "port = 0"))
    with stock.start(f"{place}/greenhouse/bin/greenhouse") as service:
        assert service.stdout is not None
        port = service.stdout.readline().rpartition(" ")[2].strip()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as response:
            assert json.load(response) == {"status": "ok", "version": "1.4.2"}
        service.terminate()
        assert service.wait(20) == 0


def test_zstd_is_verified_with_what_the_tool_asks_for(
    tmp_path: Path, here: dict[str, Path]
) -> None:
    with machine(Kind("amd64"), tmp_path) as bare:
        _deliver(bare, here)
        assert "the package python3-zstandard" in bare.run(
            TOOL, "verify", f"{ARCHIVE}.tar.zst", status=1
        )
    with machine(Kind("amd64", more=("python3-zstandard",)), tmp_path) as able:
        _deliver(able, here)
        told = able.run(TOOL, "verify", RELEASE)
        assert told.count(" entries, verified\n") == len(FORMATS)


def test_a_python_that_has_zstd_needs_nothing_else(tmp_path: Path, here: dict[str, Path]) -> None:
    with machine(HAS_ZSTD, tmp_path) as able:
        _deliver(able, here)
        python = f"python{HAS_ZSTD.python}"
        told = able.run(python, "-I", TOOL, "verify", RELEASE)
        assert told.count(" entries, verified\n") == len(FORMATS)
        damaged = able.path(f"{ARCHIVE}.tar.zst")
        data = damaged.read_bytes()
        for at in range(len(data) // 8, len(data), len(data) // 8):
            damaged.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            told = able.run(python, "-I", TOOL, "verify", f"{ARCHIVE}.tar.zst", status=1)
            assert "is damaged" in told
