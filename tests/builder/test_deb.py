"""Debian packages, judged by dpkg, apt's reader of archives and python-debian."""

from __future__ import annotations

import io
import os
import subprocess
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from debian.debfile import DebFile

from provisioning.artifact.tar.archive import EPOCH
from provisioning.artifact.verification import verify_release
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import ArtifactError, BuildError
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.model.variant import Document
from provisioning.spec.yaml.node import Origin
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out
from tests.machines.copied import copied

if TYPE_CHECKING:
    from provisioning.builder.archive.format import Cost
    from provisioning.builder.collect.file_state import Digests
    from tests.machines.copied import Copied

CODECS = ("gzip", "xz", "zstd")
ABOUT = {
    "summary": "Greenhouse controller",
    "license": "MIT",
    "maintainer": "Greenhouse team <team@example.org>",
}


def _project() -> None:
    write("t/bin/run", "#!/bin/sh\n", mode=0o755)
    write("t/lib/text", "one\n")
    write("t/lib/large", "x" * (9 << 20))
    write(f"t/lib/{'d' * 90}/{'é' * 60}", "deep\n")
    for number in range(40):
        write(f"t/lib/many/{number}", f"{number}\n" * 30_000)
    write("demo.ini", "port = 8080\n")
    if not os.path.lexists("t/lib/link"):
        os.symlink(f"{'d' * 90}/{'é' * 60}", "t/lib/link")


def _packed(digests: Digests, **changes: Any) -> tuple[Workspace, Cost]:
    contents = (
        content("src", "t", ""),
        content("src", "demo.ini", "etc/demo.ini", conffile=True, number=1),
    )
    described = variant(*contents, **{"formats": ("deb",), **ABOUT, **changes})
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    cost = pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place, cost


def _findings(place: Workspace) -> list[str]:
    reports = verify_release(place.release)
    return [str(finding) for report in reports for finding in report.findings]


