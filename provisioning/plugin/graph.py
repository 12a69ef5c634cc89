"""Knows the graph: five stages for each package and platform, with the files between them."""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from doit.exceptions import InvalidDodoFile

from provisioning.artifact import digest
from provisioning.build.encode import names_of
from provisioning.build.plan import make_plan
from provisioning.build.workspace import workspace
from provisioning.errors import BuildError, ProvisioningError
from provisioning.plugin import asked, cleaning, others, stages
from provisioning.plugin.config import digests_of
from provisioning.plugin.reporter import PROVED
from provisioning.plugin.stages import Job
from provisioning.plugin.unchanged import SourcesUnchanged, SumsUnchanged, Unchanged
from provisioning.spec.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.build.part import Part
    from provisioning.spec.variant import Variant
    from provisioning.spec.written import Written

Task = dict[str, Any]

# In order; what each is for is what `doit list` shows.
STAGES = {
    "collect": "look at every source and note what the package will hold",
    "render": "make files from templates",
    "archive": "pack the archive, its manifest and its index",
    "hash": "write SHA256SUMS of what lies on disk, and what it was built from",
    "verify": "prove the artifacts, alone and then against the specs",
}
PACKAGE = "package"
_PACKAGE_DOC = "build what changed, up to SHA256SUMS"

# Raised when a stage comes to make something else of the same input, so that it runs again.
_REVISION = "1"

_REBUILD = {
    "name": "rebuild",
    "long": asked.REBUILD.lstrip("-"),
    "type": bool,
    "default": False,
    "help": "then build again, elsewhere and from nothing, and compare every byte",
}

made_from: list[Inputs] = []
"""What the tasks of this process were made from: doit hands its commands the tasks alone."""

# New objects after which Python looks for garbage. There is next to none, but what describes
# 100,000 files is many objects: to look at all of them again and again took a tenth of a build.
_NEW_OBJECTS = 1_000_000
_spell = json.JSONEncoder(default=str).encode
_LONGEST_TEXT = 200  # of a value in the records; what is longer stands there by its digest


def all_tasks(artifacts: str, written: Sequence[Written] = ()) -> Iterator[Task]:
    """The tasks of every variant of the project in the working directory, and their groups.

    Raises:
        InvalidDodoFile: with every fault of every spec, which doit shows without a traceback.
    """
    gc.set_threshold(_NEW_OBJECTS)
    docs = {**STAGES, PACKAGE: _PACKAGE_DOC}
    if stage := asked.helped(docs):
        _help(stage, docs[stage])
    try:
        _demand_utf8()
        asked.demand_once()
        others.begin()
        inputs = Inputs(Path(), asked.given(), written)
        made_from.append(inputs)
        plan = make_plan(inputs, digests_of(artifacts), artifacts, others.being_made)
    except ProvisioningError as error:
        # Imported here: a cost that a build with nothing to tell does not owe.
        from provisioning.spec.fault import told  # noqa: PLC0415

        reasons = told(error, sys.stderr)
        raise InvalidDodoFile(f"nothing can be built as things are\n\n{reasons}") from error
    _demand_known([part.variant for part in plan.parts])
    for name in plan.ignored:
        print(f"{name}=…: no spec has such a variable", file=sys.stderr)
    atexit.register(plan.remember)
    for stage, doc in docs.items():
        yield {"basename": stage, "name": None, "doc": doc, **_params(stage)}
        yield from _groups(stage, plan.parts)
    for part in plan.parts:
        yield from _part_tasks(part, artifacts)


def _help(stage: str, doc: str) -> NoReturn:
    # doit would parse the options of the task next, once there are tasks, and knows no --help.
    from provisioning.plugin.command.project import answer  # noqa: PLC0415 - a cost for this alone
    from provisioning.plugin.manual import page  # noqa: PLC0415

    raise SystemExit(answer(page(stage, doc, _params(stage).get("params", ()))))


def _demand_known(variants: Sequence[Variant]) -> None:
    words = asked.words()
    if words:
        from provisioning.plugin.word import strange  # noqa: PLC0415 - as above

        if told := list(strange(words, variants, {*STAGES, PACKAGE})):
            raise InvalidDodoFile("\n".join(told))


def _demand_utf8() -> None:
    # In any other encoding the same names would be other names, and other bytes in the package.
    if sys.getfilesystemencoding() != "utf-8":
        used = sys.getfilesystemencoding()
        raise BuildError(f"file names are {used} here, not UTF-8; set LC_ALL=C.UTF-8")


def _groups(stage: str, parts: Iterable[Part]) -> Iterator[Task]:
    """`package:greenhouse`: the stage for all platforms of one package."""
    members: dict[str, list[str]] = {}
    for part in parts:
        variant = part.variant
        task = f"{stage}:{variant.name}:{variant.platform}"
        members.setdefault(variant.name, []).append(task)
    for name, names in members.items():
        doc = f"{name} for all its platforms"
        group = {"basename": stage, "name": name, "actions": None, "task_dep": names, "doc": doc}
        yield {**group, **_params(stage)}


