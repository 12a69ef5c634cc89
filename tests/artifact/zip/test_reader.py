"""A zip against its manifest."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import process_pool
from provisioning.artifact.contents import compare
from provisioning.artifact.extract import extract
from provisioning.artifact.filesystem import open_regular
from provisioning.artifact.model import manifest
from provisioning.artifact.model.entry import MANIFEST
from provisioning.artifact.tar.archive import mtime_of_content
from provisioning.artifact.verification import Verification, VerifyResult, verify
from provisioning.artifact.zip.reader import ZipReader, prove
from provisioning.artifact.zip.records import clock
from provisioning.errors import ArtifactError
from tests.artifact.making import ITEMS, Item, directory, file, link, manifest_of
from tests.artifact.test_rehearsal import Scratch

from .making import (
    DATE,
    NAME,
    TOP,
    Part,
    deflate,
    directory_of,
    end,
    local,
    members_of,
    part,
    parts,
    write_release,
    zipped,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Told = Callable[[bytes], list[str]]

GOOD = manifest_of(ITEMS)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """What verifying a zip of these bytes tells; what is wrong with it is never proved."""

    def verified(data: bytes) -> list[str]:
        path = tmp_path / NAME
        path.write_bytes(data)
        assert is_proved(path) == is_read(path)
        return [str(finding) for finding in verify(path).findings]

    return verified


def is_proved(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return prove(file, ZipReader(file)) is not None
    except ArtifactError:  # the manifest cannot be read
        return False


def is_read(path: Path) -> bool:
    """Whether one reader, byte after byte, finds nothing wrong."""
    try:
        with open_regular(path) as file:
            return not list(ZipReader(file).findings())
    except ArtifactError:
        return False


def replaced(path: str, *others: Part) -> list[Part]:
    """The members of a package, one of which is another, or others, or none."""
    made = parts()
    (at,) = (at for at, one in enumerate(made) if one.name == f"{TOP}{path}".encode())
    return [*made[:at], *others, *made[at + 1 :]]


def changed(path: str, **changes: object) -> list[Part]:
    (one,) = (one for one in parts() if one.name == f"{TOP}{path}".encode())
    return replaced(path, one._replace(**changes))  # type: ignore[arg-type]


def test_a_sound_zip_is_verified(told: Told, tmp_path: Path) -> None:
    assert told(zipped(parts())) == []
    assert verify(tmp_path / NAME) == VerifyResult(NAME, manifest.parse(GOOD, "m"), ())
    with zipfile.ZipFile(tmp_path / NAME) as archive:  # made by hand, and right
        assert archive.testzip() is None


def test_a_release_is_verified_with_its_sidecars(tmp_path: Path) -> None:
    path = write_release(tmp_path / "release")
    assert verify(path, complete=True).findings == ()
    (tmp_path / "release/greenhouse-1.4.2-raspberry-pi.manifest.json").write_bytes(b"{}")
    findings = [str(finding) for finding in verify(path, complete=True).findings]
    assert "is not the manifest" in findings[0]


@pytest.mark.parametrize("items", [(), (file("x"),), (directory("d"), link("l", "d"))])
def test_small_packages_are_verified(told: Told, items: tuple[Item, ...]) -> None:
    assert told(zipped(parts(items))) == []


def test_owners_that_are_numbers_are_verified(told: Told) -> None:
    items = (file("a", b"x", owner="1000"), file("b", b"x", owner="root"))
    assert told(zipped(parts(items))) == []
    swapped = (file("a", b"x", owner="root"), items[1])
    strange = "greenhouse/a: its header is damaged, or written by another tool"
    assert told(zipped(parts(swapped, manifest_of(items)))) == [f"{NAME}: {strange}"]


def timed(items: tuple[Item, ...], data: bytes) -> list[Part]:
    """The members of a package whose times follow their contents."""
    made = parts(items, data)
    entries = [None, None, file(MANIFEST, data).entry, *(item.entry for item in items)]
    for at, entry in enumerate(entries):
        if entry and entry.type == "file":
            time, date = clock(mtime_of_content(entry))
            fields = {**made[at].fields, "time": time, "date": date}
            made[at] = made[at]._replace(fields=fields)
    return made


def test_times_are_all_one_or_all_those_of_contents(told: Told) -> None:
    made = timed(ITEMS, GOOD)
    assert told(zipped(made)) == []
    strange = "its header is damaged, or written by another tool"
    mixed = [*made[:6], parts()[6], *made[7:]]
    assert told(zipped(mixed)) == [f"{NAME}: greenhouse/etc/greenhouse.toml: {strange}"]
    mixed = [*parts()[:6], made[6], *parts()[7:]]
    assert told(zipped(mixed)) == [f"{NAME}: greenhouse/etc/greenhouse.toml: {strange}"]


CONFIG, LINK = "etc/greenhouse.toml", "bin/greenhouse"
SAYS = "the manifest says 37107a4e5ea87339…"
LINKED = "type link, the manifest says file"


@pytest.mark.parametrize(
    ("other", "messages"),
    [
        (file(CONFIG, b"port = 8080\n"), ["mode 0644, the manifest says 0640"]),
        (directory("lib", mode=0o1777), ["mode 1777, the manifest says 0755"]),
        (link(LINK, "x"), ["size 1, the manifest says 14"]),
        (link(LINK, "../lib/main.sh"), ["link ../lib/main.sh, the manifest says ../lib/main.py"]),
        (directory(LINK), ["type dir, the manifest says link"]),
        (file("lib", b"x"), ["type file, the manifest says dir"]),
        (file("lib/öl.txt", b"x"), ["size 1, the manifest says 0"]),
        (link("lib/main.py", "x"), ["size 1, the manifest says 750", LINKED]),
        (file(CONFIG, b"port = 9090\n", mode=0o640), [f"sha256 04c5e951fe9c4202…, {SAYS}"]),
    ],
)
def test_a_member_that_differs_is_told(told: Told, other: Item, messages: list[str]) -> None:
    path = other.entry.path
    items = [other if one.entry.path == path else one for one in ITEMS]
    assert told(zipped(parts(items, GOOD))) == [f"{path}: {message}" for message in messages]


def test_all_differences_are_told_at_once(told: Told) -> None:
    items = (directory("bin", mode=0o700), *ITEMS[1:3], *ITEMS[4:], file("x"))
    assert told(zipped(parts(items, GOOD))) == [
        "x: is not in the manifest",
        "etc/greenhouse.toml: is missing from the archive",
        "bin: mode 0700, the manifest says 0755",
    ]


FIELDS = {
    "version": 45,
    "flags": 0,
    "method": 9,
    "time": 1,
    "date": DATE + 1,
    "crc": 1,
    "kept": 5,
    "size": 5,
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", ["lib/main.py", "bin/greenhouse", "lib/", "lib/öl.txt", MANIFEST])
def test_a_local_field_that_is_another_is_refused(told: Told, path: str, field: str) -> None:
    assert told(zipped(changed(path, local={field: FIELDS[field]})))


@pytest.mark.parametrize("field", [*FIELDS, "made_by", "disk", "internal", "attributes", "offset"])
@pytest.mark.parametrize("path", ["lib/main.py", "bin/greenhouse", "lib/", "", MANIFEST])
def test_a_central_field_that_is_another_is_told(told: Told, path: str, field: str) -> None:
    said = {"made_by": 45, "offset": 7, **FIELDS}.get(field, 1)
    (finding,) = told(zipped(changed(path, central={field: said})))
    assert finding.startswith(f"{path.rstrip('/') or TOP}: ")


@pytest.mark.parametrize(
    ("central", "message"),
    [
        ({"name": b"greenhouse/x"}, "is called greenhouse/x in the central directory"),
        ({"attributes": 0o120755 << 16}, "type link, the manifest says file"),
        ({"attributes": 0o010755 << 16}, "type FIFO, the manifest says file"),
        ({"attributes": 0}, "type unknown, the manifest says file"),
        ({"attributes": 0o104755 << 16}, "mode 4755, the manifest says 0755"),
        ({"attributes": 0o100755 << 16 | 1}, "its header in the central directory does not match"),
        ({"comment": b"x"}, "its header in the central directory does not match"),
        ({"crc": 1}, "its header in the central directory does not match"),
    ],
)
def test_headers_that_disagree_are_told(
    told: Told, central: dict[str, object], message: str
) -> None:
    assert told(zipped(changed("lib/main.py", central=central))) == [f"lib/main.py: {message}"]


@pytest.mark.parametrize(
    ("path", "content", "fields"),
    [
        ("lib/öl.txt", b"", {"method": 8, "kept": 2}),
        ("bin/greenhouse", b"../lib/main.py", {"method": 8, "kept": 16}),
        ("lib/main.py", b"print('Hello')\n" * 50, {"method": 9}),
    ],
)
def test_a_method_that_no_package_needs_is_refused(
    told: Told, path: str, content: bytes, fields: dict[str, int]
) -> None:
    (good,) = (one for one in parts() if one.name == f"{TOP}{path}".encode())
    other = good._replace(data=deflate(content), fields={**good.fields, **fields})
    strange = f"greenhouse/{path}: its header is damaged, or written by another tool"
    assert told(zipped(replaced(path, other))) == [f"{NAME}: {strange}"]


def test_a_package_behind_another_s_beginning_is_refused(told: Told) -> None:
    made, before = parts(), members_of(parts()[:3])
    offsets = [len(before)]
    for one in made[:-1]:
        offsets.append(offsets[-1] + len(local(one)) + len(one.data))
    body, listed = before + members_of(made), directory_of(made, offsets)
    found = told(body + listed + end(len(made), len(listed), len(body)))
    assert found[0] == "greenhouse/: is not in the manifest"


def test_a_member_that_is_said_to_lie_elsewhere_is_told(told: Told) -> None:
    data = zipped(changed("lib/main.py", central={"offset": 7}))
    at = data.index(b"greenhouse/lib/main.py") - 30
    message = f"lib/main.py: lies at byte {at}, the central directory says 7"
    assert told(data) == [message]


def test_a_member_that_one_of_the_two_places_leaves_out_is_told(told: Told) -> None:
    made = parts()
    message = f"{NAME}: greenhouse/lib/öl.txt: the central directory does not list it"
    assert told(zipped(made, made[:-1])) == [message]
    ended = f"{NAME}: does not end where its central directory does"
    assert told(zipped(made, [*made, part(f"{TOP}zzz")])) == [ended]
    body, listed = members_of(made), directory_of([*made, part(f"{TOP}zzz")])
    assert told(body + listed + end(len(made), len(listed), len(body))) == [ended]


def test_what_is_around_the_members_is_refused(told: Told) -> None:
    data = zipped(parts())
    ended = f"{NAME}: does not end where its central directory does"
    for rest in (b"\0", b"PK\5\6", data[-22:], data):
        assert told(data + rest) == [ended]
    (begun,) = told(b"x" + data)
    assert "does not begin with a manifest" in begun
    body = members_of(parts())
    gap = body + b"gap!" + data[len(body) :]
    assert told(gap) == [f"{NAME}: is damaged at byte {len(body)}: no zip header begins there"]
    assert told(data[:-22] + end(10, len(data) - 22 - len(body), len(body), b"comment")) == [ended]
    assert told(data[:-22] + end(9, len(data) - 22 - len(body), len(body))) == [ended]


def test_a_zip_cut_off_at_any_byte_is_refused(told: Told) -> None:
    data = zipped(parts(ITEMS[:4]))
    for length in range(len(data)):
        (finding,) = told(data[:length])
        assert finding.startswith(f"{NAME}: ")


def test_a_bit_flipped_at_any_byte_is_told_or_changes_nothing(told: Told, tmp_path: Path) -> None:
    # As in a tar.gz: deflate can say one thing in two ways, and a release's sums tell every bit.
    made = parts(ITEMS[:4])
    data, deflated = zipped(made), made[2].data
    start = data.index(deflated)
    for offset in range(len(data)):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        if not told(bytes(flipped)):
            assert start <= offset < start + len(deflated)
            with zipfile.ZipFile(tmp_path / NAME) as archive:
                assert archive.testzip() is None


def test_a_zip_without_a_manifest_is_refused(told: Told) -> None:
    huge = parts()[2]._replace(local={"size": 1 << 30, "kept": 1 << 30})
    for made in (
        end(0, 0, 0),
        zipped(parts()[3:]),
        zipped([parts()[0], parts()[2]]),
        zipped([*parts()[:2], huge]),
    ):
        (finding,) = told(made)
        assert finding.startswith(f"{NAME}: does not begin with a manifest")


EMPTY = {"data": b"\3\0", "fields": {**parts()[0].fields, "method": 8, "kept": 2}}
TIMED = {"fields": {**parts()[2].fields, "time": 1}}


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        *((at, {"local": {"version": 10}}) for at in range(3)),
        *((at, EMPTY) for at in range(2)),
        (2, {"fields": {**parts()[2].fields, "method": 9}}),
        (2, TIMED),
    ],
)
def test_a_preamble_that_is_spelt_otherwise_is_refused(
    told: Told, at: int, changes: dict[str, object]
) -> None:
    made = parts()
    made[at] = made[at]._replace(**changes)  # type: ignore[arg-type]
    (finding,) = told(zipped(made))
    assert "manifest.json: is not where it should be" in finding


def test_what_is_extracted_is_what_the_manifest_says(tmp_path: Path) -> None:
    path, into = tmp_path / NAME, tmp_path / "into"
    path.write_bytes(zipped(parts()))
    into.mkdir()
    assert compare(extract(path, into), into) == ((), ())
    assert os.readlink(into / "bin/greenhouse") == "../lib/main.py"
    path.write_bytes(zipped(replaced("lib/öl.txt")))
    (tmp_path / "other").mkdir()
    with pytest.raises(ArtifactError) as caught:
        extract(path, tmp_path / "other")
    assert str(caught.value) == f"{path}: lib/öl.txt: is missing from the archive"


MANY = tuple(file(f"{number:05}", b"%d" % number * 50) for number in range(1500))
LARGE = (directory("a"), file("a/b", bytes(range(256)) * 40_000), file("c", b"x"), link("d", "c"))


@pytest.fixture(params=[1, 3])
def processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(process_pool, "processors", lambda: request.param)
    return int(request.param)


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("items", [(), ITEMS, LARGE, MANY])
def test_a_zip_that_is_proved_is_not_read_once_more(
    tmp_path: Path, items: tuple[Item, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_release(tmp_path / "release", items)
    monkeypatch.delattr(ZipReader, "findings")
    assert verify(path, complete=True).findings == ()


def test_what_is_unpacked_to_be_compared_is_unpacked_once(tmp_path: Path, processors: int) -> None:
    path = write_release(tmp_path / "release", MANY)
    scratch = Scratch(tmp_path / "scratch")
    with Verification(path, scratch, complete=True) as verification:
        assert list(verification.read()) == []
        assert list(verification.try_unpacking()) == []
    assert len(scratch.rooms) == 1
    assert not list((scratch.folder / "1").iterdir())  # all was found, and removed


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("number", [0, 700, 1499])
def test_what_differs_anywhere_is_told_though_not_proved(told: Told, number: int) -> None:
    items = list(MANY)
    items[number] = file(f"{number:05}", b"?" * len(MANY[number].content))
    (finding,) = told(zipped(parts(items, manifest_of(MANY))))
    assert finding.startswith(f"{number:05}: sha256 ")
