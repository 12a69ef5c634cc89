"""The control member of a Debian package, and the paths that dpkg can unpack."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.deb import containers
from provisioning.artifact.model.entry import DEBIAN, DIR, FILE, HOOKS, MANIFEST, shown
from provisioning.artifact.model.release import debian_version
from provisioning.artifact.service_files import unit_name
from provisioning.artifact.tar import archive
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.placement import Placed

    Files = Mapping[str, bytes]


PRE_INSTALL, POST_REMOVE = f"{HOOKS}/pre_install", f"{HOOKS}/post_remove"
CHANGELOG, COPYRIGHT = f"{DEBIAN}/changelog", f"{DEBIAN}/copyright"
CHANGELOGS = ("changelog.gz", "changelog.Debian.gz")
"""What the changelog is called; the second if the version has a revision (Debian Policy 12.7)."""

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
    # Nearly all paths are short, however many bytes their characters take.
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
    longest = len(path.rpartition("/")[2].encode())  # those above are reported by themselves
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
    """Whether a script or a document repeats an entry's content.

    Raises ArtifactError if it is too large for that.
    """
    if entry.path not in _EMBEDDED or entry.type != FILE:
        return False
    if entry.size > _LARGEST_TEXT:
        told = f"has {entry.size} bytes, and a deb can have at most {_LARGEST_TEXT} of it"
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
                    f"{parent[1:]}: is not a directory, but a Debian package needs one there; "
                    "choose another prefix"
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
    allowed.update(f"{DOCUMENTS}/{package.name}/{name}" for name in (*CHANGELOGS, "copyright"))
    allowed.add(f"{OVERRIDES}/{package.name}")
    for path in sorted({*paths} - allowed | {*paths} & {*entries_at(manifest, paths)}):
        where = shown(path[1:])
        raise ArtifactError(
            f"{where}: is not at a place where a Debian package has files of its own"
        )


def entries_at(manifest: Manifest, added: Iterable[str]) -> dict[str, str]:
    """The types of the package's entries, by path from the root, if extras lie among them."""
    root = f".{manifest.package.prefix}/"
    if not any(path.startswith(root) for path in added):
        return {}
    return {f"{root}{entry.path}": entry.type for entry in manifest.entries}


CONTROL = "DEBIAN/"  # where dpkg-deb(1) has what becomes the control member
SCRIPTS = ("postinst", "postrm", "preinst", "prerm")
TOP = containers.directory(".")
"""The first member."""

# As dpkg-gencontrol(1) orders them.
_FIELDS = (
    *("Package", "Version", "Architecture", "Maintainer", "Installed-Size"),
    *("Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances"),
    *("Conflicts", "Breaks", "Replaces", "Provides"),
    *("Section", "Priority", "Homepage", "Description"),
)
_DEFAULTS = {"Section": "misc", "Priority": "optional"}
_ADDRESS = re.compile(r"[^<>@\s]+@[^<>@\s]+")
_CONTACT = re.compile(rf"[^<>]+ <{_ADDRESS.pattern}>")


class Extra(NamedTuple):
    """A file that root owns, outside the package's own directory."""

    path: str
    """From the root of the system, beginning with `./`."""
    size: int
    md5: str


