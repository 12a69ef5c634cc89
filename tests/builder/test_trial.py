"""A trial of an installation: a tool that loses something on the way is found out."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.verify.rehearse import HOWS, InjectedFault, UpgradeTrial, some
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

# What people write first: files are put where they belong, one after the other.
IN_PLACE = """
import os, shutil, sys
command, *words = sys.argv[1:]
root = words[words.index("--root") + 1] + "/opt/demo/"
def put(source, name):
    os.makedirs(root, exist_ok=True)
    for each in ("one", "two"):
        shutil.copyfile(f"{source}/{each}", root + each)
if command == "install":
    if os.path.exists(root + "one"):
        os.makedirs(root + "state", exist_ok=True)
        for each in ("one", "two"):
            shutil.copyfile(root + each, root + "state/" + each)
    put(words[0], "")
elif command == "rollback":
    put(root + "state", "")
elif command == "verify":
    one, two = (open(root + each).read() for each in ("one", "two"))
    sys.exit(one != two)
"""


def release(place: Path, text: str, tool: str) -> Path:
    place.mkdir()
    for name in ("one", "two"):
        (place / name).write_text(text)
    with zipfile.ZipFile(place / "install", "w") as archive:
        archive.writestr("__main__.py", tool)
    return place


def trial(scratch: Path, tool: str) -> UpgradeTrial:
    old, new = (release(scratch / name, name, tool) for name in ("old", "new"))
    return UpgradeTrial(old, new, "/opt/demo", scratch / "trial")


def test_an_installation_in_place_does_not_survive_a_kill(tmp_path: Path) -> None:
    tried = trial(tmp_path, IN_PLACE)
    count = tried.changes()
    found = dict(tried.broken([InjectedFault("kill", at) for at in range(1, count + 1)]))
    assert any(fault.startswith("verify fails with exit status 1") for fault in found.values())
    assert found[InjectedFault("kill", 1)] == ""


def test_a_failing_disk_that_is_told_by_a_traceback_is_a_fault(tmp_path: Path) -> None:
    tried = trial(tmp_path, IN_PLACE)
    tried.changes()
    ((_, fault),) = tried.broken([InjectedFault("disk", 2)])
    assert fault.startswith("a failure is reported by a traceback\n")


def test_going_back_to_something_else_is_told(tmp_path: Path) -> None:
    forgetful = IN_PLACE.replace('put(root + "state", "")', "pass")
    with pytest.raises(BuildError, match="leaves a different opt/demo/one, opt/demo/two"):
        trial(tmp_path, forgetful).changes()


def test_a_release_that_cannot_be_installed_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="install fails with exit status 9"):
        trial(tmp_path, "import sys; sys.exit(9)").changes()


def test_points_are_spread_and_the_last_is_among_them() -> None:
    assert some(5, 9) == [1, 2, 3, 4, 5]
    assert some(100, 4) == [25, 50, 75, 100]
    assert HOWS == ("kill", "disk")
