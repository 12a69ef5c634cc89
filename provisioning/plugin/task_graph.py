"""The tasks of all variants: their stages, their groups, and the help of each stage."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from doit.cmd_base import Command
from doit.loader import generate_tasks

from provisioning.artifact import filesystem
from provisioning.artifact.formats import DEB
from provisioning.artifact.model.package import plain
from provisioning.builder.archive.debian.fields import STRONG
from provisioning.builder.archive.encoders import names_of
from provisioning.builder.plan.needs import environments_of
from provisioning.builder.plan.plan import make_plan
from provisioning.builder.python.environment import is_gathered
from provisioning.builder.workspace.paths import ARTIFACTS, anew, workspace
from provisioning.errors import BuildError, ProvisioningError
from provisioning.plugin import actions, doit_internals, process, settings
from provisioning.plugin.database import digests_of
from provisioning.plugin.dependencies import Loaded, refusal, settle, settle_alone
from provisioning.plugin.ownership import clean
from provisioning.plugin.reporter import ABSENT, ASKS, PROVED, RELEASE
from provisioning.plugin.uptodate import Job, SourcesUnchanged, SumsUnchanged, Unchanged, Wants
from provisioning.spec.resolve.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.model.package import Package
    from provisioning.builder.plan.plan import Plan
    from provisioning.builder.plan.variant_plan import SourceTasks, VariantPlan
    from provisioning.builder.workspace.signing import Signing
    from provisioning.spec.model.variant import Variant
    from provisioning.spec.resolve.inputs import PythonSpec

_STAGE = (
    "One of the stages of `doit package`. Those before it run first if they are not up to "
    "date; `provision explain` shows why one is not."
)
_DESCRIPTIONS = {
    "package": (
        "Runs each stage from collect to hash that is not up to date. The results are in "
        "artifacts/NAME-VERSION-PLATFORM/. `provision explain` shows beforehand what would run, "
        "and why; `doit` alone also verifies what was built."
    ),
    "verify": (
        "Reads what is in artifacts/ again and verifies it. Nothing is built: damage is reported, "
        "which `doit` would repair."
    ),
}
_STATUS = (
    "The exit status is 0 if all is well, 1 or 2 if a task failed, and 3 if nothing ran "
    "because of a fault in a spec or in the command line."
)
_EXAMPLES = {
    "": "all packages, for all their platforms",
    ":greenhouse": "one package, for all its platforms",
    ":greenhouse:raspberry-pi": "one package, for one platform",
    " port=9090": "with another value of a variable",
}


def page(stage: str, doc: str, options: Sequence[Mapping[str, Any]]) -> str:
    """The help of a stage; `doc` is what it does, `options` are those of its task."""
    command = Command()
    command.name, command.doc_purpose, command.cmd_options = stage, doc, options
    given = "".join(f" [--{option['long']}]" for option in options)
    words = f"{given} [VARIABLE=VALUE ...]".lstrip()
    command.doc_usage = f"{words}\ndoit {stage}:NAME[:PLATFORM] {words}"
    command.doc_description = f"{_DESCRIPTIONS.get(stage, _STAGE)}\n\n{_STATUS}"
    width = max(map(len, _EXAMPLES))
    examples = (f"    doit {stage}{how:<{width}}   {what}\n" for how, what in _EXAMPLES.items())
    return f"{command.help()}\n\n\nEXAMPLES\n{''.join(examples)}"


Task = dict[str, Any]

# In order; what each is for is what `doit list` shows.
FETCH, SIGN = "fetch", "sign"
STAGES = {
    FETCH: "download the Python packages that are not in the cache yet",
    "collect": "look at every source and note what the package will hold",
    "render": "make files from templates",
    "archive": "pack the archive, its manifest and its index",
    "hash": "write SHA256SUMS, what is inside, and what it was built from",
    SIGN: "sign SHA256SUMS",
    "verify": "verify the artifacts, on their own and then against the specs",
}
PACKAGE = "package"
_DOCS = {**STAGES, PACKAGE: "build what changed, up to SHA256SUMS"}

# Raise it when a stage makes something else of the same input, so that it runs again.
_REVISION = "3"

_REBUILD = {
    "name": "rebuild",
    "long": doit_internals.REBUILD.lstrip("-"),
    "type": bool,
    "default": False,
    "help": "then build again, elsewhere and from scratch, and compare every byte",
}

_OFFLINE = {
    "name": "offline",
    "long": doit_internals.OFFLINE.lstrip("-"),
    "type": bool,
    "default": False,
    "help": "download nothing: use the Python packages that are in the cache",
}

made_from: list[Inputs] = []
"""What the tasks of this process were made from: doit gives its commands only the tasks."""
_plans: list[Plan] = []

_spell = json.JSONEncoder(default=str).encode
_LONGEST_TEXT = 2000  # of a value in the records; a longer one is recorded by its digest


def all_tasks(written: Sequence[PythonSpec] = ()) -> Iterator[Task]:
    """The tasks of every variant of the project in the working directory, and their groups.

    Raises:
        InvalidDodoFile: with every fault of every spec, which doit shows without a traceback.
    """
    if stage := doit_internals.helped(_DOCS):
        _help(stage, _DOCS[stage])
    with process.prepared(doit_internals.when_stopped()):
        plan = _planned(ARTIFACTS, written)
    yield from _tasks(plan, ARTIFACTS)


def _planned(artifacts: str, written: Sequence[PythonSpec]) -> Plan:
    try:
        _demand_utf8()
        doit_internals.demand_once()
        doit_internals.begin_loading()
        inputs = Inputs(Path(), doit_internals.given(), written)
        plan = _plan(inputs, artifacts, doit_internals.tasks_being_made)
    except ProvisioningError as error:
        raise refusal(error) from error
    # `doit verify` judges what is there.
    waits = doit_internals.runs() and not doit_internals.verifies_alone()
    again = partial(_again, inputs, artifacts) if waits else None
    loaded = Loaded(
        plan, _stages(plan, settings.signing()), doit_internals.words(), artifacts, again
    )
    # Another task may make what is missing, which is known once doit has loaded them all.
    if not doit_internals.when_loaded(partial(settle, loaded), partial(_remember, artifacts)):
        settle_alone(loaded)
    return plan


def _plan(inputs: Inputs, artifacts: str, makers: Callable[[], SourceTasks]) -> Plan:
    made_from.append(inputs)
    plan = make_plan(inputs, digests_of(artifacts), artifacts, makers)
    _plans.append(plan)
    return plan


def _remember(artifacts: str) -> None:
    """Keep for the next process what this one has learned of files and specs."""
    _plans[-1].remember()
    # Also of a run with nothing to do: else every later one would read again what was touched once.
    digests_of(artifacts).save()


def _again(inputs: Inputs, artifacts: str, strange: Collection[Any]) -> tuple[Plan, Sequence[Any]]:
    """Plan again, from what specs say now, beside tasks that are `strange`."""
    try:
        plan = _plan(inputs.renewed(), artifacts, partial(doit_internals.source_tasks_of, strange))
    except ProvisioningError as error:
        raise refusal(error) from error
    return plan, generate_tasks("", _tasks(plan, artifacts))


def _tasks(plan: Plan, artifacts: str) -> Iterator[Task]:
    signing = settings.signing()
    for stage, doc in _stages(plan, signing).items():
        parts = [part for part in plan.parts if stage != FETCH or part.variant.environments]
        yield {"basename": stage, "name": None, "doc": doc, **_params(stage)}
        yield from _groups(stage, parts)
    for part in plan.parts:
        yield from _part_tasks(part, artifacts, signing)


def _stages(plan: Plan, signing: Signing | None) -> Mapping[str, str]:
    """The stages that the project has, and what each is for: most have nothing to fetch or sign."""
    absent = set[str]()
    if not any(part.variant.environments for part in plan.parts):
        absent.add(FETCH)
    if signing is None:
        absent.add(SIGN)
    return {stage: doc for stage, doc in _DOCS.items() if stage not in absent}


def _help(stage: str, doc: str) -> NoReturn:

    with process.prepared(), doit_internals.in_words():
        sys.stdout.write(page(stage, doc, _params(stage).get("params", ())))
        doit_internals.demand_written()
    raise SystemExit(doit_internals.GOOD)


def _demand_utf8() -> None:
    # In any other encoding the same names would be other names, and other bytes in the package.
    if sys.getfilesystemencoding() != "utf-8":  # guard: file-system-encoding
        used = sys.getfilesystemencoding()
        raise BuildError(f"file names are {used} here, not UTF-8; set LC_ALL=C.UTF-8")


def _groups(stage: str, parts: Iterable[VariantPlan]) -> Iterator[Task]:
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
    """The options of a stage, for doit to accept; `doit_internals` says whether they are given."""
    options = {"verify": [_REBUILD], FETCH: [_OFFLINE], PACKAGE: [_OFFLINE]}
    return {"params": options[stage]} if stage in options else {}


def _part_tasks(part: VariantPlan, artifacts: str, signing: Signing | None) -> Iterator[Task]:
    place, offline = workspace(part.variant, artifacts), doit_internals.stays_offline()
    job = Job(part=part, workspace=place, artifacts=artifacts, offline=offline, signing=signing)
    makes = [_collect, _render, _archive, _hash, *([_sign] if signing else []), _verify]
    if part.variant.environments:
        yield _fetch(job)
    yield from (make(job) for make in makes)
    # The files between them order the stages; named here, `doit forget -s` finds them too.
    left_out = {"verify", *([] if part.variant.environments else [FETCH])}
    left_out |= set() if signing else {SIGN}
    built = [f"{stage}:{_name(job)}" for stage in STAGES if stage not in left_out]
    yield _task(PACKAGE, job, actions=None, task_dep=built, **_params(PACKAGE))


def _fetch(job: Job) -> Task:
    listings = [need.source for need in environments_of(job.part.variant, job.artifacts)]
    return _task(
        FETCH,
        job,
        actions=[(actions.run, [actions.fetch, job])],
        targets=listings,
        uptodate=[all(map(is_gathered, listings))],
        clean=[(clean, [], {"place": job.workspace, "leaves": [*map(os.path.dirname, listings)]})],
        **_params(FETCH),
    )


def _collect(job: Job) -> Task:
    unchanged = SourcesUnchanged(
        job, partial(_to_collect, runs=doit_internals.runs()), runs=doit_internals.runs()
    )
    leaves = [str(job.workspace.basis)]
    return _stage("collect", job, actions.collect_sources, unchanged, leaves=leaves)


def _to_collect(job: Job, *, runs: bool) -> Wants:
    files: list[str] = []
    with suppress(ProvisioningError):  # where something is missing, a run says so
        files = [] if runs else job.part.findings.files()
    facts = _facts(
        layout=job.part.findings.summary.items,
        machine=_machine(job.part.variant),  # guard: judged-for-a-machine
    )
    return Wants(facts, file_dep=files, targets=[str(job.workspace.collected)])


def _machine(variant: Variant) -> Task:
    """What it depends on whether the package's code can run, besides the code."""
    meant = [each.dst for each in variant.contents if each.foreign]
    system = {name: each for name, each in variant.system._asdict().items() if each}
    named = {"os": variant.os, "arch": variant.arch, **system}
    if DEB in variant.formats:
        named["deb"] = {key: variant.debian[key] for key in STRONG if key in variant.debian}
    return {**named, "foreign": meant} if meant else named


