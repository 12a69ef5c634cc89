"""Knows whether a build from nothing gives the same bytes, and where the first other one lies."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioning.artifact import digest
from provisioning.artifact.difference import compare, spelled
from provisioning.artifact.finding import Finding
from provisioning.artifact.lines import Text
from provisioning.artifact.release import DIR
from provisioning.artifact.text import texts
from provisioning.artifact.view import view
from provisioning.build import collect, pack, render, sums
from provisioning.build.described import Described
from provisioning.build.differing import MOST_LINES, difference
from provisioning.build.digests import Digests
from provisioning.build.item import templates_of
from provisioning.build.listing import Listing
from provisioning.build.scratch import scratch
from provisioning.build.secrecy import secrecy
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioning.artifact.difference import Detail
    from provisioning.build.layout import Layout
    from provisioning.build.workspace import Workspace


def rebuild(layout: Layout, place: Workspace) -> None:
    """Build `layout` again, elsewhere, without what is remembered, and compare every byte.

    Raises:
        BuildError: with each file that is another, and where it begins to be.
        OSError: a file cannot be read or written.
    """
    room = 2 * sum(path.stat().st_size for path in place.packed)
    with scratch(place.work, room) as directory:
        again = build_elsewhere(layout, place, directory)
        findings = [str(finding) for finding in _findings(place, again, layout)]
    if findings:
        told = "\n".join(findings)
        raise BuildError(f"{told}\n{place.release}: a build from nothing gives something else")


def build_elsewhere(layout: Layout, place: Workspace, directory: Path) -> Workspace:
    """Build from nothing below `directory`; raises like `rebuild`."""
    again = replace(
        place,
        work=directory / "work",
        release=directory / place.release.name,
        chunks=directory / "chunks",
    )
    again.work.mkdir()
    digests = Digests(directory / "digests.sqlite")
    render.render(layout.variant, templates_of(layout.items), again.rendered)
    pack.pack(again, Listing.of(collect.collect(layout, digests.look)), digests)
    sums.write(again)
    return again


def _findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    data, again = one.manifest.read_bytes(), other.manifest.read_bytes()
    if data != again:  # all the rest follows from that
        yield from _manifest_findings(one, other, layout)
        return
    for path in dict.fromkeys((*one.artifacts, *one.packed, one.sums)):  # each once
        if path.is_dir():
            yield from _tree_findings(path, other.artifact(DIR))
        else:
            again_there = other.release / path.relative_to(one.release)
            if told := difference(path, again_there, layout.variant.prefix):
                yield Finding(path.name, told)


def _manifest_findings(one: Workspace, other: Workspace, layout: Layout) -> Iterator[Finding]:
    described = Described(layout, one.package, Digests(other.work.with_name("digests.sqlite")))
    old, new = (view(each.artifacts[0], str(each.artifacts[0])) for each in (one, other))
    compared = compare(old.manifest, new.manifest)
    hidden = secrecy((each, described) for each in (old, new))
    found = texts(old, new, compared.changes, hidden.why_not)
    for detail in compared.head:
        yield Finding(detail.name, _again(detail))
    for change in compared.changes:
        told = "; ".join(f"{each.name} {_again(each)}" for each in change.details)
        text = found.get(change.path, Text())
        lines = "".join(f"\n    {line}" for line in text.lines[:MOST_LINES])
        yield Finding(change.path, (told or f"{change.kind} when it is built again") + lines)


def _again(detail: Detail) -> str:
    return f"{spelled(detail.old)}, built again: {spelled(detail.new)}"


def _tree_findings(one: Path, other: Path) -> Iterator[Finding]:
    found, again = _listing(one), _listing(other)
    for path in sorted({*found, *again}):
        if found.get(path) != again.get(path):
            yield Finding(path, f"{found.get(path, 'missing')}, built again: {again.get(path)}")


def _listing(root: Path) -> dict[str, str]:
    """What can be told of each path below `root`."""
    listed = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        what = os.readlink(path) if path.is_symlink() else "directory"
        if path.is_file() and not path.is_symlink():
            what = digest.of_file(path)
        listed[str(path.relative_to(root))] = f"{status.st_mode:o} {status.st_mtime:.0f} {what}"
    return listed
