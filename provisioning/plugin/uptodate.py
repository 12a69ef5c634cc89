"""Whether the facts, variables, sources and targets of a task are as recorded; if not, why."""

from __future__ import annotations

import hashlib
import json
import os
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from doit.dependency import UptodateCalculator
from doit.exceptions import InvalidDodoFile
from doit.globals import Globals

from provisioning.builder.collect.collect import collected_from
from provisioning.builder.plan.needs import NO_MAKER, Made, places
from provisioning.builder.workspace.listings import is_whole
from provisioning.errors import BuildError, ProvisioningError
from provisioning.plugin import doit_internals
from provisioning.plugin.database import CONTENT, Checker, digests_of
from provisioning.plugin.reporter import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from provisioning.builder.plan.needs import Absent
    from provisioning.builder.plan.variant_plan import SourceTasks, VariantPlan
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.builder.workspace.signing import Signing

_ABSENT = "(absent)"  # no value as text: those are JSON
_SEAL = "(secret) "  # nor is this
_SCRYPT_COST = 1 << 12  # 10 ms: nothing to a build, much to somebody who tries all short passwords


class Job(NamedTuple):
    """What a stage works on: one variant, and where it is built."""

    part: VariantPlan
    workspace: Workspace
    artifacts: str
    offline: bool = False
    """Whether nothing may be downloaded."""
    signing: Signing | None = None
    """How it is signed; None if it is not."""
    makers: SourceTasks | None = None
    """The tasks of the project's own, for the stage that says what was built from what."""


class Reason(NamedTuple):
    """Why a task is not up to date."""

    kind: Literal["new", "fact", "variable", "secret", "content", "target", "lost"]
    what: str = ""  # the name of the fact or variable, the path of the target or source
    old: str = ""  # JSON, or a digest of it where it is long
    new: str = ""

    def lines(self) -> Iterator[str]:
        """The reason in words; for values that have parts, a line for each that has changed."""
        told = {
            "new": "never run before",
            "secret": f"{self.what}: the secret has changed",
            "content": "a source has changed",
            "target": f"{self.what}: damaged: its content has changed since this stage wrote it",
            "lost": f"{self.what}: empty or missing; {self.new}",
        }
        if line := told.get(self.kind):
            yield line
        else:
            spell = _bare if self.kind == "fact" else _spell
            found = [*self.differences()]
            yield from (f"{path}: {_change(old, new, spell)}" for path, old, new in found)
            if not found:  # a template that shows a map shows it so
                yield f"{self.what}: the same values in another order"

    def differences(self) -> Iterator[tuple[str, Any, Any]]:
        """The path of each value that has changed, as in `services.pump.user`, and both values."""
        yield from _differences(self.what, _value(self.old), _value(self.new))


def _value(recorded: str) -> Any:
    """A recorded value; text that is not JSON stands for itself, written as it is."""
    return _Unspelled(recorded) if recorded[:1] in "(s" else json.loads(recorded)


class _Unspelled(str):
    """A recorded value that cannot be taken apart: absent, or a digest of what is long."""

    __slots__ = ()


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            before, now = old.get(key, _Unspelled(_ABSENT)), new.get(key, _Unspelled(_ABSENT))
            if before != now:
                yield from _differences(f"{path}.{key}", before, now)
    else:
        yield path, old, new


def _change(old: Any, new: Any, spell: Callable[[Any], str]) -> str:
    if any(isinstance(each, _Unspelled) and each != _ABSENT for each in (old, new)):
        return "its value has changed"
    if isinstance(new, dict) and old == _ABSENT:
        return "added"
    if isinstance(old, dict) and new == _ABSENT:
        return "removed"
    return f"{spell(old)} → {spell(new)}"


def _spell(value: Any) -> str:
    return str(value) if isinstance(value, _Unspelled) else json.dumps(value, ensure_ascii=False)


def _bare(value: Any) -> str:
    """A value as people write it: without the quotation marks of JSON."""
    return value if isinstance(value, str) and value else _spell(value)


class Wants(NamedTuple):
    """What a stage is made of, and what it makes, as the project is now."""

    facts: Mapping[str, str]
    file_dep: Collection[str] = ()
    targets: Sequence[str] = ()


