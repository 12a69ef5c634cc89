"""Knows what the words of `doit diff` stand for: what was built, or what the specs give."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.artifact.view import view
from provisioning.build.built import releases
from provisioning.build.described import Described
from provisioning.build.plan import make_plan
from provisioning.build.workspace import workspace
from provisioning.errors import ProvisioningError
from provisioning.plugin import ARTIFACTS
from provisioning.plugin.config import digests_of
from provisioning.plugin.word import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.artifact.package import Package
    from provisioning.artifact.view import View
    from provisioning.build.part import Part
    from provisioning.plugin.word import Named
    from provisioning.spec.inputs import Inputs


_NOW = " as the specs give it now"


class Side(NamedTuple):
    """One of the two packages that are compared."""

    called: str
    view: View
    note: str = ""


class Packages:
    """The packages that the specs give; nothing is read before one is asked for."""

    def __init__(self, inputs: Callable[[], Inputs]) -> None:
        self._inputs = inputs
        self._described: dict[str, Described] = {}

    def named(self, word: str) -> Described:
        """The package NAME:PLATFORM.

        Raises:
            ProvisioningError: the specs have faults.
            InvalidCommand: they give no such package; or there is no project.
        """
        if word not in self._described:
            part = next((each for each in self._parts if _word(each.variant) == word), None)
            if part is None:
                raise InvalidCommand(unknown([each.variant for each in self._parts], word))
            package = workspace(part.variant, ARTIFACTS).package
            self._described[word] = Described(part.layout, package, digests_of(ARTIFACTS))
        return self._described[word]

    def known(self, package: Package) -> Described | None:
        """The package as the specs give it now; None where they do not, or cannot be read."""
        try:
            described = self.named(_word(package))
            _ = described.secret  # templates, too
        except (ProvisioningError, InvalidCommand, InvalidDodoFile):
            return None
        return described

    @cached_property
    def _parts(self) -> Sequence[Part]:
        return make_plan(self._inputs(), digests_of(ARTIFACTS), ARTIFACTS).parts


def sides(words: Sequence[str], packages: Packages) -> tuple[Side, Side]:
    """What one or two words stand for: the old package and the new one.

    With one word, the new one is what the specs give now; the old one is the artifact, or what was
    built last of a package.

    Raises:
        ProvisioningError: an artifact cannot be read, or the specs have faults.
        InvalidCommand: a word stands for nothing.
    """
    # Before the project is read: doit then goes to its directory.
    paths = [Path(os.path.abspath(word)) for word in words]
    if len(words) == 1 and _is_name(words[0]):
        described = packages.named(words[0])
        return _built_last(words[0], described.package), Side(words[0], described, _NOW)
    found = [_side(word, path, packages) for word, path in zip(words, paths, strict=True)]
    if len(found) == 1:
        word = _word(found[0].view.manifest.package)
        found.append(Side(word, _same(found[0].called, word, packages), _NOW))
    old, new = found
    return old, new


def _side(word: str, path: Path, packages: Packages) -> Side:
    if _is_name(word):
        return Side(word, packages.named(word), _NOW)
    if not os.path.lexists(path) and "/" not in word:
        raise InvalidCommand(f"{word}: no such artifact; a package of the specs is NAME:PLATFORM")
    return Side(word, view(path, word))


def _is_name(word: str) -> bool:
    """Whether a word is NAME:PLATFORM, and no path."""
    return ":" in word and "/" not in word and not os.path.lexists(word)


def _built_last(word: str, package: Package) -> Side:
    for release in releases(ARTIFACTS, package.name, package.platform):
        called = str(release)
        found = view(release, called)
        if _word(found.manifest.package) == word:
            return Side(called, found)
    raise InvalidCommand(f"{word} has not been built; `doit package:{word}` builds it")


def _same(called: str, word: str, packages: Packages) -> Described:
    """What the specs give of the package that an artifact holds."""
    try:
        return packages.named(word)
    except InvalidCommand as error:
        raise InvalidCommand(f"{called} holds {word}, but here {error}") from None


def _word(package: Named) -> str:
    return f"{package.name}:{package.platform}"