def _render(job: Job) -> Task:
    variables = {name: _text(value) for name, value in job.part.variant.variables.items()}
    return _stage("render", job, actions.render_templates, Unchanged(job, _to_render, variables))


def _to_render(job: Job) -> Wants:
    summary = job.part.findings.summary
    named = {name for name in summary.named if os.path.isfile(name)}
    return Wants(
        _facts(templates=summary.templates, doubtful=job.part.variant.doubtful),
        file_dep=sorted(named.union(source for _, source in summary.templates)),
        targets=[str(job.workspace.rendered / path) for path, _ in summary.templates],
    )


def _archive(job: Job) -> Task:
    place = job.workspace
    # Of a package that lies unpacked, a target is one file.
    leaves = [str(path) for path in place.artifacts if path.is_dir()]
    leaves.append(str(place.builds))
    return _stage("archive", job, actions.make_archive, Unchanged(job, _to_pack), leaves=leaves)


def _to_pack(job: Job) -> Wants:
    place, variant = job.workspace, job.part.variant
    facts = _facts(
        **_as_written(place.package),
        formats=variant.formats,
        encoders=names_of(variant),
        mtime=variant.mtime,
        **_anew(job),
    )
    return Wants(facts, file_dep=_contents(job), targets=_packed(job))


def _as_written(package: Package) -> Task:
    """The fields of a package, as a spec names them, for `provision explain`."""
    fields = plain(package)
    for service in fields["services"].values():
        if health := service["health"]:
            service["health"] = {health["check"]: health["what"], "within": health["within"]}
    return fields


