"""Debian packages that are not what they say, and one that is."""

from __future__ import annotations

import io
import lzma
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard

from provisioning.artifact.codec import HEADER
from provisioning.artifact.contents import compare
from provisioning.artifact.deb import containers, control
from provisioning.artifact.extract import extract
from provisioning.artifact.model.entry import FILE, LINK
from provisioning.artifact.model.manifest import Manifest, dump
from provisioning.artifact.tar import archive
from provisioning.artifact.verification import verify
from provisioning.builder.archive.debian.scripts import scripts
from provisioning.errors import ArtifactError
from tests.artifact.deb import making
from tests.artifact.deb.making import DESCRIBED, NAME, SPELLING, deb, wrapped
from tests.artifact.making import ITEMS, PACKAGE, Item, directory, file, gzip, link
from tests.builder.debian.test_script import FULL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.artifact.conftest import Refuse

DOCUMENTS = "/usr/share/doc/greenhouse"
WRONG = "is not as the manifest says"


@pytest.fixture
def findings(tmp_path: Path) -> Refuse:
    """What verifying a Debian package of these bytes tells."""

    def told(data: bytes) -> list[str]:
        path = tmp_path / NAME
        path.write_bytes(data)
        return [str(finding) for finding in verify(path).findings]

    return told


def _stream(data: bytes) -> bytes:
    """One frame of zstd, as the build makes it."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, window_log=23, write_checksum=True, write_content_size=False
    )
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(data) + stream.flush()


def test_a_sound_package_has_no_findings(findings: Refuse) -> None:
    assert findings(deb()) == []


HOOKED = (
    directory(".provisioning/debian"),
    file(".provisioning/debian/changelog", b"greenhouse (1.4.2) stable; urgency=low\n"),
    file(".provisioning/debian/copyright", b"Copyright 2026\n"),
    directory(".provisioning/hooks"),
    file(".provisioning/hooks/post_install", b"#!/bin/true\n", mode=0o755),
    file(".provisioning/hooks/post_remove", b"#!/bin/true\n", mode=0o755),
    file(".provisioning/hooks/pre_install", b"#!/bin/true\n", mode=0o755),
    file(".provisioning/hooks/pre_remove", b"#!/bin/true\n", mode=0o755),
    *ITEMS,
)


def test_a_package_with_services_hooks_and_documents_has_no_findings(findings: Refuse) -> None:
    assert findings(making.spelt(FULL, HOOKED)) == []
    assert findings(making.spelt(PACKAGE, ITEMS)) == []


SPELLINGS = {  # texts of this version, each of which the next one may spell in another way
    "provisioning.builder.archive.debian.scripts._GUARD": "#!/bin/sh\n# of {name}\n",
    "provisioning.builder.archive.debian.scripts._PURGE": "# of {name}\n",
    "provisioning.builder.archive.debian.scripts._PATH": "/bin",
    "provisioning.artifact.service_files._HARDENING": ("ProtectHome=yes",),
    "provisioning.builder.archive.debian.extras._ADD_ON": "/elsewhere/",
    "provisioning.builder.archive.debian.scripts.users": lambda _: ("somebody",),
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_package_that_another_version_spelt_is_sound(
    findings: Refuse, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    now = making.spelt(FULL, HOOKED)
    with monkeypatch.context() as patched:
        patched.setattr(text, SPELLINGS[text])
        before = making.spelt(FULL, HOOKED)
    assert before != now
    assert findings(before) == []


def test_a_package_of_before_says_what_proves_it(findings: Refuse) -> None:
    manifest = DESCRIBED.manifest
    about = DESCRIBED._replace(manifest=manifest._replace(package=PACKAGE))
    (told,) = findings(making.of(about, ITEMS))
    assert told == (
        f"{NAME}: its manifest has no digests of its scripts: an older version of this tool made"
        " it; verify it with that version, or build it again"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "etc/cron.d/x",
            "/etc/cron.d/x: is not at a place where a Debian package has files of its own",
        ),
        (
            "opt/greenhouse/lib/main.py",
            (
                "/opt/greenhouse/lib/main.py: is not at a place where a Debian package has files "
                "of "
                "its own"
            ),
        ),
        ("DEBIAN/config", "DEBIAN/config: is not a script that dpkg runs"),
    ],
)
def test_a_manifest_adds_nothing_that_no_package_has(findings: Refuse, name: str, why: str) -> None:
    package = DESCRIBED.manifest.package
    files = (*package.debian_files, (name, "0" * 64))
    stating = package._replace(debian_files=tuple(sorted(files)))
    about = DESCRIBED._replace(manifest=DESCRIBED.manifest._replace(package=stating))
    assert findings(making.of(about, ITEMS)) == [f"{NAME}: {why}"]


def test_what_lies_where_units_and_documents_do_is_not_spelt_twice(findings: Refuse) -> None:
    documents = "share/doc/greenhouse"
    items = (
        *(directory("share"), directory("share/doc"), directory(documents)),
        file(f"{documents}/copyright", b"mine\n"),
    )
    about = making.described(PACKAGE._replace(prefix="/usr"), items)
    name = f"usr/{documents}/copyright"
    assert name not in dict(about.manifest.package.debian_files)
    assert findings(making.of(about, items)) == []
    package = about.manifest.package
    files = (*package.debian_files, (name, "0" * 64))
    stating = package._replace(debian_files=tuple(sorted(files)))
    about = about._replace(manifest=about.manifest._replace(package=stating))
    assert findings(making.of(about, items)) == [
        f"{NAME}: /{name}: is not at a place where a Debian package has files of its own"
    ]


def test_a_content_that_dpkg_needs_is_not_of_any_size(findings: Refuse) -> None:
    name = ".provisioning/debian/changelog"
    large = file(name, b"x" * ((1 << 20) + 1))
    listed = dump(Manifest(PACKAGE, (HOOKED[0].entry, large.entry)))
    assert findings(deb(making.preamble(listed) + bytes(4096))) == [
        f"{NAME}: {name}: has 1048577 bytes, and a deb can have at most 1048576 of it"
    ]


def test_a_conffile_that_dpkg_would_not_know_is_refused() -> None:
    named = file("edited ", b"port = 8080\n")
    items = (named._replace(entry=named.entry._replace(conffile=True)),)
    with pytest.raises(ArtifactError) as raised:
        making.spelt(PACKAGE, items)
    assert str(raised.value) == (
        "'edited ': ends in a space, which dpkg takes off the names of conffiles: it would"
        " overwrite edits; choose another name"
    )


def test_a_sound_package_is_extracted_as_it_was(tmp_path: Path) -> None:
    path, into = tmp_path / NAME, tmp_path / "into"
    path.write_bytes(deb())
    into.mkdir()
    assert compare(extract(path, into), into) == ((), ())


def test_one_that_is_cut_off_at_any_byte_is_refused(findings: Refuse) -> None:
    whole = deb()
    for length in range(len(whole)):
        assert findings(whole[:length]), length


def _inflated(packed: bytes) -> bytes:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(packed)


def _unpacked(whole: bytes) -> list[bytes]:
    """What lies around the compressed members, and what is compressed in them."""
    control = whole.index(HEADER)
    data = whole.index(HEADER, control + 1)
    head = data - len(containers.ar_header("", 0))
    packed, rest = whole[control:head], whole[data:]
    return [whole[:control], whole[head:data], *map(_inflated, (packed, rest))]


def test_a_bit_flipped_at_any_byte_is_told_or_changes_nothing_that_is_unpacked(
    findings: Refuse,
) -> None:
    whole = deb()
    wanted = _unpacked(whole)
    for offset in range(len(whole)):
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << offset % 8
        # Of zeros that are repeated, deflate may copy these or those: SHA256SUMS tells that.
        assert findings(bytes(flipped)) or _unpacked(bytes(flipped)) == wanted


@pytest.mark.parametrize("size", [3, 4, 5, 6, 1 << 20])
def test_a_member_that_says_to_be_longer_than_it_is_is_refused(size: int) -> None:
    whole = (
        containers.beginning(b"ab") + containers.ar_header(containers.DATA["gzip"], size) + b"abcd"
    )
    archive = containers.Archive(io.BytesIO(whole))
    for names in ({containers.CONTROL: containers.CONTROL}, containers.DATA):
        archive.member(names)[1].readall()
    if size == 4:
        archive.end()
        return
    with pytest.raises(ArtifactError):
        archive.end()


def test_what_follows_is_refused(findings: Refuse) -> None:
    assert findings(deb() + b"\n") == [f"{NAME}: goes on after its end"]


def test_a_further_member_is_refused(findings: Refuse) -> None:
    more = deb() + containers.ar_header("_gpgorigin", 2) + b"hi"
    assert findings(more) == [f"{NAME}: goes on after its end"]


def test_a_member_before_the_others_is_refused(findings: Refuse) -> None:
    whole = deb().replace(
        containers.MAGIC, containers.MAGIC + containers.ar_header("_extra", 2) + b"hi", 1
    )
    assert findings(whole) == [f"{NAME}: has no debian-binary where it should be"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"!<arch>\n", b"!<thin>\n", "is not a Debian package"),
        (b"2.0\n", b"2.1\n", "debian-binary: is not 2.0"),
        (b"debian-binary ", b"debian-binary/", "has no debian-binary where it should be"),
        (b"946684800", b"946684801", "has no debian-binary where it should be"),
        (b"100644  4 ", b"100644  +4", "has no debian-binary where it should be"),
        (b"100644  4 ", b"100644  04", "has no debian-binary where it should be"),
        (b"control.tar.gz  ", b"control.tar     ", "has no control.tar.gz where it should be"),
    ],
)
def test_another_ar_is_refused(findings: Refuse, old: bytes, new: bytes, told: str) -> None:
    assert findings(deb().replace(old, new, 1)) == [f"{NAME}: {told}"]


def test_another_codec_than_the_name_of_the_data_says_is_refused(findings: Refuse) -> None:
    (finding,) = findings(wrapped(gzip(making.data_of()), codec="xz"))
    assert "not the xz header" in finding
    named = deb().replace(b"data.tar.gz ", b"data.tar.bz2", 1)
    assert findings(named) == [
        f"{NAME}: has no data.tar.gz or data.tar.xz or data.tar.zst where it should be"
    ]


def test_a_byte_of_padding_that_is_another_is_refused(findings: Refuse) -> None:
    data = making.data_of()
    cuts = (gzip(data[:at]) + gzip(data[at:]) for at in range(512, len(data), 512))
    whole = wrapped(next(cut for cut in cuts if len(cut) % 2))
    assert findings(whole) == []
    told = [f"{NAME}: a member of its ar does not end where it should"]
    assert findings(whole[:-1] + b"x") == told
    assert findings(whole[:-1]) == told


def test_of_several_gzip_members_all_are_read(findings: Refuse) -> None:
    data = making.data_of()
    assert findings(wrapped(gzip(data[:1024]) + gzip(data[1024:]))) == []


@pytest.mark.parametrize("codec", ["xz", "zstd"])
def test_one_stream_is_read_and_a_second_one_refused(findings: Refuse, codec: str) -> None:
    press = {"xz": lzma.compress, "zstd": _stream}[codec]
    data = making.data_of()
    assert findings(wrapped(press(data), codec=codec)) == []
    first = press(data[:1024])
    (finding,) = findings(wrapped(first + press(data[1024:]), codec=codec))
    assert finding.endswith(f"at byte {len(first)}: there must be only one")


def test_another_frame_of_zstd_is_refused(findings: Refuse) -> None:
    sized = zstandard.ZstdCompressor().compress(making.data_of())
    (finding,) = findings(wrapped(sized, codec="zstd"))
    assert "not the zstd header" in finding


def _with(path: str, item: Item) -> bytes:
    """The package whose data hold `item` in the place of another."""
    return deb(making.data_of(item if each.entry.path == path else each for each in ITEMS))


MAIN = next(item for item in ITEMS if item.entry.path == "lib/main.py")


@pytest.mark.parametrize(
    "item",
    [
        MAIN._replace(entry=MAIN.entry._replace(mode=0o4755)),
        MAIN._replace(entry=MAIN.entry._replace(owner="pi")),
        MAIN._replace(entry=MAIN.entry._replace(path="lib/../../../etc/cron.d/x")),
        MAIN._replace(entry=MAIN.entry._replace(path="lib/main.pyc")),
        MAIN._replace(entry=MAIN.entry._replace(digest="0" * 64)),  # another time
        file("lib/main.py", b"longer" * 500, mode=0o755),
        directory("lib/main.py"),
        link("lib/main.py", "../../../etc/passwd"),
    ],
    ids=lambda item: f"{item.entry.type} {item.entry.mode:o} {item.entry.path[-6:]}",
)
def test_a_member_that_is_another_one_is_refused(findings: Refuse, item: Item) -> None:
    assert findings(_with("lib/main.py", item)) == [
        f"{NAME}: lib/main.py: is not in the data as the manifest says"
    ]


def test_another_content_is_told(findings: Refuse) -> None:
    changed = MAIN._replace(content=MAIN.content.replace(b"Hello", b"Howdy"))
    (told,) = findings(_with("lib/main.py", changed))
    assert told.startswith("lib/main.py: sha256 ")
    assert told.endswith(f", the manifest says {MAIN.entry.digest[:16]}…")


def test_a_member_that_is_missing_is_refused(findings: Refuse) -> None:
    assert findings(deb(making.data_of(ITEMS[:3] + ITEMS[4:]))) == [
        f"{NAME}: etc/greenhouse.toml: is not in the data as the manifest says"
    ]


def test_a_further_file_is_refused(findings: Refuse) -> None:
    more = making.data_of((*ITEMS, file("lib/ölig", b"")))
    assert findings(deb(more)) == [f"{NAME}: {DOCUMENTS}/changelog.gz: {WRONG}"]


def test_a_file_behind_the_end_is_refused(findings: Refuse) -> None:
    more = deb(making.data_of() + making.member(file("lib/x")))
    assert findings(more) == [f"{NAME}: its data do not end as the manifest says"]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (b"Copyright: ", b"Copywrong: ", "copyright"),
        (b"/copyright\0", b"/copywrong\0", "copyright"),
        (b"./usr/share/doc/greenhouse/\0", b"./usr/share/doc/greenhaus//\0", "changelog.gz"),
    ],
)
def test_another_file_of_the_system_s_is_refused(
    findings: Refuse, old: bytes, new: bytes, name: str
) -> None:
    data = making.data_of()
    assert old in data
    assert findings(deb(data.replace(old, new))) == [f"{NAME}: {DOCUMENTS}/{name}: {WRONG}"]


def test_content_that_is_not_followed_by_zeros_is_refused(findings: Refuse) -> None:
    end = MAIN.content[-30:]
    data = making.data_of().replace(end + b"\0", end + b"x")
    assert findings(deb(data)) == [
        f"{NAME}: ./opt/greenhouse/lib/main.py: is not followed by zeros"
    ]


def _changed(name: str, content: bytes) -> bytes:
    """The control member with another file of this name, or one more."""
    held = {**making.control_files(), name: content}
    others = {each: text for each, text in scripts(DESCRIBED).items() if each != name}
    return control.spell(held, others)


SCRIPT = scripts(DESCRIBED)["postinst"].encode()


@pytest.mark.parametrize(
    ("control", "told"),
    [
        (_changed("control", b"Package: greenhouse\n"), "control"),
        (_changed("postinst", b"#!/bin/sh\nrm -r /\n"), "postinst"),
        (_changed("postinst", SCRIPT.replace(b"exit 0", b"exit 1")), "postinst"),
        (
            making.control_tar()[: -len(archive.END)]
            + containers.file("./x", 0o755, b"")
            + archive.END,
            "its end",
        ),
        (_changed("config", b"#!/bin/sh\nrm -r /\n"), "control"),
        (_changed("conffiles", b"/etc/passwd\n"), "control"),
        (control.spell(making.control_files(), {}), "postinst"),
        (making.control_tar(ITEMS[:3]), "md5sums"),
        (making.control_tar()[:-512], "its end"),
        (b"x" * 512 + making.control_tar(), "./"),
    ],
)
def test_control_that_disagrees_is_refused(findings: Refuse, control: bytes, told: str) -> None:
    assert findings(deb(control=control)) == [
        f"control.tar.gz: {told}: is not as the manifest says"
    ]


def test_control_that_goes_on_is_refused(findings: Refuse) -> None:
    more = making.control_tar() + bytes(512)
    assert findings(deb(control=more)) == ["control.tar.gz: goes on after its end"]


def test_md5sums_of_another_content_are_refused(findings: Refuse) -> None:
    changed = (MAIN._replace(content=b"other") if each is MAIN else each for each in ITEMS)
    told = findings(deb(control=making.control_tar(changed)))
    assert told == ["control.tar.gz: md5sums: is not as the manifest says"]


BOMB = gzip(bytes(4 << 20)) * 32


@pytest.mark.parametrize(
    ("data", "control", "told"),
    [
        (
            gzip(making.data_of()) + BOMB,
            b"",
            f"{NAME}: its data do not end as the manifest says",
        ),
        (b"", gzip(making.control_tar()) + BOMB, "control.tar.gz: goes on after its end"),
        (b"", BOMB, "control.tar.gz: ./: is not as the manifest says"),
    ],
)
def test_a_bomb_goes_off_in_small(findings: Refuse, data: bytes, control: bytes, told: str) -> None:
    control, data = control or gzip(making.control_tar()), data or gzip(making.data_of())
    head = containers.ar_header(containers.DATA["gzip"], len(data))
    bomb = b"".join((containers.beginning(control), head, data, containers.padding(len(data))))
    tracemalloc.start()
    try:
        assert findings(bomb) == [told]
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_a_control_member_that_is_damaged_is_told(findings: Refuse) -> None:
    control = bytearray(gzip(making.control_tar()))
    control[-8] ^= 1
    head = containers.ar_header(containers.DATA["gzip"], len(data := gzip(making.data_of())))
    whole = b"".join(
        (containers.beginning(bytes(control)), head, data, containers.padding(len(data)))
    )
    (finding,) = findings(whole)
    assert finding.startswith("control.tar.gz: is damaged")
    assert finding.endswith("incorrect data check")


def test_data_that_begin_with_no_manifest_are_refused(findings: Refuse) -> None:
    told = [f"{NAME}: its data do not begin with a manifest: this tool did not make it"]
    assert findings(deb(containers.directory(".") + archive.END)) == told
    assert findings(deb(containers.directory(".") * 100 + making.data_of())) == told
    assert findings(deb(containers.file("./x", 0o644, b""))) == told


def test_a_manifest_that_lies_elsewhere_is_refused(findings: Refuse) -> None:
    data = making.data_of().replace(b"./opt/greenhouse/", b"./opt/greenhaus//", 1)
    assert findings(deb(data)) == [
        f"{NAME}: .provisioning/manifest.json: is not where it should be in the data"
    ]


def test_a_manifest_of_another_package_is_refused(findings: Refuse) -> None:
    other = dump(making.described(PACKAGE, ITEMS[:2]).manifest)
    data = making.preamble(other) + making.data_of()[len(making.preamble()) :]
    assert findings(deb(data)) == [f"{NAME}: {DOCUMENTS}/changelog.gz: {WRONG}"]


def test_a_large_file_in_the_place_of_the_manifest_is_refused(findings: Refuse) -> None:
    head = containers.tar_header(archive.Member("./x", FILE, 0o644, "root", "root", 1 << 32))
    told = findings(deb(head + bytes(512)))
    assert told == [f"{NAME}: its data do not begin with a manifest: this tool did not make it"]


def test_times_are_all_of_one_kind(findings: Refuse) -> None:
    epoch = containers.Gnu(PACKAGE.prefix, by_content=False)
    data = making.data_of().replace(SPELLING.header(MAIN.entry), epoch.header(MAIN.entry))
    assert findings(deb(data)) == [f"{NAME}: lib/main.py: is not in the data as the manifest says"]
    every = making.data_of()
    listed = [item.entry for item in ITEMS if item.entry.type != LINK]
    for entry in listed:
        every = every.replace(SPELLING.header(entry), epoch.header(entry))
    head = SPELLING.preamble(making.DATA)
    assert findings(deb(every.replace(head, epoch.preamble(making.DATA)))) == []
