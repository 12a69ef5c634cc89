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
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import path_fault, shown
from provisioning.artifact.pythons import PLACES
from provisioning.builder.python import wheel_cache
from provisioning.builder.python.wheel_cache import SCRIPTS, SITE, without_password
from provisioning.builder.workspace import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioning.spec.model.variant import Content, Environment, Variant, Wheel

ALL = "all"
"""The word for all console scripts."""
PYTHON, SETTINGS = "bin/python", "pyvenv.cfg"
_LISTING, _MADE = "environment.json", "made"
_OURS = "this tool"
_DAMAGED = "damaged since it was fetched; its wheel is fetched again when you run doit again"
_CALLS = re.compile(r"([\w.]+):([\w.]+)")
_PYTHON_SCRIPT = re.compile(rb"\A#!pythonw?\r?\n")  # as wheels write it
# What has to stand where it does: nothing may come before an import from __future__ but one text,
# and a coding other than UTF-8 is said in the second line.
_BOUND = re.compile(rb"^from __future__ |\A.*\n.*coding[=:]\s*(?!utf|UTF)[-\w.]", re.MULTILINE)

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
    """What patterns of `exclude` are held against: its path below the content's `dst`, or in the
    package where a wheel says so; "" for what can not be left out."""
    wheel: str
    """The name of the wheel's file."""


class Recalled(NamedTuple):
    """An environment that has been gathered."""

    directories: list[str]
    """Where its files lie, with a slash at the end: those of wheels, and what is made for it."""
    files: list[Gathered]
    """By their paths."""


class Material(NamedTuple):
    """A wheel that an environment was made from."""

    file: str
    """The name of its file."""
    url: str
    """Where it was fetched from; "" for a file of the project."""
    digest: str
    """Its SHA-256, in hexadecimal."""


class ConsoleScript(NamedTuple):
    """What somebody brings as a program."""

    who: str
    """The name of a wheel's file, or of the project's own."""
    calls: str
    """What it calls, as in `app.cli:main`; "" for a script that is written out."""
    script: bytes = b""

    @property
    def content(self) -> bytes | None:
        """What its file holds in a package; None if it calls no function of a module."""
        if not self.calls:
            if _PYTHON_SCRIPT.match(self.script) and _BOUND.search(self.script):
                return f'{_BY_PYTHON}exec(compile({self.script!r}, __file__, "exec"))\n'.encode()
            return _PYTHON_SCRIPT.sub(_BY_PYTHON.encode(), self.script)
        call = _CALLS.fullmatch(self.calls.partition("[")[0].replace(" ", ""))
        if not call:
            return None
        first = call[2].partition(".")[0]
        return _CONSOLE.format(module=call[1], first=first, function=call[2]).encode()


def place_of(variant: Variant, content: Content, artifacts: str) -> str:
    """Where the listing of a content's environment lies once it is gathered."""
    # What starts it, too: another version of this program may make that otherwise.
    made = (PLACES, _START, _SETTINGS, _HOMES, _CONSOLE)
    told = repr((content.environment, content.dst, variant.system.python, variant.os, made))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return f"{artifacts}/.work/{variant.name}/{variant.platform}/python-{digest}/{_LISTING}"


def sweep(variant: Variant, artifacts: str) -> None:
    """Remove the environments that a variant had of other locks."""
    wanted = {place_of(variant, each, artifacts) for each in variant.environments}
    for left in Path(artifacts, ".work", variant.name, variant.platform).glob("python-*"):
        if str(left / _LISTING) not in wanted:
            output.remove_tree(left)


