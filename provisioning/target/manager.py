"""Knows what a service manager tells and is given, whichever it is."""

from __future__ import annotations

from typing import NamedTuple


class File(NamedTuple):
    """A file by which a service manager knows a service."""

    data: bytes
    mode: int


class State(NamedTuple):
    """How a service is."""

    active: str
    """`active` if it runs, `inactive` if it has ended well or was stopped, or another word."""
    pid: int
    """Of its main process, 0 if none runs."""
    told: str
    """The same in words."""
