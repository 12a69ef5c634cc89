"""Unpacks a wheel ("Binary distribution format", packaging.python.org) into the cache.

The files are those of `installer`; what they are put to, and what is refused, is said here. The
bytes are the wheel's own: nothing of the machine that unpacks gets into them.
"""

from __future__ import annotations

import configparser
import hashlib
import lzma
import os
import stat
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, RecordEntry
from installer.sources import WheelFile
from installer.utils import SCHEME_NAMES, parse_metadata_file
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from provisioning.artifact.model.entry import collision_key, path_fault, shown
from provisioning.builder.python.wheel_cache import (
    DATA,
    SCRIPTS,
    SITE,
    HeldFile,
    unpacking,
    write_facts,
)
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installer.utils import Scheme

    from provisioning.spec.model.variant import Wheel

# What `zipfile` and `installer` raise of what they cannot read; RuntimeError of what is
# encrypted, AssertionError of what calls no function.
_UNSOUND = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    InstallerError,
    InvalidRecordEntry,
    configparser.Error,
    ValueError,
    LookupError,
    AssertionError,
    EOFError,
    RuntimeError,
)
_LARGEST = 16 << 30  # bytes of all files: those of the largest wheels there are have four GiB
_SCHEMES = {"purelib": SITE, "platlib": SITE, "data": DATA, "scripts": SCRIPTS}


def unpack(wheel: Wheel, file: Path) -> None:
    """Unpack the wheel that lies in `file`.

    Raises:
        BuildError: with all that is wrong with it.
        OSError: something cannot be read or written.
    """
    try:
        with zipfile.ZipFile(file) as archive, unpacking(wheel) as directory:
            source = _Source(archive, wheel)
            names = [*_faults(archive), *_misplaced(archive, source.data_dir)]
            names = names or [*_of_another(source, wheel)]  # guard: wheel-of-another-project
            if faults := names or _against_record(source):  # guard: unsound-wheel
                told = "\n".join(f"  {fault}" for fault in dict.fromkeys(faults))
                raise BuildError(f"{wheel.file}: not a sound wheel\n{told}")
            _install(source, directory)
    except _UNSOUND as error:
        is_call = isinstance(error, AssertionError)  # as installer looks at nothing else
        # Some of installer's errors have the wheel in front of their text.
        texts = [str(each) for each in error.args if isinstance(each, str)] or [str(error)]
        told = "its entry_points.txt calls no function" if is_call else texts[-1] or "cut off"
        raise BuildError(f"{wheel.file}: not a sound wheel: {told}") from None


def _faults(archive: zipfile.ZipFile) -> Iterator[str]:
    """What a package cannot hold, wherever it were put."""
    seen: dict[str, str] = {}
    unpacked = sum(item.file_size for item in archive.infolist())
    if unpacked > _LARGEST:  # guard: wheel-without-measure
        yield f"it has {unpacked >> 30} GiB unpacked, and at most {_LARGEST >> 30} are taken"
    for item in archive.infolist():
        name = item.filename
        if reason := path_fault(name.removesuffix("/")):
            yield f"{shown(name)} {reason}"
        if stat.S_ISLNK(item.external_attr >> 16):  # guard: link-in-a-wheel
            yield f"{shown(name)} is a symbolic link"
        key = collision_key(name)
        if other := seen.get(key):
            same = other == name
            yield f"{shown(name)} {'is there twice' if same else f'is {shown(other)} on a Mac'}"
        seen[key] = name


def _misplaced(archive: zipfile.ZipFile, data: str) -> Iterator[str]:
    """What is for another place than wheels have: `installer` would look for it without an end."""
    for name in archive.namelist():
        top, _, below = name.partition("/")
        scheme, _, inside = below.partition("/")
        is_directory = name.endswith("/")
        # guard: misplaced-data-of-a-wheel
        if top == data and not (is_directory or (scheme in SCHEME_NAMES and inside)):
            yield f"{shown(name)} is for no place that wheels have: {', '.join(SCHEME_NAMES)}"


def _of_another(source: _Source, wheel: Wheel) -> Iterator[str]:
    """Whether a wheel is of another project or version than its file's name says."""
    said = parse_metadata_file(source.read_dist_info("METADATA"))
    name, version = said["Name"] or "", said["Version"] or ""
    if canonicalize_name(name) != wheel.name:
        yield f"its METADATA says that it is {shown(name)}, and not {wheel.name}"
    elif not _same_version(version, wheel.version):
        yield f"its METADATA says that it is {name} {shown(version)}, and not {wheel.version}"


def _same_version(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _against_record(source: _Source) -> list[str]:
    """Where a wheel differs from its own RECORD."""
    try:
        source.validate_record()
    except WheelFile.validation_error as error:
        if source.record not in source.names:
            return ["it has no RECORD"]
        issues: list[str] = error.issues
        return [issue.replace(f"In {source.file}, ", "") for issue in issues]
    return []


def _install(source: _Source, directory: Path) -> None:
    destination = _Destination(directory)
    with warnings.catch_warnings():
        # Byte code that a wheel brings along is left out, which `installer` warns of.
        warnings.simplefilter("ignore", RuntimeWarning)
        install(source, destination, {})
    destination.keep_record(source)
    write_facts(directory, destination.files, destination.entry_points)


class _Source(WheelFile):
    """A wheel whose file has any name."""

    def __init__(self, archive: zipfile.ZipFile, wheel: Wheel) -> None:
        self.file = archive.filename = wheel.file  # of which `installer` takes name and version
        super().__init__(archive)
        self.names = frozenset(archive.namelist())

    @property
    def record(self) -> str:
        """The name of its RECORD."""
        return f"{self.dist_info_dir}/RECORD"


class _Destination(WheelDestination):
    """Writes the files of a wheel below `files/`, and takes down what they are."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files: list[HeldFile] = []
        self.entry_points: list[tuple[str, str]] = []

    def write_script(self, name: str, module: str, attr: str, section: str) -> RecordEntry:
        """Take down a console script; what starts it is made for each package."""
        if section == "console":
            self.entry_points.append((name, f"{module}:{attr}"))
        return RecordEntry(name, None, None)

    def write_file(
        self,
        scheme: Scheme,
        path: str | os.PathLike[str],
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001 - as `installer` has it
    ) -> RecordEntry:
        """Write one file, but for headers, which nothing needs that runs."""
        path = os.fspath(path)
        if scheme in _SCHEMES:
            content = stream.read()
            self._write(_SCHEMES[scheme], path, content, executable=is_executable)
        return RecordEntry(path, None, None)

    def _write(self, scheme: str, path: str, content: bytes, *, executable: bool) -> None:
        executable = executable or scheme == SCRIPTS
        place = self._directory / "files" / scheme / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            file = open(place, "xb")  # noqa: SIM115 - closed below
        except (FileExistsError, NotADirectoryError):
            raise ValueError(f"two of its files would be {shown(path)}") from None
        with file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755 if executable else 0o644)
        digest = hashlib.sha256(content).hexdigest()
        self.files.append(HeldFile(scheme, path, executable, digest))

    def finalize_installation(self, scheme: Scheme, record_file_path: str, records: object) -> None:
        """Nothing: a record of where the builder has put what is not for the target."""

    def keep_record(self, source: _Source) -> None:
        """Put the wheel's own record beside its metadata: `importlib.metadata` reads it."""
        record = source.read_dist_info("RECORD").encode()
        self._write(SITE, source.record, record, executable=False)
