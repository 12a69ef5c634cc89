"""Who an entry may belong to."""

from __future__ import annotations

import pytest

from provisioning.artifact.model.entry import owner_fault


@pytest.mark.parametrize("owner", ["root", "_www", "www-data", "0", "1000", "2097151", "a" * 31])
def test_names_and_numbers_are_owners(owner: str) -> None:
    assert owner_fault(owner) is None


@pytest.mark.parametrize("owner", ["", "a" * 32, "größe", "a b", "-x", "007", "-1", "²", "a\n"])
def test_what_a_header_cannot_hold_is_no_owner(owner: str) -> None:
    assert owner_fault(owner) == (
        "is neither a name (at most 31 of A-Z a-z 0-9 _ . -) nor a number up to 2097151"
    )


def test_a_number_above_seven_octal_digits_is_no_owner() -> None:
    assert owner_fault("2097152") == "is a number above 2097151"
