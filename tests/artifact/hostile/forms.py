"""How something hostile is said in each format that can say it, and a package around it.

Another format joins in with a maker of its own in MAKERS, and with what it calls each kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import MANIFEST, RESERVED
from provisioning.builder.archive.encoders import encoder
from tests.artifact import making
from tests.artifact.zip import making as zip_making

from . import raw_tar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOP = "greenhouse/"
CODECS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz"}

# Of each kind: its type in a tar (None: a tar has none), and in what stat(2) calls a mode.
KINDS = {
    "file": (b"0", 0o100000),
    "dir": (b"5", 0o040000),
    "link": (b"2", 0o120000),
    "hard link": (b"1", None),
    "character device": (b"3", 0o020000),
    "block device": (b"4", 0o060000),
    "FIFO": (b"6", 0o010000),
    "socket": (None, 0o140000),
}


class Thing(NamedTuple):
    """A member of an archive, whose name is spelt as it is said here."""

    name: str
    kind: str = "file"
    content: bytes = b""
    link: str = ""
    mode: int = 0o644


def directory(name: str) -> Thing:
    return Thing(f"{name}/", "dir", mode=0o755)


def link(name: str, target: str) -> Thing:
    return Thing(name, "link", link=target, mode=0o777)


def preamble(data: bytes) -> list[Thing]:
    folder = directory(f"{TOP}{RESERVED}")
    return [directory(TOP.rstrip("/")), folder, Thing(f"{TOP}{MANIFEST}", content=data)]


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def tar_member(thing: Thing) -> bytes:
    """A member of a tar, with records of PAX for what ustar has no room for."""
    name, target, content = _bytes(thing.name), _bytes(thing.link), thing.content
    records = raw_tar.record(b"linkpath", target) if len(target) > 100 else b""
    records += raw_tar.record(b"path", name) if len(name) > 100 else b""
    head = raw_tar.header(
        name,
        mode=raw_tar.octal(thing.mode, 8),
        size=raw_tar.octal(len(content)),
        kind=KINDS[thing.kind][0] or b"?",
        link=target[:100],
    )
    return (raw_tar.pax(records) if records else b"") + head + raw_tar.padded(content)


def pressed(format: str, *parts: bytes) -> bytes:
    """Each part as a chunk of a tar's own."""
    press = encoder(CODECS[format]).compress
    return b"".join(press(part) for part in parts if part)


def _tar(format: str) -> Callable[[bytes, Sequence[Thing]], bytes]:
    def made(data: bytes, things: Sequence[Thing]) -> bytes:
        members = (b"".join(map(tar_member, some)) for some in (preamble(data), things))
        return pressed(format, *members, raw_tar.END)

    return made


def zip_part(thing: Thing) -> zip_making.Part:
    kind = KINDS[thing.kind][1]
    assert kind is not None, "a zip has no such"
    content = _bytes(thing.link) if thing.kind == "link" else thing.content
    return zip_making.part(_bytes(thing.name), content, kind | thing.mode)


def _zip(data: bytes, things: Sequence[Thing]) -> bytes:
    return zip_making.zipped([zip_part(thing) for thing in (*preamble(data), *things)])


MAKERS: dict[str, Callable[[bytes, Sequence[Thing]], bytes]] = {
    **{format: _tar(format) for format in CODECS},
    "zip": _zip,
}
"""Of each format: what makes an archive of a manifest's bytes and of what follows it."""

KNOWS = {
    **{format: {kind for kind, (flag, _) in KINDS.items() if flag} for format in CODECS},
    "zip": {kind for kind, (_, mode) in KINDS.items() if mode},
}
"""Of each format: the kinds of things that it can say."""


def name_of(format: str) -> str:
    return f"greenhouse-1.4.2-raspberry-pi.{format}"


def tar_index(data: bytes, format: str) -> making.Index | None:
    """The index that a tar has, whatever it holds; None for what has none."""
    return making.index_in(data, codec=CODECS[format]) if format in CODECS else None


def listing(*things: Thing) -> bytes:
    """The manifest that lists these, be they allowed or not."""
    items = []
    for thing in things:
        path = thing.name.removeprefix(TOP)
        if thing.kind == "dir":
            items.append(making.directory(path.rstrip("/"), thing.mode))
        elif thing.kind == "link":
            items.append(making.link(path, thing.link))
        else:
            items.append(making.file(path, thing.content, thing.mode))
    return making.manifest_of(items)
