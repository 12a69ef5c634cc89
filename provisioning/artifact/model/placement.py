"""Where a package lies on a machine: its prefix, its releases, the names of its services."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from provisioning.artifact.model.entry import DIR, LINK, RESERVED, Entry, collision_key
from provisioning.artifact.tar.archive import reserved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REGISTRY = "/var/lib/provisioning"
"""The registry of what is installed."""
TRUST = "/etc/provisioning/trust"
"""Whose packages are accepted."""

# The directories of the Filesystem Hierarchy Standard 3.0, of Debian and of macOS that many
# packages share: in most of them, a package can have a directory of its own.
_SHARED = {
    "": "bin boot etc home lib lib32 lib64 libx32 lost+found media mnt opt root sbin srv tmp usr"
    " var Applications Library Network Users Volumes cores private",
    "/etc": "cron.d default init.d opt profile.d systemd systemd/system",
    "/opt": "homebrew local",
    "/private": "etc tmp var",
    "/usr": "bin games include lib lib32 lib64 libexec libx32 local sbin share src"
    " lib/systemd lib/systemd/system",
    "/usr/local": "Caskroom Cellar Frameworks bin etc games include lib libexec man opt sbin share"
    " src var lib/systemd lib/systemd/system",
    "/var": "backups cache crash db empty folders lib local lock log mail opt spool tmp www",
    "/var/lib": "dpkg systemd",
    "/Library": "Frameworks LaunchAgents LaunchDaemons Preferences",
    "/Users": "Shared",
}
# The kernel or the next boot removes what is there, or macOS lets nobody write there.
_NOWHERE = ("/dev", "/proc", "/run", "/sys", "/var/run", "/System", "/private/var/run")


def prefix_fault(prefix: str, system: str) -> str:
    """Why no package can have this prefix on an operating system; "" if one can."""
    key = _key(prefix, system)
    names = ((above, name) for above, some in _SHARED.items() for name in some.split())
    if not key or any(key == _key(f"{above}/{name}", system) for above, name in names):
        return "is shared with others; use a directory of the package's own"
    if is_within(prefix, REGISTRY, system):
        return "is where provision records what is installed"
    if is_within(prefix, TRUST, system) or is_within(TRUST, prefix, system):
        return "is where provision keeps the keys that it trusts"
    if any(is_within(prefix, each, system) for each in _NOWHERE):
        return "is not a place for permanent files"
    return ""


def is_within(path: str, above: str, system: str) -> bool:
    """Whether a path is `above` or lies below it, on an operating system."""
    return f"{_key(path, system)}/".startswith(f"{_key(above, system)}/")


def service_name(package: str, service: str) -> str:
    """The name of a service on the machine, distinct from those of other packages."""
    return service if service == package else f"{package}-{service}"


def recovery_name(package: str) -> str:
    """The name of the service that finishes or undoes an interrupted installation at boot."""
    return f"provision-recover-{package}"


def _key(path: str, system: str) -> str:
    return (path.casefold() if system == "macos" else path).rstrip("/")


RELEASES, CURRENT, PREVIOUS, STATE, BYTECODE = OWN = (
    *("releases", "current", "previous", "state", "bytecode"),
)
"""What this tool keeps in a prefix."""
CONFFILES = f"{RESERVED}/conffiles"
BESIDE = (".new", ".old")
"""The suffixes of the vendor's and of an earlier version of a configuration file."""

_CLIMB = "../" * 2  # from the top of a release to its prefix


class Installed(NamedTuple):
    """The entries of a package as they lie on a machine, sorted by path."""

    release: tuple[Entry, ...]
    """All that lies in the release."""
    conffiles: tuple[Entry, ...]
    """Configuration files, below the prefix."""
    data: tuple[Entry, ...]
    """Directories of data, below the prefix."""
    above: tuple[Entry, ...]
    """The directories on the way to those."""


def installed(data: bytes, entries: tuple[Entry, ...]) -> Installed:
    """Lay out the package with the manifest `data`, whose entries are `entries`."""
    kept = set(_kept(entries))
    conffiles = [entry for entry in entries if entry.conffile]
    ways = {above for entry in kept for above in _above(entry.path)}
    inside = [_link(entry) if entry in kept else entry for entry in entries]
    inside += [*reserved(data), *_stores(conffiles), *map(stored, conffiles)]
    return Installed(
        tuple(sorted(inside)),
        tuple(conffiles),
        tuple(entry for entry in entries if entry in kept and not entry.conffile),
        tuple(entry for entry in entries if entry.path in ways),
    )


def stored(entry: Entry) -> Entry:
    """A file of a package as it lies in a release."""
    if not entry.conffile:
        return entry
    return entry._replace(path=f"{CONFFILES}/{entry.path}", conffile=False)


class Placed(Protocol):
    """An entry, or what becomes one."""

    @property
    def path(self) -> str:
        """Like that of an entry; so are the others."""

    @property
    def type(self) -> str: ...

    @property
    def conffile(self) -> bool: ...


_P = TypeVar("_P", bound=Placed)


def faults(entries: Iterable[Placed]) -> Iterator[tuple[str, str]]:
    """The paths that cannot be installed, and why."""
    entries = tuple(entries)
    for entry in entries:
        first = entry.path[:1] == RESERVED[0]  # rare
        if first and f"{collision_key(entry.path)}/".startswith(f"{CONFFILES}/"):
            yield entry.path, "lies where the vendor's configuration files are put"
    kept = {collision_key(entry.path): entry for entry in _kept(entries)}
    for key, entry in kept.items():
        if key.partition("/")[0] in OWN:  # guard: configuration-among-releases
            yield entry.path, f"lies in {entry.path.partition('/')[0]}, where releases are kept"
        for suffix in BESIDE if entry.conffile else ():
            if f"{key}{suffix}" in kept:
                other = kept[f"{key}{suffix}"].path
                yield other, f"is where a version of the configuration file {entry.path} is put"


def _kept(entries: Iterable[_P]) -> list[_P]:
    """The entries that lie outside the releases: configuration files and directories of data."""
    entries = tuple(entries)
    some = [entry for entry in entries if entry.conffile or entry.type == DIR]
    filled = {entry.path.rpartition("/")[0] for entry in entries} if some else set()
    return [entry for entry in some if entry.path not in filled]


def _link(entry: Entry) -> Entry:
    target = "../" * entry.path.count("/") + _CLIMB + entry.path
    return Entry(entry.path, LINK, 0o777, entry.owner, entry.group, link=target)


def _stores(conffiles: Iterable[Entry]) -> Iterator[Entry]:
    paths = {CONFFILES} if conffiles else set()
    paths |= {f"{CONFFILES}/{above}" for entry in conffiles for above in _above(entry.path)}
    for path in paths:
        yield Entry(path, DIR, 0o755, "root", "root")


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path[: path.rindex("/")]
        yield path
