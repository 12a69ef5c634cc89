"""A Debian package does not come where the name of its unit is another's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.manifest import Manifest
from provisioning.builder.archive.debian import scripts
from provisioning.builder.archive.debian.extras import DebSource

from .test_script import FULL, SHELLS

if TYPE_CHECKING:
    from pathlib import Path

VENDOR = "usr/lib/systemd/system"
ALIAS = "[Install]\nWantedBy=multi-user.target\nAlias={}\n"
EITHER = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)


def refused(root: Path, shell: list[str], *arguments: str) -> tuple[int, str]:
    """What the refusal says of a machine that lies in a directory."""
    parsed = Manifest(FULL, ())
    script = "\n".join(scripts.refuse(DebSource(parsed, {})))
    for place in ("/etc/", "/run/", "/usr/", "/lib/"):
        script = script.replace(f" {place}", f" {root}{place}")
        script = script.replace(f"install{place}", f"install{root}{place}")
    command = [*shell, "-c", f"set -e\n{script}\nexit 0", "preinst", *(arguments or ("install",))]
    env = {"PATH": f"{root}/bin:/usr/bin:/bin"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).replace(str(root), "")


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@EITHER
@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{VENDOR}/other.service", "greenhouse.service"),
        ("etc/systemd/system/other@.service", "b.service  greenhouse.service"),
        ("usr/local/lib/systemd/system/o.service", "b.service \\\n  greenhouse.service"),
        ("run/systemd/generator/o.service", "b.service\n Alias = greenhouse.service"),
        ("etc/systemd/system/o.service.d/override.conf", "greenhouse.service"),
    ],
)
def test_a_name_that_another_s_unit_has_once_it_is_enabled_is_refused(
    tmp_path: Path, shell: list[str], path: str, said: str
) -> None:
    write(tmp_path, path, ALIAS.format(said))
    assert refused(tmp_path, shell) == (
        1,
        (
            f"greenhouse: /{path}: does not belong to greenhouse, and also gets the name"
            " greenhouse.service when enabled (Alias=); rename the service\n"
        ),
    )


@EITHER
def test_so_is_one_that_a_shell_would_spell_otherwise(tmp_path: Path, shell: list[str]) -> None:
    write(tmp_path, f"{VENDOR}/other.service", ALIAS.format(r"greenhouse-c\x2b\x2b.service"))
    code, told = refused(tmp_path, shell)
    assert code == 1
    assert told.startswith(f"greenhouse: /{VENDOR}/other.service: does not belong to greenhouse")


@EITHER
@pytest.mark.parametrize(
    "said",
    [
        "greenhouse-2.service my-greenhouse.service",
        "greenhouse",
        "greenhousexservice",
        "b.service\n# Alias=greenhouse.service",
    ],
)
def test_other_aliases_are_none(tmp_path: Path, shell: list[str], said: str) -> None:
    write(tmp_path, f"{VENDOR}/other.service", ALIAS.format(said))
    write(tmp_path, f"{VENDOR}/plain.service", "[Unit]\nDescription=Alias of greenhouse.service\n")
    assert refused(tmp_path, shell) == (0, "")


UNIT = "greenhouse.service"
COPIES = "etc/systemd/system"
PLACES = (
    *("etc/systemd/system.control", COPIES, "etc/systemd/system.attached"),
    *("run/systemd/transient", "run/systemd/system", "run/systemd/generator", VENDOR),
    *("usr/local/lib/systemd/system", "lib/systemd/system", "run/systemd/generator.late"),
)
INSTALL, AGAIN, UPGRADE = ("install",), ("install", "1.0"), ("upgrade", "1.0")


@EITHER
@pytest.mark.parametrize("place", PLACES)
def test_a_unit_of_that_name_is_refused_wherever_systemd_looks(
    tmp_path: Path, shell: list[str], place: str
) -> None:
    write(tmp_path, f"{place}/{UNIT}", "[Service]\n")
    why = f"greenhouse: /{place}/{UNIT}: does not belong to greenhouse; remove it, or rename"
    for arguments in (INSTALL, UPGRADE, *(() if place == COPIES else (AGAIN,))):
        assert refused(tmp_path, shell, *arguments) == (1, f"{why} the service\n")
    assert refused(tmp_path, shell, "abort-upgrade", "1.5") == (0, "")


@EITHER
def test_what_was_copied_or_masked_before_it_was_removed_is_its_own(
    tmp_path: Path, shell: list[str]
) -> None:
    write(tmp_path, f"{COPIES}/{UNIT}", "[Service]\n")
    assert refused(tmp_path, shell, *AGAIN) == (0, "")
    assert refused(tmp_path, shell, *INSTALL)[0] == 1


@EITHER
def test_what_is_masked_is_no_unit(tmp_path: Path, shell: list[str]) -> None:
    place = tmp_path / "run/systemd/system"
    place.mkdir(parents=True)
    (place / UNIT).symlink_to("/dev/null")
    assert refused(tmp_path, shell, *INSTALL) == (0, "")
    (place / UNIT).unlink()
    (place / UNIT).touch()
    assert refused(tmp_path, shell, *INSTALL) == (0, "")
    (place / UNIT).unlink()
    (place / UNIT).symlink_to("nowhere.service")  # which somebody may still bring
    assert refused(tmp_path, shell, *INSTALL)[0] == 1


@EITHER
def test_what_the_version_before_has_brought_is_its_own(tmp_path: Path, shell: list[str]) -> None:
    write(tmp_path, f"{VENDOR}/{UNIT}", "[Service]\n")
    write(tmp_path, "bin/dpkg-query", f"#!/bin/sh\necho {tmp_path}/{VENDOR}/{UNIT}\n")
    (tmp_path / "bin/dpkg-query").chmod(0o755)
    assert refused(tmp_path, shell, *UPGRADE)[0] == 1  # that is of somebody else
    write(tmp_path, "bin/dpkg-query", f"#!/bin/sh\necho /{VENDOR}/{UNIT}\n")
    assert refused(tmp_path, shell, *UPGRADE) == (0, "")
