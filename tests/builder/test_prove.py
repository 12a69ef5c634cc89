from __future__ import annotations

import os
import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.extract import TreeWriter
from provisioning.artifact.model.package import Hook
from provisioning.artifact.verification import verify_release
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.sources import Sources
from provisioning.builder.plan.variant_plan import Findings, VariantPlan
from provisioning.builder.render.render import render
from provisioning.builder.verify.prove import ExpectedPackage, prove
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import BuildError
from provisioning.spec.model.variant import HookSpec
from tests.builder.conftest import HERE, content, variant, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.artifact.model.entry import Entry
    from provisioning.builder.collect.file_state import Digests
    from provisioning.spec.model.variant import Variant

CONTENTS = (
    content("src", "t", "lib/"),
    content("template", "t.j2", "etc/x", mode=0o640, conffile=True, number=1),
    content("link", "../lib/a", "bin/a", number=2),
    content("dir", "", "closed", mode=0o500, number=3),
)


def _plan(described: Variant) -> VariantPlan:
    return VariantPlan(variant=described, findings=Findings(described, Sources("artifacts")))


def _part(**changes: object) -> VariantPlan:
    described = variant(*CONTENTS, **{"variables": {"x": 1}, **changes})
    return _plan(described)


@pytest.fixture
def place(digests: Digests) -> Workspace:
    """The artifacts of a small package."""
    write("t/a", "a")
    write("t/b", "b")
    write("t.j2", "x = {{ x }}\n")
    layout = _part().findings.layout
    place = workspace(layout.variant, "artifacts")
    render(layout.variant, templates_of(layout.items), place.rendered)
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place


def _told(place: Workspace, digests: Digests, **changes: object) -> list[str]:
    place.work.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BuildError) as caught:
        prove(_part(**changes), place, digests)
    *findings, repair = str(caught.value).splitlines()
    assert repair == "artifacts/demo-1.0-raspberry-pi: run `doit package` to rebuild it"
    return findings


def test_sound_artifacts_are_proved_and_leave_nothing(place: Workspace, digests: Digests) -> None:
    prove(_part(), place, digests)
    assert not (place.work / "scratch").exists()


def test_sound_artifacts_are_not_collected_again(
    place: Workspace, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ExpectedPackage, "manifest")
    prove(_part(), place, digests)


def test_what_the_spec_says_differently_is_told_in_its_words(
    place: Workspace, digests: Digests
) -> None:
    write("t/a", "other")
    write("t/c", "new")
    Path("t/b").unlink()
    contents = (CONTENTS[0], CONTENTS[1]._replace(mode=0o600, conffile=False))
    link = CONTENTS[2]._replace(source="../lib/c", owner="pi")
    assert _told(place, digests, contents=(*contents, link, CONTENTS[3])) == [
        "bin/a: owner root, the spec says pi",
        "bin/a: link ../lib/a, the spec says ../lib/c",
        "etc/x: mode 0640, the spec says 0600",
        "etc/x: conffile true, the spec says false",
        "lib/a: the content differs from what the spec gives now",
        "lib/b: in the archive, but not in the spec",
        "lib/c: in the spec, but not in the archive",
    ]


def test_a_template_is_rendered_again(place: Workspace, digests: Digests) -> None:
    told = _told(place, digests, variables={"x": 2})
    assert told == ["etc/x: the content differs from what the spec gives now"]


def test_what_a_package_is_is_compared(place: Workspace, digests: Digests) -> None:
    described = variant(*CONTENTS, variables={"x": 1}, summary="New")
    elsewhere = workspace(described, "artifacts")
    assert _told(elsewhere, digests, summary="New") == [
        'summary: "" in the archive, New in the spec'
    ]


HOOK = HookSpec(Hook("pre_install", 60), "hook.j2", HERE)


