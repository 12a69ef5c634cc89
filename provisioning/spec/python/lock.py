"""Reads a lock of Python packages, and chooses from it what a target needs.

A lock is a pylock.toml (PEP 751) or a requirements.txt with a hash for each file. Which file of a
requirement fits is known once an index was asked: that is left to the fetch stage.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from packaging.pylock import (
    PackageArchive,
    PackageDirectory,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_wheel_filename,
)

from provisioning.spec.diagnostics import did_you_mean
from provisioning.spec.model.variant import Pinned, Wheel
from provisioning.spec.yaml.node import Origin

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.pylock import Package
    from packaging.tags import Tag

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.python.target import Target

MAX_BYTES = 16 << 20
"""Of a lock: that of 600 packages has 4 MiB."""

_SHA256 = re.compile("[0-9a-f]{64}")
_MOST_TAGS = 6  # of those that a report shows
_ANEW = "make it anew, as with: uv export --format pylock.toml -o pylock.toml"


class Request(NamedTuple):
    """What a content asks of a lock, for a platform."""

    file: str
    """The lock: a path below the project's root."""
    platform: str
    target: Target
    extras: tuple[str, ...]
    groups: tuple[str, ...] | None
    """Dependency groups; None for the lock's default ones."""
    own: tuple[Wheel, ...]
    """Wheels of the project's own."""
    at: Mapping[str, Origin]
    """Where each of its keys is written."""

    def origin(self, key: str = "python") -> Origin:
        """Where a key is written, or else the lock's name."""
        return self.at.get(key) or self.at["python"]


class Chosen(NamedTuple):
    """What a target needs of a lock."""

    wheels: tuple[Wheel, ...] = ()
    pinned: tuple[Pinned, ...] = ()
    index_url: str = ""
    """The URL of the index that a requirements.txt names."""
    missing: tuple[Missing, ...] = ()
    """What has no wheel for it."""
    is_for_others: bool = False
    """Whether all its packages are for other targets, by their markers."""


class SourceArchive(NamedTuple):
    """A file from which a wheel can be built."""

    file: str
    """Its name."""
    digest: str
    """Its SHA-256, in hexadecimal."""
    url: str
    """Where it is fetched from; "" for a file of the project."""
    path: str
    """Where it lies in the project; "" for one that is fetched."""


class Missing(NamedTuple):
    """A package that has no wheel for the target."""

    name: str
    version: str
    files: tuple[str, ...]
    """The names of the wheels that there are."""
    source: SourceArchive | None

    def __str__(self) -> str:
        tags = [*dict.fromkeys(map(_tags_of, self.files))]
        shown = ", ".join(tags[:_MOST_TAGS]) + (", …" if len(tags) > _MOST_TAGS else "")
        there = f"has wheels for {shown}" if tags else "has no wheel, but its source"
        return f"{self.name} {self.version} {there if tags or self.source else 'has no wheel'}"


class Unbuilt(NamedTuple):
    """What has to be built for a platform, since nobody offers a wheel of it."""

    target: Target
    platform: str
    directory: str
    """Where the project has its own wheels: a path below its root."""
    packages: tuple[Missing, ...]


_CHOICES = re.compile(r"\b(extras?|dependency_groups)\b")
_OTHER_LOCKS = {
    "uv.lock": "export it: uv export --format pylock.toml -o pylock.toml",
    "poetry.lock": "export it: poetry export -o requirements.txt (poetry-plugin-export)",
    "pdm.lock": "export it: pdm export -f pylock -o pylock.toml",
    "Pipfile.lock": "make it anew: pipenv requirements --hash > requirements.txt",
}
"""Locks of one tool, and how each says the same for all."""


def choose(text: str, request: Request, diagnostics: Diagnostics) -> Chosen:
    """What a target needs of the lock `text`; nothing where it is wrong, which is reported."""
    name = os.path.basename(request.file)
    if name in _OTHER_LOCKS:
        message = "this is not a pylock.toml, but a lock of one tool"
        diagnostics.error(request.origin(), "bad-lock", message, _OTHER_LOCKS[name])
        return Chosen()
    if name.endswith(".toml"):
        lock = _pylock(text, request.file, diagnostics)
        return _from_pylock(lock, text, request, diagnostics) if lock else Chosen()
    return _from_requirements(text, request, diagnostics)


