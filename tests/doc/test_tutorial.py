"""The tutorials' commands, run in order, print what the tutorials show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from provisioning.builder.python.wheel_cache import PLACE
from tests.machines.root import cached

from .page import DOC, GREENHOUSE, blocks

TUTORIALS = sorted((DOC / "tutorial").glob("Tutorial_*.md"))


@pytest.mark.needs("PyPI")
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda page: page.stem)
def test_every_command_prints_what_the_tutorial_shows(tmp_path: Path, tutorial: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    page = blocks(tutorial)
    for command, shown in pairwise(page):
        if command.language == "sh":
            expected = shown.text if shown.language == "text" else ""
            demand_alike(run(command.text, project), expected, command.text)


_NETWORK = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("PIP_INDEX_URL", "NODE_EXTRA_CA_CERTS"),
)
"""How this machine reaches registries, which is no matter of the page."""
_WHEELS = cached("wheels")
"""What pages fetch: once for all tests, however many homes they have."""


def run(command: str, project: Path) -> str:
    """What a reader sees, with this interpreter's scripts in front as in an active environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    network = {name: os.environ[name] for name in _NETWORK if name in os.environ}
    return subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=project,
        env={
            "PATH": path,
            "LC_ALL": "C",
            "HOME": str(project.parent),
            PLACE: str(_WHEELS),
            **network,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


_SIZES = r"(?:(?<=entries, )(\d+) bytes|\bat byte (\d+)|(?<=; size )(\S+) → (\S+)(?= ))"
"""What is as large as the tool that is in all packages: it grows from version to version."""
_NEAR = 0.2


def demand_alike(printed: str, shown: str, command: str = "", sizes: str = _SIZES) -> None:
    """Demand that a command prints what a page shows; what `sizes` finds has to be near it."""
    assert portable(printed, sizes) == portable(shown, sizes), command
    for one, other in zip(_sizes(printed, sizes), _sizes(shown, sizes), strict=True):
        assert abs(one - other) <= _NEAR * one, f"{other} is told of {one}: {command}"


def portable(text: str, sizes: str = _SIZES) -> str:
    """`text` without what depends on where it is done, and on the tool that is in packages."""
    text = re.sub(r"(?m)^fetched .*\n", "", text)  # what was in no cache yet
    text = re.sub(r"/\S*(?=/pi[/ ])", "…", text)  # a scratch root of this name, wherever it lies
    text = re.sub(r"\b(\d[\d.]*)-[0-9a-f]{8}\b", r"\1-DIGEST", text)
    text = text.replace(", without owners", "")  # which only root can give
    text = re.sub(r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:KEY", text)  # of keys made by the page
    return re.sub(sizes, "SIZE", text)


def _sizes(text: str, sizes: str) -> list[float]:
    units = {"K": 1 << 10, "M": 1 << 20}
    found = (size for match in re.finditer(sizes, text) for size in match.groups() if size)
    return [float(size.rstrip("KM")) * units.get(size[-1], 1) for size in found]


@pytest.mark.parametrize(
    ("shown", "alike"),
    [
        ("write x: 40 entries, 1000 bytes", True),
        ("write x: 40 entries, 1190 bytes", True),
        ("write x: 40 entries, 1300 bytes", False),
        ("write x: 41 entries, 1000 bytes", False),
        ("write x: 40 entries, 1000 byte", False),
    ],
)
def test_what_a_page_shows_must_be_alike_to_the_digit_but_for_sizes(
    shown: str, *, alike: bool
) -> None:
    with nullcontext() if alike else pytest.raises(AssertionError):
        demand_alike("write x: 40 entries, 1000 bytes", shown)


@pytest.mark.parametrize("shown", ["7; size 300.0K → 301.0K (+9)", "7; size 391.0K → 9.0M (+0)"])
def test_a_size_that_is_far_off_is_found(shown: str) -> None:
    demand_alike("7; size 391.0K → 391.1K (+0)", "7; size 400.0K → 380.0K (+0)")
    with pytest.raises(AssertionError):
        demand_alike("7; size 391.0K → 391.1K (+0)", shown)