def _params(stage: str) -> Task:
    """The options of a stage, for doit to accept; whether they are given `asked` knows."""
    return {"params": [_REBUILD]} if stage == "verify" else {}


def _part_tasks(part: Part, artifacts: str) -> Iterator[Task]:
    job = Job(part=part, workspace=workspace(part.variant, artifacts), artifacts=artifacts)
    yield _collect(job)
    yield _render(job)
    packed = [str(path) for path in job.workspace.packed]
    yield _archive(job, packed)
    yield _hash(job, packed)
    yield _verify(job, packed)
    # The files between them order the stages; named here, `doit forget -s` finds them too.
    built = [f"{stage}:{_name(job)}" for stage in STAGES if stage != "verify"]
    yield _task(PACKAGE, job, actions=None, task_dep=built)


def _collect(job: Job) -> Task:
    facts = _facts(layout=job.part.brief.items)
    unchanged = SourcesUnchanged(job, facts, runs=asked.runs(), ours={*STAGES, PACKAGE})
    return _stage(
        "collect",
        job,
        stages.collect_sources,
        targets=[str(job.workspace.collected)],
        uptodate=[unchanged],
    )


def _render(job: Job) -> Task:
    brief, variant = job.part.brief, job.part.variant
    variables = {name: _text(value) for name, value in variant.variables.items()}
    facts = _facts(templates=brief.templates, doubtful=variant.doubtful)
    named = {name for name in brief.named if os.path.isfile(name)}
    return _stage(
        "render",
        job,
        stages.render_templates,
        file_dep=sorted(named.union(source for _, source in brief.templates)),
        targets=[str(job.workspace.rendered / path) for path, _ in brief.templates],
        uptodate=[Unchanged(job, facts, variables)],
    )


def _archive(job: Job, packed: list[str]) -> Task:
    place, variant = job.workspace, job.part.variant
    facts = _facts(
        **place.package._asdict(),
        formats=variant.formats,
        encoders=names_of(variant),
        mtime=variant.mtime,
    )
    return _stage(
        "archive",
        job,
        stages.make_archive,
        file_dep=_contents(job),
        targets=packed,
        uptodate=[Unchanged(job, facts)],
        # Of a package that lies unpacked, a target is one file.
        leaves=[str(place.groups), *(str(path) for path in place.artifacts if path.is_dir())],
    )


def _hash(job: Job, packed: list[str]) -> Task:
    place = job.workspace
    return _stage(
        "hash",
        job,
        stages.write_sums,
        file_dep=packed,
        targets=[str(place.sums), str(place.provenance)],
        uptodate=[SumsUnchanged(job, _facts(), ours={*STAGES, PACKAGE})],
    )


def _verify(job: Job, packed: list[str]) -> Task:
    place = job.workspace
    meta = {PROVED: [str(path) for path in place.artifacts]}
    if asked.verifies_alone():
        # Without dependencies, nothing is built first; and what is asked for by name is done.
        action = stages.verify_and_rebuild if asked.rebuilds() else stages.verify
        return _stage("verify", job, action, uptodate=[False], meta=meta, **_params("verify"))
    facts = _facts(layout=job.part.brief.items)
    return _stage(
        "verify",
        job,
        stages.verify,
        file_dep=[*packed, str(place.sums), *_contents(job)],
        uptodate=[Unchanged(job, facts)],
        meta=meta,
    )


def _contents(job: Job) -> list[str]:
    """The files that say, and hold, what goes into the archive."""
    rendered = [str(job.workspace.rendered / path) for path, _ in job.part.brief.templates]
    return [str(job.workspace.collected), *rendered]


def _stage(
    stage: str, job: Job, action: Any, leaves: Sequence[str] = (), **attributes: Any
) -> Task:
    """The task of a stage, which also `leaves` what is nobody's input."""
    clean: list[Any] = [(cleaning.clean, [], {"place": job.workspace, "leaves": leaves})]
    return _task(stage, job, actions=[(stages.run, [action, job])], clean=clean, **attributes)


def _task(stage: str, job: Job, **attributes: Any) -> Task:
    variant = job.part.variant
    doc = f"{variant.name} {variant.version} for {variant.platform}"
    return {"basename": stage, "name": _name(job), "doc": doc, **attributes}


def _name(job: Job) -> str:
    return f"{job.part.variant.name}:{job.part.variant.platform}"


def _facts(**values: Any) -> dict[str, str]:
    """Named values as text that doit can record and compare; long ones by their digest."""
    return {name: _text(value) for name, value in {"revision": _REVISION, **values}.items()}


def _text(value: Any) -> str:
    # Keys in their order: a template that lists a map shows it.
    text = _spell(value)
    return text if len(text) <= _LONGEST_TEXT else f"sha256:{digest.of_bytes(text.encode())}"