def _pylock(text: str, file: str, diagnostics: Diagnostics) -> Pylock | None:
    origin = Origin(file=file, line=0, column=1)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if where := re.search(r"\(at line (\d+), column (\d+)\)", str(error)):
            origin = origin._replace(line=int(where[1]), column=int(where[2]))
        diagnostics.error(origin, "bad-lock", f"invalid TOML: {str(error).partition(' (at')[0]}")
        return None
    if "lock-version" not in document and "package" in document:
        message = "this is not a pylock.toml, but a lock of one tool"
        hint = "of uv, export it: uv export --format pylock.toml -o pylock.toml"
        diagnostics.error(origin, "bad-lock", message, hint)
        return None
    try:
        return Pylock.from_dict(document)
    except PylockUnsupportedVersionError as error:
        diagnostics.error(origin, "bad-lock", f"unknown version of a lock: {error}")
    except PylockValidationError as error:
        line = _line_of(text, str(error.context or ""))
        diagnostics.error(origin._replace(line=line), "bad-lock", f"invalid lock: {error}", _ANEW)
    return None


def _line_of(text: str, context: str) -> int:
    """The line of the package that `packages[3].wheels` is about; 0 if it is of none."""
    number = re.match(r"packages\[(\d+)\]", context)
    starts = [match.start() for match in re.finditer(r"^\[\[packages\]\]", text, re.MULTILINE)]
    if not number or int(number[1]) >= len(starts):
        return 0
    return text.count("\n", 0, starts[int(number[1])]) + 1


def _from_pylock(lock: Pylock, text: str, request: Request, diagnostics: Diagnostics) -> Chosen:
    if not _is_meant(lock, request, diagnostics):
        return Chosen()
    tags = tuple(request.target.tags())
    chosen: dict[str, Wheel] = {}
    missing: list[Missing] = []
    for package in lock.packages:
        found = re.search(rf'^name\s*=\s*"{re.escape(package.name)}"', text, re.MULTILINE)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        origin = Origin(file=request.file, line=line, column=1)
        for each in _of_package(lock, package, request, tags, origin, diagnostics):
            if isinstance(each, Missing):
                missing.append(each)
            elif chosen.setdefault(each.name, each) is not each:
                message = f"the lock has two versions of {each.name} for {request.platform}"
                diagnostics.error(origin, "bad-lock", message, _ANEW)
    if missing:
        message, hint = missing_report(missing, request.file, request.platform, request.target)
        diagnostics.error(request.origin(), "no-wheel", message, hint)
    # What extras and groups choose is for this target, but not asked for.
    chooses = (each.marker and not _CHOICES.search(str(each.marker)) for each in lock.packages)
    others = bool(lock.packages) and not chosen and not missing and all(chooses)
    wheels = tuple(chosen[name] for name in sorted(chosen))
    return Chosen(wheels, missing=tuple(missing), is_for_others=others)


def _is_meant(lock: Pylock, request: Request, diagnostics: Diagnostics) -> bool:
    """Whether a lock is for this target, and has the extras and groups that are asked for."""
    file, target = request.file, request.target
    groups = (*(lock.dependency_groups or ()), *(lock.default_groups or ()))
    unknown: list[tuple[str, str, str, Sequence[str]]] = [
        ("extra", "extras", name, lock.extras or ())
        for name in request.extras
        if canonicalize_name(name) not in (lock.extras or ())
    ]
    unknown += [
        ("group", "groups", name, groups)
        for name in request.groups or ()
        if canonicalize_name(name) not in map(canonicalize_name, groups)
    ]
    for what, key, name, known in unknown:
        hint = did_you_mean(name, known)
        if not known:
            hint = f"this lock offers no choice of {key}: remove the key, and choose when you lock"
        message = f"{file} has no {what} {name}"
        diagnostics.error(request.origin(key), f"unknown-{what}", message, hint)
    if unknown:
        return False
    try:
        empty = replace(lock, packages=[])
        list(empty.select(environment=target.markers, tags=()))  # it has nothing to choose from
    except PylockSelectError as error:
        message = f"{file} is not for {request.platform}: {error}"
        if lock.requires_python and not lock.requires_python.contains(target.full_version):
            message = (
                f"{file} is for Python {lock.requires_python}, and {request.platform} has "
                f"{target.full_version}"
            )
        hint = "make a lock that is for this platform too"
        diagnostics.error(request.origin(), "lock-for-another", message, hint)
        return False
    return True


