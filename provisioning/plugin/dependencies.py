"""Orders the tasks that make sources before the stages that take them, once all are loaded."""

from __future__ import annotations

import sys
from fnmatch import filter as filter_names
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidDodoFile

from provisioning.builder.plan.needs import Made, Need, needs_of
from provisioning.errors import ProvisioningError
from provisioning.plugin.producers import Makers
from provisioning.plugin.uptodate import NEEDED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from provisioning.builder.collect.layout import Doubt
    from provisioning.builder.plan.needs import MadeBy
    from provisioning.builder.plan.plan import Plan
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.spec.diagnostics import Diagnostic

    Tasks = Mapping[str, Any]

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
    """Plans anew, beside other tasks, and gives the tasks of that plan; None where no task is run
    before them."""


def settle(loaded: Loaded, command: Any) -> None:
    """Order the tasks that make sources before the stages that take them.

    `command` is doit's, which has loaded all tasks, and does nothing with them yet. Where tasks
    make what specs are read from, the stages are settled once those are done.

    Raises:
        InvalidDodoFile: with every fault that no other task may mend, or of what was asked for.
    """
    tasks = {task.name: task for task in command.task_list}
    makers = Makers(tasks, loaded.stages, loaded.output)
    first = makers.of_files(loaded.plan.read_from)
    if first and loaded.again:  # guard: made-before-specs
        from provisioning.plugin.doit_internals import delay  # noqa: PLC0415 - a cost for this alone

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
            raise InvalidDodoFile(f"{word}: matches no package that is known; {way}")


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
        made_by = _made(part, makers, faults) if tasks else {}
        part.findings.settle(made_by, is_alone=not makers.others)
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
    """What doit shows without a traceback."""
    # Imported here: a cost that a build with nothing to tell does not owe.
    from provisioning.spec.diagnostics import error_text  # noqa: PLC0415

    reasons = error_text(error, sys.stderr)
    return InvalidDodoFile(f"nothing can be built as things are\n\n{reasons}")


def _made(part: VariantPlan, makers: Makers, faults: list[Diagnostic]) -> MadeBy:
    made: dict[str, Made] = {}
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
        from provisioning.plugin.selectors import strange  # noqa: PLC0415 - a cost for this alone

        variants = [part.variant for part in plan.parts]
        if told := list(strange(loaded.words, variants, loaded.stages)):
            raise InvalidDodoFile("\n".join(told))
