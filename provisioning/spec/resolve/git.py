"""Asks git about the checkout, and explains what it means if git does not answer."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from pathlib import Path

# A git hook sets these for its own repository; `-C` alone does not outweigh them. The last four
# would have another history told, or other files, than there are.
_HOOK = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
    | {"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"}
    | {"GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_GLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"}
)
# What tells git not to look at a file, or to believe less than lstat(2) says.
_TRUSTING_NOBODY = (
    *("-c", "core.fileMode=true"),  # guard: git-executable-bit
    *("-c", "core.symlinks=true"),
    *("-c", "core.trustctime=true"),
    *("-c", "core.checkStat=default"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "diff.autoRefreshIndex=true"),
)
_SECONDS = 300  # that the slowest disk needs; what takes longer waits for something

_TAGS = "refs/tags/"
_NO_REPOSITORY = "not a git repository"
_INSTEAD = "or write the version itself"
_WAYS_OUT = {
    _NO_REPOSITORY: f"run git init and commit, {_INSTEAD}",
    "must be run in a work tree": "run git config core.bare false",
    "index": "`rm .git/index && git reset` makes it again; your files stay as they are",
    "bad object": "run git fetch; in a submodule, git submodule update",
}


class NoVersion(NamedTuple):
    """Why there is no version, and what to do."""

    message: str
    hint: str
    failed: bool = False
    """Whether git did not answer, so that not even this is certain."""


class GitError(ProvisioningError):
    """Why git does not answer, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        """Keep both as they are shown."""
        super().__init__(f"{message}\n  help: {hint}")
        self.why = NoVersion(message, hint, failed=True)


class Refs(NamedTuple):
    """What is checked out, and what has been tagged."""

    commit: str
    tags: tuple[tuple[str, str], ...]
    """Each tag with its commit."""


def refs(root: Path) -> Refs | NoVersion:
    """Return what is checked out at `root`, or why no version is known of it."""
    try:
        # It ends with 1 where there is nothing to show, as in a repository without a commit.
        told = ask(root, "show-ref", "--head", "--tags", "--dereference", none=1)
        lines = (line.partition(" ") for line in told.splitlines())
        found = {name: digest for digest, _, name in lines}
        commit = found.pop("HEAD", None)
        if commit is None:
            return NoVersion("git says: no commit yet", f"commit something, {_INSTEAD}")
        if not _holds(root, commit):  # guard: repository-of-others
            return _foreign(root)
    except GitError as error:
        return error.why._replace(failed=_NO_REPOSITORY not in error.why.message)  # guard: no-repo
    # What an annotated tag is for comes behind it, with ^{}.
    tags = {name.removeprefix(_TAGS).removesuffix("^{}"): found[name] for name in found}
    return Refs(commit, tuple(sorted(tags.items())))


def _holds(root: Path, commit: str) -> bool:
    """Whether there is anything of the project in a commit."""
    # A repository far above may ignore it, and its versions are not those of the project.
    asked = ("rev-parse", "--verify", "--quiet", f"{commit}:./")
    return (root / ".git").exists() or ask(root, *asked, none=1) != ""


def _foreign(root: Path) -> NoVersion:
    above = ask(root, "rev-parse", "--show-toplevel").removesuffix("\n")
    message = f"nothing of this project is committed to the repository in {above}"
    return NoVersion(message, f"commit it there, or run git init here, {_INSTEAD}")


def ask(root: Path, *arguments: str, none: int = 0, standard_input: str = "") -> str:
    """Return what git prints when it is run in `root`; `none` is a status that is no failure.

    Raises:
        GitError: it fails, cannot be run, or does not finish.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK}
    environment["LC_ALL"] = "C"  # its reasons are read below
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # to ask must not get in the way of another git
    environment["GIT_TERMINAL_PROMPT"] = "0"  # nobody is there to answer
    command = ("git", "-C", str(root), *_TRUSTING_NOBODY, *arguments)
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands; PATH decides which git, as it should
            command,
            env=environment,
            input=os.fsencode(standard_input),
            capture_output=True,
            check=False,
            timeout=_SECONDS,  # guard: git-that-waits
        )
    except subprocess.TimeoutExpired:
        message = f"git {arguments[0]} did not finish within {_SECONDS} seconds"
        raise GitError(
            message, f"run `git {arguments[0]}` yourself to see what it waits for"
        ) from None
    except OSError as error:
        reason = f"git cannot be run: {error.strerror}"
        raise GitError(reason, f"install git, {_INSTEAD}") from None
    if done.returncode not in {0, none}:  # guard: git-that-fails
        raise _failed(done.stderr.decode("utf-8", "replace"), root)
    return os.fsdecode(done.stdout)


def _failed(said: str, root: Path) -> GitError:
    lines = said.splitlines()
    fatal = next((line for line in lines if line.startswith("fatal: ")), "")
    reason = fatal or next(iter(lines), "") or "nothing"
    return GitError(f"git says: {reason.removeprefix('fatal: ')}", _way_out(said, root))


def _way_out(said: str, root: Path) -> str:
    if "dubious ownership" in said:
        return f"git config --global --add safe.directory {root.resolve()}"
    known = (way for reason, way in _WAYS_OUT.items() if reason in said)
    return next(known, f"make sure that `git status` works here, {_INSTEAD}")
