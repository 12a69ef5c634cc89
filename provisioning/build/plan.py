"""Knows what is to be built, and lays out no more of it than has changed since the last time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.build import tool, workspace
from provisioning.build.briefs import Briefs
from provisioning.build.notes import Notes
from provisioning.build.part import Part
from provisioning.build.sources import Sources
from provisioning.build.specs import Specs
from provisioning.build.verdict import Makers
from provisioning.build.verdicts import Verdicts
from provisioning.spec.git import NoVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provisioning.build.digests import Digests
    from provisioning.build.layout import Doubt
    from provisioning.build.specs import Known
    from provisioning.spec.fault import Fault
    from provisioning.spec.inputs import Inputs


class Plan:
    """A part for each variant of the project, which is the working directory."""

    def __init__(self, parts: Sequence[Part], known: Known, briefs: Briefs) -> None:
        self.parts = parts
        self.ignored = known.ignored
        """Names given on the command line that no spec knows."""
        self.of_git = [part for part in parts if part.variant.key in known.from_git]
        """Those whose versions git tells."""
        self.read_from = known.asked
        """All that the specs are made from, whether it is there or not; directories end in /."""
        self.doubts: list[tuple[Part, Doubt]] = []
        """What is wrong with layouts, each fault with its part."""
        self._known = known
        self._briefs = briefs

    def demand(
        self,
        excused: Callable[[Part, Doubt], bool] = lambda *_: False,
        faults: Iterable[Fault] = (),
    ) -> None:
        """Raise SpecError with `faults` and all of specs and layouts but for those `excused`."""
        found = [each.fault for part, each in self.doubts if not excused(part, each)]
        # A content that several platforms share has its fault once.
        if told := [*self._known.faults, *dict.fromkeys((*found, *faults))]:
            from provisioning.spec.fault import SpecError  # noqa: PLC0415 - for this alone

            raise SpecError(told, Path())

    def remember(self) -> None:
        """Keep what was learnt for the next process; writes nothing if nothing was."""
        if not (self.doubts or self._known.faults or any(part.turn for part in self.parts)):
            self._briefs.keep([part.brief for part in self.parts])


def make_plan(
    inputs: Inputs, digests: Digests, artifacts: str, makers: Callable[[], Makers] = Makers
) -> Plan:
    """Read and lay out what has changed since the last time; what is wrong, `demand` tells.

    `makers` tell of the tasks of the project's own, if they are asked.

    Raises:
        SpecError: git cannot tell of which commit it is.
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
    briefs = Briefs(notes, known, sources, artifacts)
    plan = _recalled(known, sources, briefs) or _laid_out(known, sources, briefs)
    if plan.doubts and not known.fresh:
        # What is remembered does not know all the places that a report shows.
        known = specs.read()
        plan = _laid_out(known, sources, Briefs(notes, known, sources, artifacts))
    sources.forget_lists()
    return plan


def _recalled(known: Known, sources: Sources, briefs: Briefs) -> Plan | None:
    recalled = None if known.faults else briefs.recall()
    if recalled is None:
        return None
    parts = [Part(variant, sources, known.files) for variant in known.variants]
    for part, brief in zip(parts, recalled, strict=True):
        part.before = briefs.before(part.variant, brief)
        part.brief = brief._replace(content="") if part.before else brief
    return Plan(parts, known, briefs)


def _laid_out(known: Known, sources: Sources, briefs: Briefs) -> Plan:
    from provisioning.build.layout import draft  # noqa: PLC0415 - a cost for this alone

    parts = [Part(variant, sources, known.files) for variant in known.variants]
    plan = Plan(parts, known, briefs)
    for part in parts:
        layout, doubts = draft(part.variant, sources)
        if doubts:
            part.brief = part.brief_of(layout)  # the layout is to be made anew, by whoever asks
        else:
            part.layout = layout
        plan.doubts += [(part, doubt) for doubt in doubts]
    return plan