def _anew(job: Job) -> Task:
    """Has each package packed again after what was remembered was discarded."""
    times = anew(job.artifacts)
    return {"begun anew": times.read_text("utf-8").strip()} if times.exists() else {}


def _hash(job: Job) -> Task:
    return _stage("hash", job, actions.write_sums, SumsUnchanged(job, _to_hash))


def _to_hash(job: Job) -> Wants:
    place = job.workspace
    targets = [str(place.sums), str(place.provenance), str(place.bill)]
    # A lock may name another URL, or another wheel of which the same files are packaged.
    locks = [need.source for need in environments_of(job.part.variant, job.artifacts)]
    signed = {"signed": True} if job.signing else {}
    facts = _facts(**signed, **({"environments": locks} if locks else {}))
    return Wants(facts, file_dep=_packed(job), targets=targets)


def _sign(job: Job) -> Task:
    return _stage(SIGN, job, actions.sign, Unchanged(job, _to_sign), meta={ASKS: True})


def _to_sign(job: Job) -> Wants:
    """A signature depends on what it signs, and on whose it is."""
    signing, place = job.signing, job.workspace
    if signing is None:
        return Wants(_facts())
    facts = _facts(key=signing.identity)
    targets = [str(place.release / signing.signature)]
    return Wants(facts, file_dep=[str(place.sums)], targets=targets)


