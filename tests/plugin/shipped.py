"""Knows the projects that this repository holds, and what a build of them leaves."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from provisioning.artifact.release import FORMATS

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECTS = {"repository": REPOSITORY, "greenhouse": REPOSITORY / "doc/tutorial/greenhouse"}
TREE = 2  # parts that a path in artifacts/ has, down to the root of an unpacked package
_PLATFORMS = REPOSITORY / "provisioning/platforms"


def lay(name: str, where: Path) -> Path:
    """One of PROJECTS, copied to `where`, with all formats for each of its platforms."""
    ignore = shutil.ignore_patterns(".*", "artifacts", "__pycache__")
    shutil.copytree(PROJECTS[name], where, ignore=ignore)
    platforms = where / "specs/platforms"
    platforms.mkdir()
    for path in (_PLATFORMS / "linux.yaml", _PLATFORMS / "macos.yaml"):
        all_formats = f"formats: [{', '.join(FORMATS)}]"
        text, count = re.subn("(?m)^formats:.*$", all_formats, path.read_text("utf-8"))
        assert count == 1
        (platforms / path.name).write_text(text, "utf-8")
    return where


def left(project: Path) -> dict[str, str]:
    """What a build has left of each path: its mode, in a tree its time, and its content."""
    artifacts = project / "artifacts"
    paths = (path.relative_to(artifacts) for path in artifacts.rglob("*"))
    return {str(path): _told(artifacts, path) for path in paths if path.parts[0] != ".work"}


def _told(artifacts: Path, path: Path) -> str:
    found = artifacts / path
    status = found.lstat()
    time = f" {status.st_mtime_ns}" if len(path.parts) > TREE else ""
    what = os.readlink(found) if found.is_symlink() else "directory"
    if found.is_file() and not found.is_symlink():
        what = hashlib.sha256(found.read_bytes()).hexdigest()
    return f"{status.st_mode:o}{time} {what}"
