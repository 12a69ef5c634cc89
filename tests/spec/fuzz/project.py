"""Turns any bytes into the files of a project, and states what must hold whatever they are."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.tar import archive
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import package_of
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.resolve.resolved_view import ResolvedView, resolved_view, write
from provisioning.spec.yaml.node import plain
from tests.layouts import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.builder.collect.layout import Layout

Files = dict[str, bytes]

# What specs may take from: a few of each kind, so that globs and excludes have something to do.
SOURCES: Files = {
    "VERSION": b"1.0\n",
    "bin/tool.sh": b"#!/bin/sh\n",
    "config/app.ini.j2": b"{{ name }}\n",
    "src/a": b"",
    "src/deep/b.py": b"",
}
GIVEN = "given"
"""The file that holds what stands on the command line, as lines of `name=value`."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_NAME = re.compile(r"(?:[\w+-][\w.+-]*/){0,3}[\w.+-]*[\w+-]", re.ASCII)
_MOST_FILES = 16
_DIGEST = "0" * 64


def unpack(data: bytes) -> Files:
    """The files that `data` holds, as the golden files do: `=== NAME`, then what NAME says.

    Bytes without such a line are a spec.
    """
    _, *parts = (b"\n" + data).split(b"\n=== ")
    pairs = [part.partition(b"\n")[::2] for part in parts[:_MOST_FILES]]
    named = [(name.decode("ascii", "replace"), body) for name, body in pairs]
    return {name: body for name, body in named if _NAME.fullmatch(name)} or {"specs/a.yaml": data}


def pack(files: Files) -> bytes:
    """The bytes of which `unpack` makes `files`."""
    parts = (b"=== %b\n%b" % (name.encode(), body) for name, body in files.items())
    return b"\n".join(parts)


@contextmanager
def planted(files: Files) -> Iterator[Path]:
    """A project of `files`, beside some to take from; it is the working directory."""
    before = Path.cwd()
    with TemporaryDirectory() as directory:
        root = Path(directory)
        for name, body in {**SOURCES, **files}.items():
            with suppress(OSError):  # one name may be the directory of another
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(body)
        os.chdir(root)  # from where layouts look, and doit runs
        try:
            yield root
        finally:
            os.chdir(before)


def judge(files: Files) -> None:
    """Read and lay out a project of `files`: with reports of faults, and no other exception."""
    with planted(files) as root:
        reading = read_project(Inputs(root, _given(files.get(GIVEN, b""))))
        assert reading.variants or reading.diagnostics
        _demand_readable(SpecError(reading.diagnostics, root))
        try:
            layouts = lay_out(reading.variants, Sources("artifacts"), reading.diagnostics)
        except SpecError as error:
            _demand_readable(error)
        else:
            assert not reading.diagnostics
            for layout in layouts:
                _demand_sound(layout)
            for resolved in reading.resolved:
                _demand_shown(resolved_view(resolved))


def _given(text: bytes) -> dict[str, str]:
    lines = [line.partition("=") for line in text.decode("utf-8", "replace").splitlines()]
    return {name: value for name, equals, value in lines if equals}


def _demand_readable(error: SpecError) -> None:
    """A report can be printed anywhere and does nothing to a terminal; JSON tells every fault."""
    report = str(error)
    strange = [line for line in report.split("\n") if not line.isprintable()]
    assert not strange, f"not printable: {strange[0]!a}"
    assert _COLOUR.sub("", error.text(colour=True)) == report
    spelled = json.loads(json.dumps(error.as_json()).encode())
    assert len(spelled["faults"]) == len(error.diagnostics)


def _demand_shown(shown: ResolvedView) -> None:
    """What `provision spec` prints says to a reader of YAML what it is."""
    for written in (write(shown.node), _COLOUR.sub("", write(shown.node, colour=True))):
        read = yaml.load(written, yaml.CSafeLoader)
        assert repr(read) == repr(plain(shown.node)), written  # 1 is not 1.0, nor True
    json.dumps(shown.as_json()).encode()


def _demand_sound(layout: Layout) -> None:
    """What is laid out can be packed: a reader of packages takes its manifest and headers."""
    entries = tuple(
        Entry(
            path=item.path,
            type=item.type,
            mode=0o644 if item.mode is None else item.mode,
            owner=item.owner,
            group=item.group,
            digest=_DIGEST if item.type == FILE else "",
            link=item.link,
            conffile=item.conffile,
        )
        for item in layout.items
    )
    variant = layout.variant
    about = package_of(variant)
    manifest.parse(manifest.dump(Manifest(about, entries)), "manifest")
    for entry in entries:
        archive.header(archive.member(entry, variant.name))
