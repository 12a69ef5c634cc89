"""Knows what is to be built, and lays out no more of it than has changed since the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.build import tool, workspace
from provisioning.build.briefs import Briefs
from provisioning.build.notes import Notes
from provisioning.build.part import Part
from provisioning.build.sources import Sources
from provisioning.build.specs import Specs
from provisioning.build.verdict import Makers
from provisioning.build.verdicts import Verdicts
from provisioning.errors import ProvisioningError
from provisioning.spec.git import NoVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.build.digests import Digests
    from provisioning.build.layout import Layout
    from provisioning.build.specs import Known
    from provisioning.spec.inputs import Inputs


class Plan:
    """A part for each variant of the project, which is the working directory."""

    def __init__(self, parts: Sequence[Part], known: Known, briefs: Briefs) -> None:
        self.parts = parts
        self.ignored = known.ignored
        """Names given on the command line that no spec knows."""
        self.of_git = [part for part in parts if part.variant.key in known.from_git]
        """Those whose versions git tells."""
        self._briefs = briefs

    def remember(self) -> None:
        """Keep what was learnt for the next process; writes nothing if nothing was."""
        self._briefs.keep([part.brief for part in self.parts])


def make_plan(
    inputs: Inputs, digests: Digests, artifacts: str, makers: Callable[[], Makers] = Makers
) -> Plan:
    """Read and lay out what has changed since the last time.

    `makers` tell of the tasks of the project's own, if they are asked.

    Raises:
        SpecError: with every fault of every spec and layout.
    """
    notes = Notes(workspace.specs(artifacts))
    specs = Specs(inputs, digests, notes)
    place = tool.bring(workspace.tool(artifacts), notes, digests)
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
    parts = [Part(variant, sources, known.files) for variant in known.variants]
    briefs = Briefs(notes, known, sources, artifacts)
    recalled = None if known.faults else briefs.recall()
    if recalled is None:
        for part, layout in zip(parts, _lay_out(known, sources, specs), strict=True):
            part.layout = layout
        sources.forget_lists()
    else:
        for part, brief in zip(parts, recalled, strict=True):
            part.before = briefs.before(part.variant, brief)
            part.brief = brief._replace(content="") if part.before else brief
    return Plan(parts, known, briefs)


def _lay_out(known: Known, sources: Sources, specs: Specs) -> tuple[Layout, ...]:
    from provisioning.build.layout import lay_out  # noqa: PLC0415

    try:
        return lay_out(known.variants, sources, known.faults)
    except ProvisioningError:
        if known.fresh:
            raise
    # What is remembered does not know all the places that a report shows.
    known = specs.read()
    return lay_out(known.variants, sources, known.faults)
