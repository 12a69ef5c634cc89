"""Knows what version a package has: as written, from a file, from pyproject.toml, or from git."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.git import NoVersion
from provisioning.spec.node import Mapping, Node, Scalar, scalars
from provisioning.spec.origin import Origin
from provisioning.spec.pep440 import debian_of, has_epoch, ordered
from provisioning.spec.rule import PATH, TAG_GLOB, VERSION
from provisioning.spec.schema import ONE_SOURCE, SOURCES
from provisioning.spec.tags import TAGS, Asked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs
    from provisioning.spec.rule import Rule


GIT = "(git)"


def find_version(node: Node, variant: str, inputs: Inputs, faults: list[Fault]) -> Scalar | None:
    """Return the version that a resolved `version:` means, from where it is; None after a fault.

    `variant` is whose version it is, as in `greenhouse:raspberry-pi`.
    """
    source, value, asked = _source(node, faults)
    if value is None:
        return None
    if any(each.secret for each in scalars(node)):
        message = "a secret stands in this, and everybody could read it in the package's name"
        faults.append(Fault.at(value.origin, "exposed-secret", message))
        return None
    if source == "from":
        found = _from_git(value, asked, variant, inputs, faults)
    else:
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


def _from_git(
    value: Scalar, asked: dict[str, Scalar], variant: str, inputs: Inputs, faults: list[Fault]
) -> str | NoVersion | None:
    if value.text != "git":
        return NoVersion(f"a version cannot come from {value.text}", "known: git")
    tags, sound = _text("tags", TAGS, TAG_GLOB, asked, faults)
    fallback, sound_too = _text("fallback", "", VERSION, asked, faults)
    if not (sound and sound_too):
        return None
    return inputs.git_version(variant, Asked(tags, fallback))


def _text(
    key: str, default: str, rule: Rule, asked: dict[str, Scalar], faults: list[Fault]
) -> tuple[str, bool]:
    """Return what stands at `key`, and whether it is as it must be."""
    said = asked.get(key)
    if said is None:
        return default, True
    return said.text, rule.holds(said.text, said.origin, faults)


def _read(
    source: str, value: Scalar, inputs: Inputs, faults: list[Fault]
) -> str | NoVersion | None:
    if source == "text":
        return value.text
    if not PATH.holds(value.text, value.origin, faults):
        return None
    text = inputs.text(value.text, value.origin, faults)
    if text is None:
        return None
    if source == "pyproject":
        return _project_version(value.text, text)
    return ordered(text.strip())


def _source(node: Node, faults: list[Fault]) -> tuple[str, Scalar | None, dict[str, Scalar]]:
    """Return what kind of version was written, its value, and all that is said beside it.

    There is no value after a fault.
    """
    if not isinstance(node, Mapping):
        return "text", node if isinstance(node, Scalar) else None, {}
    said = {key: each for key, each in node.items.items() if isinstance(each, Scalar)}
    sources = [key for key in said if key in SOURCES]
    if len(sources) != 1:
        # In one place or by an overlay, which adds its source to that of the spec.
        related = tuple((node.keys[key], "one is here") for key in sources)
        if said:  # else the schema has told
            faults.append(Fault.at(node.origin, "version-source", ONE_SOURCE, related=related))
        return "", None, {}
    (source,) = sources
    idle = [] if source == "from" else sorted(said.keys() - {source})
    for key in idle:
        message = f"this means nothing beside {source}; remove it"
        faults.append(Fault.at(node.keys[key], "idle-key", message))
    return source, None if idle else said[source], said


def _project_version(file: str, text: str) -> str | NoVersion:
    try:
        project = tomllib.loads(text).get("project")
    except (ValueError, RecursionError) as error:
        return NoVersion(f"{file}: {error}", "")
    version = project.get("version") if isinstance(project, dict) else None
    if not isinstance(version, str):
        hint = "only its build backend knows a dynamic version; try version: {from: git}"
        return NoVersion(f"{file} has no version in [project]", hint)
    if has_epoch(version):
        message = f"{file}: {version} has an epoch, for which the name of a package has no room"
        return NoVersion(message, "write the version that the package is to have itself")
    return debian_of(version) or version
