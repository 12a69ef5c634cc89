"""`provision audit`: asks whether what is inside a release has known vulnerabilities.

Of Python packages, pip-audit asks OSV (https://osv.dev). Or a database that was downloaded is read:
records of OSV's schema (https://ossf.github.io/osv-schema/), as OSV exports them for an ecosystem.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from doit.exceptions import InvalidCommand
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from provisioning.artifact.model.release import artifacts
from provisioning.builder.workspace import bill
from provisioning.builder.workspace.paths import ARTIFACTS, workspace
from provisioning.console import printable
from provisioning.errors import BuildError
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    named_parts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.builder.workspace.bill import Bill, Ingredient

GOOD, VULNERABLE, TROUBLE = 0, 1, 2
_ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm"}
_NUMBERS = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?")


class Vulnerability(NamedTuple):
    """One that is known of something inside."""

    ingredient: str
    version: str
    id: str
    aliases: tuple[str, ...]
    fixed: tuple[str, ...]
    """The versions in which it is mended."""
    summary: str

    def __str__(self) -> str:
        called = ", ".join((self.id, *self.aliases[:2]))
        way_out = f"; mended in {', '.join(self.fixed)}" if self.fixed else "; not mended yet"
        told = f": {self.summary}" if self.summary else ""
        return printable(f"{self.ingredient} {self.version}: {called}{told}{way_out}")


class Audit(ProjectCommand):
    """Asks about the bills of materials of what was built; builds nothing."""

    name = "audit"
    doc_purpose = "report known vulnerabilities of what is inside a release"
    doc_usage = "[--database PATH] [--json] [ARTIFACT|NAME[:PLATFORM] ...]"
    doc_description = (
        "Reads the bill of materials beside each release that was built, and asks OSV about its "
        "Python packages, by pip-audit: `pip install pip-audit`.\n\n"
        "With --database nothing is asked: PATH is what OSV exports for an ecosystem "
        "(https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip), or a directory of such "
        "records; for npm, that of npm.\n\n"
        "The exit status is 0 if no vulnerability is known, 1 if one is, and 2 on errors."
    )
    cmd_options = (
        {
            "name": "database",
            "long": "database",
            "type": str,
            "default": "",
            "help": "a directory or zip archive of OSV records, to be read instead of asking",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print what is known, and return the exit code."""
        # Before the project is read: doit goes to its directory.
        database = os.path.abspath(opt_values["database"]) if opt_values["database"] else ""
        found = bills_of(self, opt_values, pos_args)
        every = {one for each in found for one in each.ingredients}
        kinds = set(_ECOSYSTEMS) if database else {"pypi"}
        asked = sorted(one for one in every if one.kind in kinds and one.version)
        known = _in_database(asked, Path(database)) if database else _by_pip_audit(asked)
        left = len({one.purl for one in every} - {one.purl for one in asked})
        if opt_values["as_json"]:
            answer_json({"packages": [_document(each, known) for each in found], "not_asked": left})
        else:
            answer("".join(_told(found, known, len(asked), left)))
        return VULNERABLE if known else GOOD


def bills_of(command: ProjectCommand, opt_values: Any, words: Sequence[str]) -> list[Bill]:
    """The bills of materials of artifacts, or of what was built of packages that are named.

    Raises InvalidCommand if there is none.
    """
    named = [each for each in words if not os.path.lexists(each)]
    paths = [_beside(Path(each).absolute()) for each in words if os.path.lexists(each)]
    if named or not words:
        parts = named_parts(command.plan(opt_values).parts, named)
        paths += [workspace(part.variant, ARTIFACTS).bill.absolute() for part in parts]
    try:
        return [bill.read(path) for path in paths]
    except FileNotFoundError as error:
        raise InvalidCommand(
            f"{error.filename}: there is no bill of materials; `doit package` writes it"
        ) from None
    except OSError as error:
        raise InvalidCommand(f"{error.filename}: {error.strerror}") from None
    except BuildError as error:
        raise InvalidCommand(str(error)) from None


def _beside(path: Path) -> Path:
    """The bill of materials of an artifact, or in the directory of a release."""
    if path.name.endswith(".cdx.json"):
        return path
    directory = path if path.is_dir() and artifacts(path) else path.parent
    found = sorted(directory.glob("*.cdx.json"))
    return found[0] if len(found) == 1 else directory / f"{directory.name}.cdx.json"


def _by_pip_audit(asked: Iterable[Ingredient]) -> list[Vulnerability]:
    """What OSV says of Python packages. Raises InvalidCommand if it cannot be asked."""
    if find_spec("pip_audit") is None:
        raise InvalidCommand("pip-audit asks OSV: `pip install pip-audit`, or use --database PATH")
    if not (lines := [f"{each.name}=={each.version}\n" for each in asked]):
        return []
    with tempfile.TemporaryDirectory(prefix="provisioning-") as directory:
        listed = Path(directory, "requirements.txt")
        listed.write_text("".join(lines), encoding="utf-8")
        how = ["--requirement", str(listed), "--no-deps", "--disable-pip", "--format", "json"]
        how += ["--vulnerability-service", "osv", "--progress-spinner", "off", "--aliases", "on"]
        how += ["--desc", "on"]
        done = subprocess.run(  # noqa: S603 - of this environment
            [sys.executable, "-m", "pip_audit", *how], capture_output=True, text=True, check=False
        )
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        why = done.stderr.strip().rpartition("\n")[2]
        raise InvalidCommand(
            f"pip-audit could not ask OSV: {printable(why)}; --database PATH needs no network"
        ) from None
    skipped = [each for each in answers if "skip_reason" in each]
    if skipped:
        raise InvalidCommand("\n".join(printable(str(each["skip_reason"])) for each in skipped))
    return [_answered(each, one) for each in answers for one in each["vulns"]]


