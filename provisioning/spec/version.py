"""Knows what version a package has: as written, from a file, from pyproject.toml, or from git."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provisioning.spec.fault import Fault
from provisioning.spec.git import NoVersion
from provisioning.spec.node import Mapping, Node, Scalar, scalars, shorten
from provisioning.spec.origin import Origin
from provisioning.spec.reading import Doubtful, version_in
from provisioning.spec.rule import PATH, TAG_GLOB, VERSION
from provisioning.spec.schema import ONE_SOURCE, SOURCES
from provisioning.spec.tags import TAGS, Asked

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from provisioning.spec.inputs import Inputs


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
    if found is None:
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
    tags, fallback = asked.get("tags"), asked.get("fallback")
    is_glob = tags is None or TAG_GLOB.holds(tags.text, tags.origin, faults)
    before = fallback and _sound(fallback.text, fallback.origin, faults)
    if not is_glob or (fallback and not before):
        return None
    found = inputs.git_version(variant, Asked(tags.text if tags else TAGS, before or ""))
    told = isinstance(found, NoVersion) or VERSION.holds(found, value.origin, faults)
    return found if told else None


def _sound(text: str, origin: Origin, faults: list[Fault]) -> str | None:
    """Return the version that `text` says; None after a fault."""
    version = version_in(text)
    if isinstance(version, Doubtful):
        message = f'"{shorten(text)}" {version.why}'
        faults.append(Fault.at(origin, "doubtful-version", message, version.advice()))
        return None
    return version if VERSION.holds(version, origin, faults) else None


def _read(
    source: str, value: Scalar, inputs: Inputs, faults: list[Fault]
) -> str | NoVersion | None:
    said: str | NoVersion | None = value.text
    if source != "text":
        said = _in_file(source, value, inputs, faults)
    return _sound(said, value.origin, faults) if isinstance(said, str) else said


def _in_file(
    source: str, value: Scalar, inputs: Inputs, faults: list[Fault]
) -> str | NoVersion | None:
    """Return the text of a version in a file of the project; None after a fault."""
    if not PATH.holds(value.text, value.origin, faults):
        return None
    text = inputs.text(value.text, value.origin, faults)
    if text is None or source == "file":
        return text and text.strip()
    return _project_version(value.text, text)


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
    return version
