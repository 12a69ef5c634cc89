"""Which tasks of a dodo.py make what packages are made of, by their targets or by a spec."""

from __future__ import annotations

import fnmatch
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import shown
from provisioning.builder.plan.needs import CERTAIN, Made, Wanted, places, upwards

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from provisioning.builder.plan.needs import Need
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.yaml.node import Origin


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

        One that needs a stage itself is none: what it makes is for the next time.
        """
        sources = [f"{path}*.yaml" if path.endswith("/") else path for path in paths]
        made = dict.fromkeys(each.task for source in sources for each in self._judged(source, ()))
        return [name for name in made if not self._comes_after(name, self.ours)]

    def _named(self, need: Need, goals: Collection[str], faults: list[Diagnostic]) -> Iterator[str]:
        """The tasks that the spec names itself."""
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
