"""Builds the tutorial's greenhouse for the machine that runs the tests, and unpacks it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import pythons
from tests.conftest import unmeasured

from .page import GREENHOUSE
from .test_tutorial import run

if TYPE_CHECKING:
    from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OVERLAY = "  mac-mini: {services: {greenhouse: {groups: }}}"


def _system() -> str:
    """The platform file of this machine, whose Python is one that packages start with."""
    places = os.pathsep.join(place for place in pythons.PLACES if "{" not in place)
    known = (f"3.{minor}" for minor in range(11, 30))
    version = next(each for each in known if shutil.which(f"python{each}", path=places))
    if sys.platform == "darwin":
        return f'platform: here\nextends: mac-mini\nsystem: {{python: "{version}"}}\n'
    arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
    glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2]
    system = f'{{glibc: "{glibc}", python: "{version}"}}'
    return f"platform: here\nextends: linux\narch: {arch}\nsystem: {system}\n"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the greenhouse that runs here."""
    project = tmp_path_factory.mktemp("here") / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    spec = project / "specs" / "greenhouse.yaml"
    text = spec.read_text(encoding="utf-8")
    assert _OVERLAY in text
    here = _OVERLAY.replace("mac-mini", "here")
    spec.write_text(text.replace(_OVERLAY, f"{here}\n{_OVERLAY}"), encoding="utf-8")
    (project / "specs" / "platforms").mkdir()
    (project / "specs" / "platforms" / "here.yaml").write_text(_system(), encoding="utf-8")
    shutil.copy(project / "config" / "mac-mini.yaml", project / "config" / "here.yaml")
    with unmeasured():
        run("doit package:greenhouse:here", project)
    (made,) = project.glob("artifacts/*-here/*.tar.gz")
    return made


@pytest.fixture
def unpacked(tmp_path: Path, archive: Path) -> Path:
    """The root of a greenhouse that a test may change; the system chooses its port."""
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path], check=True)
    reconfigure(tmp_path / "greenhouse", "port = 8080", "port = 0")
    return tmp_path / "greenhouse"


def reconfigure(root: Path, old: str, new: str) -> Path:
    """Edit the configuration; returns its path."""
    path = root / "etc" / "greenhouse.ini"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path
