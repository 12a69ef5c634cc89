"""The control member of a Debian package: its fields, conffiles and checksums (deb(5)).

Scripts, units and documents are texts of the version that made the package, and another version has
others. So nobody makes them again to verify them: the manifest has their digests.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.deb import containers, places
from provisioning.artifact.model.entry import FILE, MANIFEST, shown
from provisioning.artifact.tar import ustar
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest
    from provisioning.artifact.model.package import Package

    Files = Mapping[str, bytes]


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
    """A file of root's that lies outside the package's own directory."""

    path: str
    """From the root of the system, beginning with `./`."""
    size: int
    md5: str


def stated(manifest: Manifest) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The digests of the scripts by their names, and those of the extras by their paths.

    Raises ArtifactError if the manifest has none, or has those of files no Debian package holds.
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
    places.demand_places(manifest, extras)  # guard: places-in-a-deb
    return scripts, extras


def files(manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]) -> Files:
    """The files of the control member that follow from the manifest: all but the scripts.

    `data` is the manifest as it lies in the package; `sums` holds a `sum_line` for each entry.
    """
    package = manifest.package
    for path, reason in places.faults(package.name, package.prefix, manifest.entries):
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
    return b"".join((TOP, *spelt, ustar.END))


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
    # Without an address, those who installed it are who can be asked.
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
        "Version": package.version,
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
    """Count KiB as dpkg-gencontrol(1) does: whole ones of each file, and one for all else."""
    files = [len(data), *(each.size for each in added)]
    files += [entry.size for entry in manifest.entries if entry.type == FILE]
    others = len(manifest.entries) - (len(files) - 1 - len(added))
    # The directory of the manifest is another one.
    others += len(places.directories(manifest, (each.path for each in added))) + 1
    return sum(-(-size // 1024) for size in files) + others
