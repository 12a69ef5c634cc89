"""Makes git repositories for tests, with an author who is nobody in particular."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NOBODY = (
    *("-c", "user.name=a", "-c", "user.email=a@example.org"),
    *("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
    *("-c", "protocol.file.allow=always", "-c", "advice.detachedHead=false"),
)


def git(root: Path | str, *arguments: str) -> str:
    """What git says, which must not fail."""
    done = subprocess.run(
        ["git", "-C", root, *_NOBODY, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root: Path | str, message: str = "one") -> str:
    """Commit all that is not ignored, if there is anything; its digest."""
    git(root, "add", ".")
    git(root, "commit", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def repository(root: Path | str) -> None:
    """A new one, in which all that there is is committed and tagged v1.4.2."""
    git(root, "init", "--quiet")
    commit(root)
    git(root, "tag", "v1.4.2")
