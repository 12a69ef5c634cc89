"""Variants made by hand, in a project that is the working directory, as it is under doit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from provisioning.builder.collect.file_state import Digests
from provisioning.spec.model.variant import Content, OperatingSystem, Variant
from provisioning.spec.yaml.node import Origin

HERE = Origin(file="specs/demo.yaml", line=1, column=1)


def content(kind: str, source: str, dst: str, **changes: Any) -> Content:
    """One content, at a line of its own so that faults can be told apart."""
    number = changes.pop("number", 0)
    values = {
        "kind": kind,
        "source": source,
        "dst": dst.rstrip("/"),
        "into": dst.endswith("/") or not dst,
        "mode": None,
        "owner": "root",
        "group": "root",
        "exclude": (),
        "conffile": False,
        "optional": False,
        "foreign": False,
        "makers": (),
        "environment": None,
        "where": f"contents[{number}]",
        "origin": Origin(file="specs/demo.yaml", line=10 + number, column=5),
        "origins": {
            key: Origin(file="specs/demo.yaml", line=10 + number, column=column)
            for column, key in enumerate((kind, "dst", "exclude[0]"), start=5)
        },
    }
    return Content(**{**values, **changes})


def variant(*contents: Content, **changes: Any) -> Variant:
    """The package `demo` for a Raspberry Pi."""
    values = {
        "name": "demo",
        "version": "1.0",
        "platform": "raspberry-pi",
        "os": "linux",
        "arch": "arm64",
        "system": OperatingSystem("trixie", "2.41", "3.13"),
        "prefix": "/opt/demo",
        "summary": "",
        "license": "",
        "maintainer": "",
        "formats": ("tar.gz",),
        "compression": {},
        "mtime": "",
        "file_mode": 0o644,
        "dir_mode": 0o755,
        "owner": "root",
        "group": "root",
        "debian": {},
        "documents": (),
        "service_manager": "",
        "contents": contents,
        "services": (),
        "hooks": (),
        "device": (),
        "variables": {},
        "doubtful": (),
        "secrets": frozenset(),
        "file": "specs/demo.yaml",
        "origin": HERE,
        "said_by": ("specs/demo.yaml",),
    }
    return Variant(**{**values, **changes})


def write(name: str, text: str = "", mode: int = 0o644) -> Path:
    """A file of the project."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def forbid_listing(monkeypatch: pytest.MonkeyPatch, directory: str) -> None:
    """Have the system refuse to list a directory, which it does to nobody who is root."""
    look = os.scandir

    def refuse(path: str) -> object:
        if path == directory:
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def digests(project: Path) -> Digests:
    return Digests(project / "artifacts/.work/digests.sqlite")
