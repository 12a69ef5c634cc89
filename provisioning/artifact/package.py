"""Knows what a package is, apart from what lies in it."""

from __future__ import annotations

from typing import NamedTuple


class Package(NamedTuple):
    """What a package is: the same for each of its entries."""

    name: str
    version: str
    platform: str
    os: str
    arch: str
    prefix: str
    summary: str
    license: str
    maintainer: str
