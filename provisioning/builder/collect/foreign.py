"""Finds code in a package that its platform cannot run."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import HOOKS, shown
from provisioning.builder.collect import executables
from provisioning.builder.collect.executables import (
    BYTE_CODE,
    ELF,
    MACH_O,
    MACOS,
    PATH,
    SCRIPT,
    Executable,
)
from provisioning.builder.collect.expand import content_fault, target_of
from provisioning.builder.collect.patterns import is_glob
from provisioning.spec.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from provisioning.builder.collect.collect import Collected
    from provisioning.spec.model.variant import Content, OperatingSystem, Variant

_EXECUTABLE = 0o111
_MOST_NAMES = 3
"""Files that a report names of those that have one fault, and faults that it tells of a content."""


class _Reason(NamedTuple):
    """Why code cannot run on a platform, as what is said of it after "is", and the way out."""

    why: str
    hint: str


def faults(
    variant: Variant, code: Iterable[Collected], placed_by: Callable[[], Mapping[str, Content]]
) -> list[Diagnostic]:
    """Check the code that was collected; `placed_by` tells which content put each path there.

    It is asked only where something is found.
    """
    found: list[tuple[str, str, _Reason]] = []
    for entry, source, _, made_for in code:
        reason = _why_not(variant, entry.path, executables.read(made_for), entry.mode)
        if reason:
            found.append((entry.path, source, reason))
    return list(_reports(variant, found, placed_by())) if found else []


def rendered_faults(variant: Variant, rendered: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """Check the scripts that templates became, by their paths."""
    for content in variant.contents:
        text = rendered.get(target_of(content), b"") if content.kind == "template" else b""
        made_for = executables.script(text) if text.startswith(b"#!") else ""
        if made_for and not content.foreign:
            mode = content.mode
            if mode is None:
                mode = variant.file_mode | os.stat(content.source).st_mode
            if reason := _why_not(variant, content.dst, executables.read(made_for), mode):
                yield _report(content, {reason: [content.source]})


def _reports(
    variant: Variant, found: list[tuple[str, str, _Reason]], placed: Mapping[str, Content]
) -> Iterator[Diagnostic]:
    """One report for each content that brings some of what was found, and each hook."""
    hooks = {f"{HOOKS}/{each.hook.name}": each for each in variant.hooks}
    told: dict[str, tuple[Content, dict[_Reason, list[str]]]] = {}
    for path, source, reason in found:
        content = placed.get(path)
        if content is None:
            if path in hooks:
                message = f"{shown(source)} is {reason.why}"
                yield Diagnostic.at(hooks[path].origin, "foreign-code", message, reason.hint)
        elif not content.foreign:  # guard: code-that-is-meant
            _, reasons = told.setdefault(content.where, (content, {}))
            reasons.setdefault(reason, []).append(source)
    for content, reasons in told.values():
        yield _report(content, reasons)


def _report(content: Content, reasons: Mapping[_Reason, Sequence[str]]) -> Diagnostic:
    parts = [f"{_named(sources)} {each.why}" for each, sources in reasons.items()]
    if left := sum(map(len, [*reasons.values()][_MOST_NAMES:])):
        parts[_MOST_NAMES:] = [f"{left} more cannot run there either"]
    is_one = not (is_glob(content.source) or os.path.isdir(content.source))
    leave = "leave it out" if is_one or content.kind != "src" else "exclude it"
    hint = f"{next(iter(reasons)).hint}, {leave}, or say `foreign: true` if it is meant to be there"
    return content_fault("foreign-code", content, content.kind, "; ".join(parts), hint=hint)


def _named(sources: Sequence[str]) -> str:
    """The first few files, and how many more there are, with the verb for them."""
    names = ", ".join(map(shown, sources[:_MOST_NAMES]))
    more = f" and {len(sources) - _MOST_NAMES} more" if len(sources) > _MOST_NAMES else ""
    return f"{names}{more} {'are' if len(sources) > 1 else 'is'}"


def _why_not(variant: Variant, path: str, made: Executable, mode: int) -> _Reason | None:
    """Why a file of a package cannot run on its platform; None if it may."""
    if made.form == SCRIPT:
        return _why_not_run_by(variant, made.runs) if mode & _EXECUTABLE else None
    if made.form == PATH:
        return _why_not_searched(variant, made.runs)
    if made.form == BYTE_CODE:
        hint = "take its source, which Python compiles there"
        return _why_not_of(variant, made.runs, "byte code", hint)
    found = _EXTENSION.search(path)
    python = f"{found[1]}.{found[2]}" if found else ""
    hint = f"take its build for Python {variant.system.python}"
    return why_not_compiled(variant, made) or _why_not_of(variant, python, "an extension", hint)


_EXTENSION = re.compile(r"\.cpython-(3)([0-9]+)[a-z]*(?:-[^/]*)?\.so$")  # PEP 3149


def _why_not_of(variant: Variant, python: str, what: str, hint: str) -> _Reason | None:
    has = variant.system.python
    if not python or not has or python == has:  # guard: code-of-another-python
        return None
    return _Reason(f"{what} of Python {python}, and {variant.platform} has {has}", hint)


_SYSTEMS = {"linux": (ELF, "Linux"), "macos": (MACH_O, "macOS")}
_SPOKEN = {ELF: "Linux", MACH_O: "macOS"}
_PROCESSORS = {
    "amd64": "x86-64",
    "x86_64": "x86-64",
    "i386": "32-bit x86",
    "arm64": "64-bit ARM",
    "armhf": "32-bit ARM (armhf)",
    "armel": "32-bit ARM (armel)",
    "arm": "32-bit ARM",
    "riscv64": "64-bit RISC-V",
    "ppc64el": "64-bit POWER",
}
"""How people call some of them; the others have Debian's names, or Apple's."""
_EVERY_MAC = {"arm64", "x86_64"}
_OTHERS_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def _runs(variant: Variant) -> set[str]:
    """The processors whose code a platform runs; none if its `arch` is nobody's name."""
    if variant.os == "macos":
        return {variant.arch} & executables.MACH_O_MACHINES
    name = _OTHERS_NAMES.get(variant.arch, variant.arch)
    if name in {"armhf", "armel"}:
        return {name, "arm"}  # an object says nothing of floating point
    return {name} & executables.ELF_MACHINES


