"""The commands `list`, `status` and `verify`: what is installed, and whether it is intact."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.artifact import contents
from provisioning.artifact.contents import Finding
from provisioning.artifact.filesystem import reason
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.placement import CURRENT, PREVIOUS, RELEASES, installed
from provisioning.artifact.model.release import is_tree
from provisioning.artifact.verification import VerifyResult, verify, verify_release
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.cli.arguments import (
    DIFFERS,
    GOOD,
    TROUBLE,
    Answer,
    Command,
    Place,
    own_place,
    place_at,
    place_of,
    root_of,
    some_path,
    some_word,
)
from provisioning.installer.ops import journal
from provisioning.installer.ops.first_start import WAITING
from provisioning.installer.ops.journal import PREPARED
from provisioning.installer.store import owners, releases, trusted_keys
from provisioning.installer.store.prefix import SYSTEM, looked_at, opened
from provisioning.installer.store.releases import packages, prefix_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from provisioning.artifact.contents import Comparison
    from provisioning.console import Console
    from provisioning.installer.ops.journal import Event, Record
    from provisioning.installer.store.owners import Ids
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release


def inspect(root: Path, prefix: str) -> VerifyResult:
    """Compare the current release of a package, and what lies beside it, with its manifest.

    A configuration file may be edited or deleted. What cannot be read is a finding.
    """
    try:
        with opened(root, prefix) as home:
            current = releases.at(home, CURRENT)
            if not current:
                return VerifyResult(prefix, None, (Finding(prefix, "nothing is installed"),))
            release = releases.read(home, current)
            package = release.package
            found = _compare(home, release)
            by, doubts = _signer(home, release)
            return VerifyResult(
                f"{package.name} {package.version}",
                release.manifest,
                (*doubts, *found.findings, *_beside(home, release)),
                found.byte_code,
                by,
            )
    except RefusedError as error:
        return VerifyResult(prefix, None, (Finding(*str(error).split(": ", 1)),))


def _signer(home: Home, release: Release) -> tuple[str, list[Finding]]:
    """Who has signed a release, and what is wrong with that; nothing where no key is trusted."""
    trust = trusted_keys.read(home.root)
    if trust is None:
        return "", []
    try:
        return str(trusted_keys.signer_of(home, release, trust)), []
    except ArtifactError as error:
        return "", [Finding(f"{release.package.name} {release.package.version}", str(error))]
    except PermissionError:  # the notes about a package are their owner's
        return "", []


def _compare(home: Home, release: Release) -> Comparison:
    """Compare a release in a prefix with its manifest, for any user.

    Owners do not count where they could not be given.
    """
    whose, layout = _whose(home, release), release.layout
    if whose != owners.own():  # guard: prefix-of-another-user
        plain = installed(release.data, release.manifest.entries)
        layout = owners.numbered(plain, whose, owners.accounts(home.root))
    where = home.path / release.path
    return contents.compare_entries(layout.release, where, owners=whose is None)


def _whose(home: Home, release: Release) -> Ids | None:
    """Who owns all files of a release; None if they have the owners that the package names."""
    last = journal.last_of(journal.known(home) or (), release.name)
    status = home.directory.status(release.path)
    if status is None or (last.owned if last else status.st_uid == 0):
        return None
    return str(status.st_uid), str(status.st_gid)


def is_prefix(path: str) -> bool:
    """Whether a package is installed at a path."""
    return os.path.islink(f"{path}/{CURRENT}") and os.path.isdir(f"{path}/{RELEASES}")


def prefix_above(path: str) -> str:
    """Return the prefix of the release at a path; "" if there is no release."""
    releases_above, name = os.path.split(os.path.realpath(path))
    above, called = os.path.split(releases_above)
    return above if called == RELEASES and name and is_prefix(above) else ""


def _beside(home: Home, release: Release) -> Iterator[Finding]:
    for entry in release.layout.data:
        fault = _data_fault(f"{home.path / entry.path}")
        if fault:  # guard: data-that-is-missing
            yield Finding(entry.path, fault)
    for entry in release.layout.conffiles:
        try:
            status = home.directory.status(entry.path)
        except PermissionError as error:
            yield Finding(entry.path, f"cannot be read: {reason(error)}")
            continue
        if status and stat.S_IFMT(status.st_mode) not in {stat.S_IFREG, stat.S_IFLNK}:
            yield Finding(entry.path, "is not a file")


def _data_fault(path: str) -> str:
    """What is wrong with a directory of data, or a link to one; "" if nothing is."""
    try:
        return "" if stat.S_ISDIR(os.stat(path).st_mode) else "is missing"
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read: {reason(error)}"


CAME_UP, BAD, UNUSED = "good", "did not come up", "was never current"
UNDER_WAY = "is not known to be good yet"
HIDDEN = "known to its owner alone"


def status(root: Path, name: str, prefix: str) -> dict[str, Any]:
    """Return the status of the package in a prefix, for --json. Raises RefusedError."""
    with looked_at(root, prefix) as home:
        current, events = releases.at(home, CURRENT), journal.known(home)
        found = journal.read_record(home) if events is not None else None
        return {
            "name": releases.read(home, current).package.name if current else name,
            "version": releases.version_of(current) if current else "",
            "prefix": prefix,
            "current": current,
            "previous": releases.at(home, PREVIOUS),
            "owned": _owned(home, current, events),
            "interrupted": _interrupted(found) if events is not None else None,
            **_first_start(found),
            "releases": [
                {"name": each, "state": _state(events, each, found)}
                for each in releases.names(home)
            ],
        }


def status_of_all(root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the status of all packages, and why some cannot be read."""
    told, faults = list[dict[str, Any]](), list[str]()
    for name, prefix in packages(root).items():
        try:
            told.append(status(root, name, prefix))
        except (TargetError, OSError) as error:
            where = f"{error.filename}: {reason(error)}" if isinstance(error, OSError) else error
            faults.append(str(where))
    return told, faults


