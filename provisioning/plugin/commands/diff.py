"""`provision diff`: how two packages differ, each of them built or as the specs give it now."""

from __future__ import annotations

import json
import os
import sys
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.artifact.difference import (
    ADDED,
    CHANGED,
    CONTENT,
    REMOVED,
    Detail,
    compare,
    spelled,
    texts,
    view,
)
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import FILE, LINK, shown
from provisioning.builder.verify.prove import ExpectedPackage, redaction
from provisioning.builder.workspace.paths import ARTIFACTS, releases, workspace
from provisioning.console import BOLD, CYAN, GREEN, RED, leave_plain, paint, shows_colour
from provisioning.errors import ProvisioningError
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    size_text,
)
from provisioning.plugin.database import digests_of
from provisioning.spec.model.variant import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from provisioning.artifact.difference import Change, Difference, Text, View
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.console import Paint
    from provisioning.spec.model.variant import Named

_NOW = " as the specs give it now"


class Side(NamedTuple):
    """One of the two packages that are compared."""

    called: str
    view: View
    note: str = ""


class Packages:
    """The packages that the specs give; nothing is read before one is asked for."""

    def __init__(self, parts: Callable[[], Sequence[VariantPlan]]) -> None:
        self._read = parts
        self._described: dict[str, ExpectedPackage] = {}

    def named(self, word: str) -> ExpectedPackage:
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
            self._described[word] = ExpectedPackage(
                part.findings.layout, package, digests_of(ARTIFACTS)
            )
        return self._described[word]

    def known(self, package: Package) -> ExpectedPackage | None:
        """The package as the specs give it now; None where they do not, or cannot be read."""
        try:
            described = self.named(_word(package))
            _ = described.secret  # templates, too
        except (ProvisioningError, InvalidCommand, InvalidDodoFile):
            return None
        return described

    @cached_property
    def _parts(self) -> Sequence[VariantPlan]:
        return self._read()


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
        raise InvalidCommand(
            f"{word}: no such artifact; write a package of the specs as NAME:PLATFORM"
        )
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


def _same(called: str, word: str, packages: Packages) -> ExpectedPackage:
    """What the specs give of the package that an artifact holds."""
    try:
        return packages.named(word)
    except InvalidCommand as error:
        raise InvalidCommand(f"{called} holds {word}, but here {error}") from None


def _word(package: Named) -> str:
    return f"{package.name}:{package.platform}"


_MARKS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}
_STYLES = {"+": GREEN, "-": RED, "@": CYAN, "~": BOLD}
_INDENT = "    "
_SMALL = 1024  # bytes; less is shown to the byte


class Outcome(NamedTuple):
    """What comparing two packages has shown."""

    old: Side
    new: Side
    difference: Difference
    texts: Mapping[str, Text]

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {
            "old": self.old.called,
            "new": self.new.called,
            "equal": not any(self.difference),
            "properties": [detail._asdict() for detail in self.difference.head],
            "paths": [self._plain(change) for change in self.difference.changes],
            "size": _plain_sizes(*self._sizes()),
        }

    def lines(self, paint: Paint) -> Iterator[str]:
        """The outcome line by line, without newlines."""
        if any(self.difference):
            yield paint(f"--- {shown(self.old.called)}{self.old.note}", RED)
            yield paint(f"+++ {shown(self.new.called)}{self.new.note}", GREEN)
        for detail in self.difference.head:
            values = f"{spelled(detail.old)} → {spelled(detail.new)}"
            yield f"{paint(detail.name, BOLD)}: {values}"
        shared = self._shared()
        if shared:
            yield f"{paint('every path', BOLD)}: {', '.join(map(str, shared))}"
        for change in self.difference.changes:
            if change.kind != CHANGED or not shared.issuperset(change.details):
                yield from self._change(change, shared, paint)
        yield self._summary()

    def _change(self, change: Change, shared: Collection[Detail], paint: Paint) -> Iterator[str]:
        mark, text = _MARKS[change.kind], self.texts.get(change.path)
        why_not = f"; not shown: {text.why_not}" if text and text.why_not else ""
        what = what_differs(change, shared)
        yield f"{paint(f'{mark} {shown(change.path)}', _STYLES[mark])}: {what}{why_not}"
        for line in text.lines if text else ():
            painted = paint(line, _STYLES[line[0]]) if line[0] in _STYLES else line
            yield f"{_INDENT}{painted}" if line != " " else ""

    def _shared(self) -> frozenset[Detail]:
        """What differs in the same way in every path that both packages have, such as the owner."""
        changed = [each.details for each in self.difference.changes if each.kind == CHANGED]
        if len(changed) != self._common() or len(changed) < 2:  # noqa: PLR2004 - every one of two
            return frozenset()
        return frozenset(changed[0]).intersection(*changed)

    def _common(self) -> int:
        """How many paths both packages have."""
        added = sum(1 for change in self.difference.changes if change.kind == ADDED)
        return len(self.new.view.manifest.entries) - added

    def _summary(self) -> str:
        before, after = self._sizes()
        if not any(self.difference):
            return f"equal: {count_text(self._common(), 'path')}, {size_text(after)}"
        kinds = [change.kind for change in self.difference.changes]
        paths = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _MARKS)
        same = self._common() - kinds.count(CHANGED)
        head = len(self.difference.head)
        named = f"{head} {'property' if head == 1 else 'properties'}; " if head else ""
        return f"different: {named}paths: {paths}, {same} equal; size {_sizes(before, after)}"

    def _sizes(self) -> tuple[int, int]:
        return _size(self.old.view.manifest), _size(self.new.view.manifest)

    def _plain(self, change: Change) -> dict[str, Any]:
        text = self.texts.get(change.path)
        return {
            "path": change.path,
            "change": change.kind,
            "differs": [detail.what for detail in change.details],
            "old": change.old and _plain_entry(change.old),
            "new": change.new and _plain_entry(change.new),
            "size": _plain_sizes(*change.sizes),
            "text": list(text.lines) if text and not text.why_not else None,
            "not_shown": text.why_not or None if text else None,
        }


