"""After a `sudo doit`, whoever goes on is told in a line whose it is, and how to have it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doit.exceptions import InvalidCommand, InvalidDodoFile

from provisioning.plugin.config import doit_config
from provisioning.plugin.ownership import demand_ours, said

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("root")

NOBODY = 65534
TOP = Path("artifacts")
WORK = TOP / ".work"


@pytest.fixture
def project(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which root has run doit once."""
    monkeypatch.chdir(open_path)
    WORK.mkdir(mode=0o700, parents=True)
    (WORK / "doit.sqlite").touch(0o644)
    return open_path


def as_nobody(act: Callable[[], object]) -> str:
    """What somebody who is not root is told where `act` raises something."""
    with tempfile.TemporaryFile("w+") as told:
        process = os.fork()
        if not process:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                act()
            except (InvalidCommand, InvalidDodoFile) as error:
                told.write(str(error))
            except OSError as error:
                told.write(said(error))
            finally:  # never back into pytest, whatever else was raised
                told.flush()
                os._exit(0)
        os.waitpid(process, 0)
        told.seek(0)
        return told.read()


def way_out(path: Path, project: Path) -> str:
    return f'{path} belongs to root; `sudo chown -R "$USER" {project}/artifacts` gives it to you'


def test_every_command_is_told_before_it_does_anything(project: Path) -> None:
    assert as_nobody(doit_config) == way_out(WORK, project)


@pytest.mark.parametrize("path", [TOP, WORK, WORK / "doit.sqlite"])
def test_records_of_another_are_told_one_by_one(project: Path, path: Path) -> None:
    for each in (TOP, WORK, WORK / "doit.sqlite"):
        os.chown(each, NOBODY, NOBODY)
    assert as_nobody(lambda: demand_ours("artifacts")) == ""
    os.chown(path, 0, 0)
    path.chmod(0o700)
    assert as_nobody(lambda: demand_ours("artifacts")) == way_out(path, project)


def test_what_cannot_be_written_later_is_told_with_the_way_out(project: Path) -> None:
    for each in (TOP, WORK):
        os.chown(each, NOBODY, NOBODY)
    release = TOP / "app-1.0-linux"
    release.mkdir()
    path = release / "app.tar.gz"
    assert as_nobody(path.touch) == f"{path}: Permission denied; {way_out(release, project)}"
    assert as_nobody(Path("/etc/passwd").touch) == "/etc/passwd: Permission denied"


def test_what_may_be_read_may_be_read_by_all(project: Path) -> None:
    WORK.chmod(0o755)
    assert as_nobody(lambda: demand_ours("artifacts")) == ""
    demand_ours(str(project / "none"))


def test_root_goes_on_with_what_is_another_s(project: Path) -> None:
    os.chown(WORK, NOBODY, NOBODY)
    assert project.exists()
    demand_ours("artifacts")