def stated(manifest: Manifest) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The digests of the scripts by their names, and those of the extras by their paths.

    Raises ArtifactError if the manifest has none, or lists files that no Debian package holds.
    """
    files = dict(manifest.package.debian_files)
    if not files:
        raise ArtifactError(
            "its manifest has no digests of its scripts: an older version of this tool made it;"
            " verify it with that version, or build it again"
        )
    scripts, extras = dict[str, str](), dict[str, str]()
    for name, digest in files.items():
        if not name.startswith(CONTROL):
            extras[f"./{name}"] = digest
        elif name[len(CONTROL) :] in SCRIPTS:
            scripts[name[len(CONTROL) :]] = digest
        else:
            raise ArtifactError(f"{shown(name)}: is not a script that dpkg runs")
    demand_places(manifest, extras)  # guard: places-in-a-deb
    return scripts, extras


def files(manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]) -> Files:
    """The files of the control member that follow from the manifest: all but the scripts.

    `data` is the manifest as it lies in the package; `sums` holds a `sum_line` for each entry.
    """
    package = manifest.package
    for path, reason in faults(package.name, package.prefix, manifest.entries):
        raise ArtifactError(f"{path!r}: {reason}")  # guard: deb-names
    conffiles = (f"{package.prefix}/{each.path}\n" for each in manifest.entries if each.conffile)
    own_sum = sum_line(f"{package.prefix}/{MANIFEST}", md5_of(data))
    added_sums = (sum_line(each.path[1:], each.md5) for each in added)
    held = {
        "conffiles": "".join(conffiles).encode(),
        "control": _fields(package, _installed_size(manifest, data, added)).encode(),
        "md5sums": b"".join((own_sum, *sums, *added_sums)),
    }
    return {name: content for name, content in held.items() if content}


def spell(files: Files, scripts: Mapping[str, str]) -> bytes:
    """Encode the tar of the control member."""
    held = {**files, **{name: text.encode() for name, text in scripts.items()}}
    spelt = (containers.file(f"./{name}", mode_of(name), held[name]) for name in sorted(held))
    return b"".join((TOP, *spelt, archive.END))


def mode_of(name: str) -> int:
    """The mode of a file of the control member: dpkg runs the scripts."""
    return 0o755 if name in SCRIPTS else 0o644


def sum_line(path: str, md5: str) -> bytes:
    """Encode the line of a file in `md5sums`; the path is absolute."""
    return f"{md5}  {path[1:]}\n".encode()


def has_sum(entry: Entry) -> bool:
    """Whether `md5sums` lists an entry: dpkg keeps the sums of conffiles elsewhere."""
    return entry.type == FILE and not entry.conffile


def md5_of(data: bytes) -> str:
    """The MD5 of `data`, which dpkg uses to detect damage, not as protection."""
    return hashlib.new("md5", data, usedforsecurity=False).hexdigest()


def maintainer(package: Package) -> str:
    """The name and address of the maintainer, which every Debian package must have."""
    said = line(package.maintainer)
    if _CONTACT.fullmatch(said):
        return said
    name = said.translate({ord("<"): None, ord(">"): None}) or package.name
    # Without an address, only those who installed it can be asked.
    return f"{package.name} <{said}>" if _ADDRESS.fullmatch(said) else f"{name} <root@localhost>"


def line(text: str) -> str:
    """A text in one line, without control characters."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())


def _fields(package: Package, installed_size: int) -> str:
    """Encode the file `control`; the size is in KiB."""
    fields = {
        **_DEFAULTS,
        **dict(package.debian),
        "Package": package.name,
        "Version": debian_version(package),
        "Architecture": package.arch,
        "Maintainer": maintainer(package),
        "Installed-Size": str(installed_size),
        "Description": "\n ".join(_description(package)),
    }
    return "".join(f"{key}: {fields[key]}\n" for key in _FIELDS if key in fields)


def _description(package: Package) -> Iterator[str]:
    """The summary's first line, and then the others."""
    first, *more = package.summary.strip().splitlines() or [package.name]
    yield line(first) or package.name
    told = [line(each) or "." for each in more]
    while told[:1] == ["."]:
        del told[0]
    yield from told or [f"It is installed in {package.prefix}."]


def _installed_size(manifest: Manifest, data: bytes, added: Sequence[Extra]) -> int:
    """Count KiB as dpkg-gencontrol(1) does: rounded up for each file, and one for anything else."""
    files = [len(data), *(each.size for each in added)]
    files += [entry.size for entry in manifest.entries if entry.type == FILE]
    others = len(manifest.entries) - (len(files) - 1 - len(added))
    # The directory of the manifest counts, too.
    others += len(directories(manifest, (each.path for each in added))) + 1
    return sum(-(-size // 1024) for size in files) + others
