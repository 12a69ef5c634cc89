"""Which tasks of a dodo.py make what packages are made of, and what must wait for them."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from fnmatch import filter as filter_names
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidDodoFile

from provisioning.artifact.model.entry import shown
from provisioning.builder.plan.needs import (
    CERTAIN,
    Made,
    Need,
    Wanted,
    environments_of,
    needs_of,
    places,
    upwards,
)
from provisioning.errors import ProvisioningError
from provisioning.plugin.doit_internals import delay
from provisioning.plugin.uptodate import NEEDED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from provisioning.builder.collect.layout import Doubt
    from provisioning.builder.plan.needs import MadeBy
    from provisioning.builder.plan.plan import Plan
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.yaml.node import Origin

    Tasks = Mapping[str, Any]


class _Target(NamedTuple):
    """What a task leaves."""

    task: str
    path: str
    places: tuple[str, ...]
    is_file: bool


class _Made(NamedTuple):
    """What a task leaves of a source, and how sure that is."""

    task: str
    path: str
    how: str


class Makers:
    """The tasks that are not `ours`, and what they leave; nothing in `output` is a source."""

    def __init__(self, tasks: Mapping[str, Any], ours: Collection[str], output: str) -> None:
        self._all = tasks
        self._ours = ours
        self.ours = [name for name in tasks if self._is_ours(name)]
        self.others = {name: task for name, task in tasks.items() if not self._is_ours(name)}
        self._output = places(output)
        self._known: dict[tuple[str, tuple[str, ...]], tuple[_Made, ...]] = {}

    def of(self, need: Need, goals: Collection[str], faults: list[Diagnostic]) -> Made:
        """The tasks that make what is needed for the tasks `goals`."""
        named = [*self._named(need, goals, faults)]
        leaving = [*self._leaving(need, goals, faults)]
        sure = [each.task for each in leaving if each.how == CERTAIN]
        tasks = (*named, *(each.task for each in leaving))
        return Made(tuple(dict.fromkeys(tasks)), tuple(dict.fromkeys((*named, *sure))))

    def of_files(self, paths: Iterable[str]) -> list[str]:
        """The tasks that make YAML files in those of `paths` that end in a slash, or the others.

        One that needs a stage itself does not count: what it makes is for the next time.
        """
        sources = [f"{path}*.yaml" if path.endswith("/") else path for path in paths]
        made = dict.fromkeys(each.task for source in sources for each in self._judged(source, ()))
        return [name for name in made if not self._comes_after(name, self.ours)]

    def _named(self, need: Need, goals: Collection[str], faults: list[Diagnostic]) -> Iterator[str]:
        """The tasks that the spec names."""
        for name, origin in need.makers:
            basename = name.partition(":")[0]
            known = name if name in self._all else basename if self._is_delayed(basename) else ""
            if not known:
                message = f"there is no task {name}"
                from provisioning.spec.diagnostics import did_you_mean  # noqa: PLC0415 - as below

                hint = did_you_mean(name, self.others)
                faults.append(_fault(origin, "unknown-task", message, hint))
            elif self._is_ours(known) or self._comes_after(known, goals):
                message = f"task {name} needs this package itself"
                faults.append(_fault(origin, "task-circle", message, "name a task that does not"))
            else:
                yield known

    def _leaving(
        self, need: Need, goals: Collection[str], faults: list[Diagnostic]
    ) -> Iterator[_Made]:
        """What tasks leave of it."""
        for each in self._judged(need.source, need.exclude):
            if not self._comes_after(each.task, goals):
                yield each
            elif each.how == CERTAIN:
                message = (
                    f"task {each.task} needs this package itself, and makes {shown(each.path)}"
                )
                hint = "exclude it, or have it made elsewhere"
                faults.append(_fault(need.origin, "task-circle", message, hint))

    def _judged(self, source: str, exclude: tuple[str, ...]) -> tuple[_Made, ...]:
        if not self.others:
            return ()
        if (source, exclude) not in self._known:
            wanted = Wanted(source, exclude)
            found = [
                _Made(each.task, each.path, how)
                for each in self._near(wanted.places)
                if (how := wanted.concerns(each.places, is_file=each.is_file))
            ]
            found += [_Made(name, source, CERTAIN) for name in self._by_pattern(source)]
            self._known[source, exclude] = tuple(found)
        return self._known[source, exclude]

    @cached_property
    def _targets(self) -> list[_Target]:
        made = [(name, path) for name, task in self.others.items() for path in task.targets]
        targets = [_Target(name, path, places(path), os.path.isfile(path)) for name, path in made]
        return [each for each in targets if not self._is_output(each.places)]

    def _near(self, wanted: Iterable[str]) -> list[_Target]:
        """What lies at one of these places, above it or below it, as tasks were defined."""
        below = (number for place in wanted for number in self._by_place.get(place, ()))
        above = (
            number
            for place in wanted
            for each in upwards(place)
            for number in self._by_place.get(each, ())
            if each in self._targets[number].places
        )
        return [self._targets[number] for number in sorted({*below, *above})]

    @cached_property
    def _by_place(self) -> Mapping[str, list[int]]:
        """The numbers of the targets at each place, and below it."""
        found: dict[str, list[int]] = {}
        for number, target in enumerate(self._targets):
            for each in {each for place in target.places for each in upwards(place)}:
                found.setdefault(each, []).append(number)
        return found

    def _is_output(self, made: tuple[str, ...]) -> bool:
        return any(
            place == output or place.startswith(f"{output}/")
            for place in made
            for output in self._output
        )

    def _by_pattern(self, source: str) -> Iterator[str]:
        """Tasks that are not created yet, and whose targets doit knows by a pattern alone."""
        for name, task in self.others.items():
            pattern = task.loader and task.loader.target_regex
            if pattern and re.match(pattern, source):
                yield name

    def _is_delayed(self, name: str) -> bool:
        return name in self._all and bool(self._all[name].loader)

    def _is_ours(self, name: str) -> bool:
        return name.partition(":")[0] in self._ours

    def _comes_after(self, name: str, goals: Collection[str]) -> bool:
        """Whether a task needs one of `goals`, however far that is."""
        waiting, seen = [name], {name}
        while waiting:
            for each in self._needed[waiting.pop()]:
                if each in goals:
                    return True
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return False

    @cached_property
    def _needed(self) -> Mapping[str, set[str]]:
        """The tasks that each task needs, as far as they are known before any has run."""
        makers = {path: name for name, task in self._all.items() for path in task.targets}
        needed: dict[str, set[str]] = {}
        for name, task in self._all.items():
            needed[name] = {*task.task_dep, *task.setup_tasks, *task.calc_dep} & self._all.keys()
            needed[name].update(makers[path] for path in task.file_dep if path in makers)
            for pattern in task.wild_dep:
                needed[name].update(fnmatch.filter(self._all, pattern))
        return needed


def _fault(origin: Origin, code: str, message: str, hint: str) -> Diagnostic:
    from provisioning.spec.diagnostics import Diagnostic  # noqa: PLC0415 - a cost for what is error_text alone

    return Diagnostic.at(origin, code, message, hint)


_CONCERNED = ("collect", "render", "archive")


class Loaded(NamedTuple):
    """What doit has loaded of this plugin."""

    plan: Plan
    stages: Collection[str]
    """The basenames of its tasks."""
    words: Sequence[str]
    """What was asked for."""
    output: str
    again: Callable[[Collection[Any]], tuple[Plan, Sequence[Any]]] | None
    """Plans again, with other tasks, and returns the tasks of that plan; None if no task runs
    before them."""


def settle(loaded: Loaded, command: Any) -> None:
    """Order the tasks that make sources before the stages that take them.

    `command` is doit's, which has loaded all tasks, and does nothing with them yet. Where tasks
    make what specs are read from, the stages are settled once those are done.

    Raises:
        InvalidDodoFile: with every fault that no other task may fix, or of the command line.
    """
    tasks = {task.name: task for task in command.task_list}
    makers = Makers(tasks, loaded.stages, loaded.output)
    first = makers.of_files(loaded.plan.read_from)
    if first and loaded.again:  # guard: made-before-specs
        stages = [tasks[name] for name in makers.ours]
        _demand_matching(loaded.words, makers.ours, first)
        delay(command, stages, first, partial(_late, loaded, stages, command))
    else:
        try:
            _settle(loaded, tasks, makers)
        except InvalidDodoFile as error:
            way = f"\n\nSpecs are read from what `doit {' '.join(first)}` makes." if first else ""
            raise InvalidDodoFile(f"{error}{way}") from error.__cause__
        for task in map(tasks.__getitem__, makers.ours):
            task.task_dep += first if task.name.startswith("collect:") else ()


def _demand_matching(words: Sequence[str], stages: Sequence[str], first: Sequence[str]) -> None:
    """Raise InvalidDodoFile for a pattern that matches no stage: doit would do nothing for it."""
    for word in words:
        if "*" in word and word.partition(":")[0] in stages and not filter_names(stages, word):
            way = f"specs are read from what `doit {' '.join(first)}` makes"
            raise InvalidDodoFile(f"{word}: matches no known package; {way}")


def settle_alone(loaded: Loaded) -> None:
    """The same where nobody has loaded other tasks; raises likewise."""
    _settle(loaded, {}, Makers({}, loaded.stages, loaded.output))


def _late(loaded: Loaded, stages: Sequence[Any], command: Any, *, is_stale: bool) -> Sequence[Any]:
    """The tasks of the stages, now that what specs are read from is made."""
    plan = loaded.plan
    others = Makers(command.control.tasks, loaded.stages, loaded.output).others
    if is_stale and loaded.again:
        plan, stages = loaded.again(others.values())
    tasks = {**others, **{task.name: task for task in stages}}
    makers = Makers(tasks, loaded.stages, loaded.output)
    _settle(loaded._replace(plan=plan), tasks, makers)
    return stages


def _settle(loaded: Loaded, tasks: Tasks, makers: Makers) -> None:
    plan = loaded.plan
    faults: list[Diagnostic] = []
    for part in plan.parts:
        # Without tasks, nobody has loaded them.
        made_by = _made(part, makers, faults, loaded.output) if tasks else {}
        fetched = [*environments_of(part.variant, loaded.output)]
        part.findings.settle(made_by, is_alone=not (makers.others or fetched))
        if made_by:
            _order(part, tasks, makers)
    try:
        plan.demand(_is_excused, faults)
    except ProvisioningError as error:
        raise refusal(error) from error
    _demand_known(loaded)
    for part in {part for part, _ in plan.doubts}:
        part.findings.renew()  # once those tasks are done, whatever is there counts


def refusal(error: ProvisioningError) -> InvalidDodoFile:
    """The error, as doit shows it without a traceback."""
    # Imported here: a build with nothing to report need not load it.
    from provisioning.spec.diagnostics import SpecError, error_text  # noqa: PLC0415

    reasons = error_text(error, sys.stderr)
    what = "cannot build: the specs have errors" if isinstance(error, SpecError) else "cannot build"
    return InvalidDodoFile(f"{what}\n\n{reasons}")


def _made(part: VariantPlan, makers: Makers, faults: list[Diagnostic], artifacts: str) -> MadeBy:
    fetch = (_name("fetch", part),)
    listings = environments_of(part.variant, artifacts)
    made = {need.source: Made(fetch, fetch) for need in listings}
    for need in (*needs_of(part.variant), *_included_by(part)):
        found = makers.of(need, _goals(part), faults)
        if found.tasks:
            made[need.source] = made.get(need.source, Made()).joined(found)
    return made


def _goals(part: VariantPlan) -> set[str]:
    return {_name(stage, part) for stage in _CONCERNED}


def _included_by(part: VariantPlan) -> list[Need]:
    return [Need(name, part.variant.origin) for name in part.findings.summary.named]


def _order(part: VariantPlan, tasks: Tasks, makers: Makers) -> None:
    collect, render, archive = (tasks[_name(stage, part)] for stage in _CONCERNED)
    for made in part.findings.made_by.values():
        # guard: made-before-taken
        collect.task_dep += [name for name in made.tasks if name not in collect.task_dep]
    # What collecting has found tells which templates there are, what they include, what is wrong.
    collect.value_savers.append(partial(_included, part, makers))
    render.calc_dep.add(collect.name)
    archive.task_dep.append(render.name)


def _included(part: VariantPlan, makers: Makers) -> dict[str, list[str]]:
    """The tasks that make what templates include: these may have been made a moment ago.

    It is for doit's `calc_dep`, to which a task says by this value what others need.
    """
    faults: list[Diagnostic] = []
    made = (makers.of(need, _goals(part), faults).tasks for need in _included_by(part))
    return {NEEDED: sorted({name for names in made for name in names})}


def _name(stage: str, part: VariantPlan) -> str:
    return f"{stage}:{part.variant.name}:{part.variant.platform}"


def _is_excused(part: VariantPlan, doubt: Doubt) -> bool:
    """Whether a task may yet make what is missing."""
    return bool(
        part.findings.made_by
        if doubt.need is None
        else part.findings.made_by.get(doubt.need.source)
    )


def _demand_known(loaded: Loaded) -> None:
    plan = loaded.plan
    for name in plan.ignored:
        print(f"{name}=…: no spec has such a variable", file=sys.stderr)
    if loaded.words:
        from provisioning.spec.model.variant import strange  # noqa: PLC0415 - a cost for this alone

        variants = [part.variant for part in plan.parts]
        if told := list(strange(loaded.words, variants, loaded.stages)):
            raise InvalidDodoFile("\n".join(told))
