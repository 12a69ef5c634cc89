"""What a user would run instead: other tools, given the same tree and the same work."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from .measure import BenchError, run
from .project import TREE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .measure import Command
    from .project import Project

_NFPM = """\
name: bench
arch: all
version: 1.0.0
maintainer: Nobody
description: A tree
contents:
  - src: {tree}/
    dst: /opt/bench
    type: tree
deb: {{compression: gzip}}
"""
_CMAKE = """\
cmake_minimum_required(VERSION 3.25)
project(bench VERSION 1.0 LANGUAGES NONE)
install(DIRECTORY {tree}/ DESTINATION lib USE_SOURCE_PERMISSIONS)
set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_FILE_NAME bench)
include(CPack)
"""
_CONTROL = """\
Package: bench
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: A tree
"""
_PLAIN_DODO = """\
import os

DOIT_CONFIG = {"dep_file": "../out/plain.db"}


def task_stamp():
    files = [os.path.join(top, name) for top, _, names in os.walk("tree") for name in names]
    stamp = "../out/plain.stamp"
    return {"actions": ["touch %(targets)s"], "file_dep": files, "targets": [stamp]}
"""
_EMPTY_DODO = """\
DOIT_CONFIG = {"dep_file": "../out/empty.db"}


def task_nothing():
    return {"actions": None}
