"""Knows which variants hold more than what is committed, so that their versions are "dirty"."""

from __future__ import annotations

import os
from collections import deque
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.builder.archive import tool
from provisioning.builder.collect.sources import Sources
from provisioning.builder.plan.cache import Briefs, Specs
from provisioning.builder.plan.committed import Committed, Taken, is_inside, places_of
from provisioning.builder.plan.variant_plan import Part, SourceTasks, Verdict, sources_of
from provisioning.builder.workspace import paths
from provisioning.builder.workspace.cache import Notes
from provisioning.errors import BuildError
from provisioning.spec.resolve.git import GitError, NoVersion, refs
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Doubt
    from provisioning.builder.plan.cache import Known
    from provisioning.builder.plan.committed import State
    from provisioning.builder.plan.variant_plan import SourceTask
    from provisioning.spec.diagnostics import Diagnostic, SpecError
    from provisioning.spec.resolve.inputs import Inputs


def judge(
    commit: str, parts: Sequence[Part], sources: Sources, makers: Callable[[], SourceTasks]
) -> dict[str, Verdict]:
    """The verdict on each of `parts`, by its variant's key; `makers` are asked for if they matter.

    Raises:
        GitError: git cannot tell.
    """
    committed = Committed("", commit)
    taken = {part.variant.key: Taken(part.variant, part.brief.named) for part in parts}
    walked = {path for each in taken.values() for path in each.walked(sources)}
    suspects = sorted(committed.suspects(walked))
    found: dict[str, Verdict] = {}
    for key, each in taken.items():
        trial = _Trial(committed, each, makers)
        edited = trial.edited(path for path in suspects if path in each)
        watched = sorted({*each.watched, *trial.inputs})
        found[key] = Verdict(commit, edited, tuple((name, sources.told(name)) for name in watched))
    return found


class _Trial:
    """Whether files go back to what is committed, all of them."""

    def __init__(
        self, committed: Committed, taken: Taken, makers: Callable[[], SourceTasks]
    ) -> None:
        self._committed = committed
        self._taken = taken
        self._ask = makers
        self.inputs: set[str] = set()
        """What those that are made are made from."""

    def edited(self, suspects: Iterable[str]) -> str:
        """One of `suspects`, or of what they are made from, that is not as committed; or ""."""
        waiting = deque(suspects)
        while waiting:
            path = waiting.popleft()
            state = self._committed.state(path)
            if state != "same" and not self._is_made(path, state, waiting):
                return path
        return ""

    def _is_made(self, path: str, state: State, waiting: deque[str]) -> bool:
        """Whether tasks make what is not committed; then what they make it from is `waiting`."""
        # A file that git holds is nobody's to make: the next checkout brings another.
        makers = self._makers(path) if state == "new" else []
        inputs = {each for maker in makers for each in maker.inputs}
        if state == "new":
            inputs.add(self._known.file)
        new = {each for each in inputs - self.inputs if each and is_inside(each)}
        self.inputs |= new
        # guard: made-of-changed
        waiting += [place for each in sorted(new) for place in places_of(each, follows=True)]
        return bool(makers)

    @cached_property
    def _known(self) -> SourceTasks:
        return self._ask()

    @cached_property
    def _by_place(self) -> dict[str, list[SourceTask]]:
        """Who makes a file or directory, or all that there is in one of which git has nothing."""
        found: dict[str, list[SourceTask]] = {}
        for maker in self._known.tasks:
            for target in filter(is_inside, maker.targets):
                (*_, place) = places_of(target)
                found.setdefault(place, []).append(maker)
                directory = os.path.dirname(place)
                if directory and not self._committed.holds(directory):
                    found.setdefault(directory, []).append(maker)
        return found

    def _makers(self, path: str) -> list[SourceTask]:
        named = self._taken.made_by(path)
        return [
            *(maker for place in _upwards(path) for maker in self._by_place.get(place, ())),
            *(maker for maker in self._known.tasks if named and _is_one(maker.name, named)),
        ]


def _is_one(name: str, named: Iterable[str]) -> bool:
    """Whether a task is one of those that are `named`, or one of a group's."""
    return any(name == each or name.startswith(f"{each}:") for each in named)


def _upwards(path: str) -> Iterator[str]:
    """`path`, and each directory in which it lies."""
    while path:
        yield path
        path = os.path.dirname(path)


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
        makers: Callable[[], SourceTasks],
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
    if part.is_as(planned.watched):  # guard: changed-since-the-plan
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
    from provisioning.spec.diagnostics import Diagnostic, SpecError  # noqa: PLC0415

    files = {part.variant.file for part in parts}
    origins = (Origin(file=file, line=0, column=1, path="version.from") for file in files)
    told = (
        Diagnostic.at(origin, "no-version", error.why.message, error.why.hint) for origin in origins
    )
    return SpecError(told, Path())


