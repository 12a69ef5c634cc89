"""Where a Debian package can have files: which paths dpkg can unpack, and where extras lie."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.artifact.deb import containers
from provisioning.artifact.model.entry import DEBIAN, DIR, FILE, HOOKS, shown
from provisioning.artifact.service_files import unit_name
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.placement import Placed

PRE_INSTALL, POST_REMOVE = f"{HOOKS}/pre_install", f"{HOOKS}/post_remove"
CHANGELOG, COPYRIGHT = f"{DEBIAN}/changelog", f"{DEBIAN}/copyright"

# Not /lib, which is a link to usr/lib since Debian 12, and where Debian 13 has no file any more.
UNITS = "/usr/lib/systemd/system"
DOCUMENTS, OVERRIDES = "./usr/share/doc", "./usr/share/lintian/overrides"
EXTRA_MODE = 0o644

_EMBEDDED = frozenset({PRE_INSTALL, POST_REMOVE, CHANGELOG, COPYRIGHT})
_LARGEST_TEXT = 1 << 20  # bytes of each

LONGEST_NAME = 255 - len(".dpkg-new")  # guard: deb-longest-name
_LONGEST_CONFFILE_NAME = 255 - len(".dpkg-dist")
_LONGEST_PATH = 4095 - len(".dpkg-new")
_LONGEST_CONFFILE = 996  # MAXCONFFILENAME, with the end of the line
_OWN = ".dpkg-"
_UNPACKING = (".dpkg-new", ".dpkg-tmp")
_BESIDE = (".dpkg-dist", ".dpkg-old")
_BLANK = (
    "ends in a space, which dpkg takes off the names of conffiles: it would overwrite edits; choose"
    " another name"
)


def faults(name: str, prefix: str, entries: Iterable[Placed]) -> Iterator[tuple[str, str]]:
    """Which paths the package `name` cannot have as a deb, and why."""
    entries = tuple(entries)
    # Nearly every path of very many is short, whatever its characters take.
    short = min(LONGEST_NAME, _LONGEST_PATH - 4 * len(prefix)) // 4
    some = [
        each for each in entries if each.conffile or len(each.path) > short or _OWN in each.path
    ]
    conffiles = {each.path: each.conffile for each in entries} if some else {}
    for path, conffile in ((each.path, each.conffile) for each in some):
        reasons = [*_lengths(prefix, path, conffile=conffile), *_meetings(name, path, conffiles)]
        if conffile and path.endswith(" "):
            reasons.append(_BLANK)
        yield from ((path, reason) for reason in reasons)


def _lengths(prefix: str, path: str, *, conffile: bool) -> Iterator[str]:
    whole = len(f"{prefix}/{path}".encode())
    longest = len(path.rpartition("/")[2].encode())  # of those above, others tell
    what, name_limit, limit = "a path", LONGEST_NAME, _LONGEST_PATH
    if conffile:
        what, name_limit, limit = "a conffile", _LONGEST_CONFFILE_NAME, _LONGEST_CONFFILE
    if longest > name_limit:
        yield f"has a name of {longest} bytes, and dpkg unpacks {what} with {name_limit} at most"
    if whole > limit:
        yield f"has {whole} bytes with its prefix, and dpkg unpacks {what} with {limit} at most"


def _meetings(name: str, path: str, conffiles: dict[str, bool]) -> Iterator[str]:
    for suffix in _UNPACKING:
        if path.endswith(suffix) and path.removesuffix(suffix) in conffiles:
            yield f"is where dpkg puts {path.removesuffix(suffix)} while it unpacks"
    for suffix in _BESIDE:
        if path.endswith(suffix) and conffiles.get(path.removesuffix(suffix)):
            conffile = path.removesuffix(suffix)
            yield f"is where dpkg puts a version of the configuration file {conffile}"
    if re.fullmatch(rf"(?:.*/)?\.{re.escape(name)}-[0-9]+\.dpkg-bak", path):
        yield "is where an upgrade puts what is in its way"


def is_embedded(entry: Entry) -> bool:
    """Whether scripts or documents contain an entry's content again.

    Raises ArtifactError if it is too large for that.
    """
    if entry.path not in _EMBEDDED or entry.type != FILE:
        return False
    if entry.size > _LARGEST_TEXT:
        told = f"a deb can have {_LARGEST_TEXT} bytes of it, not {entry.size}"
        raise ArtifactError(f"{entry.path}: {told}")
    return True


def has_systemd(package: Package) -> bool:
    """Whether systemd runs the package's services."""
    return package.service_manager == "systemd"


def unit_names(package: Package) -> list[str]:
    """The names of the package's units."""
    if not has_systemd(package):
        return []
    return [unit_name(package, service.name) for service in package.services]


def parents_of(manifest: Manifest, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Encode the headers of the directories that precede each extra file.

    Raises ArtifactError where an entry of the package stands in the way.
    """
    taken = entries_at(manifest, paths)
    there = {*containers.parents(f".{manifest.package.prefix}/"), *taken}
    for path in paths:
        above = tuple(containers.parents(path))
        for parent in above:
            if taken.get(parent, DIR) != DIR:
                raise ArtifactError(
                    f"{parent[1:]}: is no directory, and a Debian package needs it to be one;"
                    " choose another prefix"
                )
        yield (
            path,
            b"".join(containers.directory(parent) for parent in above if parent not in there),
        )
        there.update(above)


def directories(manifest: Manifest, added: Iterable[str]) -> set[str]:
    """The system's directories above the package and its extras."""
    within = (f".{manifest.package.prefix}/", *added)
    return {parent for path in within for parent in containers.parents(path)}


def demand_places(manifest: Manifest, paths: Iterable[str]) -> None:
    """Raise ArtifactError if an extra lies where no Debian package has one."""
    package, paths = manifest.package, tuple(paths)
    allowed = {f".{UNITS}/{name}" for name in unit_names(package)}
    allowed.update(f"{DOCUMENTS}/{package.name}/{name}" for name in ("changelog.gz", "copyright"))
    allowed.add(f"{OVERRIDES}/{package.name}")
    for path in sorted({*paths} - allowed | {*paths} & {*entries_at(manifest, paths)}):
        where = shown(path[1:])
        raise ArtifactError(f"{where}: lies where a Debian package has nothing of its own")


def entries_at(manifest: Manifest, added: Iterable[str]) -> dict[str, str]:
    """The types of the package's entries, by path from the root, if extras lie among them."""
    root = f".{manifest.package.prefix}/"
    if not any(path.startswith(root) for path in added):
        return {}
    return {f"{root}{entry.path}": entry.type for entry in manifest.entries}
