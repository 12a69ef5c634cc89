"""Knows what a manifest states of a Debian package that follows neither from entries nor a rule.

Scripts, units and documents are texts of the version that made the package. Another one has others,
so none spells them again to prove them: the manifest has their digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.deb import containers, data_member, fields
from provisioning.artifact.model.entry import FILE, MANIFEST, shown
from provisioning.artifact.tar import ustar
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.artifact.deb.data_member import Extra
    from provisioning.artifact.model.entry import Entry
    from provisioning.artifact.model.manifest import Manifest

    Files = Mapping[str, bytes]


CONTROL = "DEBIAN/"  # where dpkg-deb(1) has what becomes the control member
SCRIPTS = ("postinst", "postrm", "preinst", "prerm")


def stated(manifest: Manifest) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The digests of the scripts by their names, and those of the extras by their paths.

    Raises ArtifactError where the manifest has none, or those of what no Debian package holds.
    """
    files = dict(manifest.package.debian_files)
    if not files:
        raise ArtifactError(
            "its manifest does not say what its scripts are, as none of an older version of this"
            " tool does; verify it with the version that made it, or build it again"
        )
    scripts, extras = dict[str, str](), dict[str, str]()
    for name, digest in files.items():
        if not name.startswith(CONTROL):
            extras[f"./{name}"] = digest
        elif name[len(CONTROL) :] in SCRIPTS:
            scripts[name[len(CONTROL) :]] = digest
        else:
            raise ArtifactError(f"{shown(name)}: is no script that dpkg runs")
    data_member.demand_places(manifest, extras)
    return scripts, extras


TOP = containers.directory(".")
"""What the control member begins with."""


def files(manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]) -> Files:
    """What a manifest, which is spelt as `data`, says of the control member: all but scripts.

    `sums` of the entries' contents are spelt by `sum_line`.
    """
    _demand_names(manifest)
    held = {
        "conffiles": "".join(_conffiles(manifest)).encode(),
        "control": fields.control(
            manifest.package, _installed_size(manifest, data, added)
        ).encode(),
        "md5sums": b"".join(_sums(manifest, data, added, sums)),
    }
    return {name: content for name, content in held.items() if content}


def spell(files: Files, scripts: Mapping[str, str]) -> bytes:
    """Spell the control member."""
    held = {**files, **{name: text.encode() for name, text in scripts.items()}}
    spelt = (containers.file(f"./{name}", mode_of(name), held[name]) for name in sorted(held))
    return b"".join((TOP, *spelt, ustar.END))


def mode_of(name: str) -> int:
    """The mode of a file of the control member: dpkg runs the scripts."""
    return 0o755 if name in SCRIPTS else 0o644


def sum_line(path: str, md5: str) -> bytes:
    """Spell the line of a file in `md5sums`; the path is absolute."""
    return f"{md5}  {path[1:]}\n".encode()


def has_sum(entry: Entry) -> bool:
    """Whether `md5sums` lists an entry: dpkg keeps sums of conffiles elsewhere."""
    return entry.type == FILE and not entry.conffile


def _sums(
    manifest: Manifest, data: bytes, added: Sequence[Extra], sums: Iterable[bytes]
) -> Iterator[bytes]:
    yield sum_line(f"{manifest.package.prefix}/{MANIFEST}", data_member.md5_of(data))
    yield from sums
    for each in added:
        yield sum_line(each.path[1:], each.md5)


def _demand_names(manifest: Manifest) -> None:
    package = manifest.package
    for path, reason in fields.faults(package.name, package.prefix, manifest.entries):
        raise ArtifactError(f"{path!r}: {reason}")


def _conffiles(manifest: Manifest) -> Iterator[str]:
    for entry in manifest.entries:
        if entry.conffile:
            yield f"{manifest.package.prefix}/{entry.path}\n"


def _installed_size(manifest: Manifest, data: bytes, added: Sequence[Extra]) -> int:
    """Count KiB as dpkg-gencontrol(1) does: whole ones of each file, and one for all else."""
    files = [len(data), *(each.size for each in added)]
    files += [entry.size for entry in manifest.entries if entry.type == FILE]
    others = len(manifest.entries) - (len(files) - 1 - len(added))
    # The directory of the manifest is another one.
    others += len(data_member.directories(manifest, (each.path for each in added))) + 1
    return sum(-(-size // 1024) for size in files) + others