class Plan:
    """A part for each variant of the project, which is the working directory."""

    def __init__(self, parts: Sequence[Part], known: Known, briefs: Briefs) -> None:
        self.parts = parts
        self.ignored = known.ignored
        """Names given on the command line that no spec knows."""
        self.of_git = [part for part in parts if part.variant.key in known.from_git]
        """Those whose versions git tells."""
        self.read_from = known.asked
        """All that the specs are made from, whether it is there or not; directories end in /."""
        self.doubts: list[tuple[Part, Doubt]] = []
        """What is wrong with layouts, each fault with its part."""
        self._known = known
        self._briefs = briefs

    def demand(
        self,
        excused: Callable[[Part, Doubt], bool] = lambda *_: False,
        faults: Iterable[Diagnostic] = (),
    ) -> None:
        """Raise SpecError with `faults` and all of specs and layouts but for those `excused`."""
        found = [each.fault for part, each in self.doubts if not excused(part, each)]
        # A content that several platforms share has its fault once.
        if told := [*self._known.faults, *dict.fromkeys((*found, *faults))]:
            from provisioning.spec.diagnostics import SpecError  # noqa: PLC0415 - for this alone

            raise SpecError(told, Path())

    def remember(self) -> None:
        """Keep what was learnt for the next process; writes nothing if nothing was."""
        if not (self.doubts or self._known.faults or any(part.turn for part in self.parts)):
            self._briefs.keep([part.brief for part in self.parts])


def make_plan(
    inputs: Inputs,
    digests: Digests,
    artifacts: str,
    makers: Callable[[], SourceTasks] = SourceTasks,
) -> Plan:
    """Read and lay out what has changed since the last time; what is wrong, `demand` tells.

    `makers` tell of the tasks of the project's own, if they are asked.

    Raises:
        SpecError: git cannot tell of which commit it is.
    """
    notes = Notes(paths.specs(artifacts))
    specs = Specs(inputs, digests, notes)
    place = tool.bring(paths.tool(artifacts), notes, digests)
    sources = Sources(artifacts, str(place))
    verdicts = Verdicts(notes)
    # A version tells whether what is packaged is as committed, and what is packaged may depend on
    # the version. So it is what it was, until it is seen to be another.
    inputs.edited = verdicts.edited
    plan = _planned(specs, sources, notes, artifacts)
    if plan.of_git and not isinstance(inputs.checkout, NoVersion):
        verdicts.renew(inputs.checkout.commit, plan.of_git, sources, makers)
        if verdicts.edited != inputs.edited:
            inputs.edited = verdicts.edited
            plan = _planned(specs, sources, notes, artifacts)
        verdicts.tell(plan.of_git)
    return plan


def _planned(specs: Specs, sources: Sources, notes: Notes, artifacts: str) -> Plan:
    known = specs.known()
    briefs = Briefs(notes, known, sources, artifacts)
    plan = _recalled(known, sources, briefs) or _laid_out(known, sources, briefs)
    if plan.doubts and not known.fresh:
        # What is remembered does not know all the places that a report shows.
        known = specs.read()
        plan = _laid_out(known, sources, Briefs(notes, known, sources, artifacts))
    sources.forget_lists()
    return plan


def _recalled(known: Known, sources: Sources, briefs: Briefs) -> Plan | None:
    recalled = None if known.faults else briefs.recall()
    if recalled is None:
        return None
    parts = [Part(variant, sources, known.files) for variant in known.variants]
    for part, brief in zip(parts, recalled, strict=True):
        part.before = briefs.before(part.variant, brief)
        part.brief = brief._replace(content="") if part.before else brief
    return Plan(parts, known, briefs)


def _laid_out(known: Known, sources: Sources, briefs: Briefs) -> Plan:
    from provisioning.builder.collect.layout import draft  # noqa: PLC0415 - a cost for this alone

    parts = [Part(variant, sources, known.files) for variant in known.variants]
    plan = Plan(parts, known, briefs)
    for part in parts:
        layout, doubts = draft(part.variant, sources)
        if doubts:
            part.brief = part.brief_of(layout)  # the layout is to be made anew, by whoever asks
        else:
            part.layout = layout
        plan.doubts += [(part, doubt) for doubt in doubts]
    return plan
