"""Setuid and setgid come with their owner alone, whoever unpacks a package with whatever tool."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.package import Hook
from provisioning.artifact.verification import verify, verify_release
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.spec.model.variant import HookSpec
from tests.builder.conftest import HERE, content, variant, write
from tests.layouts import lay_out
from tests.machines.copied import copied

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.builder.collect.file_state import Digests
    from tests.machines.copied import Copied

pytestmark = pytest.mark.needs("root", "Linux")

ABOUT = {"summary": "x", "license": "MIT", "maintainer": "Team <team@example.org>"}
UNPACKING = {
    "tar.gz": (("tar", "-xpzf", "{}"), ("bsdtar", "-xpf", "{}")),
    "tar.xz": (("tar", "-xpJf", "{}"), ("bsdtar", "-xpf", "{}")),
    "tar.zst": (("bsdtar", "-xpf", "{}"),),
    "zip": (("unzip", "-qK", "{}"), ("bsdtar", "-xpf", "{}")),
    "dir": (("cp", "-a", "{}", "."),),
    "deb": (("dpkg-deb", "-x", "{}", "."),),
}


def _packed(digests: Digests, whose: str, formats: tuple[str, ...]) -> Workspace:
    write("t/run", "#!/bin/sh\n", mode=0o755)
    owned = dict(zip(("owner", "group"), whose.split(":"), strict=True))
    contents = (
        content("src", "t/run", "bin/run", mode=0o6755, **owned),
        content("src", "t/run", "shared/run", number=1),
        content("dir", "", "shared", mode=0o2775, **owned, number=2),
    )
    about: dict[str, Any] = {"arch": "all", "formats": formats, **ABOUT}
    described = variant(*contents, **about)
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    assert [each.findings for each in verify_release(place.release)] == [()] * len(formats)
    return place


def _modes(root: Path) -> list[int]:
    (run,) = root.rglob("bin/run")
    return [stat.S_IMODE(path.stat().st_mode) for path in (run, run.parent.parent / "shared")]


@pytest.mark.parametrize(
    ("whose", "expected"),
    [
        ("nosuchuser:nosuchgroup", [0o755, 0o775]),
        ("daemon:root", [0o2755, 0o2775]),
        ("root:root", [0o6755, 0o2775]),
    ],
)
@pytest.mark.parametrize("format", UNPACKING)
def test_no_tool_makes_what_nobody_is_given(
    digests: Digests, tmp_path: Path, format: str, whose: str, expected: list[int]
) -> None:
    place = _packed(digests, whose, (format,))
    for number, command in enumerate(UNPACKING[format]):
        into = tmp_path / f"into-{number}"
        into.mkdir()
        said = [word.format(place.artifact(format).absolute()) for word in command]
        subprocess.run(said, cwd=into, check=True)
        assert _modes(into) == expected
        if format != "deb":
            (top,) = into.iterdir()
            assert verify(top).findings == ()


def test_dpkg_gives_them_with_the_owner_and_tells_where_there_is_none(
    digests: Digests, tmp_path: Path
) -> None:
    with copied(tmp_path) as pi:
        assert _installed(pi, _packed(digests, "daemon:games", ("deb",))) == ""
        assert _modes(pi.path("/opt/demo")) == [0o6755, 0o2775]
        assert pi.path("/opt/demo/bin/run").owner() == "daemon"
        pi.run("dpkg-statoverride", "--add", "root", "root", "0700", "/opt/demo/bin/run")
        assert _installed(pi, _packed(digests, "daemon:games", ("deb",))) == ""
        assert _modes(pi.path("/opt/demo")) == [0o700, 0o2775]
        pi.run("dpkg-statoverride", "--remove", "/opt/demo/bin/run")
        pi.run("dpkg", "--purge", "demo")  # it keeps the mode of a directory that is there
        told = _installed(pi, _packed(digests, "nosuchuser:games", ("deb",)))
        assert told.splitlines() == [
            f"demo: /opt/demo/{path}: without setuid and setgid: no user nosuchuser, or no group"
            " games"
            for path in ("bin/run", "shared")
        ]
        assert _modes(pi.path("/opt/demo")) == [0o755, 0o775]


def _installed(pi: Copied, place: Workspace) -> str:
    """What the scripts of a package say that dpkg installs."""
    (pi.path("/tmp") / "demo.deb").write_bytes(place.artifact("deb").read_bytes())
    told = pi.run("dpkg", "-i", "/tmp/demo.deb").splitlines(keepends=True)
    return "".join(line for line in told if line.startswith("demo: "))


@pytest.mark.usefixtures("digests")
def test_what_root_runs_is_root_s_whoever_owns_the_rest() -> None:
    write("t/run", "#!/bin/sh\n", mode=0o755)
    hook = HookSpec(Hook("post_install", 60), "t/run", HERE)
    described = variant(content("src", "t/run", "run"), owner="daemon", hooks=(hook,))
    (layout,) = lay_out([described], Sources("artifacts", tool="t/run"))
    owners = {item.path: item.owner for item in layout.items}
    assert owners[".provisioning/hooks/post_install"] == owners["install"] == "root"
    assert owners[".provisioning/hooks"] == "root"
