"""Plans a build: which variants there are, what is remembered of each, whose version is "dirty"."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.builder.collect.sources import Sources
from provisioning.builder.plan.committed import Committed, Taken, is_inside, places_of
from provisioning.builder.plan.plan_cache import LayoutCache, Specs
from provisioning.builder.plan.variant_plan import (
    Findings,
    SharedFindings,
    SourceTasks,
    VariantPlan,
    Verdict,
    sources_of,
)
from provisioning.builder.workspace import bundled_tool, paths
from provisioning.builder.workspace.caches import Notes, from_plain
from provisioning.errors import BuildError
from provisioning.spec.resolve.git import GitError, NoVersion, refs
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Doubt
    from provisioning.builder.plan.committed import State
    from provisioning.builder.plan.plan_cache import Known
    from provisioning.builder.plan.variant_plan import SourceTask
    from provisioning.spec.diagnostics import Diagnostic, SpecError
    from provisioning.spec.model.variant import Variant
    from provisioning.spec.resolve.inputs import Inputs


def judge(
    commit: str, parts: Sequence[VariantPlan], sources: Sources, makers: Callable[[], SourceTasks]
) -> dict[str, Verdict]:
    """The verdict on each of `parts`, by its variant's key; `makers` are asked for if they matter.

    Raises:
        GitError: git cannot tell.
    """
    committed = Committed("", commit)
    taken = {part.variant.key: Taken(part.variant, part.findings.summary.named) for part in parts}
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
    """Whether all files are made from what is committed."""

    def __init__(
        self, committed: Committed, taken: Taken, makers: Callable[[], SourceTasks]
    ) -> None:
        self._committed = committed
        self._taken = taken
        self._ask = makers
        self.inputs: set[str] = set()
        """What generated files are made from."""

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
        # No task makes a committed file: the next checkout would replace it.
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
        """The tasks that make a file or directory, or all of one of which git has nothing."""
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
        parts: Sequence[VariantPlan],
        sources: Sources,
        makers: Callable[[], SourceTasks],
    ) -> None:
        """Find the verdict on each of `parts` for which the last one is no longer valid.

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

    def on(self, variant: Variant) -> Verdict:
        """The verdict on a variant, which was asked for."""
        return from_plain(Verdict, self._known[variant.key])

    def _holds(self, commit: str, part: VariantPlan, sources: Sources) -> bool:
        known = self._known.get(part.variant.key)
        if known is None or known[0] != commit:
            return False
        states = dict(known[2])
        # No file says what a spec in Python contains.
        named = {*sources_of(part.variant), *part.variant.said_by}
        return states.keys() >= named and all(
            sources.told(name) == state for name, state in states.items()
        )


def final(part: VariantPlan, makers: SourceTasks) -> Verdict | None:
    """The verdict on what was packaged; None where git knows nothing of it.

    Raises:
        BuildError: the version is no longer right, since files have changed during the build.
    """
    planned = part.verdict
    if planned is None:
        return _without_plan(part, makers)
    if part.findings.is_as(planned.watched):  # guard: changed-since-the-plan
        return planned
    try:
        verdict = _judged(planned.commit, part, makers)
    except GitError as error:
        raise BuildError(str(error)) from None
    if bool(verdict.edited) == bool(planned.edited):
        return verdict
    version = part.variant.version
    if verdict.edited:
        raise BuildError(
            f"{verdict.edited}: changed during the build and now differs from the commit, which "
            f"the version {version} does not say; run doit again, or remove the file from git if a "
            "task writes it"
        )
    raise BuildError(
        f"{planned.edited}: changed during the build and is as committed again, which the version "
        f"{version} does not say; run doit again"
    )


def _without_plan(part: VariantPlan, makers: SourceTasks) -> Verdict | None:
    found = refs(Path())
    if isinstance(found, NoVersion):
        return None
    try:
        return _judged(found.commit, part, makers)
    except GitError:
        return None  # no version depends on it: only the provenance statement says less


def _judged(commit: str, part: VariantPlan, makers: SourceTasks) -> Verdict:
    return judge(commit, [part], part.findings.sources_now(), lambda: makers)[part.variant.key]


