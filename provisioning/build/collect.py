"""Knows what the files of a layout hold, as entries of the package: the collect stage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.entry import FILE, Entry
from provisioning.build import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from provisioning.build.digests import Digests, Held
    from provisioning.build.layout import Item, Layout

_EXECUTABLE = 0o111


class Collected(NamedTuple):
    """An entry and the file of the project that its content comes from.

    A template's entry has neither size nor digest yet; those come from rendering.
    """

    entry: Entry
    source: str
    template: bool


def collect(layout: Layout, digests: Digests) -> list[Collected]:
    """Look at every source of `layout` and say what the package will hold.

    Raises:
        BuildError: with every source that vanished, cannot be read or became something else.
    """
    collected, faults = [], []
    for item in layout.items:
        try:
            entry = _entry(item, digests, layout.variant.file_mode)
            collected.append(Collected(entry, item.source, item.template))
        except OSError as error:
            faults.append(f"{item.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
    if faults:
        raise BuildError("\n".join(faults))
    return collected


def _entry(item: Item, digests: Digests, file_mode: int) -> Entry:
    bare = Entry(
        path=item.path,
        type=item.type,
        mode=file_mode if item.mode is None else item.mode,
        owner=item.owner,
        group=item.group,
        link=item.link,
        conffile=item.conffile,
    )
    if not _is_read(item):
        return bare
    held = digests.look(item.source)
    if (held.type, held.link) != (item.type, item.link):
        raise BuildError(
            f"{item.source}: became a {held.type} while it was packaged; run doit again"
        )
    mode = _mode(item, held, file_mode)
    return bare._replace(mode=mode, size=held.size, digest=held.digest)


def content_now(layout: Layout, look: Callable[[str], Held]) -> str:
    """The digest of what the sources of `layout` hold, in all that reaches a package."""
    file_mode = layout.variant.file_mode
    held = ((item, look(item.source)) for item in layout.items if _is_read(item))
    return _digest((each.digest or each.link, _mode(item, each, file_mode)) for item, each in held)


def content_of(layout: Layout, entries: Iterable[Entry]) -> str:
    """What `content_now` would have told when `entries` were collected."""
    pairs = zip(layout.items, entries, strict=True)
    read = (entry for item, entry in pairs if _is_read(item))
    return _digest((entry.digest or entry.link, entry.mode) for entry in read)


def is_made_of(entry: Entry, item: Item, file_mode: int) -> bool:
    """Whether an entry is what the spec makes of an item, but for what `content_of` tells."""
    mode = file_mode if item.mode is None else item.mode
    return (
        entry.path == item.path
        and entry.type == item.type
        and (entry.mode == mode or _is_read(item))
        and entry.owner == item.owner
        and entry.group == item.group
        and entry.link == item.link
        and entry.conffile == item.conffile
    )


def _is_read(item: Item) -> bool:
    return bool(item.source) and not item.template


def _mode(item: Item, held: Held, file_mode: int) -> int:
    if item.mode is not None:
        return item.mode
    return file_mode | (_EXECUTABLE if held.executable else 0)


def _digest(held: Iterable[tuple[str, int]]) -> str:
    lines = (f"{mode:o} {what}" for what, mode in held)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def dump(collected: Sequence[Collected]) -> bytes:
    """The content of `collect.json`: one entry a line, so that a difference can be read."""
    lines = (json.dumps([*each.entry, each.source, each.template]) for each in collected)
    return "".join(("[\n", ",\n".join(lines), "\n]\n")).encode()


def load(path: Path) -> list[Collected]:
    """What `collect` left in `path`.

    Raises:
        BuildError: somebody else wrote to it.
    """
    try:
        return [
            Collected(Entry(*fields), source, template)
            for *fields, source, template in json.loads(path.read_bytes())
        ]
    except (ValueError, TypeError) as error:
        raise BuildError(f"{path}: not what the collect stage wrote; remove it") from error


def last(path: Path) -> list[Collected]:
    """What `collect` left in `path`; nothing where that is gone or damaged."""
    try:
        return load(path)
    except (OSError, BuildError):
        return []


def write(path: Path, collected: Sequence[Collected]) -> None:
    """Leave `collected` for the stages that follow."""
    output.write(path, dump(collected))


def complete(collected: Iterable[Collected], rendered: Path, digests: Digests) -> list[Collected]:
    """`collected` with each template replaced by what was rendered from it, below `rendered`.

    Raises:
        OSError: a template was not rendered.
    """
    return [_rendered(each, rendered, digests) if each.template else each for each in collected]


def _rendered(each: Collected, rendered: Path, digests: Digests) -> Collected:
    source = str(rendered / each.entry.path)
    held = digests.look(source)
    if held.type != FILE:
        raise BuildError(f"{source}: not a file; remove it")
    entry = each.entry._replace(size=held.size, digest=held.digest)
    return Collected(entry=entry, source=source, template=False)
