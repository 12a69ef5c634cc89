"""Which packages and stages the words of a command line name, and which may have been meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
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
    from provisioning.spec.diagnostics import did_you_mean  # noqa: PLC0415

    name, _, platform = word.partition(":")
    platforms = {each.platform for each in matching(known, name)}
    if platforms:
        return f"{name} is not built for {platform}; {did_you_mean(platform, platforms)}"
    return f"no package is called {name}; {did_you_mean(name, {each.name for each in known})}"


def strange(words: Sequence[str], known: Sequence[Named], stages: Collection[str]) -> Iterator[str]:
    """What to say of each word that means a stage of a package, and is no task.

    doit knows tasks, and not what their names are made of.
    """
    before = ""
    for word in words:
        if word.startswith("-"):
            continue
        stage, _, name = word.partition(":")
        if stage in stages:
            if name and "*" not in name and not matching(known, name):
                yield f"{word}: {unknown(known, name)}"
            before = stage
        else:
            # A stage takes no words of its own, so that this can be no other task's.
            if before and matching(known, word):
                yield f"{word}: is no task; say {before}:{word}"
            before = ""
