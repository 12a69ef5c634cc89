"""Knows what a package has for its own on a machine: its prefix, the names of its services."""

from __future__ import annotations

REGISTRY = "/var/lib/provisioning"
"""Where it is noted what is installed."""

# The directories of the Filesystem Hierarchy Standard 3.0, of Debian and of macOS that hold what is
# of many: in most of them a directory of the package's own is right.
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
# The kernel or the next start of the machine takes away what is there, or macOS lets nobody write.
_NOWHERE = ("/dev", "/proc", "/run", "/sys", "/var/run", "/System", "/private/var/run")


def prefix_fault(prefix: str, system: str) -> str:
    """Why nothing can be installed in a prefix on an operating system; "" if it can."""
    key = _key(prefix, system)
    names = ((above, name) for above, some in _SHARED.items() for name in some.split())
    if not key or any(key == _key(f"{above}/{name}", system) for above, name in names):
        return "is shared with others; use a directory of the package's own"
    if is_within(prefix, REGISTRY, system):
        return "is where it is noted what is installed"
    if any(is_within(prefix, each, system) for each in _NOWHERE):
        return "is no place for files that stay"
    return ""


def is_within(path: str, above: str, system: str) -> bool:
    """Tell whether a path is that of a directory, or below it, on an operating system."""
    return f"{_key(path, system)}/".startswith(f"{_key(above, system)}/")


def service_name(package: str, service: str) -> str:
    """What a service is called beside those of all other packages of the machine."""
    return service if service == package else f"{package}-{service}"


def recovery_name(package: str) -> str:
    """What that is called which finishes or undoes an interrupted installation at the next boot."""
    return f"provision-recover-{package}"


def _key(path: str, system: str) -> str:
    return (path.casefold() if system == "macos" else path).rstrip("/")
