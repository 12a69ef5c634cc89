"""Names that no Debian package can have: each limit is dpkg's own, and what passes is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.deb import control
from provisioning.errors import ArtifactError
from tests.artifact.making import directory, file, link
from tests.builder.debian.test_switch import EVERYWHERE, INI, held, package, seen
from tests.installer.making import conf
from tests.machines.copied import copied

from .making import spelt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.artifact.making import Item
    from tests.machines.copied import Copied

    Make = Callable[[str], Item]

KINDS: dict[str, Make] = {
    "file": file,
    "directory": directory,
    "link": lambda path: link(path, "x"),
    "conffile": lambda path: conf(path, b"one\n"),
}
NAME = {**dict.fromkeys(KINDS, 246), "conffile": 245}
WHOLE = {**dict.fromkeys(KINDS, 4086), "conffile": 996}
FAR = EVERYWHERE._replace(prefix="/opt/" + "p" * 100)  # a path in a package has 4,000 at most
MEET = [
    (kind, suffix)
    for kind in ("file", "conffile", "link", "empty", "full")
    for suffix in (".dpkg-new", ".dpkg-tmp")
]


def at(path: str, make: Make) -> list[Item]:
    """What lies at a path, with the directories on the way."""
    parts = path.split("/")
    above = ("/".join(parts[:number]) for number in range(1, len(parts)))
    return [*map(directory, above), make(path)]


def of_length(length: int) -> str:
    """A path of so many bytes."""
    above, last = divmod(length - 1, 100)
    return f"{'d' * 99}/" * above + "f" * (last + 1)


def told(items: Iterable[Item], prefix: str = "/opt/greenhouse") -> list[tuple[str, str]]:
    return list(control.faults("greenhouse", prefix, [item.entry for item in items]))


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Copied]:
    with copied(tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_can_be_so_long(kind: str) -> None:
    path, limit = "é" * 122 + "a" * (NAME[kind] - 244), NAME[kind]
    assert told([KINDS[kind](path)]) == []
    what = "a conffile" if kind == "conffile" else "a path"
    reason = f"has a name of {limit + 1} bytes, and dpkg unpacks {what} with {limit} at most"
    assert told([KINDS[kind](f"{path}a")]) == [(f"{path}a", reason)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_can_be_so_long(kind: str) -> None:
    limit = WHOLE[kind]
    path = of_length(limit - len(FAR.prefix) - 1)
    assert told(at(path, KINDS[kind]), FAR.prefix) == []
    what = "a conffile" if kind == "conffile" else "a path"
    reason = f"has {limit + 1} bytes with its prefix, and dpkg unpacks {what} with {limit} at most"
    assert told(at(f"{path}a", KINDS[kind]), FAR.prefix) == [(f"{path}a", reason)]


@pytest.mark.needs("Linux", "root", "dpkg")
def test_dpkg_unpacks_all_that_is_so_long(pi: Copied) -> None:
    items = {}
    for number, (kind, make) in enumerate(KINDS.items()):
        path = of_length(WHOLE[kind] - len(FAR.prefix) - 2)
        made = [*at(f"{number}{path}", make), make(f"{number}{'a' * (NAME[kind] - 1)}")]
        items.update({item.entry.path: item for item in made})
    pi.run("dpkg", "-i", package(pi, "1", items.values(), FAR))
    pi.run("sh", "-ec", "dpkg -L greenhouse | xargs -d '\\n' ls -d")
    conffiles = [path for path, item in items.items() if item.entry.conffile]
    for path in conffiles:
        pi.run("sh", "-ec", 'echo mine >"$1"', "sh", f"{FAR.prefix}/{path}")
    changed = {path: conf(path, b"two\n") for path in conffiles}
    said = pi.run("dpkg", "-i", package(pi, "2", {**items, **changed}.values(), FAR))
    for path in conffiles:
        assert f"the new version is in {FAR.prefix}/{path}.dpkg-dist" in said
        pi.run("test", "-f", f"{FAR.prefix}/{path}.dpkg-dist")
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(FAR.prefix).exists()


@pytest.mark.needs("Linux", "root", "dpkg")
@pytest.mark.parametrize(
    "items",
    [
        [file("a" * 247)],
        [directory("a" * 247)],
        [link("a" * 247, "x")],
        at(of_length(997 - len(FAR.prefix) - 1), KINDS["conffile"]),
    ],
    ids=("file", "directory", "link", "conffile"),
)
def test_dpkg_unpacks_nothing_that_is_longer(
    pi: Copied, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArtifactError):
        package(pi, "1", items, FAR)
    monkeypatch.setattr(control, "faults", lambda *_: ())
    assert "too long" in pi.run("dpkg", "-i", package(pi, "1", items, FAR), status=1)


@pytest.mark.parametrize(("kind", "suffix"), MEET)
def test_what_lies_where_dpkg_unpacks_is_refused(kind: str, suffix: str) -> None:
    reason = "is where dpkg puts etc/a while it unpacks"
    for other in ("file", "conffile", "link", "empty"):
        items = [*held(kind, "etc/a", "one"), *held(other, f"etc/a{suffix}", "other")]
        assert told(items) == [(f"etc/a{suffix}", reason)]
        assert told(items[-1:]) == []  # alone it is a name like others


@pytest.mark.parametrize("suffix", [".dpkg-dist", ".dpkg-old"])
def test_what_lies_beside_a_conffile_is_refused(suffix: str) -> None:
    reason = "is where dpkg puts a version of the configuration file a"
    assert told([conf("a", b""), file(f"a{suffix}")]) == [(f"a{suffix}", reason)]
    assert told([file("a"), file(f"a{suffix}")]) == []


def test_what_lies_where_an_upgrade_moves_things_is_refused() -> None:
    reason = "is where an upgrade puts what is in its way"
    assert told([file("d/.greenhouse-3.dpkg-bak")]) == [("d/.greenhouse-3.dpkg-bak", reason)]
    assert told([file("d/.other-3.dpkg-bak"), file(".greenhouse-x.dpkg-bak")]) == []


@pytest.mark.needs("Linux", "root", "dpkg")
def test_dpkg_itself_says_nothing_and_leaves_something_else(
    pi: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "faults", lambda *_: ())
    items = [directory("etc"), conf("etc/a.ini", b"one\n"), file("etc/a.ini.dpkg-new", b"two\n")]
    pi.run("dpkg", "-i", package(pi, "1", items))
    assert seen(pi.path(INI)) == "two"


@pytest.mark.needs("Linux", "root", "dpkg")
def test_what_only_looks_like_a_name_of_dpkg_s_is_unpacked(pi: Copied) -> None:
    items = [
        *(file("a.dpkg-new", b"one\n"), conf("b.dpkg-new", b"one\n"), directory("c.dpkg-tmp")),
        *(link("d.dpkg-dist", "x"), conf("e.dpkg-dist", b"one\n"), file("f"), file("f.dpkg-old")),
        *(conf("\u00a0", b"one\n"), conf("a\u3000", b"one\n"), conf(" a", b"one\n")),
    ]
    for version in ("1", "2"):
        pi.run("dpkg", "-i", package(pi, version, items))
    for item in items:
        assert seen(pi.path(f"{EVERYWHERE.prefix}/{item.entry.path}")) != "nothing"


def test_a_name_is_judged_where_a_deb_is_spelt() -> None:
    with pytest.raises(ArtifactError) as raised:
        spelt(EVERYWHERE, [file("a"), file("a.dpkg-new")])
    assert str(raised.value) == "'a.dpkg-new': is where dpkg puts a while it unpacks"
