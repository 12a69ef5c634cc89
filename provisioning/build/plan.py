"""Knows what is to be built, and lays out no more of it than has changed since the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.build import tool, workspace
from provisioning.build.briefs import Briefs
from provisioning.build.notes import Notes
from provisioning.build.part import Part
from provisioning.build.sources import Sources
from provisioning.build.specs import Specs
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.build.digests import Digests
    from provisioning.build.layout import Layout
    from provisioning.build.specs import Known
    from provisioning.spec.inputs import Inputs


class Plan:
    """A part for each variant of the project, which is the working directory."""

    def __init__(self, parts: Sequence[Part], ignored: tuple[str, ...], briefs: Briefs) -> None:
        self.parts = parts
        self.ignored = ignored
        """Names given on the command line that no spec knows."""
        self._briefs = briefs

    def remember(self) -> None:
        """Keep what was learnt for the next process; writes nothing if nothing was."""
        self._briefs.keep([part.brief for part in self.parts])


def make_plan(inputs: Inputs, digests: Digests, artifacts: str) -> Plan:
    """Read and lay out what has changed since the last time.

    Raises:
        SpecError: with every fault of every spec and layout.
    """
    notes = Notes(workspace.specs(artifacts))
    specs = Specs(inputs, digests, notes)
    place = workspace.tool(artifacts)
    tool.bring(place, notes, digests)
    sources = Sources(artifacts, str(place))
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
    return Plan(parts, known.ignored, briefs)


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
