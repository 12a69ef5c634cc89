"""Projects that are built where and as a test wants it, and what a build of them leaves.

The greenhouse is the tutorial's without its dependencies: it runs on every Python, and nothing of
it comes from a network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from provisioning.artifact.formats import DEB, FORMATS

REPOSITORY = Path(__file__).resolve().parents[2]
GREENHOUSE = REPOSITORY / "tests/greenhouse"
PROJECTS = {"repository": REPOSITORY, "greenhouse": GREENHOUSE}
TREE = 2  # parts that a path in artifacts/ has, down to the root of an unpacked package
OFFERED = {"linux": tuple(FORMATS), "macos": tuple(each for each in FORMATS if each != DEB)}
_PLATFORMS = REPOSITORY / "provisioning/platforms"


def lay(name: str, where: Path) -> Path:
    """One of PROJECTS, copied to `where`, with all formats for each of its platforms."""
    ignore = shutil.ignore_patterns(".*", "artifacts", "__pycache__")
    shutil.copytree(PROJECTS[name], where, ignore=ignore)
    offer_all_formats(where)
    return where


def offer_all_formats(project: Path) -> None:
    """Have each package of a project made in every format that its system knows."""
    platforms = project / "specs/platforms"
    platforms.mkdir()
    for shipped in _PLATFORMS.glob("*.yaml"):
        text = shipped.read_text("utf-8")
        offered = OFFERED["macos" if shipped.stem.startswith("mac") else "linux"]
        text, count = re.subn("(?m)^formats:.*$", f"formats: [{', '.join(offered)}]", text)
        if count:
            (platforms / shipped.name).write_text(text, "utf-8")


def left(project: Path) -> dict[str, str]:
    """What a build has left of each path: its content, and in a plain directory mode and time.

    The modes of the other artifacts are their owner's affair, and his umask's.
    """
    artifacts = project / "artifacts"
    paths = (path.relative_to(artifacts) for path in artifacts.rglob("*"))
    return {str(path): _told(artifacts, path) for path in paths if path.parts[0] != ".work"}


def _told(artifacts: Path, path: Path) -> str:
    found = artifacts / path
    what = os.readlink(found) if found.is_symlink() else "directory"
    if found.is_file() and not found.is_symlink():
        what = hashlib.sha256(found.read_bytes()).hexdigest()
    depth = len(path.parts)
    if depth > TREE or (depth == TREE and found.is_dir()):
        status = found.lstat()
        what += f" {status.st_mode:o} {status.st_mtime_ns}"
    return what