def _owned(home: Home, current: str, events: Sequence[Event] | None) -> bool:
    """Whether the files of the current release have the owners that the package names."""
    last = journal.last_of(events or (), current)
    status = home.directory.status(f"{RELEASES}/{current}") if current and events is None else None
    return last.owned if last else status is None or status.st_uid == 0


def _state(events: Sequence[Event] | None, release: str, under_way: Record | None) -> str:
    if events is None:
        return HIDDEN
    if journal.has_come_up(events, release):
        return CAME_UP
    if under_way and under_way.new == release:
        return UNDER_WAY
    return BAD if journal.last_of(events, release) else UNUSED


def _interrupted(found: Record | None) -> str:
    return found.action if found and found.phase not in WAITING else ""


def _first_start(found: Record | None) -> dict[str, str]:
    """Whether the first start of the machine is awaited, or why it has failed, if there is one."""
    if found is None or found.phase not in WAITING:
        return {}
    state = "awaited" if found.phase == PREPARED else "under way"
    return {"first_start": found.reason or state}


def _list(options: Namespace, console: Console) -> Answer:
    """Print the name, version and prefix of each package."""
    found, faults = status_of_all(root_of(options))
    for each in found:
        console.tell(f"{each['name']} {each['version'] or '(nothing)'} {each['prefix']}")
    return _answer(found, faults, console)


def _status(options: Namespace, console: Console) -> Answer:
    """Print the releases of one package, or of all."""
    faults: list[str] = []
    root = root_of(options)
    if options.name or own_place():
        place = place_of(options)
        root, found = place.root, [status(place.root, options.name or "", place.prefix)]
    else:
        found, faults = status_of_all(root)
    for each in found:
        for line in _lines(each, "" if root == SYSTEM else f"--root {root} "):
            console.tell(line)
    return _answer(found, faults, console)


def _lines(each: dict[str, Any], root: str) -> Iterator[str]:
    yield f"{each['name']} {each['version'] or 'is not installed'}"
    yield f"  prefix    {each['prefix']}"
    if each["version"]:
        yield f"  current   {each['current']}{'' if each['owned'] else ', without owners'}"
    if each["previous"]:
        yield f"  previous  {each['previous']}"
    for release in each["releases"]:
        yield f"  release   {release['name']}: {release['state']}"
    if "first_start" in each:
        yield f"  first start of the machine: {each['first_start']}"
    if each["interrupted"]:
        way_out = f"run `provision recover {root}{each['prefix']}`"
        yield f"  an interrupted {each['interrupted']}: {way_out}"


def _answer(found: list[dict[str, Any]], faults: list[str], console: Console) -> Answer:
    """The answer about several packages, and about those that cannot be read."""
    for fault in faults:
        console.complain(fault)
    document: dict[str, Any] = {"packages": found}
    if faults:
        document["error"] = "\n".join(faults)
    return Answer(TROUBLE if faults else GOOD, document)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        type=some_word,
        nargs="*",
        metavar="ARTIFACT|RELEASE|NAME|PREFIX",
        help="an archive (as NAME-VERSION-PLATFORM.tar.gz), an unpacked package, a directory of"
        " artifacts and their sidecars, or a package that is installed",
    )
    parser.add_argument(
        "--strict", action="store_true", help="count byte code left by Python as a difference"
    )
    parser.add_argument(
        "--provenance",
        type=some_word,
        metavar="COMMIT|REPOSITORY",
        help="of artifacts, demand that they were built from this commit, without changes that are"
        " not in it, or from this repository",
    )
    parser.add_argument(
        "--trust",
        type=some_path,
        metavar="KEYFILE",
        help="of artifacts, accept only what this public key has signed; default: what the keys"
        " have signed that this machine trusts, if there are any",
    )


