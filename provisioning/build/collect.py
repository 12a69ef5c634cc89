"""Knows what the files of a layout hold, as entries of the package: the collect stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.artifact.entry import FILE, Entry
from provisioning.build.listing import Collected
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from provisioning.build.digests import Digests, Held
    from provisioning.build.item import Item
    from provisioning.build.layout import Layout
    from provisioning.build.listing import Listing
    from provisioning.build.signature import Signature

_EXECUTABLE = 0o111


def collect(layout: Layout, look: Callable[[str], Held]) -> list[Collected]:
    """Look at every source of `layout` and say what the package will hold.

    Raises:
        BuildError: with every source that vanished, cannot be read or became something else.
    """
    collected, faults = [], []
    for item in layout.items:
        try:
            collected.append(collect_one(item, look, layout.variant.file_mode))
        except OSError as error:
            faults.append(f"{item.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
    if faults:
        raise BuildError("\n".join(faults))
    return collected


def collect_one(item: Item, look: Callable[[str], Held], file_mode: int) -> Collected:
    """What the package will hold of one item.

    Raises:
        BuildError: its source became something else.
        OSError: it vanished, or cannot be read.
    """
    return Collected(_entry(item, look, file_mode), item.source, item.template)


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


def _mode(item: Item, held: Held, file_mode: int) -> int:
    if item.mode is not None:
        return item.mode
    return file_mode | (_EXECUTABLE if held.executable else 0)


def recollect(listing: Listing, changed: Mapping[str, Signature], digests: Digests) -> Listing:
    """What the package will hold once some of the sources of `listing` hold something else.

    Nothing else is different: there are the same files, each of its kind. Raises like `collect`.
    """
    entries: dict[int, Collected] = {}
    faults: list[str] = []
    for number, each in listing.taken_from(changed).items():
        if each.template:
            continue  # what it holds is not known before it is rendered
        try:
            held = digests.hold(each.source, changed[each.source])
        except OSError as error:
            faults.append(f"{each.source}: {error.strerror}")
        except BuildError as error:
            faults.append(str(error))
        else:
            entry = each.entry._replace(size=held.size, digest=held.digest)
            entries[number] = each._replace(entry=entry)
    if faults:
        raise BuildError("\n".join(faults))
    return listing.edited(entries)


def complete(listing: Listing, rendered: Path, digests: Digests) -> Listing:
    """`listing` with each template replaced by what was rendered from it, below `rendered`.

    Raises:
        OSError: a template was not rendered.
        BuildError: something else lies there.
    """
    return listing.edited(
        {number: _rendered(listing[number], rendered, digests) for number in listing.templates()}
    )


def _rendered(each: Collected, rendered: Path, digests: Digests) -> Collected:
    source = str(rendered / each.entry.path)
    held = digests.look(source)
    if held.type != FILE:
        raise BuildError(f"{source}: not a file; remove it")
    entry = each.entry._replace(size=held.size, digest=held.digest)
    return Collected(entry=entry, source=source, template=False)
