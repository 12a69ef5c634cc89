"""Small real wheels, and locks that name them: each is the same bytes wherever it is made."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Members = Mapping[str, bytes | str]

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
WHEEL = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
HEAD = 'lock-version = "1.0"\ncreated-by = "hand"\n'


class MadeWheel(NamedTuple):
    """A wheel as it would lie on a server."""

    file: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def name(self) -> str:
        return self.file.split("-")[0].replace("_", "-").lower()

    @property
    def version(self) -> str:
        return self.file.split("-")[1]

    def put(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / self.file).write_bytes(self.data)
        return directory / self.file


def record_of(members: Iterable[tuple[str, bytes | str]], info: str) -> str:
    """The RECORD of these members."""
    lines = []
    for name, text in members:
        data = text if isinstance(text, bytes) else text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    return "".join((*lines, f"{info}/RECORD,,\n"))


def zipped(members: Iterable[tuple[str, bytes | str]], modes: Mapping[str, int]) -> bytes:
    """A zip of these members, in this order, twice the same name included."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            item = zipfile.ZipInfo(name, _LONG_AGO)
            item.external_attr = modes.get(name, 0o100644) << 16
            archive.writestr(item, data)
    return buffer.getvalue()


def wheel(  # noqa: PLR0913 - each is what a test is about
    name: str = "greet",
    version: str = "1.0",
    files: Members | None = None,
    *,
    tag: str = "py3-none-any",
    scripts: Mapping[str, str] | None = None,
    unrecorded: Iterable[tuple[str, bytes | str]] = (),
    modes: Mapping[str, int] | None = None,
    record: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> MadeWheel:
    """A wheel of these files, or of one module, with these console scripts.

    `unrecorded` members are in no RECORD; `record` stands in the place of a right one.
    """
    info = f"{name}-{version}.dist-info"
    members = dict(files or {f"{name}/__init__.py": f"NAME = {name!r}\n"})
    fields = {"Metadata-Version": "2.1", "Name": name, "Version": version, **(metadata or {})}
    members[f"{info}/METADATA"] = "".join(f"{key}: {text}\n" for key, text in fields.items())
    members[f"{info}/WHEEL"] = WHEEL
    if scripts:
        lines = "".join(f"{each} = {calls}\n" for each, calls in scripts.items())
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    told = record_of(members.items(), info) if record is None else record
    whole = [*members.items(), *unrecorded, (f"{info}/RECORD", told)]
    return MadeWheel(f"{name}-{version}-{tag}.whl", zipped(whole, modes or {}))


def lock(*wheels: MadeWheel, base: str = "", head: str = HEAD) -> str:
    """A pylock.toml with these wheels: of the project's `wheels/`, or from the URL `base`.

    Wheels of one name are those of one package.
    """
    packages: dict[tuple[str, str], list[str]] = {}
    for each in wheels:
        where = f'url = "{base}/{each.file}"' if base else f'path = "wheels/{each.file}"'
        told = f'  {{{where}, hashes = {{sha256 = "{each.digest}"}}}},\n'
        packages.setdefault((each.name, each.version), []).append(told)
    text = [head]
    for (name, version), files in packages.items():
        text.append(f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\nwheels = [\n')
        text += [*files, "]\n"]
    return "".join(text)
