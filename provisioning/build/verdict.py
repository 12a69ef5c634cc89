"""Knows what is told of a variant that was compared with a commit, and of what it depends on."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """Whether a variant holds more than the commit, and what that depends on."""

    commit: str
    edited: str
    """A file that is not as in the commit; "" where all are."""
    watched: tuple[tuple[str, str], ...]
    """Files, directories and globs, each with its state: with another, this may be another."""


class Task(NamedTuple):
    """A task of the project's own that may make files from others."""

    name: str
    targets: tuple[str, ...]
    inputs: tuple[str, ...]


class Makers(NamedTuple):
    """All of these tasks."""

    file: str = ""
    """The dodo.py, which says how they do it; "" where nobody knows it."""
    tasks: tuple[Task, ...] = ()
