"""Knows what NAME or NAME:PLATFORM on the command line names, and what may have been meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    T = TypeVar("T", bound="Named")


class Named(Protocol):
    """A package on one platform."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def platform(self) -> str:
        """The platform's name."""


def matching(known: Sequence[T], word: str) -> list[T]:
    """Those of `known` that a word names."""
    name, colon, platform = word.partition(":")
    return [
        each for each in known if each.name == name and (not colon or each.platform == platform)
    ]


def unknown(known: Sequence[Named], word: str) -> str:
    """Say that a word names none of `known`, and which one may have been meant."""
    from provisioning.spec.fault import did_you_mean  # noqa: PLC0415

    name, _, platform = word.partition(":")
    platforms = {each.platform for each in matching(known, name)}
    if platforms:
        return f"{name} is not built for {platform}; {did_you_mean(platform, platforms)}"
    return f"no package is called {name}; {did_you_mean(name, {each.name for each in known})}"