def why_not_compiled(variant: Variant, made: Executable) -> _Reason | None:
    """Why compiled code cannot run on a platform; None if it may."""
    if variant.os not in _SYSTEMS:
        return None
    form, system = _SYSTEMS[variant.os]
    machines = [machine for machine, _ in made.builds]
    what = " and ".join(_PROCESSORS.get(each, each.replace("-", " ")) for each in machines)
    if made.form != form:  # guard: code-of-another-system
        why = f"compiled for {_SPOKEN[made.form]}, and {variant.platform} is {system}"
        return _Reason(why, f"take its build for {system}")
    if variant.arch == "all":
        if form == MACH_O and _EVERY_MAC.issubset(machines):
            return None
        why = f"compiled for {what}, and {variant.platform} is for every processor (arch: all)"
        arch = "armhf" if machines[0] == "arm" else machines[0]
        return _Reason(why, f"build for a platform that says `arch: {arch}`")
    runs = _runs(variant)
    fitting = [needs for machine, needs in made.builds if not runs or machine in runs]
    if not fitting:  # guard: code-of-another-processor
        why = f"compiled for {what}, and {variant.platform} is {variant.arch}"
        return _Reason(why, f"take its build for {variant.arch}")
    reasons = [_why_not_there(variant, needs) for needs in fitting]
    return None if None in reasons else reasons[0]


