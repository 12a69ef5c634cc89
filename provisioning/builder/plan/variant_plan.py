"""Knows what is told of a variant that was compared with a commit, and of what it depends on."""

from __future__ import annotations

import hashlib
import marshal
import os
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.builder.collect.file_state import MARSHAL
from provisioning.builder.collect.patterns import is_glob
from provisioning.builder.plan.needs import needs_of
from provisioning.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from provisioning.builder.collect.collect import Differing, Listing
    from provisioning.builder.collect.file_state import Digests, Held, Signature
    from provisioning.builder.collect.layout import Layout
    from provisioning.builder.collect.sources import Sources
    from provisioning.builder.plan.needs import Absent, MadeBy
    from provisioning.builder.workspace.paths import Workspace
    from provisioning.spec.model.variant import Content, Variant


class Verdict(NamedTuple):
    """Whether a variant holds more than the commit, and what that depends on."""

    commit: str
    edited: str
    """A file that is not as in the commit; "" where all are."""
    watched: tuple[tuple[str, str], ...]
    """Files, directories and globs, each with its state: with another, this may be another."""


class SourceTask(NamedTuple):
    """A task of the project's own that may make files from others."""

    name: str
    targets: tuple[str, ...]
    inputs: tuple[str, ...]


class SourceTasks(NamedTuple):
    """All of these tasks."""

    file: str = ""
    """The dodo.py, which says how they do it; "" where nobody knows it."""
    tasks: tuple[SourceTask, ...] = ()


_MANY = 1000  # files, for which it is worth while to fork
_MOST_CHANGED = _MANY  # beyond that many, all sources are looked at by several processes
_SOME = 1000  # items that are spelt at a time


class Brief(NamedTuple):
    """What the tasks of a variant need to know of its layout: little, however many files."""

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


class Before(NamedTuple):
    """What was collected before some files have changed, which may hold something else now."""

    path: Path
    content: str
    """The digest of what lies at `path`, if it is that still."""
    changed: Mapping[str, Signature]


