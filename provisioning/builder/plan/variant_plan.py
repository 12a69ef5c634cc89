"""One variant of a plan, and what the project holds for it, found once for all that share it."""

from __future__ import annotations

import hashlib
import marshal
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from provisioning.builder.collect.file_state import MARSHAL
from provisioning.builder.collect.patterns import is_glob

# At run time too: the plan's cache reads and writes these classes by the types of their fields.
from provisioning.builder.plan.needs import (
    NOBODY,
    Absent,
    environments_of,
    named_by,
    needs_of,
)
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from provisioning.builder.collect.collect import Differing, Listing
    from provisioning.builder.collect.file_state import Digests, FileState, Signature
    from provisioning.builder.collect.layout import Doubt, Layout
    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.needs import MadeBy
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Content, Variant

    _Key = tuple[tuple[str, Sources], str, int, str | None]

T = TypeVar("T")


class Verdict(NamedTuple):
    """Whether a variant differs from the commit, and what that depends on."""

    commit: str
    edited: str
    """A file that differs from the commit; "" if none does."""
    watched: tuple[tuple[str, str], ...]
    """Files, directories and globs, each with its state: if one changes, so may this verdict."""


class SourceTask(NamedTuple):
    """A task of the project's own that may make files from others."""

    name: str
    targets: tuple[str, ...]
    inputs: tuple[str, ...]


class SourceTasks(NamedTuple):
    """All of these tasks."""

    file: str = ""
    """The dodo.py, which says how they do it; "" if unknown."""
    tasks: tuple[SourceTask, ...] = ()


_MANY = 1000  # files, for which it is worth while to fork
_MOST_CHANGED = _MANY  # beyond that many, all sources are looked at by several processes
_SOME = 1000  # items that are encoded at a time
_MOST_ITEMS = 200_000  # of layouts that are kept at once


class LayoutSummary(NamedTuple):
    """What the tasks of a variant need to know about its layout: little, however many files."""

    items: str
    """The digest of all of the layout's items."""
    templates: tuple[tuple[str, str], ...]
    """Their paths in the package, and in the project."""
    named: tuple[str, ...]
    """The templates that those name, whether there are such files or not; and what services run."""
    content: str = ""
    """The digest of all that is collected; "" where it is not known."""
    absent: tuple[Absent, ...] = ()
    """The optional contents that have found nothing."""


class Remembered(NamedTuple):
    """What the last run found for a variant that still has the same files."""

    summary: LayoutSummary
    place: Workspace | None = None
    """Where its listing is stored; None if nothing has changed since."""
    changed: Mapping[str, Signature] = MappingProxyType({})
    """The files whose content may have changed."""


class Collection(NamedTuple):
    """The result of collecting the sources of a variant."""

    listing: Listing
    differing: Differing | None = None
    """What changed since the last collection, if not everything had to be examined."""
    prefetched: frozenset[str] = frozenset()
    """The keys of the chunks that were made when the sources were looked at."""


