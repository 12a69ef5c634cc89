"""Knows what version a package has: as written, from a file, from pyproject.toml, or from git."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.file import read_text
from provisioning.spec.node import Mapping, Node, Scalar
from provisioning.spec.rule import PATH, VERSION

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

# `--long` always tells the distance; without any tag, `--always` leaves the commit alone.
_DESCRIBE = ("--tags", "--long", "--always", "--abbrev=12", "--match", "v[0-9]*")
_TAGGED = re.compile(r"v(?P<tag>.+)-(?P<distance>\d+)-g(?P<commit>[0-9a-f]+)(?P<dirty>-dirty)?")
_UNTAGGED = re.compile(r"(?P<commit>[0-9a-f]+)(?P<dirty>-dirty)?")
# A git hook sets these for its own repository; `-C` alone does not outweigh them.
_HOOK = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
    | {"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"}
)


class Versions:
    """The versions of one project; git is asked once, however many specs want to know."""

    def __init__(self, root: Path) -> None:
        """Look for versions below `root`."""
        self._root = root
        self._describe = cache(lambda: _describe(root))

    def find(self, node: Node, faults: list[Fault]) -> str | None:
        """Return the version that a resolved `version:` means; None after a fault."""
        source, value = _source(node, faults)
        if value is None:
            return None
        try:
            text = self._read(source, value, faults)
        except _NoVersionError as error:
            faults.append(Fault.at(value.origin, "no-version", error.message, error.hint))
            return None
        return text if text is not None and VERSION.holds(text, value.origin, faults) else None

    def _read(self, source: str, value: Scalar, faults: list[Fault]) -> str | None:
        if source == "text":
            return value.text
        if source == "from":
            return self._git(value.text)
        if not PATH.holds(value.text, value.origin, faults):
            return None
        text = read_text(self._root, value.text, value.origin, faults)
        if text is None or source == "file":
            return text and text.strip()
        return _project_version(value.text, text)

    def _git(self, name: str) -> str:
        if name != "git":
            raise _NoVersionError(f"a version cannot come from {name}", "known: git")
        described = self._describe()
        if isinstance(described, _NoVersionError):
            raise described
        return described


def _source(node: Node, faults: list[Fault]) -> tuple[str, Scalar | None]:
    """Return what kind of version was written, and its value; no value after a fault."""
    if not isinstance(node, Mapping):
        return "text", node if isinstance(node, Scalar) else None
    if len(node.items) > 1:
        # In one place or by an overlay, which adds its source to that of the spec.
        message = "give exactly one of file, pyproject, from"
        related = tuple((origin, "one is here") for origin in node.keys.values())
        faults.append(Fault.at(node.origin, "version-source", message, related=related))
        return "", None
    for source, value in node.items.items():
        return source, value if isinstance(value, Scalar) else None
    return "", None  # the schema has told


class _NoVersionError(Exception):
    """Why there is no version, and a way out; becomes a fault within this module."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__()
        self.message, self.hint = message, hint


def _project_version(file: str, text: str) -> str:
    try:
        project = tomllib.loads(text).get("project")
    except (ValueError, RecursionError) as error:
        raise _NoVersionError(f"{file}: {error}") from None
    version = project.get("version") if isinstance(project, dict) else None
    if isinstance(version, str):
        return version
    hint = "only its build backend knows a dynamic version; try version: {from: git}"
    raise _NoVersionError(f"{file} has no version in [project]", hint)


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


def _describe(root: Path) -> str | _NoVersionError:
    """Return the version; what stands against it is returned too, that it is asked for once."""
    try:
        described = _run_git(root, "describe", *_DESCRIBE)
        # `describe --dirty` passes over new files, and a glob may take one into the package.
        status = _run_git(root, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    except OSError as error:
        hint = "install git, or write the version itself"
        return _NoVersionError(f"git cannot be run: {error.strerror}", hint)
    if described.returncode == 0:
        text = described.stdout.decode("utf-8", "replace").strip()
        return from_description(f"{text}-dirty" if status.stdout else text)
    said = described.stderr.decode("utf-8", "replace").splitlines()
    message = next((line for line in said if line.startswith("fatal: ")), "fatal: nothing")
    return _NoVersionError(message.replace("fatal:", "git says:", 1), _way_out(message, root))


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
