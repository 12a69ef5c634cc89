"""Knows which texts of a package are not shown, since a secret stands in them, or may."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.difference import Change
    from provisioning.artifact.view import View
    from provisioning.build.described import Described

_EVERYONE_READS = 0o004


class Secrecy(NamedTuple):
    """What is known of secrets in packages that are compared."""

    paths: frozenset[str]
    """Files that templates make of secrets."""
    unsure: bool
    """Whether others may hold some: no artifact tells, nor from which specs it was built."""

    def why_not(self, change: Change) -> str:
        """Why the text of a file must not be shown; "" where it may be."""
        if change.path in self.paths:
            return "it holds secrets"
        entries = [each for each in (change.old, change.new) if each]
        if self.unsure and not all(each.mode & _EVERYONE_READS for each in entries):
            return "it may hold secrets, since not everyone may read it"
        return ""


def secrecy(states: Iterable[tuple[View, Described | None]]) -> Secrecy:
    """What is known of states of packages, each given with what the specs of today make of it.

    A package that has no secrets in the specs of today is taken to have had none when it was built.
    """
    states = tuple(states)
    paths = (described.secret for _, described in states if described)
    unsure = any(
        described is None or (state is not described and described.has_secrets)
        for state, described in states
    )
    return Secrecy(frozenset[str]().union(*paths), unsure)