def _run(*command: str | Path) -> str:
    return subprocess.check_output(command, text=True, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("codec", CODECS)
def test_dpkg_unpacks_what_the_build_took(digests: Digests, codec: str) -> None:
    _project()
    place, _ = _packed(digests, compression={"deb": codec})
    assert _findings(place) == []
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    os.rename("out/opt/demo/etc/demo.ini", "t/demo.ini")
    os.rmdir("out/opt/demo/etc")
    os.remove("t/demo.ini")
    _run("rm", "-r", "out/opt/demo/.provisioning")
    _run("diff", "-r", "--no-dereference", "t", "out/opt/demo")


@pytest.mark.parametrize("codec", CODECS)
def test_bsdtar_and_python_debian_read_it_too(digests: Digests, codec: str) -> None:
    _project()
    place, _ = _packed(digests, compression={"deb": codec})
    package = place.artifact("deb")
    suffix = {"gzip": "gz", "xz": "xz", "zstd": "zst"}[codec]
    assert _run("bsdtar", "-tf", package).split() == [
        *("debian-binary", "control.tar.gz", f"data.tar.{suffix}")
    ]
    Path("ar").mkdir()
    _run("bsdtar", "-xf", package, "-C", "ar")
    read = DebFile(fileobj=io.BytesIO(package.read_bytes()))
    assert read.debcontrol()["Package"] == "demo"
    assert str(read.changelog().version) == "1.0"
    assert read.data.get_content("opt/demo/lib/text") == b"one\n"
    assert "./opt/demo/bin/run" in _run("bsdtar", "-tf", f"ar/data.tar.{suffix}")


def test_dpkg_lists_modes_owners_and_times(digests: Digests) -> None:
    write("t/bin/run", "#!/bin/sh\n", mode=0o755)
    os.symlink("run", "t/bin/start")
    contents = (
        content("src", "t", "", owner="pi", group="1000"),
        content("dir", "", "var", mode=0o2750, number=1),
    )
    described = variant(*contents, formats=("deb",), mtime="epoch")
    (layout,) = lay_out([described], Sources("artifacts"))
    place = workspace(described, "artifacts")
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    listed = _run("env", "TZ=UTC", "dpkg-deb", "-c", place.artifact("deb")).splitlines()
    rows = [" ".join(line.split()) for line in listed]
    assert [row for row in rows if "demo/bin" in row or "demo/var" in row] == [
        "drwxr-xr-x root/root 0 2000-01-01 00:00 ./opt/demo/bin/",
        "-rwxr-xr-x pi/1000 10 2000-01-01 00:00 ./opt/demo/bin/run",
        "lrwxrwxrwx pi/1000 0 2000-01-01 00:00 ./opt/demo/bin/start -> run",
        "drwxr-s--- root/root 0 2000-01-01 00:00 ./opt/demo/var/",
    ]


def test_a_file_of_equal_size_has_another_time_unless_one_is_asked_for(digests: Digests) -> None:
    write("demo.ini")
    times: dict[str, set[float]] = {"": set(), "epoch": set()}
    for kind, text in product(times, ("one\n", "two\n")):
        write("t/text", text)
        place, _ = _packed(digests, mtime=kind)
        _run("dpkg-deb", "-x", place.artifact("deb"), f"out-{kind}-{text.strip()}")
        times[kind].add(Path(f"out-{kind}-{text.strip()}/opt/demo/text").stat().st_mtime)
        assert _findings(place) == []
    assert (len(times[""]), times["epoch"]) == (2, {EPOCH})


def _installed_size(root: Path) -> int:
    """As dpkg-gencontrol(1) estimates it."""
    files = [path for path in root.rglob("*") if path.is_file()]
    others = 1 + sum(path.is_dir() for path in root.rglob("*"))
    return sum(-(-path.stat().st_size // 1024) for path in files) + others


def test_control_says_what_the_spec_says(digests: Digests) -> None:
    write("t/bin/run", "x" * 5000, mode=0o755)
    write("demo.ini", "port = 8080\n")
    summary = "Greenhouse controller\n\nOpens the vents.\n\n  Closes them, too.\n"
    place, _ = _packed(digests, summary=summary, version="1.4.2~rc1+5")
    assert place.artifact("deb").name == "demo_1.4.2~rc1+5_arm64.deb"
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    assert _run("dpkg-deb", "-f", place.artifact("deb")).splitlines() == [
        "Package: demo",
        "Version: 1.4.2~rc1+5",
        "Architecture: arm64",
        "Maintainer: Greenhouse team <team@example.org>",
        f"Installed-Size: {_installed_size(Path('out'))}",
        "Recommends: python3",
        "Section: misc",
        "Priority: optional",
        "Description: Greenhouse controller",
        " Opens the vents.",
        " .",
        " Closes them, too.",
    ]


def test_a_spec_that_says_little_has_control_all_the_same(digests: Digests) -> None:
    write("t/x")
    write("demo.ini")
    place, _ = _packed(digests, summary="", maintainer="", license="\x1b[31m")
    told = _run("dpkg-deb", "-f", place.artifact("deb")).splitlines()
    assert "Maintainer: demo <root@localhost>" in told
    assert told[-2:] == ["Description: demo", " It is installed in /opt/demo."]
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    assert Path("out/usr/share/doc/demo/copyright").read_text() == (
        "demo: demo\n\nCopyright: demo <root@localhost>\nLicense: [31m\n"
    )


def test_the_text_of_a_known_licence_is_found(digests: Digests) -> None:
    write("t/x")
    write("demo.ini")
    place, _ = _packed(digests, license="MIT OR GPL-2.0-or-later OR Apache-2.0")
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    told = Path("out/usr/share/doc/demo/copyright").read_text().splitlines()
    assert told[-2:] == [
        "    /usr/share/common-licenses/GPL-2",
        "    /usr/share/common-licenses/Apache-2.0",
    ]


def test_relations_and_fields_are_the_spec_s(digests: Digests) -> None:
    write("t/x")
    write("demo.ini")
    said = {
        "Depends": "python3 (>= 3.9) | python3-minimal",
        "Section": "net",
        "Homepage": "http://x",
    }
    place, _ = _packed(digests, debian=said)
    told = _run("dpkg-deb", "-f", place.artifact("deb"), "Depends", "Section", "Homepage")
    assert told == "Depends: python3 (>= 3.9) | python3-minimal\nSection: net\nHomepage: http://x\n"
    assert "Recommends" not in _run("dpkg-deb", "-f", place.artifact("deb"))  # it has python3
    assert _findings(place) == []


def _document(name: str) -> Document:
    return Document(name, f"debian/{name}", Origin(file="specs/demo.yaml", line=7, column=3))


def test_changelog_and_copyright_can_be_one_s_own(digests: Digests) -> None:
    entry = "demo (1.0) stable; urgency=low\n\n  * Mine.\n\n -- Me <me@example.org>  "
    write("debian/changelog", f"{entry}Thu, 01 Jan 2026 12:00:00 +0000\n")
    write("debian/copyright", "Copyright 2026 Me\n")
    write("t/x")
    write("demo.ini")
    documents = (_document("changelog"), _document("copyright"))
    place, _ = _packed(digests, documents=documents)
    assert _findings(place) == []
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    assert Path("out/usr/share/doc/demo/copyright").read_text() == "Copyright 2026 Me\n"
    _run("gzip", "-t", "out/usr/share/doc/demo/changelog.gz")
    read = DebFile(fileobj=io.BytesIO(place.artifact("deb").read_bytes()))
    assert str(read.changelog()) == Path("debian/changelog").read_text()
    assert "copyright-without" not in Path("out/usr/share/lintian/overrides/demo").read_text()


def test_a_document_that_is_not_there_is_a_fault(digests: Digests) -> None:
    with pytest.raises(SpecError) as raised:
        lay_out([variant(documents=(_document("copyright"),))], Sources("artifacts"))
    assert str(raised.value) == "specs/demo.yaml:7:3: debian/copyright does not exist [no-source]"


def test_a_document_can_be_too_large(digests: Digests) -> None:
    write("debian/changelog", "x" * ((1 << 20) + 1))
    write("t/x")
    write("demo.ini")
    with pytest.raises(ArtifactError) as raised:
        _packed(digests, documents=(_document("changelog"),))
    assert str(raised.value) == (
        ".provisioning/debian/changelog: has 1048577 bytes, and a deb can have at most 1048576 of"
        " it"
    )


def test_md5sums_are_those_of_the_files_and_conffiles_are_named(digests: Digests) -> None:
    _project()
    place, _ = _packed(digests)
    _run("dpkg-deb", "-R", place.artifact("deb"), "out")
    checked = _run("sh", "-c", "cd out && md5sum --strict -c DEBIAN/md5sums").splitlines()
    files = [path for path in Path("out").rglob("*") if path.is_file() and not path.is_symlink()]
    files = [path for path in files if path.parts[1] != "DEBIAN" and path.name != "demo.ini"]
    assert len(checked) == len(files)
    assert Path("out/DEBIAN/conffiles").read_text() == "/opt/demo/etc/demo.ini\n"


def test_a_package_in_usr_has_each_directory_once(digests: Digests) -> None:
    write("t/share/doc/demo/copyright", "mine\n")
    write("demo.ini")
    place, _ = _packed(digests, prefix="/usr")
    assert _findings(place) == []
    names = [
        line.split()[-1] for line in _run("dpkg-deb", "-c", place.artifact("deb")).splitlines()
    ]
    assert len(names) == len({*names})
    _run("dpkg-deb", "-x", place.artifact("deb"), "out")
    assert Path("out/usr/share/doc/demo/copyright").read_text() == "mine\n"
    assert Path("out/usr/share/doc/demo/changelog.gz").exists()
    for at, name in enumerate(names[1:], 1):
        assert f"{os.path.dirname(name.rstrip('/'))}/" in names[:at]


def test_what_stands_in_the_way_of_a_directory_is_a_fault(digests: Digests) -> None:
    write("t/share/doc", "no directory\n")
    write("demo.ini")
    with pytest.raises(ArtifactError) as raised:
        _packed(digests, prefix="/usr")
    assert str(raised.value) == (
        "/usr/share/doc: is not a directory, but a Debian package needs one there; choose another "
        "prefix"
    )


def test_one_file_that_changes_is_one_chunk(digests: Digests) -> None:
    _project()
    place, first = _packed(digests)
    before = place.artifact("deb").read_bytes()
    write("t/lib/many/7", "7\n" * 30_000 + "more\n")
    place, second = _packed(digests)
    assert second.chunks_rebuilt == 3  # its own, the manifest's, and control
    assert second.chunks_reused == first.chunks_rebuilt - 3
    assert _findings(place) == []
    os.rename("artifacts/.work/chunks", "gone")
    again, _ = _packed(digests)
    assert again.artifact("deb").read_bytes() == place.artifact("deb").read_bytes() != before


def test_another_version_leaves_the_chunks_of_all_files(digests: Digests) -> None:
    _project()
    _, first = _packed(digests)
    _, second = _packed(digests, version="1.1")
    assert second.chunks_rebuilt == 3  # the manifest's, control, and the changelog's
    assert second.chunks_reused == first.chunks_rebuilt - 3


def test_an_equal_build_reads_no_source(digests: Digests) -> None:
    _project()
    _packed(digests)
    _, cost = _packed(digests)
    assert cost.chunks_rebuilt == cost.bytes_in == 0


def test_a_source_that_changes_meanwhile_is_told(digests: Digests) -> None:
    _project()
    described = variant(content("src", "t", ""), formats=("deb",), compression={"deb": "xz:1"})
    (layout,) = lay_out([described], Sources("artifacts"))
    found = Listing.of(collect(layout, digests.look))
    write("t/lib/text", "two\n")
    with pytest.raises(BuildError, match="changed while it was packaged"):
        pack(workspace(described, "artifacts"), found, digests)
    assert not list(Path("artifacts").glob("demo-*/*"))


@pytest.mark.sweep
@pytest.mark.parametrize("codec", CODECS)
def test_a_bit_flipped_at_any_byte_of_a_release_is_told(digests: Digests, codec: str) -> None:
    write("t/text", "text")
    write("demo.ini")
    place, _ = _packed(digests, compression={"deb": codec})
    package = place.artifact("deb")
    data = package.read_bytes()
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        package.write_bytes(flipped)
        assert _findings(place)


def test_a_name_that_is_another_s_is_told(digests: Digests) -> None:
    write("t/text", "text")
    write("demo.ini")
    place, _ = _packed(digests)
    place.artifact("deb").rename(place.release / "demo_2.0_arm64.deb")
    told = _findings(place)
    assert (
        "demo_2.0_arm64.deb: should be called demo_1.0_arm64.deb according to its manifest" in told
    )


@pytest.mark.needs("Linux", "root")
def test_dpkg_installs_verifies_upgrades_and_removes_it(digests: Digests, tmp_path: Path) -> None:
    write("t/lib/text", "one\n")
    write("demo.ini", "port = 8080\n")
    with copied(tmp_path) as pi:
        _install(pi, _packed(digests, arch="all")[0])
        assert pi.run("dpkg", "--verify", "demo") == ""
        edited, text = pi.path("/opt/demo/etc/demo.ini"), pi.path("/opt/demo/lib/text")
        edited.write_text("port = 9090\n")
        write("t/lib/text", "two\n")
        _install(pi, _packed(digests, arch="all", version="1.1")[0])
        assert text.read_text() == "two\n"
        assert edited.read_text() == "port = 9090\n"
        text.write_text("2wo\n")
        assert pi.run("sh", "-c", "dpkg --verify demo || true").split() == [
            *("??5??????", "c", "/opt/demo/etc/demo.ini", "??5??????", "/opt/demo/lib/text")
        ]
        pi.run("dpkg", "-r", "demo")
        assert edited.exists()
        pi.run("dpkg", "-P", "demo")
        assert not pi.path("/opt/demo").exists()


def _install(pi: Copied, place: Workspace) -> None:
    data = place.artifact("deb").read_bytes()
    pi.path("/tmp/demo.deb").write_bytes(data)
    pi.run("dpkg", "-i", "/tmp/demo.deb")