def _unanswered(error: GitError, parts: Sequence[VariantPlan]) -> SpecError:
    # Imported here: a build with nothing to report need not load it.
    from provisioning.spec.diagnostics import Diagnostic, SpecError  # noqa: PLC0415

    files = {part.variant.file for part in parts}
    origins = (Origin(file=file, line=0, column=1, path="version.from") for file in files)
    told = (
        Diagnostic.at(origin, "no-version", error.why.message, error.why.hint) for origin in origins
    )
    return SpecError(told, Path())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan for each variant of the project, which is the working directory."""

    parts: Sequence[VariantPlan]
    known: Known
    """What the specs say."""
    doubts: Sequence[tuple[VariantPlan, Doubt]]
    """What is wrong with layouts, each fault with its variant."""
    cache: LayoutCache

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names given on the command line that no spec knows."""
        return self.known.ignored

    @property
    def read_from(self) -> tuple[str, ...]:
        """Everything that the specs are made from, even if missing; directories end in /."""
        return self.known.asked

    @property
    def of_git(self) -> list[VariantPlan]:
        """Those whose versions come from git."""
        return [part for part in self.parts if part.variant.key in self.known.from_git]

    def judged(self, verdicts: Verdicts) -> Plan:
        """The same plan, with the verdict on each variant whose version comes from git."""
        judged = {each: replace(each, verdict=verdicts.on(each.variant)) for each in self.of_git}
        parts = [judged.get(each, each) for each in self.parts]
        doubts = [(judged.get(each, each), doubt) for each, doubt in self.doubts]
        return replace(self, parts=parts, doubts=doubts)

    def demand(
        self,
        excused: Callable[[VariantPlan, Doubt], bool] = lambda *_: False,
        faults: Iterable[Diagnostic] = (),
    ) -> None:
        """Raise SpecError with `faults` and all of specs and layouts except those `excused`."""
        found = [each.fault for part, each in self.doubts if not excused(part, each)]
        # A content that several platforms share has its fault once.
        if told := [*self.known.faults, *dict.fromkeys((*found, *faults))]:
            from provisioning.spec.diagnostics import SpecError  # noqa: PLC0415 - for this alone

            raise SpecError(told, Path())

    def remember(self) -> None:
        """Keep what was learnt for the next process; writes nothing if nothing was."""
        turned = any(part.findings.turn for part in self.parts)
        if not (self.doubts or self.known.faults or turned):
            self.cache.keep((part.variant, part.findings.summary) for part in self.parts)


def make_plan(
    inputs: Inputs,
    digests: Digests,
    artifacts: str,
    makers: Callable[[], SourceTasks] = SourceTasks,
    *,
    anew: bool = False,
) -> Plan:
    """Read and lay out what has changed since the last time; `demand` raises what is wrong.
    `makers` finds the project's own tasks, if needed. With `anew`, all specs are read, which a
    cache remembers without the lines of all keys.

    Raises:
        SpecError: git cannot tell which commit it is.
    """
    notes = Notes(paths.specs(artifacts))
    specs = Specs(inputs, digests, notes)
    place = bundled_tool.bring(paths.tool(artifacts), notes, digests)
    sources = Sources(artifacts, str(place))
    verdicts = Verdicts(notes)
    # A version says whether what is packaged is as committed, and what is packaged may depend on
    # the version. So the last verdict holds until another one is found.
    inputs.edited = verdicts.edited
    plan = _planned(specs, sources, notes, artifacts, anew=anew)
    if plan.of_git and not isinstance(inputs.checkout, NoVersion):
        verdicts.renew(inputs.checkout.commit, plan.of_git, sources, makers)
        if verdicts.edited != inputs.edited:
            inputs.edited = verdicts.edited
            plan = _planned(specs, sources, notes, artifacts, anew=anew)
        plan = plan.judged(verdicts)
    return plan


def _planned(specs: Specs, sources: Sources, notes: Notes, artifacts: str, *, anew: bool) -> Plan:
    known = specs.read() if anew else specs.known()
    plan = _laid_out(known, sources, LayoutCache(notes, known, sources, artifacts))
    if plan.doubts and not known.fresh:
        # The cache lacks some of the places that a report shows.
        known = specs.read()
        plan = _laid_out(known, sources, LayoutCache(notes, known, sources, artifacts))
    sources.forget_lists()
    return plan


def _laid_out(known: Known, sources: Sources, cache: LayoutCache) -> Plan:
    """The plan: what is remembered of a variant, or else what is laid out."""
    keys = (variant.key for variant in known.variants)
    shared = SharedFindings(dict(zip(keys, known.layouts, strict=True)))
    parts, doubts = [], []
    for variant in known.variants:
        remembered = None if known.faults else cache.recall(variant)
        findings = Findings(variant, sources, shared, remembered)
        parts.append(VariantPlan(variant=variant, findings=findings, specs=known.files))
        if remembered is None:
            doubts += [(parts[-1], doubt) for doubt in findings.draft()]
    return Plan(parts=parts, known=known, doubts=doubts, cache=cache)