def _verify(options: Namespace, console: Console) -> Answer:
    """Verify artifacts and packages, and print every difference."""
    root = root_of(options)
    if not options.paths:
        place = own_place()
        if place is None:
            raise TargetError("nothing to verify: give artifacts, or names of installed packages")
        return _verdict([inspect(*place)], options, console)
    known = [(word, _installed(root, word)) for word in options.paths]
    absent = [word for word, place in known if not place and not os.path.exists(word)]
    if absent:
        raise TargetError("\n".join(f"{shown(word)}: no such file or package" for word in absent))
    trust = trusted_keys.trust_of(root, options.trust)
    reports = list[VerifyResult]()
    for word, place in known:
        path = Path(word)
        if place and options.provenance:
            raise TargetError(
                f"{shown(word)}: what it was built from is said beside its artifact; name that"
            )
        if place:
            reports.append(inspect(*place))
        elif os.path.isdir(path) and not is_tree(path):
            found = verify_release(path, trust)
            reports += (_built_from(path / one.artifact, one, options) for one in found)
        else:
            reports.append(_built_from(path, verify(path, trust=trust), options))
    return _verdict(reports, options, console)


def _built_from(path: Path, found: VerifyResult, options: Namespace) -> VerifyResult:
    """The same, with a finding if it was not built from what --provenance says."""
    if not options.provenance or not found.manifest:
        return found
    from provisioning.artifact.signature import provenance  # noqa: PLC0415 - a cost for this alone

    told = provenance.fault(path, found.manifest.package, options.provenance)
    more = (Finding(found.artifact, told),) if told else ()
    return found._replace(findings=(*found.findings, *more))


def _installed(root: Path, word: str) -> Place | None:
    """Where the package is installed that a word names; None if it names an artifact.

    The name of an installed package wins over a file of that name.
    """
    prefix = "" if "/" in word else prefix_of(root, word)
    if prefix:
        return Place(root, prefix)
    if root != SYSTEM and os.path.isabs(word) and is_prefix(f"{root}{word}"):
        return Place(root, os.path.normpath(word))
    if os.path.exists(word):
        path = os.path.abspath(word)
        prefix = path if is_prefix(path) else prefix_above(path)
        return place_at(prefix) if prefix else None
    return None


def _verdict(reports: list[VerifyResult], options: Namespace, console: Console) -> Answer:
    if options.strict:
        reports = [one.strict() for one in reports]
    for one in reports:
        for finding in one.findings:
            console.tell(str(finding))
        if one.byte_code and not options.quiet:
            more = len(one.byte_code) - 1
            which = f"{shown(one.byte_code[0])}{f' and {more} more' * (more > 0)}"
            console.tell(
                f"{one.artifact}: note: Python has left byte code ({which}); --strict counts it as"
                " a difference"
            )
        if one.findings:
            count = len(one.findings)
            console.tell(f"{one.artifact}: {count} difference{'s' * (count > 1)}, not verified")
        elif one.manifest and not options.quiet:
            by = f", signed by {one.signer}" if one.signer else ""
            console.tell(f"{one.artifact}: {len(one.manifest.entries)} entries, verified{by}")
    code = DIFFERS if any(one.findings for one in reports) else GOOD
    return Answer(code, {"artifacts": [_document(one) for one in reports]})


def _document(one: VerifyResult) -> dict[str, object]:
    return {
        "artifact": one.artifact,
        "entries": len(one.manifest.entries) if one.manifest else None,
        "verified": not one.findings,
        "findings": [finding._asdict() for finding in one.findings],
        "byte_code": list(one.byte_code),
        "signer": one.signer,
    }


COMMANDS = {
    "list": Command("list the installed packages", _list, changes=False),
    "status": Command(
        "show the current release of a package, and the others that are there",
        _status,
        takes_name=True,
        changes=False,
    ),
    "verify": Command(
        "check artifacts and installed packages against their manifests",
        _verify,
        _add_arguments,
        changes=False,
    ),
}