class Unchanged(UptodateCalculator):  # type: ignore[misc]  # doit has no types
    """A doit `uptodate`: false as soon as a fact, a used variable or a target has changed.

    Facts always count. Of `variables` those count that the action names in its value "uses";
    where it names none, none do. Both map a name to text. What the action left in its targets
    stands in its value "targets". Variables that hold secrets are recorded sealed.
    """

    # doit asks for it at each task: to find it out takes as long as to tell what is up to date.
    __signature__ = signature(lambda task, values: (task, values))

    def __init__(
        self,
        job: Job,
        wants: Callable[[Job], Wants],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`wants` is asked again once another task has changed what the package is made of."""
        super().__init__()
        self.job = job
        self.digests = digests_of(job.artifacts)
        self.wants = wants(job)
        self._ask = wants
        self._turn = job.part.findings.turn
        self._variables = variables or {}
        self._secrets = job.part.variant.secrets
        self.reasons: list[Reason] = []

    def configure_task(self, task: Any) -> None:
        """Have doit record with a finished task what this will compare."""
        task.value_savers.append(lambda: self._record(task))

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether the task can be left alone, as far as this can tell; `reasons` say why not."""
        self.job.part.findings.refresh_after(sum(map(_is_done, _others.among(self.tasks_dict))))
        if self._turn != self.job.part.findings.turn and not self._asked_again(task):
            self.reasons = [Reason("content")]
            return False
        _look_before(task)
        self.reasons = [*self._changed(values), *self._damaged(task, values)]
        return not self.reasons

    def _asked_again(self, task: Any) -> bool:
        """Take over what the stage wants now; False where its action has to say what is wrong."""
        try:
            self.wants = self._ask(self.job)
        except (OSError, ProvisioningError):
            return False
        self._turn = self.job.part.findings.turn
        task.file_dep, task.targets = {*self.wants.file_dep}, [*self.wants.targets]
        return True

    @property
    def is_new(self) -> bool:
        """Whether the task has never been done."""
        return any(reason.kind == "new" for reason in self.reasons)

    def __repr__(self) -> str:
        told = (line for reason in self.reasons for line in reason.lines())
        return "; ".join(told) or "values and targets as recorded"

    def _record(self, task: Any) -> dict[str, Any]:
        uses = task.values.get("uses", ())
        used = {name: self._recorded(name) for name in uses}
        return {"facts": {**self.wants.facts}, "variables": used, "because": self.reasons}

    def _recorded(self, name: str) -> str:
        value = self._variables.get(name, _ABSENT)
        return _sealed(value, os.urandom(16)) if name in self._secrets else value

    def _changed(self, values: Mapping[str, Any]) -> Iterator[Reason]:
        if "facts" not in values:
            yield Reason("new")
            return
        # A new variable concerns nobody yet; a new fact is one that the action will use.
        for name in {**values["facts"], **self.wants.facts}:
            old, now = values["facts"].get(name, _ABSENT), self.wants.facts.get(name, _ABSENT)
            if old != now:
                yield Reason("fact", name, old, now)
        for name, old in values["variables"].items():
            now = self._variables.get(name, _ABSENT)
            if name in self._secrets or old.startswith(_SEAL):
                if not _is_sealed(now, old):
                    yield Reason("secret", name)
            elif now != old:
                yield Reason("variable", name, old, now)

    def _damaged(self, task: Any, values: Mapping[str, Any]) -> Iterator[Reason]:
        for target in task.targets:
            left = values.get("targets", {}).get(target)
            # doit itself notices a target that is missing.
            # guard: damaged-artifact
            if left is not None and os.path.lexists(target) and self._held(target) != left:
                yield Reason("target", target)

    def _held(self, target: str) -> str:
        try:
            return self.digests.look(target).identity
        except (OSError, BuildError) as error:
            return str(error)


class SumsUnchanged(Unchanged):
    """The same, for the stage that says what was built from what: others may have made some."""

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether the task can be left alone; if not, what it needs to know is handed to it."""
        is_unchanged = super().__call__(task, values)
        makers = doit_internals.source_tasks_of(_others.among(self.tasks_dict))
        task.meta = {**(task.meta or {}), MAKERS: makers}
        return is_unchanged


def _sealed(value: str, salt: bytes) -> str:
    """Text that shows whether a value is the same one, and nothing else of it."""
    digest = hashlib.scrypt(value.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1)
    return f"{_SEAL}{salt.hex()}:{digest.hex()}"


def _is_sealed(value: str, sealed: str) -> bool:
    salt = sealed.removeprefix(_SEAL).partition(":")[0]
    return sealed.startswith(_SEAL) and _sealed(value, bytes.fromhex(salt)) == sealed


class _Others:
    """The tasks of a run that are no stages and do or make something: groups do not.

    Each stage asks for them, so they are found once, and again when doit has made more tasks.
    """

    def __init__(self) -> None:
        self._tasks: Mapping[str, Any] = {}
        self._count = 0
        self._found: list[Any] = []

    def among(self, tasks: Mapping[str, Any]) -> list[Any]:
        if tasks is not self._tasks or len(tasks) != self._count:
            self._tasks, self._count = tasks, len(tasks)
            does = (each for each in tasks.values() if each.actions or each.targets)
            self._found = [each for each in does if not _is_stage(each)]
        return self._found


_others = _Others()


def _is_done(task: Any) -> bool:
    """Whether a task was executed in this run, and did something."""
    return bool(task.executed and task.actions)


def _is_stage(task: Any) -> bool:
    return any(isinstance(judge, Unchanged) for judge, *_ in task.uptodate)


def _look_before(task: Any) -> None:
    """Have the checker see every dependency before the action does.

    doit looks only as far as its first reason to run a task, and the checker could not tell an
    edit made while the task runs from one made before.
    """
    checker = Globals.dep_manager.checker
    if not isinstance(checker, Checker):
        raise InvalidDodoFile(
            "the tasks of provisioning.plugin need its DOIT_CONFIG;"
            " put DOIT_CONFIG = configure() into the dodo.py, which may add to it but"
            " must leave check_file_uptodate as it is"
        )
    for dependency in task.file_dep:
        checker.look_before(dependency)


EMPTY = "empty"
"""The value of a task that names the sources which were left empty by the tasks that make them."""
NEEDED = "task_dep"
"""The one by which doit takes tasks to be done before others that have this one as `calc_dep`."""
MAKERS = "provisioning: makers"
"""The key in a task's `meta` for the project's own tasks."""
LOST = "provisioning: lost"
"""The key in a task's `meta` that says what keeps it from being done."""


class SourcesUnchanged(Unchanged):
    """Also false as soon as a source has changed, or what a task made is gone.

    What the action found in them stands in its value CONTENT. The sources are the task's
    `file_dep`, but where tasks are run, doit need not go through them one by one: that takes
    longer than all else that a build with nothing to do does.
    """

    def __init__(self, job: Job, wants: Callable[[Job], Wants], *, runs: bool) -> None:
        super().__init__(job, wants)
        self._runs = runs

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether every source holds what it did, and none was lost."""
        is_unchanged = super().__call__(task, values)
        found: list[Reason] = []
        if not is_unchanged and self._is_sound:  # guard: emptied-directory
            found += self._emptied()
        found += self._lost(values.get(EMPTY, ()))
        lost = {reason.what.rstrip("/"): reason for reason in found}
        self.reasons += lost.values()
        why = [line for reason in lost.values() for line in reason.lines()]
        told = {ABSENT: [*map(str, self.absent)], LOST: why}
        kept = {key: each for key, each in (task.meta or {}).items() if key not in told}
        task.meta = {**kept, **{key: lines for key, lines in told.items() if lines}}
        return is_unchanged and not lost

    @property
    def absent(self) -> tuple[Absent, ...]:
        """The optional contents that have found nothing."""
        return self.job.part.findings.summary.absent if self._is_sound else ()

    @property
    def _is_sound(self) -> bool:
        try:
            return bool(self.job.part.findings.summary)
        except (OSError, ProvisioningError):
            return False  # which the action says in its own words

    def _changed(self, values: Mapping[str, Any]) -> Iterator[Reason]:
        yield from super()._changed(values)
        is_known = all(name in self.tasks_dict for name in values.get(NEEDED, ()))
        if "facts" in values and not (is_known and self._content() == values.get(CONTENT)):
            yield Reason("content")

    def _damaged(self, task: Any, values: Mapping[str, Any]) -> Iterator[Reason]:
        yield from super()._damaged(task, values)
        place, content = self.job.workspace, values.get(CONTENT, "")
        # It is no target of doit's: other platforms have the same one.
        if content and not is_whole(place, content, self.digests):
            yield Reason("target", str(place.listing(content)))

    def _lost(self, known: Any) -> Iterator[Reason]:
        """The sources that nobody has left empty, and that nobody makes again in this run.

        `optional` excuses what was never made; what a task has made must not vanish from a package.
        """
        for each in self.absent:
            made = self.job.part.findings.made_by.get(each.source, NO_MAKER)
            makers = [*self._single(made.sure)]
            # guard: made-and-gone
            if makers and each.source not in known and not any(map(self._makes, makers)):
                yield Reason("lost", each.source, new=made.again())

    def _emptied(self) -> Iterator[Reason]:
        """The directories that held what was collected, and nothing now, of tasks up to date.

        Each may be a part of what a content takes, of which more is there.
        """
        sure = (name for made in self.job.part.findings.made_by.values() for name in made.sure)
        makers = {task.name: task for task in self._single(tuple(sure))}.values()
        empty = [
            (task, target)
            for task in makers
            for target in task.targets
            if os.path.isdir(target) and not _holds_files(target) and not self._makes(task)
        ]
        collected = collected_from(self.job.workspace) if empty else ()
        for task, target in empty:
            below = tuple(f"{place}/" for place in places(target))
            if any(source.startswith(below) for source in collected):
                yield Reason("lost", target, new=Made(sure=(task.name,)).again())

    def _single(self, names: tuple[str, ...]) -> Iterator[Any]:
        """The tasks of these names, those of groups included."""
        for name in names:
            task = self.tasks_dict[name]
            if task.actions:
                yield task
            else:
                yield from self._single(tuple(task.task_dep))

    def _makes(self, task: Any) -> bool:
        """Whether a task has been done in this run; or would be, where nothing is run."""
        if self._runs:
            return bool(task.executed)
        status = Globals.dep_manager.get_status(task, self.tasks_dict)
        return bool(status.status != "up-to-date")

    def _record(self, task: Any) -> dict[str, Any]:
        made = (
            each.source for each in self.absent if each.source in self.job.part.findings.made_by
        )
        return {**super()._record(task), EMPTY: sorted(made)}

    def _content(self) -> str:
        try:
            return self.job.part.findings.content(self.digests)
        except (OSError, ProvisioningError) as error:
            return str(error)  # the action says it in its own words


def _holds_files(directory: str) -> bool:
    return any(files for _, _, files in os.walk(directory))
