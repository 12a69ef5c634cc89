"""Knows which names a variant has for its texts and templates, and which layer sets each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from provisioning.spec.data import read_secrets, read_variables
from provisioning.spec.fault import Fault
from provisioning.spec.given import lay_given
from provisioning.spec.node import Mapping, Scalar, marked, scalars
from provisioning.spec.overlay import merge_maps, stack
from provisioning.spec.rule import PATH
from provisioning.spec.variables import ENVIRONMENT, RESERVED, Scope, named_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provisioning.spec.inputs import Inputs
    from provisioning.spec.node import Node
    from provisioning.spec.origin import Origin

    Reader = Callable[[Inputs, str, Origin, list[Fault]], Mapping | None]


class Names(NamedTuple):
    """The values by name; not `complete` where a file of them could not be read."""

    values: Mapping
    complete: bool


def find_names(
    layers: Sequence[Mapping], identity: dict[str, Node], inputs: Inputs, faults: list[Fault]
) -> Names:
    """Return what `layers` say: the platform, the spec and its overlay, the later winning.

    The files that they name come after the platform, and the command line after all.
    """
    scope = Scope(identity, inputs, faults)
    variables = _stacked("variables", read_variables, layers, scope)
    secrets = _stacked("secrets", read_secrets, layers, scope)
    kept = {ENVIRONMENT, *secrets.values.items}
    for value in scalars(secrets.values):
        if not value.literal and kept.isdisjoint(named_in(value.text)):
            faults.append(_written(value))
    hidden = cast("Mapping", marked(secrets.values, secret=True))
    values = lay_given(
        merge_maps(variables.values, hidden),
        inputs.given,
        faults,
        secretive=inputs.secretive,
    )
    return Names(values, variables.complete and secrets.complete)


def _stacked(key: str, read: Reader, layers: Sequence[Mapping], scope: Scope) -> Names:
    base, *written = layers
    named = [layer.sequence(f"{key}_from") for layer in written if f"{key}_from" in layer.items]
    found = [
        None if path is None else read(scope.inputs, path, node.origin, scope.faults)
        for node in (named[-1] if named else ())
        if isinstance(node, Scalar)
        for path in [scope.text(node, PATH)]
    ]
    files = [each for each in found if each is not None]
    maps = [base.mapping(key), *files, *(layer.mapping(key) for layer in written)]
    if key == "secrets" and (named or any(each.items for each in maps)):
        scope.inputs.secretive = True
    for each in maps:
        _demand_free(each, scope.faults, excerpt=key != "secrets")
    return Names(stack(maps, scope.faults), len(files) == len(found))


def _demand_free(layer: Mapping, faults: list[Fault], *, excerpt: bool) -> None:
    for key in sorted(layer.items.keys() & RESERVED):
        message = f"{key} is the same for every template, and nobody sets it as a variable"
        fault = Fault.at(layer.keys[key], "reserved-variable", message, "rename it")
        faults.append(replace(fault, excerpt=excerpt))


def _written(value: Scalar) -> Fault:
    """Refuse a secret that is written out in a spec, which many people read."""
    message = "a secret is not written into a spec"
    hint = 'take it from the environment, as in "{{ env.NAME }}", or from a file: secrets_from'
    return replace(Fault.at(value.origin, "written-secret", message, hint), excerpt=False)
