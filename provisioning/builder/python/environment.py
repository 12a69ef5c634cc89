"""Gathers a package's Python environment: the files of all wheels, and what starts them.

An installed environment is a virtual one in all but how its Python is started (PEP 405):

    pyvenv.cfg                                says that it is one
    bin/python                                starts the machine's Python as the one of this release
    bin/NAME                                  a console script, started by bin/python beside it
    lib/python3.11/site-packages              a link to the content's `dst`
    DST/…                                     the modules of all wheels

Nothing in it names the place where it is installed: bin/python finds its release by its own path.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.pythons import PLACES
from provisioning.builder.python import wheel_cache
from provisioning.builder.python.wheel_cache import SCRIPTS, SITE
from provisioning.builder.workspace import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from provisioning.spec.model.variant import Content, Environment, Variant, Wheel

ALL = "all"
"""The word for all console scripts."""
PYTHON, SETTINGS = "bin/python", "pyvenv.cfg"
_LISTING, _MADE = "environment.json", "made"
_OURS = "this tool"
_CALLS = re.compile(r"([\w.]+):([\w.]+)")
_PYTHON_SCRIPT = re.compile(rb"#!pythonw?\r?\n")  # as wheels write it

_START = """\
#!/bin/bash
# Starts Python {version} with the modules of this release: see pyvenv.cfg in the directory above.
release=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
for place in {places}; do
    [ -x "$place/python{version}" ] && break
    place=
done
python=${{place:+$place/}}python{version}
if ! command -v "$python" >/dev/null; then
    echo "$0: there is no python{version} on this machine; install it" >&2
    exit 127
fi
exec -a "$release/bin/python" "$python" "$@"
"""
_SETTINGS = """\
home = {home}
include-system-site-packages = true
version = {version}
"""
_HOMES = {"linux": "/usr/bin", "macos": "/opt/homebrew/bin"}
# To sh, the quotation marks are nothing, and the rest is never read; to Python, a text.
_BY_PYTHON = """\
#!/bin/sh
'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python" "$0" "$@"
' '''
"""
_CONSOLE = (
    _BY_PYTHON
    + """\
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({function}())
"""
)


class Gathered(NamedTuple):
    """A file of an environment."""

    path: str
    """In the package."""
    source: str
    """Where it lies: in the cache, or beside the listing."""
    executable: bool
    digest: str
    """Its SHA-256, in hexadecimal."""
    inside: str
    """Its path below the content's `dst`; "" for what lies elsewhere."""
    wheel: str
    """The name of the wheel's file."""

    @property
    def directory(self) -> str:
        """Of the wheel's files, or of what the builder makes; with a slash at the end."""
        ours, wheel, _ = self.source.partition(f"/{_MADE}/")
        return f"{ours}/{_MADE}/" if wheel else f"{self.source.partition('/files/')[0]}/files/"


def place_of(variant: Variant, content: Content, artifacts: str) -> str:
    """Where the listing of a content's environment lies once it is gathered."""
    told = repr((content.environment, content.dst, variant.system.python, variant.os))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return f"{artifacts}/.work/{variant.name}/{variant.platform}/python-{digest}/{_LISTING}"


def is_gathered(listing: str) -> bool:
    """Whether an environment is there, and the wheels that its files come from."""
    try:
        wheels = json.loads(Path(listing).read_bytes())["wheels"]
    except (OSError, ValueError, KeyError):
        return False
    return all(map(os.path.lexists, wheels))