def what_differs(change: Change, shared: Collection[Detail]) -> str:
    """What is worth knowing of a path, except what all share."""
    entry = change.new or change.old
    if change.details or not entry:
        own = (each for each in change.details if each not in shared)
        return ", ".join(_content(change) if each.what == CONTENT else str(each) for each in own)
    if entry.type == LINK:
        return f"link to {shown(entry.link)}"
    size = f", {size_text(entry.size)}" if entry.type == FILE else ""
    return f"{entry.type}, mode {entry.mode:04o}{size}"


def _content(change: Change) -> str:
    return f"content {_sizes(*change.sizes)}"


def _sizes(before: int, after: int) -> str:
    sign, by = "-" if after < before else "+", abs(after - before)
    if max(before, after) < _SMALL:
        return f"{before} → {count_text(after, 'byte')} ({sign}{by})"
    return f"{size_text(before)} → {size_text(after)} ({sign}{size_text(by)})"


def _size(of: Manifest) -> int:
    return sum(entry.size for entry in of.entries)


def _plain_sizes(before: int, after: int) -> dict[str, int]:
    return {"old": before, "new": after, "difference": after - before}


def _plain_entry(entry: Entry) -> Any:
    """An entry as in its line of the manifest."""
    return json.loads(manifest.lines([entry]))


EQUAL, DIFFERENT, TROUBLE = 0, 1, 2


class Diff(ProjectCommand):
    """Compares two packages, of which each was built or is what the specs give; builds nothing."""

    name = "diff"
    doc_purpose = "show how packages differ, or what a build would change"
    doc_usage = "[--brief] [--json] ARTIFACT|NAME:PLATFORM [ARTIFACT|NAME:PLATFORM]"
    doc_description = (
        "An ARTIFACT is a file in any format, an unpacked package, or the directory of a release; "
        "it is verified on the way. NAME:PLATFORM is what the specs give now.\n\n"
        "Two of them are compared, the old one first. One alone, an ARTIFACT or the last build of "
        "NAME:PLATFORM, is compared with what the specs give now.\n\n"
        "The text of a file that holds secrets, or may hold some, is not shown.\n\n"
        "The exit status is 0 if they are equal, 1 if they differ, and 2 on errors."
    )
    cmd_options = (
        {
            "name": "brief",
            "short": "q",
            "long": "brief",
            "type": bool,
            "default": False,
            "help": "show which paths differ and how, without their texts",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print how two packages differ, and return the exit code."""
        if not 1 <= len(pos_args) <= 2:  # noqa: PLR2004 - a difference has two sides
            raise InvalidCommand("diff takes one or two of ARTIFACT and NAME:PLATFORM")
        outcome = self._compare(opt_values, pos_args)
        if opt_values["as_json"]:
            answer_json(outcome.as_json())
        else:
            how = paint if shows_colour(sys.stdout) else leave_plain
            answer("".join(f"{line}\n" for line in outcome.lines(how)))
        return DIFFERENT if any(outcome.difference) else EQUAL

    def _compare(self, parameters: Any, words: Sequence[str]) -> Outcome:
        packages = Packages(partial(self.parts, parameters))
        old, new = sides(words, packages)
        difference = compare(old.view.manifest, new.view.manifest)
        views = (old.view, new.view)

        @cache
        def known() -> Any:
            return redaction((each, packages.known(each.manifest.package)) for each in views)

        shown = () if parameters["brief"] else difference.changes
        found = texts(*views, shown, lambda change: known().why_not(change))
        return Outcome(old, new, difference, found)
