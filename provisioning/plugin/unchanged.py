"""Knows whether the facts, variables, sources and targets of a task are as they were recorded."""

from __future__ import annotations

import hashlib
import os
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from doit.dependency import UptodateCalculator
from doit.globals import Globals

from provisioning.errors import BuildError, ProvisioningError
from provisioning.plugin import others
from provisioning.plugin.config import digests_of
from provisioning.plugin.database import CONTENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from provisioning.build.part import Part
    from provisioning.plugin.stages import Job


_ABSENT = "(absent)"  # no value as text: those are JSON
_SEAL = "(secret) "  # nor is this
_SCRYPT_COST = 1 << 12  # 10 ms: nothing to a build, much to whoever tries all short passwords


class Reason(NamedTuple):
    """Why a task is not up to date."""

    kind: Literal["new", "fact", "variable", "secret", "content", "target"]
    what: str = ""  # the name of the fact or variable, the path of the target
    old: str = ""  # JSON, or a digest of it where it is long
    new: str = ""

    def __str__(self) -> str:
        told = {
            "new": "never done before",
            "secret": f"{self.what}: another secret",
            "content": "a source holds something else",
            "target": f"{self.what}: not what this task left there",
        }
        return told.get(self.kind) or f"{self.what}: {self.old} → {self.new}"


class Unchanged:
    """A doit `uptodate`: false as soon as a fact, a used variable or a target is another.

    `facts` always count. Of `variables` those count that the action names in its value "uses";
    where it names none, none do. Both map a name to text. What the action left in its targets
    stands in its value "targets". Variables that hold secrets are recorded sealed.
    """

    # doit asks for it at each task: to find it out takes as long as to tell what is up to date.
    __signature__ = signature(lambda task, values: (task, values))

    def __init__(
        self,
        job: Job,
        facts: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.job = job
        self.digests = digests_of(job.artifacts)
        self._facts = facts
        self._variables = variables or {}
        self._secrets = job.part.variant.secrets
        self.reasons: list[Reason] = []

    def configure_task(self, task: Any) -> None:
        """Have doit record with a finished task what this will compare."""
        task.value_savers.append(lambda: self._record(task))

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether the task can be left alone, as far as this can tell; `reasons` say why not."""
        _look_before(task)
        self.reasons = [*self._changed(values), *self._damaged(task, values)]
        return not self.reasons

    @property
    def is_new(self) -> bool:
        """Whether the task has never been done."""
        return any(reason.kind == "new" for reason in self.reasons)

    def __repr__(self) -> str:
        return "; ".join(map(str, self.reasons)) or "values and targets as recorded"

    def _record(self, task: Any) -> dict[str, Any]:
        uses = task.values.get("uses", ())
        used = {name: self._recorded(name) for name in uses}
        return {"facts": {**self._facts}, "variables": used, "because": self.reasons}

    def _recorded(self, name: str) -> str:
        value = self._variables.get(name, _ABSENT)
        return _sealed(value, os.urandom(16)) if name in self._secrets else value

    def _changed(self, values: Mapping[str, Any]) -> Iterator[Reason]:
        if "facts" not in values:
            yield Reason("new")
            return
        # A new variable concerns nobody yet; a new fact is one that the action will use.
        for name in {**values["facts"], **self._facts}:
            old, now = values["facts"].get(name, _ABSENT), self._facts.get(name, _ABSENT)
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
            if left is not None and os.path.lexists(target) and self._held(target) != left:
                yield Reason("target", target)

    def _held(self, target: str) -> str:
        try:
            return self.digests.look(target).identity
        except (OSError, BuildError) as error:
            return str(error)


class SourcesUnchanged(Unchanged, UptodateCalculator):  # type: ignore[misc]  # doit has no types
    """The same, and false as soon as a source holds something else.

    What the action found in them stands in its value CONTENT. The sources are the task's
    `file_dep`, but where tasks are run, doit need not go through them one by one: that takes
    longer than all else that a build with nothing to do does.
    """

    _asked: ClassVar[tuple[object, bool]] = (None, False)

    def __init__(
        self, job: Job, facts: Mapping[str, str], *, runs: bool, ours: Collection[str]
    ) -> None:
        super().__init__(job, facts)
        self._part = job.part
        self._runs = runs
        self._ours = ours

    def configure_task(self, task: Any) -> None:
        """Name the sources; from them doit finds the tasks that make some."""
        super().configure_task(task)
        task.file_dep = _Walked(self._part) if self._runs else set(self._part.sources())

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether every source holds what it did; doit need not look at them itself any more."""
        made = (path for each in task.task_dep for path in self.tasks_dict[each].targets)
        if any(map(self._part.has_changed, made)):
            self._part.renew()
        if self._runs:
            task.file_dep = set()
            self._part.is_alone = self._is_alone()
        return super().__call__(task, values)

    def _changed(self, values: Mapping[str, Any]) -> Iterator[Reason]:
        yield from super()._changed(values)
        if "facts" in values and self._content() != values.get(CONTENT):
            yield Reason("content")

    def _is_alone(self) -> bool:
        """Whether there are no tasks but `ours`, which change no source."""
        known, answer = SourcesUnchanged._asked
        if known is not self.tasks_dict:  # one for all tasks of a run
            answer = all(name.partition(":")[0] in self._ours for name in self.tasks_dict)
            SourcesUnchanged._asked = self.tasks_dict, answer
        return answer

    def _content(self) -> str:
        try:
            return self._part.content(self.digests)
        except (OSError, ProvisioningError) as error:
            return str(error)  # the action says it in its own words


class SumsUnchanged(Unchanged, UptodateCalculator):  # type: ignore[misc]  # as above
    """The same, for the stage that says what was built from what: others may have made some."""

    def __init__(self, job: Job, facts: Mapping[str, str], *, ours: Collection[str]) -> None:
        super().__init__(job, facts)
        self._ours = ours

    def __call__(self, task: Any, values: Mapping[str, Any]) -> bool:
        """Whether the task can be left alone; if not, what it needs to know is handed to it."""
        is_unchanged = super().__call__(task, values)
        strange = (name for name in self.tasks_dict if name.partition(":")[0] not in self._ours)
        self.job.part.makers = others.of(map(self.tasks_dict.__getitem__, strange))
        return is_unchanged


class _Walked:
    """The files among which the sources are, for doit to find out which are other tasks' targets.

    Whoever runs the task needs none of them: in a worker of `doit -n`, there are none.
    """

    def __init__(self, part: Part) -> None:
        self._part = part

    def __iter__(self) -> Iterator[str]:
        return self._part.walked()

    def __reduce__(self) -> tuple[type[set[str]], tuple[()]]:
        return set, ()


def _sealed(value: str, salt: bytes) -> str:
    """Text that tells whether a value is the same one, and nothing else of it."""
    digest = hashlib.scrypt(value.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1)
    return f"{_SEAL}{salt.hex()}:{digest.hex()}"


def _is_sealed(value: str, sealed: str) -> bool:
    salt = sealed.removeprefix(_SEAL).partition(":")[0]
    return sealed.startswith(_SEAL) and _sealed(value, bytes.fromhex(salt)) == sealed


def _look_before(task: Any) -> None:
    """Have the checker see every dependency before the action does.

    doit looks only as far as its first reason to run a task, and the checker could not tell an
    edit made while the task runs from one made before.
    """
    checker = Globals.dep_manager.checker
    for dependency in task.file_dep:
        checker.look_before(dependency)
