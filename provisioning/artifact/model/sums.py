"""SHA256SUMS: the digests of a release's files and, if it is signed, which release it is.

The lines are those of sha256sum(1). What a signed release is stands before them in comments, which
`sha256sum -c` and `shasum -c` pass over, so that one signature covers all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import shown
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
"""The signature of SUMS, beside it."""
LONGEST = 64 * 1024
"""Bytes of SUMS that are read."""

_FIRST = "# doit-provisioning release"
_SUM = re.compile(rb"([0-9a-f]{64})  ([^\r\n]+)\n")
_FIELD = re.compile(r"# (name|version|platform): ([A-Za-z0-9][A-Za-z0-9.+_~-]{0,199})\n")
_SEQUENCE = re.compile(r"# sequence: ([1-9][0-9]{0,14})\n")
HIGHEST = 10**15 - 1
"""The highest number of a release."""


class Identity(NamedTuple):
    """Which release it is: what a signature says besides the digests."""

    name: str
    version: str
    platform: str
    sequence: int
    """Grows with each release of a package for a platform: 1 or more."""

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return f"{self.name}-{self.version}-{self.platform}"


class Sums(NamedTuple):
    """What SHA256SUMS says."""

    files: Mapping[str, str]
    """SHA-256 in hexadecimal, by the names of files."""
    about: Identity | None = None
    """None if the release is not to be signed."""


def spelled(sums: Sums) -> bytes:
    """The text of SHA256SUMS."""
    lines = [f"{value}  {name}\n" for name, value in sorted(sums.files.items())]
    return "".join([*_head(sums.about), *lines]).encode()


def _head(about: Identity | None) -> Iterator[str]:
    if about:
        yield f"{_FIRST}\n"
        yield from (f"# {field}: {value}\n" for field, value in about._asdict().items())


def parse(data: bytes) -> tuple[Sums, list[str]]:
    """Read SHA256SUMS: what it says, and what is wrong with its lines."""
    lines = data.splitlines(keepends=True)
    try:
        about, start = _about(lines)
    except ArtifactError as error:
        return Sums({}), [str(error)]
    listed, faults = dict[str, str](), list[str]()
    for number, line in enumerate(lines[start:], start + 1):
        match = _SUM.fullmatch(line)
        name = match[2].decode(errors="replace") if match else ""
        if not match:
            faults.append(f"line {number}: is not a SHA-256, two spaces and a name")
        elif name in listed:
            faults.append(f"line {number}: lists {shown(name)} again")
        else:
            listed[name] = match[1].decode()
    return Sums(listed, about), faults


def _about(lines: list[bytes]) -> tuple[Identity | None, int]:
    """Which release it is, and how many lines say so. Raises ArtifactError."""
    if not lines or not lines[0].startswith(b"#"):
        return None, 0
    head = [line.decode(errors="replace") for line in lines[: 1 + len(Identity._fields)]]
    if head[0] != f"{_FIRST}\n":  # guard: head-of-sums
        raise ArtifactError(f"line 1: is not `{_FIRST}`")
    fields = dict[str, str]()
    for number, (line, name) in enumerate(zip(head[1:], Identity._fields), 2):
        match = (_SEQUENCE if name == "sequence" else _FIELD).fullmatch(line)
        if not match or not line.startswith(f"# {name}: "):
            raise ArtifactError(f"line {number}: is not `# {name}: ` and a value")
        fields[name] = match[match.lastindex or 0]
    if len(fields) < len(Identity._fields):
        raise ArtifactError("ends before it says which release it is")
    sequence = int(fields.pop("sequence"))
    return Identity(**fields, sequence=sequence), len(head)
