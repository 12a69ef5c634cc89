"""Writes the bill of materials of a release: CycloneDX 1.6 in JSON (https://cyclonedx.org).

It says what is known here exactly and a scanner would have to guess: which wheels of which lock,
which npm packages of a lock that is packaged, what a deb depends on, and each file with its digest.
The same package gives the same bytes: there is no time in it, and no number that was drawn.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from provisioning.artifact.formats import DEB
from provisioning.builder.collect.collect import Listing, load
from provisioning.builder.plan.needs import environments_of
from provisioning.builder.python import environment
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provisioning.builder.python.environment import Gathered, Material
    from provisioning.builder.workspace.paths import Workspace

_TOOL = "doit-provisioning"
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_LOCKS = ("/package-lock.json", "/node_modules/.package-lock.json")
# As manifest.line writes it: a hundred thousand lines are found in a tenth of a second.
_FILE = re.compile(
    rb'\{(?:"conffile":true,)?"digest":"([0-9a-f]{64})","group":"[^"]*","mode":"[0-7]*",'
    rb'"owner":"[^"]*","path":("[^"\\]*(?:\\.[^"\\]*)*")'
)
_END = b'"}]}'
_MODULES = "node_modules/"
_CLASSIFIER = "License :: OSI Approved :: "
_INTEGRITY = re.compile(r"sha512-([A-Za-z0-9+/]{86}==)")
_LONGEST_NAME = 100  # characters of a licence: some projects put the whole text there


_spell = json.JSONEncoder(separators=(",", ":")).encode


class Ingredient(NamedTuple):
    """Something that a package contains, or needs beside it, that somebody else has made."""

    kind: str
    """The type of its purl: pypi, npm or deb."""
    name: str
    version: str = ""
    license: str = ""
    """An SPDX expression, or the words of its author; "" if it says nothing."""
    is_spdx: bool = False
    """Whether it is an SPDX expression, and where its author put such a one."""
    hash: tuple[str, str] = ("", "")
    """The algorithm, and the digest in hexadecimal."""
    url: str = ""
    """Where it was fetched from; "" if that is not known."""

    @property
    def purl(self) -> str:
        """Its package URL (https://github.com/package-url/purl-spec)."""
        at = f"@{quote(self.version, safe='.+-~')}" if self.version else ""
        kind = f"{self.kind}/debian" if self.kind == "deb" else self.kind
        return f"pkg:{kind}/{quote(self.name, safe='/.+-_~')}{at}"

    def component(self) -> dict[str, Any]:
        """It as CycloneDX has it."""
        told = {"type": "library", "bom-ref": self.purl, "name": self.name, "purl": self.purl}
        optional = {
            "version": self.version,
            "licenses": _licenses(self.license, is_spdx=self.is_spdx),
            "hashes": [{"alg": self.hash[0], "content": self.hash[1]}] if self.hash[1] else [],
            "externalReferences": [{"type": "distribution", "url": self.url}] if self.url else [],
        }
        return {**told, **{key: value for key, value in optional.items() if value}}


def _licenses(text: str, *, is_spdx: bool) -> list[dict[str, Any]]:
    """A licence as CycloneDX has it."""
    if not text:
        return []
    return [{"expression": text}] if is_spdx else [{"license": {"name": text}}]


def is_expression(text: str) -> bool:
    """Whether a text is an SPDX expression: UNLICENSED and BSD, for example, are none."""
    # Imported here: a cost for those who name a licence.
    from packaging.licenses import (  # noqa: PLC0415
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        return bool(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return False


def _ingredients(place: Workspace, artifacts: str, manifest: bytes) -> list[Ingredient]:
    """What others have made of a package."""
    found = [*_wheels(place, artifacts)]
    if b'package-lock.json"' in manifest:
        found += _npm(load(place))
    return sorted({each.purl: each for each in found}.values())


def bill(place: Workspace, artifacts: str) -> bytes:
    """The bill of materials of what was packed. Raises OSError, BuildError."""
    manifest = place.manifest.read_bytes()
    package = json.loads(manifest.partition(b"\n")[0] + b"]}")["package"]
    inside = _ingredients(place, artifacts, manifest)
    needed = _debs(package) if DEB in place.formats else []
    ref = f"pkg:generic/{quote(package['name'])}@{quote(package['version'], safe='.+-~')}"
    about = {
        "type": "application",
        "bom-ref": ref,
        "name": package["name"],
        "version": package["version"],
        "purl": ref,
        "licenses": _licenses(said := package.get("license", ""), is_spdx=is_expression(said)),
        "properties": [{"name": f"{_TOOL}:platform", "value": package["platform"]}],
    }
    tool = {"type": "application", "name": _TOOL, "version": version(_TOOL)}
    head = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, "component": about},
        "dependencies": [{"ref": ref, "dependsOn": [each.purl for each in (*inside, *needed)]}],
    }
    made = (_spell(each.component()) for each in (*inside, *needed))
    rows = [row.encode() for row in made]
    rows += _files(manifest)
    text = json.dumps(head, indent=1, sort_keys=True)
    return b'%s,\n "components": [\n%s\n ]\n}\n' % (
        text.removesuffix("\n}").encode(),
        b",\n".join(rows),
    )


def _files(manifest: bytes) -> list[bytes]:
    """A line for each file, in the order of the manifest, whose lines are read as they are."""
    return [
        b'{"type":"file","name":'
        + path
        + b',"hashes":[{"alg":"SHA-256","content":"'
        + digest
        + _END
        for digest, path in _FILE.findall(manifest)
    ]


def _wheels(place: Workspace, artifacts: str) -> Iterator[Ingredient]:
    for need in environments_of(place.variant, artifacts):
        said = _metadata(environment.recall(need.source).files)
        for each in environment.materials_of(need.source):
            yield _wheel(each, said.get(each.file, ""))


def _metadata(files: Iterable[Gathered]) -> dict[str, str]:
    """The METADATA of each wheel, by the names of their files.

    Deeper down lies that of what a project has copied, as in `setuptools/_vendor/`.
    """
    return {
        each.wheel: Path(each.source).read_text(encoding="utf-8", errors="replace")
        for each in files
        if each.inside.endswith(".dist-info/METADATA") and each.inside.count("/") == 1
    }


def _wheel(material: Material, metadata: str) -> Ingredient:
    # Imported here, as below: a cost for packages of Python.
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # noqa: PLC0415

    try:
        name, number, *_ = parse_wheel_filename(material.file)
    except InvalidWheelFilename:  # as some builders write it
        parts = material.file.split("-")
        name, number = parts[0], parts[1]  # type: ignore[assignment]
    said, is_spdx = _license(metadata)
    digest = ("SHA-256", material.digest)
    return Ingredient("pypi", str(name), str(number), said, is_spdx, digest, material.url)


def _license(metadata: str) -> tuple[str, bool]:
    """The licence that METADATA names, by PEP 639 as an SPDX expression, or by older fields."""
    from email.parser import HeaderParser  # noqa: PLC0415

    fields = HeaderParser().parsestr(metadata.partition("\n\n")[0])
    if expression := fields.get("License-Expression"):
        text = str(expression).strip()
        return text, is_expression(text)
    classifiers = [
        each.removeprefix(_CLASSIFIER)
        for each in fields.get_all("Classifier", [])
        if each.startswith(_CLASSIFIER)
    ]
    text = str(fields.get("License", "")).strip()
    if text and "\n" not in text and len(text) <= _LONGEST_NAME and text != "UNKNOWN":
        return text, False
    return ", ".join(classifiers), False


def _npm(listing: Listing) -> Iterator[Ingredient]:
    """The npm packages of each lock that is packaged, as far as they are packaged, too."""
    lines = [line for line in listing.lines if 'package-lock.json"' in line]
    for each in Listing(lines):
        if f"/{each.entry.path}".endswith(_LOCKS) and not each.template:
            paths = {found.entry.path for found in _modules(listing)}
            yield from _locked(each.source, each.entry.path, paths)


def _modules(listing: Listing) -> Listing:
    return Listing([line for line in listing.lines if '/package.json"' in line])


def _locked(source: str, path: str, packaged: set[str]) -> Iterator[Ingredient]:
    """The packages of a package-lock.json of version 2 or 3 (docs.npmjs.com, package-lock.json)."""
    path = f"/{path}"
    above = next(path.removesuffix(each)[1:] for each in _LOCKS if path.endswith(each))
    above = f"{above}/" if above else ""
    try:
        known = json.loads(Path(source).read_bytes()).get("packages", {})
        for place, said in known.items():
            # What lies elsewhere is the project's own workspace, and of no registry.
            if _MODULES in place and f"{above}{place}/package.json" in packaged:
                yield _node(place, said)
    except (ValueError, AttributeError, TypeError):
        return  # it is packaged as any other file, and says nothing


def _node(place: str, said: Mapping[str, Any]) -> Ingredient:
    name = said.get("name") or place.rpartition(_MODULES)[2]
    match = _INTEGRITY.search(str(said.get("integrity", "")))
    digest = ("SHA-512", _hexadecimal(match[1])) if match else ("", "")
    named = said.get("license", "")
    return Ingredient(
        "npm",
        name,
        str(said.get("version", "")),
        named if isinstance(named, str) else "",
        isinstance(named, str) and is_expression(named),
        digest,
        str(said.get("resolved", "")) if str(said.get("resolved", "")).startswith("https:") else "",
    )


def _hexadecimal(text: str) -> str:
    import base64  # noqa: PLC0415 - for packages of Node alone

    return base64.b64decode(text).hex()


def _debs(package: Mapping[str, Any]) -> list[Ingredient]:
    """What the deb depends on: the first of alternatives, whose version apt chooses."""
    fields = package.get("debian", {})
    told = ",".join(fields.get(key, "") for key in ("Pre-Depends", "Depends"))
    first = (each.partition("|")[0].partition("(")[0] for each in told.split(","))
    names = (each.partition(":")[0].strip() for each in first)  # without `:any`
    return [Ingredient("deb", name) for name in sorted({*names} - {""})]


class Bill(NamedTuple):
    """A bill of materials that was written."""

    name: str
    version: str
    platform: str
    license: str
    ingredients: tuple[Ingredient, ...]


def read(path: Path) -> Bill:
    """Read a bill of materials that `bill` has written. Raises BuildError, and OSError."""
    try:
        said = json.loads(path.read_bytes())
        about = said["metadata"]["component"]
        platform = about["properties"][0]["value"]
        found = [_read(each) for each in said["components"] if "purl" in each]
        text, _ = _licensed(about)
        return Bill(about["name"], about["version"], platform, text, tuple(found))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BuildError(f"{path}: is not a bill of materials of this program") from None


def _read(component: Mapping[str, Any]) -> Ingredient:
    kind = component["purl"].removeprefix("pkg:").partition("/")[0]
    text, is_spdx = _licensed(component)
    return Ingredient(kind, component["name"], component.get("version", ""), text, is_spdx)


def _licensed(component: Mapping[str, Any]) -> tuple[str, bool]:
    for said in component.get("licenses", ()):
        if "expression" in said:
            return said["expression"], True
        return said["license"]["name"], False
    return "", False