def _verify(job: Job) -> Task:
    meta = {PROVED: [str(path) for path in job.workspace.artifacts]}
    if doit_internals.verifies_alone():
        # Without dependencies, nothing is built first; and what is asked for by name is done.
        action = actions.verify_and_rebuild if doit_internals.rebuilds() else actions.verify
        meta[ABSENT] = [*map(str, job.part.findings.summary.absent)]
        return _stage("verify", job, action, None, meta=meta, **_params("verify"))
    return _stage("verify", job, actions.verify, Unchanged(job, _to_verify), meta=meta)


def _to_verify(job: Job) -> Wants:
    facts = _facts(layout=job.part.findings.summary.items)
    signed = [str(job.workspace.release / job.signing.signature)] if job.signing else []
    sums = str(job.workspace.sums)
    return Wants(facts, file_dep=[*_packed(job), sums, *signed, *_contents(job)])


def _packed(job: Job) -> list[str]:
    return [str(path) for path in job.workspace.packed]


def _contents(job: Job) -> list[str]:
    """The files that say, and hold, what goes into the archive."""
    rendered = [
        str(job.workspace.rendered / path) for path, _ in job.part.findings.summary.templates
    ]
    return [str(job.workspace.collected), *rendered]


def _stage(
    stage: str, job: Job, action: Any, unchanged: Unchanged | None, **attributes: Any
) -> Task:
    """The task of a stage, which also `leaves` what is nobody's input."""
    leaves = attributes.pop("leaves", ())
    cleaning: list[Any] = [(clean, [], {"place": job.workspace, "leaves": leaves})]
    if unchanged:
        wants = unchanged.wants
        attributes |= {"file_dep": [*wants.file_dep], "targets": [*wants.targets]}
    attributes["uptodate"] = [unchanged or False]
    return _task(stage, job, actions=[(actions.run, [action, job])], clean=cleaning, **attributes)


def _task(stage: str, job: Job, **attributes: Any) -> Task:
    variant = job.part.variant
    doc = f"{variant.name} {variant.version} for {variant.platform}"
    meta = {RELEASE: job.workspace.release.name, **attributes.pop("meta", {})}
    return {"basename": stage, "name": _name(job), "doc": doc, "meta": meta, **attributes}


def _name(job: Job) -> str:
    return f"{job.part.variant.name}:{job.part.variant.platform}"


def _facts(**values: Any) -> dict[str, str]:
    """Named values as text that doit can record and compare; long ones by their digest."""
    return {name: _text(value) for name, value in {"revision": _REVISION, **values}.items()}


def _text(value: Any) -> str:
    # Keys in their order: a template that lists a map shows it.
    text = _spell(value)
    return text if len(text) <= _LONGEST_TEXT else f"sha256:{filesystem.of_bytes(text.encode())}"