class SharedFindings:
    """Layouts and collections that variants of a plan share, each made once.

    What no variant needs any more is dropped: a listing of 100,000 files takes 25 MB, a layout 50.
    """

    def __init__(self, layouts: Mapping[str, str] = MappingProxyType({})) -> None:
        """`layouts` has the key of each variant's layout, by the variant's own."""
        self._layouts = layouts
        self._waiting: dict[str, set[str]] = {}
        for variant, layout in layouts.items():
            self._waiting.setdefault(layout, set()).add(variant)
        self._drafts: dict[tuple[str, Sources], Layout] = {}
        self._summaries: dict[tuple[str, Sources], LayoutSummary] = {}
        self._collections: dict[_Key, Collection] = {}
        self._renewed: tuple[int, Sources] | None = None

    def __reduce__(self) -> tuple[type[SharedFindings], tuple[()]]:
        """Pickle without contents: another process finds out what it needs itself."""
        return SharedFindings, ()

    def key(self, variant: Variant, sources: Sources) -> tuple[str, Sources]:
        """Equal for variants that have the same layout, in one state of the files."""
        return self._layouts.get(variant.key, variant.key), sources

    def draft(
        self, variant: Variant, sources: Sources, makers: MadeBy = NOBODY
    ) -> tuple[Layout, Sequence[Doubt]]:
        """The layout of a variant, and its faults; only one without faults is shared."""
        # Imported here, as below: a build with nothing to do need not load it.
        from provisioning.builder.collect.layout import draft  # noqa: PLC0415

        key = self.key(variant, sources)
        if known := self._drafts.get(key):
            return replace(known, variant=variant), ()
        layout, doubts = draft(variant, sources, makers)
        if not doubts:
            _make_room(self._drafts, len(layout.items), lambda each: len(each.items))
            self._drafts[key] = layout
        return layout, doubts

    def summary(self, layout: Layout, sources: Sources) -> LayoutSummary:
        """The summary of a layout without faults."""
        key = self.key(layout.variant, sources)
        if key not in self._summaries:
            self._summaries[key] = summary_of(layout, sources)
        return self._summaries[key]

    def collection(self, key: _Key) -> Collection | None:
        """The collection stored under this key, if it is still here."""
        return self._collections.get(key)

    def keep(self, key: _Key, found: Collection) -> None:
        """Store a collection for all variants with the same key."""
        _make_room(self._collections, len(found.listing), lambda each: len(each.listing))
        self._collections[key] = found

    def renewed(self, sources: Sources, done: int | None) -> Sources:
        """The same files, looked at again: once for each number of other tasks that are `done`."""
        if done is None:
            return sources.renewed()
        if self._renewed is None or self._renewed[0] != done:
            self._renewed = done, sources.renewed()
        return self._renewed[1]

    def drop_layout(self, variant: Variant, sources: Sources) -> None:
        """Free the memory of a layout; it is made again if needed."""
        self._drafts.pop(self.key(variant, sources), None)

    def drop_collection(self, variant: Variant) -> None:
        """Drop the collection of a variant, unless others with its layout still need it."""
        layout = self._layouts.get(variant.key, variant.key)
        waiting = self._waiting.get(layout, set())
        waiting.discard(variant.key)
        if not waiting:
            gone = [key for key in self._collections if key[0][0] == layout]
            for key in gone:
                del self._collections[key]

    def forget(self) -> None:
        """Drop all collections."""
        self._collections = {}


def _make_room(kept: dict[Any, T], items: int, count: Callable[[T], int]) -> None:
    """Drop the oldest entries until there is room for so many items."""
    while kept and sum(map(count, kept.values())) + items > _MOST_ITEMS:
        del kept[next(iter(kept))]


def summary_of(layout: Layout, sources: Sources) -> LayoutSummary:
    """The summary of a layout, with the project as it is now."""
    from provisioning.builder.collect.expand import templates_of  # noqa: PLC0415

    items = layout.items
    templates = tuple(templates_of(items).items())
    files = {named for _, source in templates for named in named_by(source)}
    if layout.variant.services:
        from provisioning.builder.collect import checks  # noqa: PLC0415 - for services alone

        files |= checks.sources(layout.variant, {item.path: item for item in items})
    named = sorted(files)
    for name in named:
        sources.stamp(name)  # from now on, another one is told from it
    digest = hashlib.sha256()
    for start in range(0, len(items), _SOME):
        digest.update(marshal.dumps([*map(tuple, items[start : start + _SOME])], MARSHAL))
    return LayoutSummary(digest.hexdigest(), templates, tuple(named), absent=layout.absent)


