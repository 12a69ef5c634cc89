"""Lays out variants as one: all their faults at once, or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.builder.collect.layout import draft
from provisioning.builder.plan.needs import NOBODY
from provisioning.spec.diagnostics import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.needs import MadeBy
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.model.variant import Variant


def lay_out(
    variants: Iterable[Variant],
    sources: Sources,
    faults: Iterable[Diagnostic] = (),
    makers: MadeBy = NOBODY,
) -> tuple[Layout, ...]:
    """Lay out each variant, with the files that `sources` find and tasks have made.

    Raises:
        SpecError: with every fault of every variant, each at the line that causes it, and with
            the `faults` of variants that could not even be read.
    """
    drafts = [draft(variant, sources, makers) for variant in variants]
    # A content that several platforms share has its fault once.
    doubts = dict.fromkeys(doubt.fault for _, doubts in drafts for doubt in doubts)
    if found := [*faults, *doubts]:
        raise SpecError(found, Path())
    return tuple(layout for layout, _ in drafts)
