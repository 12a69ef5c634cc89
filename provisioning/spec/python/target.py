"""What a platform's Python says of itself: its markers (PEP 508) and the tags of its wheels.

Nothing is asked of the machine that builds. Of `packaging`, only what takes explicit arguments is
used: its list of manylinux tags looks at the C library of the running program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from packaging.tags import compatible_tags, cpython_tags, mac_platforms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.markers import Environment
    from packaging.tags import Tag

    from provisioning.spec.model.variant import OperatingSystem

# What `platform.machine()` says on a system of this architecture. A 32-bit system on a 64-bit
# kernel says the kernel's: what is compiled for it depends on the system alone.
_MACHINES = {
    "linux": {
        "amd64": "x86_64",
        "arm64": "aarch64",
        "armhf": "armv7l",
        "armel": "armv6l",
        "i386": "i686",
        "ppc64el": "ppc64le",
        "riscv64": "riscv64",
        "s390x": "s390x",
    },
    "macos": {"arm64": "arm64", "amd64": "x86_64"},
}
_LATER = 9
_PATCHES = {("bullseye", "3.9"): 2, ("bookworm", "3.11"): 2, ("trixie", "3.13"): 5}
"""The third number of the Python that a release of Debian has."""
_OLDEST_GLIBC = 17  # PEP 600: manylinux2014
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}  # PEP 600, "Legacy"
_OLDEST_OF = {"x86_64": 5, "i686": 5}


class Target(NamedTuple):
    """The Python of a platform."""

    os: str
    arch: str
    system: OperatingSystem

    @property
    def machine(self) -> str:
        """What `platform.machine()` says there; "" for a platform without compiled code."""
        return _MACHINES.get(self.os, {}).get(self.arch, "")

    @property
    def full_version(self) -> str:
        """Its version in three numbers.

        Where no release of Debian tells the third, a late one: locks ask whether a fix is there.
        """
        patch = _PATCHES.get((self.system.release, self.system.python), _LATER)
        return f"{self.system.python}.{patch}"

    @property
    def markers(self) -> Environment:
        """The values of all environment markers: what is left out would come from this machine."""
        is_mac = self.os == "macos"
        return {
            "implementation_name": "cpython",
            "implementation_version": self.full_version,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Darwin" if is_mac else "Linux",
            "platform_version": "",
            "python_full_version": self.full_version,
            "python_version": self.system.python,
            "sys_platform": "darwin" if is_mac else "linux",
        }

    def tags(self) -> Iterator[Tag]:
        """The tags of wheels that run there, the best first."""
        major, minor = map(int, self.system.python.split("."))
        platforms = [*self._platforms()]
        yield from cpython_tags((major, minor), [f"cp{major}{minor}"], platforms)
        yield from compatible_tags((major, minor), f"cp{major}{minor}", platforms)

    def _platforms(self) -> Iterator[str]:
        machine = self.machine
        if not machine:
            return
        if self.os == "macos":
            release, _, minor = (self.system.release or "11").partition(".")
            yield from mac_platforms((int(release), int(minor or 0)), machine)
            return
        if self.system.glibc:
            newest = int(self.system.glibc.partition(".")[2])
            for number in range(newest, _OLDEST_OF.get(machine, _OLDEST_GLIBC) - 1, -1):
                yield f"manylinux_2_{number}_{machine}"
                if number in _ALIASES:
                    yield f"{_ALIASES[number]}_{machine}"
        yield f"linux_{machine}"