def test_scripts_of_another_version_are_sound_and_not_what_this_one_spells(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("t/a", "a")
    write("t.j2", "x = {{ x }}\n")
    write("hook.j2", "#!/bin/sh\n")
    part = _part(formats=("deb", "tar.gz"), hooks=(HOOK,))
    place = workspace(part.variant, "artifacts")

    def build() -> None:
        render(part.variant, templates_of(part.findings.layout.items), place.rendered)
        pack(place, Listing.of(collect(part.findings.layout, digests.look)), digests)
        checksums.write_sums(place)

    with monkeypatch.context() as patched:
        patched.setattr(
            "provisioning.builder.archive.debian.scripts._GUARD", "#!/bin/sh\n# of {name}\n"
        )
        build()
    assert [each.findings for each in verify_release(place.release)] == [(), ()]
    told = _told(place, digests, formats=("deb", "tar.gz"), hooks=(HOOK,))
    names = [re.sub("[0-9a-f]{16}…", "…", each) for each in told]
    assert names == [
        f"debian_files.DEBIAN/{name}: … in the archive, … in the spec"
        for name in ("postinst", "postrm", "preinst")
    ]
    build()
    monkeypatch.delattr(ExpectedPackage, "manifest")  # what agrees need not be laid out again
    prove(_part(formats=("deb", "tar.gz"), hooks=(HOOK,)), place, digests)


def test_damage_is_told_before_anything_is_compared(place: Workspace, digests: Digests) -> None:
    place.artifact("tar.gz").write_bytes(place.artifact("tar.gz").read_bytes()[:-1])
    told = _told(place, digests)
    assert any(place.artifact("tar.gz").name in line for line in told)
    assert not any("the spec" in line for line in told)


def test_after_a_finding_nothing_is_known_of_the_sources(
    place: Workspace, digests: Digests
) -> None:
    part = _part()
    assert part.findings.content(digests) == part.findings.summary.content
    place.artifact("tar.gz").unlink()
    with pytest.raises(BuildError):
        prove(part, place, digests)
    assert part.findings.summary.content == ""


def test_missing_artifacts_are_told(place: Workspace, digests: Digests) -> None:
    place.artifact("tar.gz").unlink()
    (told,) = _told(place, digests)
    assert told == "demo-1.0-raspberry-pi.tar.gz: No such file or directory"


def test_what_does_not_install_is_told(place: Workspace, digests: Digests) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # no file may hold a byte
    try:
        told = _told(place, digests)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reason = f"cannot be extracted: {place.work}/scratch: File too large"
    assert told == [
        f"{place.artifact('tar.gz')}: cannot be installed: {place.artifact('tar.gz')}: {reason}"
    ]


def test_what_installs_as_something_else_is_told(
    place: Workspace, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TreeWriter.write

    def meddled(self: TreeWriter, entry: Entry, blocks: Iterable[bytes]) -> None:
        mode = 0o600 if entry.path == "lib/a" else entry.mode
        real(self, entry._replace(mode=mode), blocks)

    monkeypatch.setattr(TreeWriter, "write", meddled)
    assert _told(place, digests) == ["lib/a: mode 0600, the manifest says 0644"]


def test_what_a_killed_rehearsal_left_is_removed_whatever_its_modes(
    place: Workspace, digests: Digests
) -> None:
    write(str(place.work / "scratch/closed/deep/x"))
    os.chmod(place.work / "scratch/closed", 0o000)
    prove(_part(), place, digests)


def test_an_archive_that_is_not_what_was_written_gets_no_sums(place: Workspace) -> None:
    place.sums.unlink()
    place.artifact("tar.gz").write_bytes(b"other")
    with pytest.raises(BuildError) as caught:
        checksums.write_sums(place)
    assert "not what was written there" in str(caught.value)
    assert not place.sums.exists()


def test_links_in_the_place_of_directories_are_refused(place: Workspace, tmp_path: Path) -> None:
    place.work.rename(tmp_path / "elsewhere")
    place.work.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BuildError) as caught, place.lock():
        pass
    assert str(caught.value) == f"{place.work}: a symbolic link, not a directory; remove it"


def test_a_link_in_the_place_of_the_scratch_directory_is_not_followed(
    place: Workspace, digests: Digests, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    place.work.mkdir(parents=True, exist_ok=True)
    (place.work / "scratch").symlink_to(tmp_path / "elsewhere")
    prove(_part(), place, digests)
    assert (tmp_path / "elsewhere/deep").stat().st_mode & 0o777 == 0o755


def test_what_is_built_has_not_run(digests: Digests) -> None:
    write("t/a.py", "")
    described = variant(content("src", "t", "lib/"), formats=("dir",))
    part = _plan(described)
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(part.findings.layout, digests.look)), digests)
    checksums.write_sums(place)
    prove(part, place, digests)
    cache = place.artifact("dir") / "lib/__pycache__"
    cache.mkdir()
    with pytest.raises(BuildError, match=r"lib/__pycache__: is byte code, which the manifest"):
        prove(part, place, digests)
