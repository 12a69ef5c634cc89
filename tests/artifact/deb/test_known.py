"""A Debian package does not come where the name of its unit is another's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.deb import known
from provisioning.artifact.deb.described import Described
from provisioning.artifact.manifest import Manifest

from .test_script import FULL, SHELLS

if TYPE_CHECKING:
    from pathlib import Path

VENDOR = "usr/lib/systemd/system"
ALIAS = "[Install]\nWantedBy=multi-user.target\nAlias={}\n"
EITHER = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)


def refused(root: Path, shell: list[str]) -> tuple[int, str]:
    """What the refusal says of a machine that lies in a directory."""
    parsed = Manifest(FULL, ())
    script = "\n".join(known.refuse(Described(parsed, {})))
    for place in ("/etc/", "/run/", "/usr/", "/lib/"):
        script = script.replace(f" {place}", f" {root}{place}")
    command = [*shell, "-c", f"set -e\n{script}\nexit 0", "preinst", "install"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
            f"greenhouse: /{path}: is not of greenhouse, and goes by the name greenhouse.service"
            " too where it is enabled (Alias=); call the service another name\n"
        ),
    )


@EITHER
def test_so_is_one_that_a_shell_would_spell_otherwise(tmp_path: Path, shell: list[str]) -> None:
    write(tmp_path, f"{VENDOR}/other.service", ALIAS.format(r"greenhouse-c\x2b\x2b.service"))
    code, told = refused(tmp_path, shell)
    assert code == 1
    assert told.startswith(f"greenhouse: /{VENDOR}/other.service: is not of greenhouse, and goes")


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