class Part:
    """One variant of the plan; its layout is made when somebody asks for it."""

    def __init__(
        self, variant: Variant, sources: Sources, specs: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.variant = variant
        self.specs = specs
        """The files of the project's specs, each with its digest."""
        self.listing: Listing | None = None
        """What `collect` has found, if it was asked for in this process."""
        self.differing: Differing | None = None
        """What was collected before, and is now, where not all had to be looked at."""
        self.ahead: frozenset[str] = frozenset()
        """The keys of the chunks that were made when the sources were looked at."""
        self.before: Before | None = None
        """What the last run knew, if it knew as many files, and each as of its kind."""
        self.verdict: Verdict | None = None
        """Whether it is as committed, where its version tells of that."""
        self.makers = SourceTasks()
        """The tasks of the project's own, once somebody knows them."""
        self.made_by: MadeBy = {}
        """Those of them that make what is needed."""
        self.is_alone = False
        """Whether no task but this plugin's is there that could change a source meanwhile."""
        self.turn = 0
        """How often the project was looked at again, since another task had changed a source."""
        self._sources = sources
        self._after = 0  # as many tasks of others that were done
        self._looked_in = 0  # the process in which that was known

    @cached_property
    def layout(self) -> Layout:
        """Every path of the package. Raises SpecError."""
        # Imported here, as below: a cost that a build with nothing to do does not owe.
        from provisioning.builder.collect.layout import lay_out  # noqa: PLC0415

        (layout,) = lay_out([self.variant], self._sources, makers=self.made_by)
        return layout

    @cached_property
    def brief(self) -> Brief:
        """The layout in short. Raises SpecError."""
        return self.brief_of(self.layout)

    def brief_of(self, layout: Layout) -> Brief:
        """A layout in short, as the project is now."""
        from provisioning.builder.collect.expand import templates_of  # noqa: PLC0415
        from provisioning.builder.plan.needs import named_by  # noqa: PLC0415

        items = layout.items
        templates = tuple(templates_of(items).items())
        files = {named for _, source in templates for named in named_by(source)}
        if self.variant.services:
            from provisioning.builder.collect.checks import sources  # noqa: PLC0415 - for services alone

            files |= sources(self.variant, {item.path: item for item in items})
        named = sorted(files)
        for name in named:
            self._sources.stamp(name)  # from now on, another one is told from it
        digest = hashlib.sha256()
        for start in range(0, len(items), _SOME):
            digest.update(marshal.dumps([*map(tuple, items[start : start + _SOME])], MARSHAL))
        return Brief(digest.hexdigest(), templates, tuple(named), absent=layout.absent)

    def sources(self) -> list[str]:
        """The files and links that the package takes, templates aside."""
        return [item.source for item in self.layout.items if item.source and not item.template]

    def files(self) -> list[str]:
        """Those of them that lead somewhere, as a machine may later have what a link leads to."""
        sources = self.sources()
        return [each for each in sources if not os.path.islink(each) or os.path.exists(each)]

    def templates(self) -> dict[str, str]:
        """The templates, by their paths in the package."""
        return dict(self.brief.templates)

    def placed_by(self) -> dict[str, Content]:
        """Which content of the spec puts each path there. Raises SpecError."""
        from provisioning.builder.collect.layout import placed_by  # noqa: PLC0415

        return placed_by(self.variant, self._sources)

    def refresh_after(self, done: int) -> None:
        """Look at the project again, where as many tasks of others were `done` in this run."""
        if done != self._after:  # guard: made-anew
            self.refresh()
        self._after, self._looked_in = done, os.getpid()

    def refresh(self) -> None:
        """Look at the project again, if another task has changed some of the sources since."""
        self._looked_in = os.getpid()
        if not self.is_alone and self._differs(fresh := self._sources.renewed()):
            self.renew(fresh)

    def refresh_here(self) -> None:
        """The same where this process has not done so: it may be a worker, which sees no other."""
        if self._looked_in != os.getpid():  # guard: plan-of-another-process
            self.refresh()

    def _differs(self, fresh: Sources) -> bool:
        try:
            if any(fresh.stamp(each) != self._sources.stamp(each) for each in self.brief.named):
                return True
            sources = sources_of(self.variant)
            return any(fresh.state(each) != self._sources.state(each) for each in sources)
        except (OSError, ProvisioningError):
            return True

    def is_as(self, states: Iterable[tuple[str, str]]) -> bool:
        """Whether files, directories and globs of the project are in these states still."""
        fresh = self._sources.renewed()
        # What is packaged of a directory was compared with what was there, when it was packed.
        asked = (each for each in states if not (self.is_alone and _is_many(each[0])))
        return all(fresh.told(name) == state for name, state in asked)

    def sources_now(self) -> Sources:
        """The files of the project, looked at anew where another task may have changed some."""
        return self._sources if self.is_alone else self._sources.renewed()

    def renew(self, sources: Sources | None = None) -> None:
        """Begin anew with `sources`, or with nothing seen yet."""
        self._sources = sources or self._sources.renewed()
        self._drop_layout()
        self.__dict__.pop("brief", None)
        self.listing = self.differing = self.before = None
        self.turn += 1

    def forget(self) -> None:
        """Find out anew the next time what the package will hold."""
        self.brief = self.brief._replace(content="")

    def __getstate__(self) -> dict[str, Any]:
        """Be sent to another process without what it can make itself, or find."""
        kept = {name: each for name, each in self.__dict__.items() if name != "layout"}
        return {**kept, "listing": None, "differing": None}

    def content(self, digests: Digests) -> str:
        """The digest of what the package will hold; raises like `collect`."""
        if not self.brief.content:
            self.brief = self.brief._replace(content=self.collect(digests).content)
        return self.brief.content

    def listed(self, place: Workspace, digests: Digests) -> Listing:
        """What `collect` would find, taken from `place` if that is what lies there."""
        from provisioning.builder.collect.collect import recall  # noqa: PLC0415

        return recall(place.collected, self.content(digests)) or self.collect(digests)

    def collect(self, digests: Digests, place: Workspace | None = None) -> Listing:
        """What the package will hold; of the sources, what may have changed is read.

        Each file is held against the signature that it had when the plan was made. Whatever
        changes it from then on shows when it is packed, and in the next run. Where many are read,
        what is made of them in `place` may be made at once.

        Raises:
            OSError: a source cannot be read.
            BuildError: one is a device, a FIFO or a socket, or it changes while it is read.
        """
        if self.listing is None:
            self.listing = self._recollect(digests) or self._collect(digests, place)
            self._drop_layout()
        return self.listing

    def _recollect(self, digests: Digests) -> Listing | None:
        """The same where most of it is known."""
        from provisioning.builder.collect.collect import (  # noqa: PLC0415
            Differing,
            recall,
            recollect,
        )

        if self.before is None:
            return None
        path, content, changed = self.before
        known = recall(path, content) if len(changed) < _MOST_CHANGED else None
        if known is None:
            return None
        listing = recollect(known, changed, digests)
        numbers = sorted(listing.edit.numbers)
        self.differing = Differing([known[at] for at in numbers], [listing[at] for at in numbers])
        return listing

    def _collect(self, digests: Digests, place: Workspace | None) -> Listing:
        from provisioning.builder.collect.collect import Listing, collect  # noqa: PLC0415

        if self._must_read_many(digests):
            # Imported here: a cost that a build with little to read does not owe.
            from provisioning.builder.archive import prefetch  # noqa: PLC0415

            with suppress(OSError):  # a source is missing, which is told below
                shares = prefetch.shares(self.layout, self._sources.bytes_of)
                self._drop_layout()
                listing, self.ahead = prefetch.collect(self.variant, shares, digests, place)
                if listing:
                    return listing

        def look(source: str) -> Held:
            return digests.hold(source, self._sources.signature(source))

        return Listing.of(collect(self.layout, look))

    def _drop_layout(self) -> None:
        """Who wants more of it lays out again: 100,000 files take 50 MB."""
        self.__dict__.pop("layout", None)

    def _must_read_many(self, digests: Digests) -> bool:
        sources = self.sources()
        if len(sources) < _MANY:
            return False
        try:
            return digests.count_unknown(sources, self._sources.signature) >= _MANY
        except OSError:
            return False  # it has a fault, which is told when all are asked for


def _is_many(source: str) -> bool:
    return is_glob(source) or os.path.isdir(source)


def sources_of(variant: Variant) -> set[str]:
    """All that a variant is made of, as it is named."""
    return {need.source for need in needs_of(variant)}
