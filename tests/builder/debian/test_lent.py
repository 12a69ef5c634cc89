"""Setuid and setgid are given where their owner is, to a file that is the package's."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.manifest import Manifest
from provisioning.builder.archive.debian import scripts
from provisioning.builder.archive.debian.extras import DebSource
from tests.artifact.making import PACKAGE, directory, file

from .test_script import SHELLS, run

if TYPE_CHECKING:
    from pathlib import Path

OWNED = file("bin/its own", mode=0o4755, owner="pi").entry._replace(group="plants")
ENTRIES = (directory("bin").entry, OWNED, file("bin/root's", mode=0o4755).entry)
CALLS = """#!/bin/sh
echo "${{0##*/}} $*" >>{root}/calls
case "${{0##*/}} $*" in {fails}) exit 1 ;; esac
"""


class Given:
    """A machine, and what the script has done there."""

    def __init__(self, root: Path, shell: list[str]) -> None:
        self._root, self._shell = root, shell
        self.file = root / "it's here" / OWNED.path
        self.file.parent.mkdir(parents=True)
        self.file.touch(0o755)
        (root / "bin").mkdir()

    def by(self, occasion: str, fails: str = "dpkg-statoverride*") -> tuple[str, list[str], int]:
        """What it says, which programs it calls, and the mode that the file has then."""
        for name in ("getent", "chown", "dpkg-statoverride"):
            (self._root / "bin" / name).write_text(CALLS.format(root=self._root, fails=fails))
            (self._root / "bin" / name).chmod(0o755)
        (self._root / "calls").write_text("")
        package = PACKAGE._replace(prefix=str(self.file.parent.parent))
        about = DebSource(Manifest(package, ENTRIES), {})
        env = {"PATH": f"{self._root}/bin:/usr/bin:/bin"}
        status, said = run(
            self._shell, f"set -e\n{''.join(scripts.give(about))}", occasion, env=env
        )
        assert status == 0
        there = self.file.stat().st_mode if self.file.exists() else 0
        return said, (self._root / "calls").read_text().splitlines(), stat.S_IMODE(there)


@pytest.fixture(params=SHELLS, ids=" ".join)
def given(tmp_path: Path, request: pytest.FixtureRequest) -> Given:
    return Given(tmp_path, request.param)


def test_they_come_behind_their_owner(given: Given) -> None:
    said, calls, mode = given.by("configure")
    assert (said, mode) == ("", 0o4755)
    assert calls[-1] == f"chown pi:plants {given.file}"


@pytest.mark.parametrize("missing", ["getent passwd pi", "getent group plants"])
def test_without_their_owner_they_do_not_come(given: Given, missing: str) -> None:
    said, calls, mode = given.by("configure", f"dpkg-statoverride* | '{missing}'")
    why = "without setuid and setgid: no user pi, or no group plants"
    assert (said, mode) == (f"greenhouse: {given.file}: {why}\n", 0o755)
    assert not any(each.startswith("chown") for each in calls)


def test_whoever_has_decided_otherwise_is_heard(given: Given) -> None:
    said, _, mode = given.by("configure", "nothing")  # and so dpkg-statoverride knows it
    assert (said, mode) == ("", 0o755)


def test_they_come_as_the_package_is_configured(given: Given) -> None:
    for occasion in ("abort-upgrade", "abort-remove", "triggered"):
        assert given.by(occasion) == ("", [], 0o755)


def test_what_somebody_has_put_there_gets_none(given: Given) -> None:
    other = given.file.with_name("other")
    given.file.rename(other)
    assert given.by("configure") == ("", [], 0)
    given.file.symlink_to(other)
    assert given.by("configure") == ("", [], 0o755)