def is_gathered(listing: str) -> bool:
    """Whether an environment is there, and the wheels that its files come from."""
    try:
        wheels = _origin_of(listing)["wheels"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return all(map(os.path.lexists, wheels))


def _origin_of(listing: str) -> Any:
    """What an environment was made from: its first line, since the other has thousands of files."""
    with open(listing, "rb") as file:
        return json.loads(file.readline())


def recall(listing: str) -> Recalled:
    """An environment that was gathered. Raises OSError; BuildError if its listing is damaged."""
    data = Path(listing).read_bytes()
    try:
        origin, known = map(json.loads, data.splitlines())
        held = [f"{os.path.dirname(facts)}/files/" for facts in origin["wheels"]]
        files = [Gathered(*each) for each in known]
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{listing}: damaged ({error}); remove it") from None
    return Recalled([*held, f"{os.path.dirname(listing)}/{_MADE}/"], files)


def materials_of(listing: str) -> list[Material]:
    """The wheels that an environment was made from. Raises OSError."""
    return [Material(*each) for each in _origin_of(listing)["from"]]


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
    brought = {
        name: [ConsoleScript("pyproject.toml", calls)] for name, calls in environment.entry_points
    }
    complete, materials = [], []
    for wheel in wheels:
        materials.append(Material(wheel.file, without_password(wheel.url), wheel.digest))
        unpacked = wheel_cache.recall(wheel)
        complete.append(f"{unpacked.directory}/{wheel_cache.FACTS}")
        for name, calls in unpacked.entry_points:
            brought.setdefault(name, []).append(ConsoleScript(wheel.file, calls))
        for held in unpacked.files:
            source = unpacked.source(held)
            if held.scheme == SCRIPTS:
                script = ConsoleScript(wheel.file, "", Path(source).read_bytes())
                brought.setdefault(held.path, []).append(script)
            else:
                path = posixpath.join(content.dst if held.scheme == SITE else "", held.path)
                told = (path, source, held.executable, held.digest, held.path, wheel.file)
                files.append(Gathered(*told))
    made = {**_frame(variant), **_programs(environment, brought)}
    listing = Path(place_of(variant, content, artifacts))
    output.remove_tree(listing.parent)
    files += _made(made, listing.parent / _MADE)
    origin = {"wheels": sorted(complete), "from": materials}
    output.write(listing, f"{json.dumps(origin)}\n{json.dumps(sorted(files))}\n".encode())


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
    environment: Environment, brought: Mapping[str, Sequence[ConsoleScript]]
) -> dict[str, bytes]:
    """The programs that are wanted, by their paths. Raises BuildError."""
    known = sorted(brought)
    wanted = known if environment.scripts == (ALL,) else environment.scripts
    faults = []
    found = {}
    for name in wanted:
        if name not in brought:
            there = f"there are {', '.join(map(shown, known))}" if known else "there is none"
            faults.append(
                f"{name}: no wheel has this console script, nor a pyproject.toml beside"
                f" {environment.lock}; {there}"
            )
        elif fault := _program_fault(name, brought[name]):
            faults.append(f"{shown(name)}: {fault}")
        else:
            found[f"bin/{name}"] = brought[name][0].content or b""
    if faults:
        raise BuildError("\n".join(faults))
    return found


def _program_fault(name: str, programs: Sequence[ConsoleScript]) -> str:
    """Why a name cannot be that of a program; "" if it can."""
    if name == posixpath.basename(PYTHON):
        return "a console script cannot have this name here"
    if "/" in name or path_fault(f"bin/{name}"):
        return f"{programs[0].who} brings it, and this cannot be the name of a program"
    for each in programs:
        if each.content is None:
            return f"{each.calls} in {each.who} is not a function of a module"
        if each.content != programs[0].content:  # guard: two-programs-of-one-name
            return f"{programs[0].who} and {each.who} both bring a program of this name"
    return ""


def link_of(variant: Variant, content: Content) -> tuple[str, str] | None:
    """Where the modules have to lie for Python, and the link from there to where they are."""
    path = f"lib/python{variant.system.python}/site-packages"
    if content.dst == path:
        return None
    return path, posixpath.relpath(content.dst or ".", posixpath.dirname(path))


def demand_sound(
    listing: str, files: Iterable[Gathered], collected: Iterable[tuple[str, str]]
) -> None:
    """Hold what was collected, sources and digests, against what wheels held when unpacked.

    `files` are those of the environment that has this listing.

    Raises BuildError: a file is another; what it belongs to has been removed.
    """
    expected = {each.source: each.digest for each in files}
    wrong = [
        source for source, digest in collected if source in expected and digest != expected[source]
    ]
    if wrong:  # guard: damaged-file-of-a-wheel
        _forget(listing, wrong)
        raise BuildError(f"{wrong[0]}: {_DAMAGED}")


def demand_whole(listing: str, files: Iterable[Gathered]) -> None:
    """Hold the files that are there against those that an environment has.

    Raises BuildError: one is missing; what it belongs to has been removed.
    """
    gone = [each.source for each in files if not os.path.isfile(each.source)]
    if gone:  # guard: missing-file-of-a-wheel
        _forget(listing, gone)
        raise BuildError(f"{gone[0]}: {_DAMAGED}")


def _forget(listing: str, damaged: Iterable[str]) -> None:
    """Remove the unpacked wheels in which files are damaged, and the listing."""
    wheels = {os.path.dirname(facts) for facts in _origin_of(listing)["wheels"]}
    for wheel in wheels:
        if any(source.startswith(f"{wheel}/") for source in damaged):
            wheel_cache.forget(wheel)
    os.unlink(listing)
