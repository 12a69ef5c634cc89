"""The trees that are packaged: generated ones, and a large wheel from PyPI."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from .measure import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHEEL = "homeassistant-2024.3.3-py3-none-any.whl"
_WHEEL_REQUIREMENT = "homeassistant==2024.3.3"
_WHEEL_SHA256 = "6e1ec2c07441d63fdcfb8acd2c4bbb6f68bc97330855784d3623d10c38fe3577"
_WHEEL_FILES = 36_487

# Sizes as in trees of source: half of the files below 1.6 kB, a mean of 4 kB, few large ones.
_MEDIAN_SIZE, _SIGMA, _LARGEST = 1_600, 1.35, 1 << 20
_BINARY, _EXECUTABLE = 0.05, 0.02  # parts of all files
_WORDS, _LINES = 4_000, 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree of `files` files that `make` makes at a path; reports call it `title`."""

    name: str
    title: str
    files: int
    make: Callable[[Path], None]


def all_trees(cache: Path) -> dict[str, Tree]:
    """The trees by name, small ones first; the wheel is kept in `cache`."""
    trees = [generated(count) for count in (1_000, 10_000)]
    trees += [_real(cache), generated(100_000)]
    return {tree.name: tree for tree in trees}


def generated(count: int) -> Tree:
    """A tree of `count` files, the same on every machine; each is the beginning of a larger one."""
    return Tree(
        name=str(count),
        title=f"{count:,} files",
        files=count,
        make=lambda root: _generate(root, count),
    )


def _real(cache: Path) -> Tree:
    title = f"{_WHEEL_REQUIREMENT.replace('==', ' ')}, {_WHEEL_FILES:,} files"
    return Tree(
        name="real", title=title, files=_WHEEL_FILES, make=lambda root: unpack(fetch(cache), root)
    )


def _generate(root: Path, count: int) -> None:
    chance = Random("doit-provisioning")
    lines = _lines(chance)
    for number in range(count):
        directory = root / f"area_{number // 1000:03}" / f"module_{number // 25 % 40:02}"
        directory.mkdir(parents=True, exist_ok=True)
        size = min(int(math.exp(chance.gauss(math.log(_MEDIAN_SIZE), _SIGMA))), _LARGEST)
        binary = chance.random() < _BINARY
        content = chance.randbytes(size) if binary else _text(chance, lines, size)
        path = directory / f"part_{number:06}.{'bin' if binary else 'py'}"
        path.write_bytes(content)
        path.chmod(0o755 if chance.random() < _EXECUTABLE else 0o644)


def _lines(chance: Random) -> list[str]:
    """Lines that compress about as source does: words by Zipf's law, indented."""
    letters = "etaoinshrdlucmfwygpbvkxqjz_"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 11))) for _ in range(_WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
    return [
        "    " * chance.randint(0, 3)
        + " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(1, 12)))
        + "\n"
        for _ in range(_LINES)
    ]


def _text(chance: Random, lines: list[str], size: int) -> bytes:
    # A line has some 50 characters; what is too much is cut off.
    text = "".join(chance.choices(lines, k=size // 30 + 2))
    return text.encode()[:size]


def fetch(cache: Path) -> Path:
    """The wheel, downloaded once.

    Raises:
        BenchError: if it cannot be had, or is not the one that is meant.
    """
    wheel = cache / WHEEL
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        # It is only unpacked: which Python could run it does not matter.
        command = [*pip, "--ignore-requires-python", "-d", str(cache), _WHEEL_REQUIREMENT]
        done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise BenchError(f"cannot download {_WHEEL_REQUIREMENT}:\n{done.stderr}")
    demand_digest(wheel, _WHEEL_SHA256)
    return wheel


def demand_digest(path: Path, expected: str) -> None:
    """Refuse a file that is not the one whose SHA-256 is `expected`.

    Raises:
        BenchError: with what to do.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise BenchError(f"{path}: its SHA-256 is {found}, not {expected}; remove it, run again")


def unpack(wheel: Path, root: Path) -> None:
    """Unpack a wheel as tree."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root)