def _of_package(  # noqa: PLR0913, PLR0917 - what a choice depends on
    lock: Pylock,
    package: Package,
    request: Request,
    tags: Sequence[Tag],
    origin: Origin,
    diagnostics: Diagnostics,
) -> Iterator[Wheel | Missing]:
    """The wheel of one package; nothing if the target does not need it, or it is the project."""
    name, version = str(package.name), str(package.version or "")
    files = tuple(wheel.filename for wheel in package.wheels or ())
    missing = Missing(name, version, files, _source_of(package, os.path.dirname(request.file)))
    try:
        chosen = [
            source
            for _, source in replace(lock, packages=[package]).select(
                environment=request.target.markers,
                tags=tags,
                extras=request.extras,
                dependency_groups=request.groups,
            )
        ]
    except PylockSelectError as error:
        fits = package.requires_python
        if fits and not fits.contains(request.target.full_version):
            message = (
                f"{name} {version} is for Python {fits}, and {request.platform} has "
                f"{request.target.full_version}"
            )
            diagnostics.error(origin, "lock-for-another", message, "lock a version that fits")
        elif package.wheels:
            yield own_wheel(name, version, request.own, tags) or missing
        else:
            diagnostics.error(origin, "bad-lock", str(error), _ANEW)
        return
    for source in chosen:
        if isinstance(source, PackageDirectory) and (source.path or "").rstrip("/") in {"", "."}:
            continue  # the project itself, of which the contents say what is packaged
        if own := own_wheel(name, version, request.own, tags):
            yield own
        elif wheel := _wheel(name, version, source, os.path.dirname(request.file)):
            if wheel.path.startswith(("/", "../")):
                message = f"{wheel.path} lies outside of the project"
                hint = "copy it to a directory of the project, and say wheels: of that"
                diagnostics.error(origin, "bad-lock", message, hint)
            if not _SHA256.fullmatch(wheel.digest):
                message = f"{name} {version} has no SHA-256"
                diagnostics.error(origin, "bad-lock", message, "make a lock with sha256 hashes")
            yield wheel
        else:
            yield missing


def _source_of(package: Package, directory: str) -> SourceArchive | None:
    """What a package of a lock in `directory` can be built from; None if it says nothing."""
    if package.sdist is None:
        return None
    url, path = package.sdist.url or "", package.sdist.path or ""
    place = os.path.normpath(os.path.join(directory, path)) if path else ""
    return SourceArchive(package.sdist.filename, package.sdist.hashes.get("sha256", ""), url, place)


def _wheel(name: str, version: str, source: Any, directory: str) -> Wheel | None:
    """The wheel that a package of a lock in `directory` has as its source; None if that is none."""
    if not isinstance(source, (PackageWheel, PackageArchive)):
        return None
    url, path = source.url or "", source.path or ""
    file = getattr(source, "filename", "") or (path or urlsplit(url).path).rpartition("/")[2]
    if not file.endswith(".whl"):
        return None
    try:
        version = version or str(parse_wheel_filename(file)[1])
    except InvalidWheelFilename:
        return None
    if path:
        path = os.path.normpath(os.path.join(directory, path))
    digest = source.hashes.get("sha256", "")
    return Wheel(name, version, file, digest, url, path)


def own_wheel(name: str, version: str, own: Sequence[Wheel], tags: Sequence[Tag]) -> Wheel | None:
    """The best wheel of the project's own for a package; None if none fits."""
    return best_wheel(
        (
            each
            for each in own
            if each.name == canonicalize_name(name)
            and canonicalize_version(each.version) == canonicalize_version(version or each.version)
        ),
        tags,
    )


def best_wheel(wheels: Iterable[Wheel], tags: Sequence[Tag]) -> Wheel | None:
    """The one of `wheels` that suits `tags` best; None if none does. Others than wheels do not."""
    rank = {tag: number for number, tag in enumerate(tags)}
    fitting = []
    for each in wheels:
        with suppress(InvalidWheelFilename):
            ranks = [rank[tag] for tag in parse_wheel_filename(each.file)[3] if tag in rank]
            if ranks:
                fitting.append((min(ranks), each))
    return min(fitting)[1] if fitting else None


def missing_report(
    missing: Sequence[Missing], file: str, platform: str, target: Target
) -> tuple[str, str]:
    """The message and the hint for packages without a wheel."""
    names = " ".join(each.name for each in missing)
    if not target.machine:
        what = f"{platform} says arch: {target.arch}, and these have compiled code: {names}"
        return what, "choose a platform for one processor, such as raspberry-pi"
    best = next(str(tag) for tag in target.tags() if not str(tag).endswith("-any"))
    whose = names if len(missing) == 1 else f"{len(missing)} packages"
    told = f"no wheel of {whose} in {file} runs there: {platform} takes {best}, and older ones"
    pinned = " ".join(f"{each.name}=={each.version}" for each in missing)
    ways = (
        *map(str, missing),
        "lock other versions, or build wheels once and say wheels: wheels/; to build them, run",
        f"provision wheels {platform}",
        f"or on such a machine: pip wheel --no-deps -w wheels {pinned}",
    )
    return told, "\n".join(ways)


