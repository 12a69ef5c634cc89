"""Knows which words of the command line mean stages of packages that there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.plugin.command.word import matching, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from provisioning.plugin.command.word import Named


def strange(words: Sequence[str], known: Sequence[Named], stages: Collection[str]) -> Iterator[str]:
    """What to say of each: doit knows tasks, and not what their names are made of."""
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