def _why_not_there(variant: Variant, needs: str) -> _Reason | None:
    """Why a platform does not have what a build needs of its system; None if it may."""
    platform, system = variant.platform, variant.system
    if variant.os == "linux":
        return _why_not_on_linux(platform, system, needs)
    what, _, least = needs.rpartition("-")
    if what and what != MACOS:
        return _Reason(f"compiled for {what}, and {platform} is macOS", "take its build for macOS")
    # guard: code-of-a-newer-macos
    if what and system.release and numbers(least) > numbers(system.release):
        why = f"compiled for macOS {least} and later, and {platform} is for macOS {system.release}"
        return _Reason(why, f"take its build for macOS {system.release} or older")
    return None


def _why_not_on_linux(platform: str, system: OperatingSystem, needs: str) -> _Reason | None:
    if needs in executables.OTHER_SYSTEMS:
        return _Reason(f"compiled for {needs}, and {platform} is Linux", "take its build for Linux")
    if not system.glibc or needs == executables.ANY:
        return None
    if needs == executables.NOT_GLIBC:
        why = f"compiled for another C library (musl), and {platform} has glibc"
        return _Reason(why, "take its build for glibc")
    least = needs.removeprefix(f"{executables.GLIBC}-")
    if numbers(least) <= numbers(system.glibc):  # guard: code-of-a-newer-glibc
        return None
    why = f"compiled for glibc {least} and later, and {platform} has {system.glibc}"
    return _Reason(why, f"take its build for glibc {system.glibc} or older")


def numbers(version: str) -> tuple[int, int]:
    """A version as one compares it: `14` is `14.0`."""
    major, _, rest = version.partition(".")
    return int(major), int(rest.partition(".")[0] or 0)


_ELSEWHERE = (
    (("/home/", "/Users/", "/root/", "/var/root/"), "a home directory"),
    (("/tmp/", "/var/tmp/", "/private/", "/var/folders/"), "a temporary directory"),  # noqa: S108
)
_TOOLS = (
    (("/opt/homebrew/", "/opt/local/", "/usr/local/Cellar/"), "a directory of a Mac's"),
    (("/Applications/", "/Library/"), "a directory of a Mac's"),
    (("/opt/hostedtoolcache/", "/nix/store/", "/gnu/store/"), "a directory of the build's tools"),
)
"""What a Mac may have, and no Linux that is not the building machine."""
_ENVIRONMENTS = frozenset({".venv", "venv", ".virtualenvs", "virtualenv", ".tox", ".nox"})


def _why_not_run_by(variant: Variant, program: str) -> _Reason | None:
    if program.startswith(f"{variant.prefix}/"):
        return None
    place = _place_of(variant, program)  # guard: script-of-the-building-machine
    if not place:
        return None
    why = f"run by {shown(program)} in {place}, which {variant.platform} has not"
    return _Reason(why, "begin it with a program that is there, as in #!/usr/bin/env python3")


def _why_not_searched(variant: Variant, directory: str) -> _Reason | None:
    place = (
        "" if directory.startswith(f"{variant.prefix}/") else _place_of(variant, f"{directory}/")
    )
    if not place:  # guard: editable-installation
        return None
    why = f"Python's path to {shown(directory)} in {place}, which {variant.platform} has not"
    return _Reason(why, "install what is there as a copy, not as editable")


def _place_of(variant: Variant, program: str) -> str:
    """Where a program lies that a machine has to itself; "" if others may have it, too."""
    directory = os.path.dirname(os.path.dirname(program))
    home = os.path.expanduser("~")
    if not _ENVIRONMENTS.isdisjoint(program.split("/")) or os.path.exists(
        f"{directory}/pyvenv.cfg"
    ):
        return "a virtual environment"
    if program.startswith(f"{os.getcwd()}/"):
        return "this project"
    if home != "/" and program.startswith(f"{home}/"):
        return "a home directory"
    known = (*_ELSEWHERE, *_TOOLS) if variant.os == "linux" else _ELSEWHERE
    return next((name for places, name in known if program.startswith(places)), "")
