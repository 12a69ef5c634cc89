"""Knows how a value is told that YAML reads otherwise than its author may think."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.node import Mapping, Scalar, shorten
from provisioning.spec.rule import MODES
from provisioning.spec.scalar import doubt, meant
from provisioning.spec.schema import inner
from provisioning.spec.withheld import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.node import Node
    from provisioning.spec.rule import Rule
    from provisioning.spec.schema import Schema


def doubts(node: Node, rule: Schema, key: str = "") -> Iterator[Fault]:
    """Tell of each value in `node` that another reader of YAML may take for another.

    `rule` is what the schema says of `node`, and `key` what is written in front of it.
    """
    if not isinstance(node, Scalar):
        numbered = node.items if isinstance(node, Mapping) else dict(enumerate(node.items))
        for part, item in numbered.items():
            if part == SECRETS:  # none is written there, which is told without it
                continue
            written = f"{part}: " if isinstance(part, str) else ""
            yield from doubts(item, inner(rule, part), written)
    elif reason := doubt(node):
        yield Fault.at(node.origin, "ambiguous", reason, _plainly(node, rule, key))


def known_instead(node: Scalar, rule: Schema, key: str) -> str:
    """Tell which of the few texts that `rule` allows to write; "" where it allows many."""
    texts: Rule | None = rule.get("meta", {}).get("rule")
    if not texts or not texts.known:
        return ""
    near = texts.meant(node.text)
    return f"write {key}{near}" if near else f"known: {', '.join(texts.known)}"


def _plainly(node: Scalar, rule: Schema, key: str) -> str:
    """Tell how to write a value of which there is a doubt, where `rule` says what it may be."""
    either = meant(node)
    if "boolean" in rule.get("type", ()):
        return f"write {key}{either}" if either in ("true", "false") else "write true or false"
    if "integer" in rule.get("type", ()):
        return f"write the number that is meant in decimal digits{either and f': {key}{either}'}"
    if told := known_instead(node, rule, key):
        return told
    text = shorten(node.text)
    if key.removesuffix(": ") in MODES:
        text = text.removeprefix("0o").zfill(4)
    quoted = f'write {key}"{text}"'
    return f"{quoted}, or {either}" if either and "type" not in rule else quoted
