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
from packaging.version import Version

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

    _Order = tuple[Any, ...]

GOOD, VULNERABLE, TROUBLE = 0, 1, 2
_ECOSYSTEMS = {"pypi": "PyPI", "npm": "npm"}
# As https://semver.org/spec/v2.0.0.html has it.
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


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


class Answers(NamedTuple):
    """What was found out about what is inside."""

    known: list[Vulnerability]
    asked: list[Ingredient]
    """What was asked about: of the others, nothing is known."""
    unread: int = 0
    """How many records of a database cannot be read: they may be about anything."""


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
        named = sorted(one for one in every if one.kind in _ECOSYSTEMS and one.version)
        answers = _in_database(named, Path(database)) if database else _by_pip_audit(named)
        left = len({one.purl for one in every} - {one.purl for one in answers.asked})
        if opt_values["as_json"]:
            packages = [_document(each, answers.known) for each in found]
            answer_json({"packages": packages, "not_asked": left, "unread": answers.unread})
        else:
            answer("".join(_told(found, answers, left)))
        # A record that cannot be read is no good answer.
        return VULNERABLE if answers.known else TROUBLE if answers.unread else GOOD


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


def _by_pip_audit(named: Iterable[Ingredient]) -> Answers:
    """What OSV says of Python packages. Raises InvalidCommand if it cannot be asked."""
    if find_spec("pip_audit") is None:
        raise InvalidCommand("pip-audit asks OSV: `pip install pip-audit`, or use --database PATH")
    asked = [each for each in named if each.kind == "pypi"]
    if not (lines := [f"{each.name}=={each.version}\n" for each in asked]):
        return Answers([], [])
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
    return Answers([_answered(each, one) for each in answers for one in each["vulns"]], asked)


def _answered(dependency: Any, said: Any) -> Vulnerability:
    fixed, aliases = tuple(said.get("fix_versions", ())), tuple(said.get("aliases", ()))
    name, version = str(dependency["name"]), str(dependency["version"])
    summary = str(said.get("description", "")).partition("\n")[0][:120]
    return Vulnerability(name, version, str(said["id"]), aliases, fixed, summary)


def _in_database(named: Sequence[Ingredient], database: Path) -> Answers:
    """What records say of packages of their ecosystems. Raises InvalidCommand if there are none."""
    inside: dict[tuple[str, str], list[Ingredient]] = {}
    for each in named:
        inside.setdefault(_key(_ECOSYSTEMS[each.kind], each.name), []).append(each)
    found, ecosystems, unread = set[Vulnerability](), set[str](), 0
    for data in _records(database):
        try:
            record = json.loads(data)
            ecosystems |= {_ecosystem(each) for each in record.get("affected", ())}
            found |= {*_affecting(record, inside)}
        except (ValueError, LookupError, TypeError, AttributeError):
            unread += 1  # it hides no other
    asked = [each for each in named if _ECOSYSTEMS[each.kind] in ecosystems]
    if not ecosystems:
        raise InvalidCommand(f"{database}: holds no records of OSV")
    if named and not asked:
        wanted = " or ".join(sorted({_ECOSYSTEMS[each.kind] for each in named}))
        raise InvalidCommand(
            f"{database}: holds no records about packages of {wanted}, only of"
            f" {printable(', '.join(sorted(ecosystems)))}; take the database of {wanted}"
        )
    return Answers(sorted(found), asked, unread)


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


def _ecosystem(affected: Any) -> str:
    return str(affected.get("package", {}).get("ecosystem", "")).partition(":")[0]


def _affecting(
    record: Any, inside: dict[tuple[str, str], list[Ingredient]]
) -> Iterator[Vulnerability]:
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", ()):
        key = _key(_ecosystem(affected), str(affected.get("package", {}).get("name")))
        for each in inside.get(key, ()):
            if _is_affected(each, affected):
                aliases = tuple(map(str, record.get("aliases", ())))
                summary, fixes = str(record.get("summary", "")), _fixes(affected)
                yield Vulnerability(
                    each.name, each.version, str(record["id"]), aliases, fixes, summary
                )


def _ranges(affected: Any) -> list[list[Any]]:
    """The events of each range of versions; other ranges are of commits."""
    ranges = affected.get("ranges", ())
    return [each["events"] for each in ranges if each["type"] in {"ECOSYSTEM", "SEMVER"}]


def _fixes(affected: Any) -> tuple[str, ...]:
    events = (event for each in _ranges(affected) for event in each)
    return tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event))


def _is_affected(ingredient: Ingredient, affected: Any) -> bool:
    """Whether a version is named, or lies in a range: `Evaluation` in the schema's document."""
    kind, version = ingredient.kind, ingredient.version
    listed, ranges = [*map(str, affected.get("versions", ()))], _ranges(affected)
    if version in listed:
        return True
    try:
        mine = _order(kind, version)
    except ValueError:  # nobody can tell
        return True
    if any(_is_same(mine, kind, each) for each in listed):
        return True
    try:
        return any(_is_in(mine, kind, events) for events in ranges)
    except ValueError:  # such a range says nothing, unless there is a list
        return not listed


def _is_same(mine: _Order, kind: str, version: str) -> bool:
    try:
        return mine == _order(kind, version)
    except ValueError:
        return False


def _is_in(mine: _Order, kind: str, events: Iterable[Any]) -> bool:
    is_in = False
    told = [(_order(kind, str(at)), what) for event in events for what, at in event.items()]
    for at, what in sorted(told, key=lambda each: each[0]):
        if what == "introduced" and mine >= at:
            is_in = True
        elif (what == "fixed" and mine >= at) or (what == "last_affected" and mine > at):
            is_in = False
    return is_in


@cache
def _order(kind: str, version: str) -> _Order:
    """A version as it compares in its ecosystem: by PEP 440, or by Semantic Versioning.

    Raises ValueError for what is no version there.
    """
    if version == "0":  # the schema's word for what comes before all versions
        return ()
    if kind == "pypi":
        # What somebody built of a version, as 2.1.0+cpu, has its faults.
        return (Version(Version(version).public),)
    match = _SEMVER.fullmatch(version)
    if not match:
        raise ValueError(version)
    numbers = tuple(map(int, match.groups()[:3]))
    if match[4] is None:
        return (*numbers, 1)
    return (*numbers, 0, tuple(map(_identifier, match[4].split("."))))


def _identifier(text: str) -> tuple[int, int, str]:
    """A part of what follows the hyphen: numbers come before words."""
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def _document(found: Bill, known: Sequence[Vulnerability]) -> dict[str, Any]:
    inside = {(each.name, each.version) for each in found.ingredients}
    told = [each._asdict() for each in known if (each.ingredient, each.version) in inside]
    about = {"name": found.name, "version": found.version, "platform": found.platform}
    return {**about, "vulnerabilities": told}


def _told(found: Sequence[Bill], answers: Answers, left: int) -> Iterator[str]:
    for each in answers.known:
        where = [
            f"{one.name} {one.version} for {one.platform}"
            for one in found
            if any((each.ingredient, each.version) == (i.name, i.version) for i in one.ingredients)
        ]
        yield f"{each}\n    in {', '.join(where)}\n"
    known, asked = len(answers.known), count_text(len(answers.asked), "package")
    result = count_text(known, "vulnerability").replace("ys", "ies") if known else "none known"
    rest = f"; {left} others were not asked about" if left else ""
    yield f"{asked} asked about: {result}{rest}\n"
    if answers.unread:
        yield f"{count_text(answers.unread, 'record')} could not be read: get the database anew\n"
