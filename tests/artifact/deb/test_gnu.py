"""GNU tar's spelling, held against that of GNU tar."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioning.artifact.deb import containers
from provisioning.artifact.model.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.tar.archive import END, Member

LONG = "a" * 99
GNU_TAR = (
    *("tar", "--format=gnu", "--sort=name", "--mtime=@946684800", "--owner=root:0"),
    *("--group=root:0", "--mode=0644", "-b1"),
)


def _made_by_tar(name: str) -> bytes:
    return subprocess.check_output([*GNU_TAR, "-cf-", "--", name])


@pytest.mark.parametrize(
    "name",
    ["short", LONG + "a", LONG + "aa", "é" * 50, "é" * 51, f"{LONG}/{LONG}", "ÿ" * 50],
)
def test_a_file_is_spelt_as_gnu_tar_spells_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(b"content")
    assert containers.file(name, 0o644, b"content") + END == _made_by_tar(name)


@pytest.mark.parametrize("target", ["short", "b" * 100, "b" * 101, "é" * 51])
def test_a_link_is_spelt_as_gnu_tar_spells_it(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = LONG + "aa"  # too long as well
    os.symlink(target, name)
    member = Member(name, LINK, 0o644, "root", "root", link=target)
    assert containers.tar_header(member) + END == _made_by_tar(name)


def test_a_size_beyond_octal_digits_is_spelt_as_gnu_tar_spells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    size = (8 << 30) + 5
    Path("large").touch()
    os.truncate("large", size)
    with subprocess.Popen([*GNU_TAR, "-cf-", "large"], stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        head = made.stdout.read(512)
        made.kill()
    assert containers.tar_header(Member("large", FILE, 0o644, "root", "root", size)) == head


ENTRIES = (
    Entry("lib", DIR, 0o755, "root", "root"),
    Entry("lib/short", FILE, 0o644, "root", "root", 5, "0" * 64),
    Entry("lib/" + "n" * 81, FILE, 0o644, "root", "root", 512, "0" * 64),
    Entry("lib/" + "n" * 82, FILE, 0o644, "root", "root", 513, "0" * 64),
    Entry("lib/" + "é" * 41, FILE, 0o644, "1000", "pi", 0, "0" * 64),
    Entry("link", LINK, 0o777, "root", "root", link="lib/" + "n" * 97),
)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path[:9])
def test_a_length_is_that_of_what_is_spelt(entry: Entry) -> None:
    spelling = containers.Gnu("/opt/demo", by_content=False)
    spelt = len(spelling.header(entry)) + entry.size + -entry.size % 512
    assert spelling.length(entry) == spelt


def test_another_content_has_another_time_where_that_is_asked_for() -> None:
    one = ENTRIES[1]
    other = one._replace(digest="1" * 64)
    epoch, content = (containers.Gnu("/opt/demo", by_content=kind) for kind in (False, True))
    assert epoch.header(one) == epoch.header(other)
    assert content.header(one) != content.header(other)
    assert epoch.key != content.key
