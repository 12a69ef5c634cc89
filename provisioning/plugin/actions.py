"""The actions of the stages: what each does when doit runs it, with faults as text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from doit.exceptions import TaskFailed

from provisioning.builder.collect import collect
from provisioning.builder.plan.needs import environments_of
from provisioning.builder.plan.plan import final
from provisioning.builder.plan.variant_plan import SourceTasks
from provisioning.builder.python import environment, wheel_cache
from provisioning.builder.workspace import progress
from provisioning.builder.workspace.output import remove_tree
from provisioning.errors import BuildError, ProvisioningError
from provisioning.plugin.database import CONTENT, digests_of
from provisioning.plugin.ownership import said
from provisioning.plugin.uptodate import LOST, MAKERS, Job

if TYPE_CHECKING:
    from provisioning.builder.archive.format import Cost

MOST_TOLD = 100
"""How many changes and chunks of one run are recorded; the others are counted."""

Values: TypeAlias = dict[str, Any]
Stage: TypeAlias = Callable[[Job], Values | None]


def run(stage: Stage, job: Job, task: Any) -> Any:
    """The action of every stage: alone on its variant, with faults as text, not as tracebacks.

    Returns the values of the stage and what it left in each of its targets; or doit's TaskFailed.
    doit hands in its `task`, by that name.
    """
    meta = task.meta or {}
    if lost := meta.get(LOST):
        return TaskFailed("\n".join(lost))
    digests = digests_of(job.artifacts)
    try:
        with job.workspace.lock():
            began = time.perf_counter()
            with progress.counted(task.name):
                values = stage(job._replace(makers=meta.get(MAKERS))) or {}
            seconds = round(time.perf_counter() - began, 3)
            left = {target: digests.look(target).identity for target in task.targets}
            return {**values, "targets": left, "seconds": seconds}
    except ProvisioningError as error:
        from provisioning.spec.diagnostics import error_text  # noqa: PLC0415 - as below

        # While a task runs, sys.stdout is doit's own, which is not a terminal.
        return TaskFailed(error_text(error, sys.__stdout__))
    except OSError as error:  # guard: disk-trouble-in-a-stage
        return TaskFailed(said(error, job.workspace.work))
    except MemoryError:
        return TaskFailed(f"{job.workspace.work}: there is not enough memory; see `ulimit -v`")
    finally:
        digests.save()


def fetch(job: Job) -> Values:
    """Have all wheels in the cache, and note what the package's Python environment holds."""
    variant = job.part.variant
    for content in variant.environments:
        if not content.environment:
            continue
        wheels = wheel_cache.all_of(content.environment)
        if wheels is None:
            # Imported here: a cost for what is not in the cache.
            from provisioning.builder.python.fetch import fetch as fetch_all  # noqa: PLC0415

            wheels = tuple(fetch_all(variant, content.environment, _say, offline=job.offline))
        environment.gather(variant, content, wheels, job.artifacts)
    return {}


def _say(line: str) -> None:
    """Tell at once what long work has come to: doit keeps what an action prints."""
    print(line, file=sys.__stderr__, flush=True)


def collect_sources(job: Job) -> Values:
    """Look at every source and note what the package will hold."""
    digests = digests_of(job.artifacts)
    job.part.findings.refresh_here()
    listings = [need.source for need in environments_of(job.part.variant, job.artifacts)]
    gathered = {each: environment.recall(each).files for each in listings}
    for listing, files in gathered.items():
        environment.demand_whole(listing, files)
    found = job.part.findings.collect(digests, job.workspace)
    _demand_native(job, found.listing)  # guard: code-that-is-judged
    for listing, files in gathered.items():
        collected = ((each.source, each.entry.digest) for each in found.listing)
        environment.demand_sound(listing, files, collected)
    differing = found.differing or collect.differing(job.workspace, found.listing)
    collect.write(job.workspace, found.listing, digests)
    environment.sweep(job.part.variant, job.artifacts)
    told, count = collect.summary(differing, MOST_TOLD)
    content = job.part.findings.content(digests)
    return {CONTENT: content, "changes": told, "changed": count}


def _demand_native(job: Job, listing: collect.Listing) -> None:
    """Refuse code that the platform cannot run. Raises SpecError."""
    code = list(listing.code())
    if not code:
        return
    from provisioning.builder.archive.debian import libraries  # noqa: PLC0415 - for code alone
    from provisioning.builder.collect import foreign  # noqa: PLC0415
    from provisioning.spec.diagnostics import SpecError  # noqa: PLC0415

    variant, placed_by = job.part.variant, job.part.findings.placed_by
    faults = foreign.faults(variant, code, placed_by)
    faults += libraries.faults(variant, listing, placed_by)  # guard: library-of-no-package
    if faults:
        raise SpecError(faults, Path())


def render_templates(job: Job) -> Values:
    """Make files from templates, and note which variables they used."""
    findings = job.part.findings
    findings.refresh_here()
    templates = findings.templates()
    if not templates:
        remove_tree(job.workspace.rendered)  # what an earlier layout rendered may hold secrets
        return {"uses": []}
    # Imported here, as below: a cost for what is rendered.
    from provisioning.builder.render.render import render  # noqa: PLC0415

    return {"uses": sorted(render(job.part.variant, templates, job.workspace.rendered))}


def make_archive(job: Job) -> Values:
    """Pack what was collected and rendered, and note what it cost."""
    from provisioning.builder.archive import pack  # noqa: PLC0415

    digests, findings = digests_of(job.artifacts), job.part.findings
    found = findings.take(job.workspace)
    try:
        return {"cost": plain(pack.pack(job.workspace, found.listing, digests, found.prefetched))}
    except BuildError:
        findings.forget()
        job.workspace.collected.unlink(missing_ok=True)
        raise


def plain(cost: Cost) -> Values:
    """What packing took as plain data, with at most MOST_TOLD of the chunks that were made."""
    made = [each._asdict() for each in cost.made[:MOST_TOLD]]
    return {**cost._asdict(), "made": made}


def write_sums(job: Job) -> None:
    """Read the artifacts back and write down their digests, and what they were built from."""
    from provisioning.builder.workspace import checksums  # noqa: PLC0415

    verdict = final(job.part, job.makers or SourceTasks())
    numbered = job.signing is not None
    checksums.write_sums(job.workspace, job.part.specs, verdict, numbered=numbered)


def sign(job: Job) -> None:
    """Sign the digests of the artifacts."""
    from provisioning.builder.workspace import signing  # noqa: PLC0415

    if job.signing:
        signing.sign(job.workspace.release, job.signing)


def verify(job: Job) -> Values:
    """Verify the artifacts, on their own and then against the spec; and whose they are."""
    from provisioning.builder.verify import prove  # noqa: PLC0415

    job.part.findings.refresh_here()
    prove.prove(job.part, job.workspace, digests_of(job.artifacts))
    if job.signing:
        from provisioning.builder.workspace import signing  # noqa: PLC0415

        signing.demand_signed(job.workspace.release, job.signing)
    # A name cannot hold this: a quotation mark in it is written after a backslash.
    return {"files": job.workspace.manifest.read_bytes().count(b',"type":"file"}')}


def verify_and_rebuild(job: Job) -> Values:
    """Verify the artifacts, and that a build from scratch gives the same bytes."""
    from provisioning.builder.verify import reproduce  # noqa: PLC0415

    found = verify(job)
    try:
        reproduce.rebuild(job.part.findings.layout, job.workspace)
    except BuildError:
        # guard: remembered-digests
        digests_of(job.artifacts).forget()  # a remembered digest may be wrong
        job.part.findings.forget()
        raise
    return found
