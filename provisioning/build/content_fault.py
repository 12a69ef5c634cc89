"""Knows how a fault of a content is told: at the line of the spec that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault

if TYPE_CHECKING:
    from provisioning.spec.origin import Origin
    from provisioning.spec.variant import Content


def content_fault(  # noqa: PLR0913 - a fault has these parts
    code: str,
    content: Content,
    key: str,
    message: str,
    *,
    hint: str = "",
    related: tuple[tuple[Origin, str], ...] = (),
) -> Fault:
    """Return the fault of what `key` of a content says, or of the content if it says nothing."""
    where = f"{content.where}.{key if key in content.origins else content.kind}"
    return Fault(
        code=code,
        origin=origin_of(content, key),
        where=where,
        message=message,
        hint=hint,
        related=related,
    )


def origin_of(content: Content, key: str) -> Origin:
    """Where the value of `key` was written, or what the content is at all."""
    origins = content.origins
    return origins.get(key) or origins.get(content.kind) or content.origin
