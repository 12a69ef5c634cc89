"""Versions, as dpkg compares them."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.artifact.model.release import is_older

VERSIONS = st.from_regex(r"[0-9][0-9a-c+.~-]{0,5}[0-9a+.~]", fullmatch=True)


def dpkg_says(version: str, other: str) -> bool:
    done = subprocess.run(["dpkg", "--compare-versions", version, "lt", other], check=False)
    assert done.returncode in {0, 1}
    return done.returncode == 0


ORDER = ["1.0~~", "1.0~rc1", "1.0", "1.0-1", "1.0a", "1.0+b1", "1.2", "1.10", "1.010.1", "2"]


@pytest.mark.parametrize("version", ORDER)
@pytest.mark.parametrize("other", ORDER)
def test_versions_have_an_order(version: str, other: str) -> None:
    assert is_older(version, other) == (ORDER.index(version) < ORDER.index(other))


def test_zeros_in_front_do_not_count() -> None:
    assert not is_older("1.01", "1.1")
    assert not is_older("1.1", "1.01")


@settings(max_examples=150, deadline=None)
@given(VERSIONS, VERSIONS)
def test_the_order_is_that_of_dpkg(version: str, other: str) -> None:
    assert is_older(version, other) == dpkg_says(version, other)
