"""Knows what version a package has: as written, from a file, from pyproject.toml, or from git."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.git import NoVersion
from provisioning.spec.node import Mapping, Node, Scalar
from provisioning.spec.origin import Origin
from provisioning.spec.rule import PATH, VERSION

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs


GIT = "(git)"


def find_version(node: Node, inputs: Inputs, faults: list[Fault]) -> Scalar | None:
    """Return the version that a resolved `version:` means, from where it is; None after a fault."""
    source, value = _source(node, faults)
    if value is None:
        return None
    if value.secret:
        message = "a secret stands in this, and everybody could read it in the package's name"
        faults.append(Fault.at(value.origin, "exposed-secret", message))
        return None
    found = _read(source, value, inputs, faults)
    if isinstance(found, NoVersion):
        faults.append(Fault.at(value.origin, "no-version", found.message, found.hint))
        return None
    if found is None or not VERSION.holds(found, value.origin, faults):
        return None
    origin = _origin(source, value)
    return Scalar(value=found, origin=origin, text=found, quoted=True, literal=True)


def _origin(source: str, value: Scalar) -> Origin:
    if source == "text":
        return value.origin
    return Origin(file=GIT if source == "from" else value.text, line=0, column=1)


def _read(
    source: str, value: Scalar, inputs: Inputs, faults: list[Fault]
) -> str | NoVersion | None:
    if source == "text":
        return value.text
    if source == "from":
        if value.text == "git":
            return inputs.git_version()
        return NoVersion(f"a version cannot come from {value.text}", "known: git")
    if not PATH.holds(value.text, value.origin, faults):
        return None
    text = inputs.text(value.text, value.origin, faults)
    if text is None or source == "file":
        return text and text.strip()
    return _project_version(value.text, text)


def _source(node: Node, faults: list[Fault]) -> tuple[str, Scalar | None]:
    """Return what kind of version was written, and its value; no value after a fault."""
    if not isinstance(node, Mapping):
        return "text", node if isinstance(node, Scalar) else None
    if len(node.items) > 1:
        # In one place or by an overlay, which adds its source to that of the spec.
        message = "give exactly one of file, pyproject, from"
        related = tuple((origin, "one is here") for origin in node.keys.values())
        faults.append(Fault.at(node.origin, "version-source", message, related=related))
        return "", None
    for source, value in node.items.items():
        return source, value if isinstance(value, Scalar) else None
    return "", None  # the schema has told


def _project_version(file: str, text: str) -> str | NoVersion:
    try:
        project = tomllib.loads(text).get("project")
    except (ValueError, RecursionError) as error:
        return NoVersion(f"{file}: {error}", "")
    version = project.get("version") if isinstance(project, dict) else None
    if isinstance(version, str):
        return version
    hint = "only its build backend knows a dynamic version; try version: {from: git}"
    return NoVersion(f"{file} has no version in [project]", hint)