"""


class Rival(NamedTuple):
    """What is needed, and how it is made ready for a project."""

    tools: tuple[str, ...]
    make: Callable[[Project], Command]


def _shell(project: Project, script: str, product: Path | None = None) -> Command:
    # dash, which is `sh` on Debian, has no pipefail: a tar that fails would seem fast.
    return project.command("bash", "-c", f"set -o pipefail; {script}", product=product)


def _tar(compressor: str, name: str) -> Callable[[Project], Command]:
    def make(project: Project) -> Command:
        product = project.out / name
        return _shell(project, f"tar -cf - {TREE} | {compressor} > '{product}'", product)

    return make


def _same_tar(compressor: str) -> Callable[[Project], Command]:
    """What the archive would be as one stream: the same tar, manifest included."""

    def make(project: Project) -> Command:
        tar, product = project.out / "same.tar", project.out / f"same.{project.format}"

        def unpack() -> None:
            run(_shell(project, f"{compressor} -dc '{project.archive}' > '{tar}'"))

        command = _shell(project, f"{compressor} -6 < '{tar}' > '{product}'", product)
        return project.command(*command.argv, before=unpack, product=product)

    return make


def _nfpm(project: Project) -> Command:
    config, product = project.out / "nfpm.yaml", project.out / "nfpm.deb"
    config.write_text(_NFPM.format(tree=TREE), encoding="utf-8")
    argv = ("nfpm", "package", "-f", str(config), "-p", "deb", "-t", str(product))
    return project.command(*argv, product=product)


def _cpack(project: Project) -> Command:
    source, built = project.out / "cmake", project.out / "cpack"
    source.mkdir()
    lists = _CMAKE.format(tree=project.root / TREE)
    (source / "CMakeLists.txt").write_text(lists, encoding="utf-8")
    build = source / "build"
    run(project.command("cmake", "-G", "Ninja", "-S", str(source), "-B", str(build)))
    return project.command(
        *("cpack", "--config", str(build / "CPackConfig.cmake"), "-B", str(built)),
        before=lambda: shutil.rmtree(built, ignore_errors=True),
        product=built / "bench.tar.gz",
    )


def _dpkg_deb(project: Project) -> Command:
    """dpkg-deb wants the tree beside its own files: hard links, whose making is not measured."""
    stage, product = project.out / "stage", project.out / "dpkg.deb"
    (stage / "DEBIAN").mkdir(parents=True)
    stage.chmod(0o755)
    (stage / "DEBIAN").chmod(0o755)
    (stage / "DEBIAN" / "control").write_text(_CONTROL, encoding="utf-8")
    run(project.command("cp", "-al", TREE, str(stage / "opt")))
    options = ("--root-owner-group", "-Zgzip", "-z6")
    return project.command("dpkg-deb", *options, "-b", str(stage), str(product), product=product)


def _ninja(project: Project) -> Command:
    files = " $\n  ".join(_plain_names(project))
    text = f"rule stamp\n  command = touch $out\nbuild ../out/ninja.stamp: stamp $\n  {files}\n"
    (project.root / "build.ninja").write_text(text, encoding="utf-8")
    return project.command("ninja")


def _make(project: Project) -> Command:
    files = " \\\n  ".join(_plain_names(project))
    text = f"../out/make.stamp: \\\n  {files}\n\ttouch $@\n"
    (project.root / "Makefile").write_text(text, encoding="utf-8")
    return project.command("make", "-r")  # without its own rules for each file


def _plain_names(project: Project) -> list[str]:
    """The files of the tree, whose names mean themselves to ninja and make."""
    files = project.files()
    odd = [name for name in files if not re.fullmatch(r"[\w./+@,-]+", name)]
    if odd:
        raise BenchError(f"{odd[0]!r}: ninja and make need another spelling of this name")
    return files


def _doit(name: str, dodo: str) -> Callable[[Project], Command]:
    def make(project: Project) -> Command:
        (project.out / name).write_text(dodo, encoding="utf-8")
        return project.doit("-f", f"../{project.out.name}/{name}", "-d", ".")

    return make


def _find(project: Project) -> Command:
    return project.command("find", TREE, "-printf", r"%T@ %s\n")


def _tar_and_sums(project: Project) -> Command:
    """Unpack our archive and check the digest of each file, as SHA256SUMS has it."""
    unpacked, sums = project.out / "unpacked", project.out / "sums"

    def empty() -> None:
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()

    empty()
    unpack = f"tar -xzf '{project.archive}' -C '{unpacked}' && cd '{unpacked}'"
    sum_up = "find . -type f -print0 | xargs -0 sha256sum"
    run(_shell(project, f"{unpack} && {sum_up} > '{sums}'"))
    check = _shell(project, f"{unpack} && sha256sum -c --quiet '{sums}'")
    return project.command(*check.argv, before=empty)


NINJA = "ninja"
EMPTY = "doit, empty dodo.py"
NINJA_AND_EMPTY = f"{NINJA} + {EMPTY}"
GZIP = "tar | gzip -6"
SAME_TAR = "gzip -6 of the package's tar"
XZ_ALL = "tar | xz -6 -T0"
XZ_SAME_TAR = "xz -6 of the package's tar"
NFPM = "nfpm, deb with gzip"
TAR_AND_SUMS = "tar -xzf, sha256sum -c"

RIVALS: dict[str, dict[str, Rival]] = {
    "no-op": {
        NINJA: Rival(("ninja",), _ninja),
        "make": Rival(("make",), _make),
        EMPTY: Rival((), _doit("empty_dodo.py", _EMPTY_DODO)),
        "doit, the files as file_dep": Rival((), _doit("plain_dodo.py", _PLAIN_DODO)),
        "find -printf '%T@ %s'": Rival(("find",), _find),
    },
    "build": {
        GZIP: Rival(("bash", "tar", "gzip"), _tar("gzip -6", "gzip.tar.gz")),
        SAME_TAR: Rival(("bash", "gzip"), _same_tar("gzip")),
        "tar | pigz -6": Rival(("bash", "tar", "pigz"), _tar("pigz -6", "pigz.tar.gz")),
        "tar | zstd -3 -T0": Rival(("bash", "tar", "zstd"), _tar("zstd -q -3 -T0", "zstd.tar.zst")),
        NFPM: Rival(("nfpm",), _nfpm),
        "CPack, TGZ": Rival(("cmake", "cpack", "ninja"), _cpack),
        "dpkg-deb -Zgzip -z6": Rival(("dpkg-deb",), _dpkg_deb),
    },
    "verify": {
        TAR_AND_SUMS: Rival(("bash", "tar", "gzip", "find", "sha256sum"), _tar_and_sums),
    },
    "xz": {
        XZ_ALL: Rival(("bash", "tar", "xz"), _tar("xz -6 -T0", "all.tar.xz")),
        XZ_SAME_TAR: Rival(("bash", "xz"), _same_tar("xz")),
    },
}
"""By work and by name, in the order in which they run."""
