"""What dpkg leaves and removes when it purges: all that the package has made, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import Hook
from tests.artifact.deb.making import spelt
from tests.artifact.making import PACKAGE, directory, file
from tests.machines.copied import copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.artifact.making import Item
    from tests.machines.copied import Copied

pytestmark = pytest.mark.needs("Linux", "root", "dpkg", "busybox")

EVERYWHERE = PACKAGE._replace(arch="all")
PREFIX = PACKAGE.prefix
SHELLS = ("dash", "bash", "busybox")
DATA = f"{PREFIX}/var/it's $(data)"
ITEMS = (
    *(directory("lib"), file("lib/main.py"), directory("var")),
    *(directory("var/it's $(data)"), directory("var/log")),
)


@pytest.fixture(params=SHELLS)
def pi(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Copied]:
    with copied(tmp_path) as made:
        made.path("/usr/bin/sh").unlink()
        made.path("/usr/bin/sh").symlink_to(request.param)
        yield made


def package(pi: Copied, version: str, *items: Item, hook: str = "") -> str:
    """Put a version of the package on the machine; return where it lies there."""
    path, about = f"/tmp/{version}.deb", EVERYWHERE._replace(version=version)
    if hook:
        about = about._replace(hooks=(Hook("pre_install", 60),))
        place = ".provisioning/hooks"
        items = (directory(place), file(f"{place}/pre_install", hook.encode(), mode=0o755), *items)
    pi.path(path).write_bytes(spelt(about, items))
    return path


def write(pi: Copied, *paths: str) -> None:
    """Have files somewhere."""
    for path in paths:
        pi.path(path).parent.mkdir(parents=True, exist_ok=True)
        pi.path(path).write_text("x\n")


def left(pi: Copied) -> list[str]:
    """All that lies in the prefix."""
    return sorted(str(path.relative_to(pi.path(PREFIX))) for path in pi.path(PREFIX).rglob("*"))


def test_what_was_there_before_is_there_afterwards(pi: Copied) -> None:
    write(pi, f"{DATA}/before", f"{PREFIX}/lib/mine.py", f"{PREFIX}/lib/__pycache__/mine.pyc")
    pi.path(f"{PREFIX}/empty/of/mine").mkdir(parents=True)
    before = left(pi)
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS))
    write(pi, f"{PREFIX}/var/log/today")
    for words in (("-i", package(pi, "2", *ITEMS)), ("-r", "greenhouse"), ("-i", "/tmp/1.deb")):
        pi.run("dpkg", *words)
        assert pi.path(f"{DATA}/before").exists()
    told = pi.run("dpkg", "-P", "greenhouse")
    assert f"'{DATA}' not empty so not removed" in told
    assert left(pi) == before


def test_all_that_a_package_has_made_goes(pi: Copied) -> None:
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS))
    made = (f"{DATA}/a/b", f"{PREFIX}/var/log/today", f"{PREFIX}/lib/__pycache__/main.pyc")
    for words in (("-i", package(pi, "2", *ITEMS)), ("-r", "greenhouse"), ("-i", "/tmp/1.deb")):
        write(pi, *made)
        pi.run("dpkg", *words)
        assert pi.path(made[0]).exists()
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PREFIX).exists()
    pi.run("dpkg", "-i", "/tmp/1.deb")
    write(pi, *made)
    pi.run("dpkg", "-r", "greenhouse")
    write(pi, f"{PREFIX}/lib/__pycache__/main.pyc")
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PREFIX).exists()


@pytest.mark.parametrize("had", ["nothing", "files"])
def test_a_version_that_comes_to_data_of_others_leaves_them(pi: Copied, had: str) -> None:
    """Also where the version before had something beside them, and they were no data then."""
    filled = (directory("var"), directory("var/log"), file("var/log/its"))
    old = filled if had == "files" else ()
    pi.run("dpkg", "-i", package(pi, "1", directory("lib"), *old))
    write(pi, f"{PREFIX}/var/log/mine")
    pi.run("dpkg", "-i", package(pi, "2", *ITEMS))
    write(pi, f"{DATA}/its")
    pi.run("dpkg", "-P", "greenhouse")
    assert left(pi) == ["var", "var/log", "var/log/mine"]


def test_a_directory_of_files_that_becomes_one_for_data_is_the_package_s(pi: Copied) -> None:
    old = (directory("var"), directory("var/log"), file("var/log/its"))
    pi.run("dpkg", "-i", package(pi, "1", directory("lib"), *old))
    write(pi, f"{PREFIX}/var/log/__pycache__/x.pyc")
    pi.run("dpkg", "-i", package(pi, "2", *ITEMS))
    write(pi, f"{PREFIX}/var/log/today")
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PREFIX).exists()


FAILS = "#!/bin/sh\nexit 3\n"
MAKES = f'#!/bin/sh\nmkdir -p "{PREFIX}/var/log"; echo x >"{PREFIX}/var/log/its"\n'


def test_an_installation_that_failed_has_noted_nothing(pi: Copied) -> None:
    write(pi, f"{PREFIX}/var/log/mine")
    before = left(pi)
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS, hook=FAILS), status=1)
    assert left(pi) == before
    pi.run("dpkg", "-i", package(pi, "2", *ITEMS))
    noted = left(pi)
    assert ".provisioning/dpkg-found" in noted
    more = (*ITEMS[:3], directory("var/cache"), *ITEMS[3:])
    write(pi, f"{PREFIX}/var/cache/mine")
    noted = left(pi)
    pi.run("dpkg", "-i", package(pi, "3", *more, hook=FAILS), status=1)
    assert left(pi) == noted
    assert pi.path(f"{PREFIX}/.provisioning/dpkg-found").read_text() == f"{PREFIX}/var/log\n"
    pi.run("dpkg", "-P", "greenhouse")
    assert left(pi) == sorted((*before, "var/cache", "var/cache/mine"))


def test_what_a_hook_makes_as_the_package_comes_is_the_package_s(pi: Copied) -> None:
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS, hook=MAKES))
    assert pi.path(f"{PREFIX}/var/log/its").exists()
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PREFIX).exists()


def test_what_was_noted_for_another_life_is_forgotten(pi: Copied) -> None:
    write(pi, f"{PREFIX}/var/log/mine", f"{PREFIX}/.provisioning/dpkg-found")
    pi.path(f"{PREFIX}/.provisioning/dpkg-found").write_text(f"{DATA}\n")
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS))
    write(pi, f"{DATA}/its")
    pi.run("dpkg", "-P", "greenhouse")
    assert left(pi) == ["var", "var/log", "var/log/mine"]


def test_a_version_without_data_leaves_no_note(pi: Copied) -> None:
    write(pi, f"{PREFIX}/var/log/mine")
    pi.run("dpkg", "-i", package(pi, "1", *ITEMS))
    pi.run("dpkg", "-i", package(pi, "2", directory("lib"), file("lib/main.py")))
    pi.run("dpkg", "-P", "greenhouse")
    assert left(pi) == ["var", "var/log", "var/log/mine"]


def test_values_of_the_machine_go_with_what_was_made_for_them(pi: Copied) -> None:
    write(pi, f"{PREFIX}/etc/device.env")
    pi.path(f"{PREFIX}/etc/device.env").write_text("BROKER=here\n")
    device = (Value("BROKER", "", False, ""),)
    pi.path("/tmp/1.deb").write_bytes(spelt(EVERYWHERE._replace(device=device), ITEMS))
    pi.run("dpkg", "--force-depends", "-i", "/tmp/1.deb")
    pi.run("dpkg", "-r", "greenhouse")
    assert pi.path(f"{PREFIX}/etc/device.env").exists()
    write(pi, f"{PREFIX}/etc/mine")
    pi.run("dpkg", "-P", "greenhouse")
    assert left(pi) == ["etc", "etc/mine"]
    pi.path(f"{PREFIX}/etc/mine").unlink()
    write(pi, f"{PREFIX}/etc/device.env")
    pi.path(f"{PREFIX}/etc/device.env").write_text("BROKER=here\n")
    pi.run("dpkg", "--force-depends", "-i", "/tmp/1.deb")
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PREFIX).exists()