def recall(listing: str) -> list[Gathered]:
    """The files of an environment, by their paths. Raises OSError, and BuildError if damaged."""
    data = Path(listing).read_bytes()
    try:
        return [Gathered(*each) for each in json.loads(data)["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{listing}: damaged ({error}); remove it") from None


def gather(variant: Variant, content: Content, wheels: Iterable[Wheel], artifacts: str) -> None:
    """Write the listing of an environment whose wheels lie in the cache, and what starts it.

    Raises:
        BuildError: with all that is wrong, as a console script that no wheel has.
        OSError: something cannot be read or written.
    """
    environment = content.environment
    if environment is None:
        return
    files: list[Gathered] = []
    calls = dict(environment.entry_points)
    programs: dict[str, bytes] = {}
    complete = []
    for wheel in wheels:
        unpacked = wheel_cache.recall(wheel)
        complete.append(f"{unpacked.directory}/{wheel_cache.FACTS}")
        calls.update(unpacked.entry_points)
        for held in unpacked.files:
            source, inside = unpacked.source(held), held.path if held.scheme == SITE else ""
            if held.scheme == SCRIPTS:
                programs[held.path] = Path(source).read_bytes()
            else:
                path = posixpath.join(content.dst, inside) if inside else held.path
                told = (path, source, held.executable, held.digest, inside, wheel.file)
                files.append(Gathered(*told))
    made = {**_frame(variant), **_programs(environment, calls, programs)}
    listing = Path(place_of(variant, content, artifacts))
    output.remove_tree(listing.parent)
    files += _made(made, listing.parent / _MADE)
    known = {"wheels": sorted(complete), "files": sorted(files)}
    output.write(listing, json.dumps(known).encode())


def _made(made: Mapping[str, bytes], directory: Path) -> Iterator[Gathered]:
    """Write what the builder makes of an environment, by its paths in the package."""
    directory.mkdir(parents=True)
    for path, text in made.items():
        place = directory / path.replace("/", "-")
        place.write_bytes(text)
        place.chmod(0o755 if path != SETTINGS else 0o644)
        digest = hashlib.sha256(text).hexdigest()
        yield Gathered(path, str(place), path != SETTINGS, digest, "", _OURS)


def _frame(variant: Variant) -> dict[str, bytes]:
    """What makes it an environment, by its paths in the package."""
    version = variant.system.python
    places = " ".join(PLACES).format(version=version)
    home = _HOMES.get(variant.os, "/usr/bin")
    return {
        PYTHON: _START.format(version=version, places=places).encode(),
        SETTINGS: _SETTINGS.format(version=version, home=home).encode(),
    }


def _programs(
    environment: Environment, calls: dict[str, str], programs: dict[str, bytes]
) -> dict[str, bytes]:
    """The programs that are wanted, by their paths. Raises BuildError."""
    known = sorted({*calls, *programs})
    wanted = known if environment.scripts == (ALL,) else environment.scripts
    faults = []
    found = {}
    for name in wanted:
        call = _CALLS.fullmatch(calls.get(name, "").partition("[")[0].replace(" ", ""))
        if name in programs:
            found[f"bin/{name}"] = _PYTHON_SCRIPT.sub(_BY_PYTHON.encode(), programs[name], count=1)
        elif call:
            first = call[2].partition(".")[0]
            text = _CONSOLE.format(module=call[1], first=first, function=call[2])
            found[f"bin/{name}"] = text.encode()
        elif name in calls:
            faults.append(f"{name}: {calls[name]} is not a function of a module")
        else:
            there = f"there are {', '.join(known)}" if known else "there is none"
            faults.append(
                f"{name}: no wheel has this console script, nor a pyproject.toml beside"
                f" {environment.lock}; {there}"
            )
    if PYTHON in found:
        faults.append("python: a console script cannot have this name here")
    if faults:
        raise BuildError("\n".join(faults))
    return found


def link_of(variant: Variant, content: Content) -> tuple[str, str] | None:
    """Where the modules have to lie for Python, and the link from there to where they are."""
    path = f"lib/python{variant.system.python}/site-packages"
    if content.dst == path:
        return None
    return path, posixpath.relpath(content.dst or ".", posixpath.dirname(path))


def demand_sound(listing: str, collected: Iterable[tuple[str, str]]) -> None:
    """Hold what was collected, sources and digests, against what wheels held when unpacked.

    Raises BuildError: a file in the cache is another; its wheel has been removed from there.
    """
    expected = {each.source: each.digest for each in recall(listing)}
    wrong = [
        source for source, digest in collected if source in expected and digest != expected[source]
    ]
    if wrong:
        for source in wrong:
            wheel_cache.forget(_unpacked_in(source))
        raise BuildError(
            f"{wrong[0]}: damaged in the cache of wheels; its wheel is fetched again when you run"
            " doit again"
        )


def _unpacked_in(source: str) -> str:
    return source.partition("/files/")[0]
