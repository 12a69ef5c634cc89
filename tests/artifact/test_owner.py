"""Who an entry may belong to."""

from __future__ import annotations

import os
import pwd

import pytest

from provisioning.artifact.owner import owner_fault, owner_ids
from provisioning.errors import ArtifactError

from .making import file


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


def test_an_owner_has_numbers_on_this_machine() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    entry = file("a").entry._replace(owner=name, group="12")
    assert owner_ids(entry) == (os.getuid(), 12)


def test_an_owner_that_does_not_exist_here_is_named() -> None:
    with pytest.raises(ArtifactError, match=r"^owner nobody-such:0 is not known on this machine$"):
        owner_ids(file("a").entry._replace(owner="nobody-such", group="0"))