def digests_in(text: str, file: str, diagnostics: Diagnostics) -> Iterator[tuple[str, str]]:
    """The names of all wheels of a lock, each with its SHA-256."""
    lock = _pylock(text, file, diagnostics)
    for package in lock.packages if lock else ():
        for wheel in package.wheels or ():
            yield wheel.filename, wheel.hashes.get("sha256", "")


def wheels_in(
    names: Mapping[str, str], directory: str, origin: Origin, diagnostics: Diagnostics
) -> tuple[Wheel, ...]:
    """The project's own wheels: the files of `directory`, each with its digest."""
    found = []
    for file, digest in names.items():
        try:
            name, version, *_ = parse_wheel_filename(file)
        except InvalidWheelFilename as error:
            diagnostics.error(origin, "bad-wheel", f"{directory}/{file}: {error}")
            continue
        found.append(Wheel(str(name), str(version), file, digest, "", f"{directory}/{file}"))
    return tuple(found)


def _tags_of(file: str) -> str:
    """The tags in the name of a wheel, as in `cp311-cp311-manylinux_2_17_aarch64`."""
    return "-".join(file.removesuffix(".whl").split("-")[-3:])


_HASH = re.compile(r"--hash[= ]sha256:([0-9a-f]{64})")
_ANY_HASH = re.compile(r"--hash[= ]\S+")
_IDLE = ("--require-hashes", "--only-binary", "--prefer-binary")
_OPTION = re.compile(r"(?:^|\s)(--?[a-zA-Z-]+)(?:[= ](\S+))?")


def _from_requirements(text: str, request: Request, diagnostics: Diagnostics) -> Chosen:
    """What a target needs of a requirements.txt (pip's "Requirements File Format")."""
    index_url, is_any = "", False
    wheels: dict[str, Wheel] = {}
    pinned: dict[str, Pinned] = {}
    tags = tuple(request.target.tags())
    for key in ("extras", "groups"):
        if getattr(request, key):
            message = f"a requirements file has no {key}"
            diagnostics.error(request.origin(key), "idle-key", message, f"remove {key}")
    for number, line in _logical_lines(text):
        origin = Origin(file=request.file, line=number, column=1)
        option = _OPTION.match(line)
        if option and option[1] in {"-i", "--index-url"}:
            index_url = option[2] or ""
        elif option:
            if option[1] not in _IDLE:
                message = f"{option[1]} is not read here"
                diagnostics.error(origin, "bad-lock", message, "make one file with all packages")
        else:
            is_any = True
            found = _pinned(line, request, origin, diagnostics)
            if found is None:
                continue
            if found.name in wheels or found.name in pinned:
                diagnostics.error(origin, "bad-lock", f"{found.name} is required twice")
            if own := own_wheel(found.name, found.version, request.own, tags):
                wheels[found.name] = own
            else:
                pinned[found.name] = found
    chosen = tuple(wheels[name] for name in sorted(wheels))
    others = is_any and not wheels and not pinned
    return Chosen(
        chosen, tuple(pinned[name] for name in sorted(pinned)), index_url, is_for_others=others
    )


def _pinned(line: str, request: Request, origin: Origin, diagnostics: Diagnostics) -> Pinned | None:
    """The requirement of a line; None if the target does not need it, or it is wrong."""
    digests = tuple(sorted(_HASH.findall(line)))
    try:
        requirement = Requirement(_ANY_HASH.sub("", line).strip())
    except InvalidRequirement as error:
        message = f"invalid requirement: {str(error).splitlines()[0]}"
        diagnostics.error(origin, "bad-lock", message)
        return None
    markers: dict[str, Any] = {**request.target.markers}
    if requirement.marker and not requirement.marker.evaluate(markers):
        return None
    name, version = str(canonicalize_name(requirement.name)), _pin(requirement)
    if not version or not digests:
        message = f"{name} has no {'hash' if version else 'exact version'}"
        hint = "make it with hashes: uv export --format requirements-txt -o requirements.txt"
        diagnostics.error(origin, "bad-lock", message, hint)
        return None
    return Pinned(name, version, digests)


def _pin(requirement: Requirement) -> str:
    """The version that a requirement demands exactly; "" if it leaves a choice."""
    specifiers = [*requirement.specifier]
    if len(specifiers) != 1 or specifiers[0].operator not in {"==", "==="}:
        return ""
    return "" if specifiers[0].version.endswith(".*") else specifiers[0].version


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with the number of the one it begins in."""
    begun, parts = 0, []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        bare = re.sub(r"(?:^|\s)#.*", "", line).rstrip()
        begun = begun or number
        parts.append(bare.removesuffix("\\"))
        if bare.endswith("\\") and number < len(lines):
            continue
        if whole := " ".join(parts).strip():
            yield begun, whole
        begun, parts = 0, []