class Findings:
    """What the project holds for one variant: found when needed, and again once files have changed.

    This class owns all that changes during a run; a VariantPlan itself never changes.
    """

    def __init__(
        self,
        variant: Variant,
        sources: Sources,
        shared: SharedFindings | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        self._variant, self._sources = variant, sources
        self._shared = shared or SharedFindings()
        self._summary: LayoutSummary | None = None
        self._before: Remembered | None = None
        if remembered:
            self._summary = summary = remembered.summary
            if remembered.place:
                self._summary, self._before = summary._replace(content=""), remembered
        self.made_by: MadeBy = {}
        """The project's own tasks that make needed files, as far as they are known."""
        self._is_alone = False
        self.turn = 0
        """How often the project was examined again because another task had changed a source."""
        self._after = 0  # as many tasks of others that were done
        self._looked_in = 0  # the process in which that was known

    def settle(self, made_by: MadeBy, *, is_alone: bool) -> None:
        """Set which tasks make needed files.

        If `is_alone`, there are no tasks but this plugin's, so none can change a source.
        """
        self.made_by, self._is_alone = made_by, is_alone

    @property
    def layout(self) -> Layout:
        """Every path of the package. Raises SpecError."""
        layout, doubts = self._shared.draft(self._variant, self._sources, self.made_by)
        if doubts:
            from provisioning.spec.diagnostics import SpecError  # noqa: PLC0415 - for this alone

            raise SpecError(dict.fromkeys(doubt.fault for doubt in doubts), Path())
        return layout

    def draft(self) -> Sequence[Doubt]:
        """Make the layout and return its faults; the summary covers what exists."""
        layout, doubts = self._shared.draft(self._variant, self._sources)
        # With faults, the layout is made again when it is needed.
        make = summary_of if doubts else self._shared.summary
        self._summary = make(layout, self._sources)
        return doubts

    @property
    def summary(self) -> LayoutSummary:
        """The layout in short. Raises SpecError."""
        if self._summary is None:
            self._summary = self._shared.summary(self.layout, self._sources)
        return self._summary

    def sources(self) -> list[str]:
        """The files and links that the package takes, templates aside."""
        return [item.source for item in self.layout.items if item.source and not item.template]

    def files(self) -> list[str]:
        """Those of them that lead somewhere, as a machine may later have what a link leads to."""
        sources = self.sources()
        return [each for each in sources if not os.path.islink(each) or os.path.exists(each)]

    def templates(self) -> dict[str, str]:
        """The templates, by their paths in the package."""
        return dict(self.summary.templates)

    def placed_by(self) -> dict[str, Content]:
        """Which content of the spec puts each path there. Raises SpecError."""
        from provisioning.builder.collect.layout import placed_by  # noqa: PLC0415

        return placed_by(self._variant, self._sources)

    def refresh_after(self, done: int) -> None:
        """Examine the project again if another number of other tasks is `done` by now."""
        if done != self._after:  # guard: made-anew
            self._refresh(done)
        self._after, self._looked_in = done, os.getpid()

    def refresh_here(self) -> None:
        """The same once in each process: a worker of `doit -n` sees no other tasks."""
        if self._looked_in != os.getpid():  # guard: plan-of-another-process
            self._looked_in = os.getpid()
            self._refresh()

    def _refresh(self, done: int | None = None) -> None:
        """Examine the project again, and start again if a source has changed."""
        if not self._is_alone:
            fresh = self._shared.renewed(self._sources, done)
            if fresh is not self._sources and self._differs(fresh):
                self.renew(fresh)

    def _differs(self, fresh: Sources) -> bool:
        try:
            if any(fresh.stamp(each) != self._sources.stamp(each) for each in self.summary.named):
                return True
            sources = all_of(self._variant, self._sources)
            return any(fresh.state(each) != self._sources.state(each) for each in sources)
        except (OSError, ProvisioningError):
            return True

    def is_as(self, states: Iterable[tuple[str, str]]) -> bool:
        """Whether files, directories and globs of the project are still in these states."""
        fresh = self._sources.renewed()
        # What is packaged of a directory was compared with what was there, when it was packed.
        asked = (each for each in states if not (self._is_alone and _is_many(each[0])))
        return all(fresh.told(name) == state for name, state in asked)

    def sources_now(self) -> Sources:
        """The files of the project, examined again if another task may have changed some."""
        return self._sources if self._is_alone else self._sources.renewed()

    def renew(self, sources: Sources | None = None) -> None:
        """Start again with `sources`, or with fresh ones."""
        self._shared.drop_layout(self._variant, self._sources)
        self._sources = sources or self._sources.renewed()
        self._summary = self._before = None
        self.turn += 1

    def forget(self) -> None:
        """Collect again the next time the content is needed."""
        self._summary = self.summary._replace(content="")
        self._shared.forget()

    def content(self, digests: Digests) -> str:
        """The digest of what the package will hold; raises like `collect`."""
        if not self.summary.content:
            content = self.collect(digests).listing.content
            self._summary = self.summary._replace(content=content)
        return self.summary.content

    def listed(self, place: Workspace, digests: Digests) -> Listing:
        """What `collect` would find, read from disk if it is stored there."""
        from provisioning.builder.collect.collect import recall  # noqa: PLC0415

        known = recall(place, self.content(digests))
        return known or self.collect(digests).listing

    def take(self, place: Workspace) -> Collection:
        """Return the collection of this variant and drop it from memory; raises like `load`."""
        from provisioning.builder.collect.collect import load  # noqa: PLC0415

        found = self._shared.collection(self._collection_key()) or Collection(load(place))
        self._shared.drop_collection(self._variant)
        return found

    def collect(self, digests: Digests, place: Workspace | None = None) -> Collection:
        """What the package will hold; only sources that may have changed are read. Each file is
        compared with the signature that it had when the plan was made. A later change shows when
        the file is packed, and in the next run. If many are read, their chunks in `place` may be
        made at once.

        Raises:
            OSError: a source cannot be read.
            BuildError: one is a device, a FIFO or a socket, or it changes while it is read.
        """
        key = self._collection_key()
        found = self._shared.collection(key)
        if found is None:
            found = self._recollect(digests) or self._collect(digests, place)
            self._shared.drop_layout(self._variant, self._sources)
            self._shared.keep(key, found)
        return found

    def _collection_key(self) -> _Key:
        """Equal for variants with equal collections, now and in the last run."""
        before = self._before and self._before.summary.content
        key = self._shared.key(self._variant, self._sources)
        return key, self.summary.items, self._variant.file_mode, before

    def _recollect(self, digests: Digests) -> Collection | None:
        """Collect only what has changed since the last run, if that is known."""
        summary, place, changed = self._before or (None, None, {})
        if summary is None or place is None or len(changed) >= _MOST_CHANGED:
            return None
        from provisioning.builder.collect.collect import (  # noqa: PLC0415 - as below
            Differing,
            recall,
            recollect,
        )

        known = recall(place, summary.content)
        if known is None:
            return None
        listing = recollect(known, changed, digests)
        numbers = sorted(listing.edit.numbers)
        gone, new = ([each[at] for at in numbers] for each in (known, listing))
        return Collection(listing, Differing(gone, new))

    def _collect(self, digests: Digests, place: Workspace | None) -> Collection:
        from provisioning.builder.collect.collect import Listing, collect  # noqa: PLC0415

        prefetched: frozenset[str] = frozenset()
        if self._must_read_many(digests):
            # Imported here: a build with little to read need not load it.
            from provisioning.builder.archive import prefetch  # noqa: PLC0415

            with suppress(OSError):  # a source is missing, which is reported below
                shares = prefetch.shares(self.layout, self._sources.bytes_of)
                self._shared.drop_layout(self._variant, self._sources)
                listing, prefetched = prefetch.collect(self._variant, shares, digests, place)
                if listing:
                    return Collection(listing, prefetched=prefetched)

        def look(source: str) -> FileState:
            return digests.hold(source, self._sources.signature(source))

        return Collection(Listing.of(collect(self.layout, look)), prefetched=prefetched)

    def _must_read_many(self, digests: Digests) -> bool:
        sources = self.sources()
        if len(sources) < _MANY:
            return False
        try:
            return digests.count_unknown(sources, self._sources.signature) >= _MANY
        except OSError:
            return False  # it has a fault, which is reported when all are needed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VariantPlan:
    """One variant of the plan: what is known about it before any task runs."""

    variant: Variant
    findings: Findings
    specs: tuple[tuple[str, str], ...] = ()
    """The files of the project's specs, each with its digest."""
    verdict: Verdict | None = None
    """How it compares with the commit, if its version depends on that."""


def _is_many(source: str) -> bool:
    return is_glob(source) or os.path.isdir(source)


def sources_of(variant: Variant) -> set[str]:
    """All of the project that a variant is made of, as it is named."""
    return {need.source for need in needs_of(variant)}


def all_of(variant: Variant, sources: Sources) -> set[str]:
    """The same, with what is gathered for it from elsewhere."""
    gathered = (need.source for need in environments_of(variant, sources.output))
    return {*sources_of(variant), *gathered}
