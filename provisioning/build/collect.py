"""Knows what the files of a layout hold, as entries of the package: the collect stage."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact import digest
from provisioning.artifact.entry import FILE, Entry
from provisioning.build import output
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from provisioning.build.digests import Digests, Held
    from provisioning.build.item import Item
    from provisioning.build.layout import Layout
    from provisioning.build.signature import Signature

_EXECUTABLE = 0o111
_JSON = {False: "false", True: "true"}
_NONSENSE = (ValueError, TypeError, LookupError)
_BEGIN, _BETWEEN, _END = "[\n", ",\n", "\n]\n"  # around lines, and between them


class Collected(NamedTuple):
    """An entry and the file of the project that its content comes from.

    A template's entry has neither size nor digest yet; those come from rendering.
    """

    entry: Entry
    source: str
    template: bool


def collect(layout: Layout, look: Callable[[str], Held]) -> list[Collected]:
    """Look at every source of `layout` and say what the package will hold.

    Raises:
        BuildError: with every source that vanished, cannot be read or became something else.
    """
    collected, faults = [], []
    for item in layout.items:
        try:
            entry = _entry(item, look, layout.variant.file_mode)
            collected.append(Collected(entry, item.source, item.template))
        except OSError as error:
            faults.append(f"{item.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
    if faults:
        raise BuildError("\n".join(faults))
    return collected


def _entry(item: Item, look: Callable[[str], Held], file_mode: int) -> Entry:
    path, kind, mode, owner, group, source, template, link, conffile = item
    if not source or template:
        mode = file_mode if mode is None else mode
        return Entry(path, kind, mode, owner, group, link=link, conffile=conffile)
    held = look(source)
    if held.type != kind or held.link != link:
        raise BuildError(f"{source}: became a {held.type} while it was packaged; run doit again")
    mode = _mode(item, held, file_mode)
    return Entry(path, kind, mode, owner, group, held.size, held.digest, link, conffile)


class Recollected(NamedTuple):
    """What the package will hold, as `spelled`, and what of it was another before, and is now."""

    lines: dict[str, Collected]
    gone: list[Collected]
    new: list[Collected]


def recollect(
    before: dict[str, Collected], changed: Mapping[str, Signature], digests: Digests
) -> Recollected:
    """What the package will hold once some of the sources of `before` hold something else.

    Nothing else is different: there are the same files, each of its kind. Raises like `collect`.
    """
    lines, collected = list(before), list(before.values())
    gone: list[Collected] = []
    new: list[Collected] = []
    faults: list[str] = []
    for number in [at for at, each in enumerate(collected) if each.source in changed]:
        entry, source, _ = each = collected[number]
        try:
            held = digests.hold(source, changed[source])
        except OSError as error:
            faults.append(f"{source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
        else:
            now = each._replace(entry=entry._replace(size=held.size, digest=held.digest))
            if now != each:
                gone.append(each)
                new.append(now)
                lines[number], collected[number] = spell(now), now
    if faults:
        raise BuildError("\n".join(faults))
    return Recollected(dict(zip(lines, collected, strict=True)), gone, new)


def _mode(item: Item, held: Held, file_mode: int) -> int:
    if item.mode is not None:
        return item.mode
    return file_mode | (_EXECUTABLE if held.executable else 0)


def dump(lines: Iterable[str]) -> bytes:
    """The content of `collect.json`: one entry a line, so that a difference can be read."""
    return "".join((_BEGIN, _BETWEEN.join(lines), _END)).encode()


def _lines(data: bytes) -> list[str]:
    """What `dump` has joined; what else there is comes to lines that mean nothing."""
    return data.decode()[len(_BEGIN) : -len(_END)].split(_BETWEEN)


def spell(each: Collected) -> str:
    """The line of one entry: what json.dumps would spell, in a third of the time."""
    (path, kind, mode, owner, group, size, digest, link, conffile), source, template = each
    texts = f'{_quoted(path)}, "{kind}", {mode}, {_quoted(owner)}, {_quoted(group)}'
    rest = f'{size}, "{digest}", {_quoted(link)}, {_JSON[conffile]}, {_quoted(source)}'
    return f"[{texts}, {rest}, {_JSON[template]}]"


def content_of(lines: Iterable[str]) -> str:
    """The digest of all that was collected: of `collect.json`."""
    return digest.of_bytes(dump(lines))


def recall(path: Path, content: str) -> dict[str, Collected] | None:
    """What was collected, as `spelled`, if that is what still lies in `path`."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if digest.of_bytes(data) != content:
        return None
    return dict(zip(_lines(data), _parse(json.loads(data)), strict=True))


def load(path: Path) -> list[Collected]:
    """What `collect` left in `path`.

    Raises:
        BuildError: somebody else wrote to it.
    """
    try:
        return _parse(json.loads(path.read_bytes()))
    except _NONSENSE as error:
        raise BuildError(f"{path}: not what the collect stage wrote; remove it") from error


def spelled(collected: Iterable[Collected]) -> dict[str, Collected]:
    """The lines of `collect.json`, in order, and what each stands for."""
    return {spell(each): each for each in collected}


def differing(path: Path, lines: dict[str, Collected]) -> tuple[list[Collected], list[Collected]]:
    """Of what `collect` left in `path`, and of `lines`, what the other has not."""
    try:
        before = dict.fromkeys(_lines(path.read_bytes()))
        gone = _parse([json.loads(line) for line in before if line not in lines])
        return gone, [each for line, each in lines.items() if line not in before]
    except (OSError, *_NONSENSE):  # nothing was left, or somebody else wrote to it
        return [], list(lines.values())


def write(path: Path, lines: Iterable[str]) -> None:
    """Leave what was collected for the stages that follow."""
    output.write(path, dump(lines))


def _parse(rows: list[Any]) -> list[Collected]:
    """What lines stand for; raises one of _NONSENSE where that is nothing."""
    entries = map(Entry._make, [row[:-2] for row in rows])
    rest = [row[-2] for row in rows], [row[-1] for row in rows]
    return list(map(Collected._make, zip(entries, *rest, strict=True)))


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
