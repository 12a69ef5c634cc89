"""The locale of whoever installs has no part in what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from provisioning.artifact.tool import tool
from tests.artifact.making import directory, file, link

from .making import conf, package

if TYPE_CHECKING:
    from pathlib import Path

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/usr/sbin:/usr/bin"}


MODULE = [sys.executable, "-m", "provisioning.installer"]


def names(root: Path) -> list[bytes]:
    found = os.walk(bytes(root / "opt/greenhouse/current/"))
    return sorted(name for _, directories, files in found for name in (*directories, *files))


def test_each_command_takes_names_as_the_bytes_that_they_are(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(tool())
    held = (directory("etc"), directory("é"), file("é/ü", b"1"), link("ß", "é/ü"))
    place = tmp_path / "dépôt"
    place.mkdir()
    for version, command in (("1.0", MODULE), ("2.0", [sys.executable, str(tmp_path / "tool")])):
        archive = package(place, version, (*held, conf("etc/ö.ini", b"a")))
        done = _run([*command, "install", str(archive), "--root", str(tmp_path)])
        assert (done.returncode, done.stderr) == (0, "")
    expected = {"é", "ü", "ß", "ö.ini"}
    assert {name.decode() for name in names(tmp_path)} >= expected
    for words in ("verify", "status", "list", "gc", "recover", "rollback", "uninstall --purge"):
        name = ["greenhouse"] if words != "list" else []
        done = _run([*MODULE, *words.split(), *name, "--root", str(tmp_path)])
        assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "opt/greenhouse").exists()


def test_what_is_said_is_spelt_as_the_locale_has_it(tmp_path: Path) -> None:
    package(tmp_path, "1.0")
    done = _run([*MODULE, "verify", str(tmp_path / "é")])
    assert done.stderr == f"provision: {tmp_path}/\\xe9: no such file or package\n"


def test_where_nobody_knows_how_it_was_begun_it_says_what_to_do() -> None:
    code = "import sys; from provisioning.installer.cli.command_line import main; sys.exit(main())"
    done = _run([sys.executable, "-X", "utf8=0", "-c", code, "list"])
    assert (done.returncode, done.stderr) == (
        2,
        "provision: names of files are ascii here, not UTF-8; run this with LC_ALL=C.UTF-8\n",
    )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ASCII)