def _answered(dependency: Any, said: Any) -> Vulnerability:
    fixed, aliases = tuple(said.get("fix_versions", ())), tuple(said.get("aliases", ()))
    name, version = str(dependency["name"]), str(dependency["version"])
    summary = str(said.get("description", "")).partition("\n")[0][:120]
    return Vulnerability(name, version, str(said["id"]), aliases, fixed, summary)


def _in_database(asked: Sequence[Ingredient], database: Path) -> list[Vulnerability]:
    """What records say of packages. Raises InvalidCommand if there are none."""
    named: dict[tuple[str, str], list[Ingredient]] = {}
    for each in asked:
        named.setdefault(_key(_ECOSYSTEMS[each.kind], each.name), []).append(each)
    found, count = [], 0
    for data in _records(database):
        try:
            record = json.loads(data)
            count += 1
            found += list(_affecting(record, named))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # one record that is damaged hides no other
    if not count:
        raise InvalidCommand(f"{database}: holds no records of OSV")
    return sorted({*found})


def _records(database: Path) -> Iterator[bytes]:
    try:
        if database.is_dir():
            yield from (path.read_bytes() for path in sorted(database.rglob("*.json")))
            return
        with zipfile.ZipFile(database) as archive:
            yield from (archive.read(name) for name in archive.namelist() if ".json" in name)
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidCommand(f"{database}: {getattr(error, 'strerror', None) or error}") from None


def _key(ecosystem: str, name: str) -> tuple[str, str]:
    return ecosystem, canonicalize_name(name) if ecosystem == "PyPI" else name


def _affecting(
    record: Any, named: dict[tuple[str, str], list[Ingredient]]
) -> Iterator[Vulnerability]:
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        key = _key(str(package.get("ecosystem", "")).partition(":")[0], str(package.get("name")))
        for each in named.get(key, ()):
            fixes = _fixes(affected)
            if _is_affected(each.version, affected):
                aliases = tuple(map(str, record.get("aliases", ())))
                summary = str(record.get("summary", ""))
                yield Vulnerability(
                    each.name, each.version, str(record["id"]), aliases, fixes, summary
                )


def _fixes(affected: Any) -> tuple[str, ...]:
    events = (event for each in affected.get("ranges", ()) for event in each["events"])
    return tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event))


def _is_affected(version: str, affected: Any) -> bool:
    """Whether a version is named, or lies in a range: `Evaluation` in the schema's document."""
    if version in affected.get("versions", ()):
        return True
    ranges = (
        each for each in affected.get("ranges", ()) if each["type"] in {"ECOSYSTEM", "SEMVER"}
    )
    return any(_is_in(version, each["events"]) for each in ranges)


def _is_in(version: str, events: Iterable[Any]) -> bool:
    mine, is_in = _order(version), False
    told = [(_order(str(at)), kind) for event in events for kind, at in event.items()]
    for at, kind in sorted(told, key=lambda each: each[0]):
        if kind == "introduced" and mine >= at:
            is_in = True
        elif (kind == "fixed" and mine >= at) or (kind == "last_affected" and mine > at):
            is_in = False
    return is_in


@cache
def _order(version: str) -> tuple[Any, ...]:
    """A version as it compares: of Python's, by PEP 440; of others, by Semantic Versioning."""
    try:
        return (1, Version(version))
    except InvalidVersion:
        match = _NUMBERS.match(version)
        if not match:
            return (0, Version("0"))
        base = ".".join(each or "0" for each in match.groups()[:3])
        return (1, Version(f"{base}.dev0" if match[4] else base))


def _document(found: Bill, known: Sequence[Vulnerability]) -> dict[str, Any]:
    inside = {(each.name, each.version) for each in found.ingredients}
    told = [each._asdict() for each in known if (each.ingredient, each.version) in inside]
    about = {"name": found.name, "version": found.version, "platform": found.platform}
    return {**about, "vulnerabilities": told}


def _told(
    found: Sequence[Bill], known: Sequence[Vulnerability], asked: int, left: int
) -> Iterator[str]:
    for each in known:
        where = [
            f"{one.name} {one.version} for {one.platform}"
            for one in found
            if any((each.ingredient, each.version) == (i.name, i.version) for i in one.ingredients)
        ]
        yield f"{each}\n    in {', '.join(where)}\n"
    result = count_text(len(known), "vulnerability").replace("ys", "ies")
    rest = f"; {left} others were not asked about" if left else ""
    yield f"{count_text(asked, 'package')} asked about: {result if known else 'none known'}{rest}\n"
