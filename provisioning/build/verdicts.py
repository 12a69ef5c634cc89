"""Knows the verdicts on variants for as long as they hold, since git takes long to come to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.build.judge import judge
from provisioning.build.part import sources_of
from provisioning.build.verdict import Verdict
from provisioning.errors import BuildError
from provisioning.spec.git import GitError, NoVersion, refs
from provisioning.spec.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.build.notes import Notes
    from provisioning.build.part import Part
    from provisioning.build.sources import Sources
    from provisioning.build.verdict import Makers
    from provisioning.spec.fault import SpecError

_NOTE = "edited"


class Verdicts:
    """Which variants hold more than what is committed, remembered in `notes`."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        note = notes.get(_NOTE)
        self._known: dict[str, Any] = note.document if note else {}

    @property
    def edited(self) -> frozenset[str]:
        """Those that do, by their keys."""
        return frozenset(key for key, (_, edited, _) in self._known.items() if edited)

    def renew(
        self,
        commit: str,
        parts: Sequence[Part],
        sources: Sources,
        makers: Callable[[], Makers],
    ) -> None:
        """Come to a verdict on each of `parts`, where the last one does not hold any more.

        Raises:
            SpecError: git cannot tell.
        """
        left = [part for part in parts if not self._holds(commit, part, sources)]
        if not left:
            return
        try:
            found = judge(commit, left, sources, makers)
        except GitError as error:
            raise _unanswered(error, parts) from None
        keys = {part.variant.key for part in parts}
        self._known = {key: each for key, each in self._known.items() if key in keys} | found
        if sources.settled():
            self._notes.put(_NOTE, self._known)

    def tell(self, parts: Sequence[Part]) -> None:
        """Have each of `parts` know the verdict on it."""
        for part in parts:
            part.verdict = Verdict(*self._known[part.variant.key])

    def _holds(self, commit: str, part: Part, sources: Sources) -> bool:
        known = self._known.get(part.variant.key)
        if known is None or known[0] != commit:
            return False
        states = dict(known[2])
        # Of a spec in Python, no file tells what it says.
        named = {*sources_of(part.variant), *part.variant.said_by}
        return states.keys() >= named and all(
            sources.told(name) == state for name, state in states.items()
        )


def final(part: Part) -> Verdict | None:
    """The verdict on what was packaged; None where git knows nothing of it.

    Raises:
        BuildError: the version tells of another, since files have changed on the way.
    """
    planned = part.verdict
    if planned is None:
        return _without_plan(part)
    if part.is_as(planned.watched):
        return planned
    try:
        verdict = _judged(planned.commit, part)
    except GitError as error:
        raise BuildError(str(error)) from None
    if bool(verdict.edited) == bool(planned.edited):
        return verdict
    version = part.variant.version
    if verdict.edited:
        raise BuildError(
            f"{verdict.edited}: changed on the way, and is not as committed, which {version} does "
            "not tell; run doit again, or take out of git what a task writes"
        )
    raise BuildError(
        f"{planned.edited}: changed on the way, and is as committed again, which {version} does "
        "not tell; run doit again"
    )


def _without_plan(part: Part) -> Verdict | None:
    found = refs(Path())
    if isinstance(found, NoVersion):
        return None
    try:
        return _judged(found.commit, part)
    except GitError:
        return None  # no version depends on it: the statement beside the release tells less


def _judged(commit: str, part: Part) -> Verdict:
    return judge(commit, [part], part.sources_now(), lambda: part.makers)[part.variant.key]


def _unanswered(error: GitError, parts: Sequence[Part]) -> SpecError:
    # Imported here: a cost that a build with nothing to tell does not owe.
    from provisioning.spec.fault import Fault, SpecError  # noqa: PLC0415

    files = {part.variant.file for part in parts}
    origins = (Origin(file=file, line=0, column=1, path="version.from") for file in files)
    told = (Fault.at(origin, "no-version", error.why.message, error.why.hint) for origin in origins)
    return SpecError(told, Path())
