"""Knows what git says of the checkout, as a version."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

# `--long` always tells the distance; without any tag, `--always` leaves the commit alone.
_DESCRIBE = ("--tags", "--long", "--always", "--abbrev=12", "--match", "v[0-9]*")
_TAGGED = re.compile(r"v(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)(?P<dirty>-dirty)?")
_UNTAGGED = re.compile(r"(?P<commit>[0-9a-f]+)(?P<dirty>-dirty)?")
_OUTPUT = "artifacts"
# A git hook sets these for its own repository; `-C` alone does not outweigh them.
_HOOK = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
    | {"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"}
)


class NoVersion(NamedTuple):
    """Why there is no version, and a way out."""

    message: str
    hint: str


class Commit(NamedTuple):
    """What is checked out."""

    digest: str
    dirty: bool
    """Whether the project holds anything that is not in that commit."""


def commit(root: Path) -> Commit | None:
    """Return the commit of the checkout at `root`; None where git tells of none."""
    try:
        named = _run_git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        status = _status(root)
    except OSError:
        return None
    if named.returncode:
        return None
    return Commit(named.stdout.decode("ascii").strip(), bool(status.stdout))


def from_description(description: str) -> str:
    """Return the version that `git describe --long --always` tells, with "-dirty" after it.

    1.4.2 at the tag v1.4.2, 1.4.2+5.gabcdef123456 five commits later, 0.0.0+gabcdef123456 without
    a tag, and `.dirty` where the project holds anything that is not in that commit. v1.4.2-rc1 is
    1.4.2~rc1, which sorts before 1.4.2 by the rules of deb-version(7).
    """
    if tagged := _TAGGED.fullmatch(description):
        after = "" if tagged["distance"] == "0" else f"{tagged['distance']}.g{tagged['commit']}"
        base, dirty = tagged["tag"].replace("-", "~"), tagged["dirty"]
    else:
        untagged = _UNTAGGED.fullmatch(description)
        commit, dirty = (untagged["commit"], untagged["dirty"]) if untagged else (description, "")
        base, after = "0.0.0", f"g{commit}"
    local = ".".join(part for part in (after, "dirty" if dirty else "") if part)
    return f"{base}+{local}" if local else base


def describe(root: Path) -> str | NoVersion:
    """Return the version that git tells of the checkout at `root`, or why there is none."""
    try:
        described = _run_git(root, "describe", *_DESCRIBE)
        status = _status(root)
    except OSError as error:
        hint = "install git, or write the version itself"
        return NoVersion(f"git cannot be run: {error.strerror}", hint)
    if described.returncode == 0:
        text = described.stdout.decode("utf-8", "replace").strip()
        return from_description(f"{text}-dirty" if status.stdout else text)
    said = described.stderr.decode("utf-8", "replace").splitlines()
    message = next((line for line in said if line.startswith("fatal: ")), "fatal: nothing")
    return NoVersion(message.replace("fatal:", "git says:", 1), _way_out(message, root))


def _status(root: Path) -> subprocess.CompletedProcess[bytes]:
    # `describe --dirty` passes over new files, and a glob may take one into the package. What the
    # build itself has made changes no version, whether git was told to pass over it or not.
    status = ("status", "--porcelain", "--untracked-files=normal")
    return _run_git(root, *status, "--", ".", f":(exclude){_OUTPUT}")


def _run_git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK}
    environment["LC_ALL"] = "C"  # its reasons are read below
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # to ask must not get in the way of another git
    command = ("git", "-C", str(root), *arguments)
    return subprocess.run(  # noqa: S603 - fixed commands; PATH decides which git, as it should
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _way_out(message: str, root: Path) -> str:
    if "dubious ownership" in message:
        return f"git config --global --add safe.directory {root.resolve()}"
    if "not a git repository" in message:
        return "run git init and commit, or write the version itself"
    return "commit something, or write the version itself"
