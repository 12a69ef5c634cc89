"""What dpkg does where a path is one thing in a version, another in the next: no edit is lost."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.artifact.deb.making import spelt
from tests.artifact.making import PACKAGE, directory, file, link
from tests.cells import Cell, cells
from tests.installer.making import conf
from tests.machines.copied import copied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.artifact.model.package import Package
    from tests.artifact.making import Item
    from tests.machines.copied import Copied

pytestmark = pytest.mark.needs("Linux", "root", "dpkg", "busybox")

EVERYWHERE = PACKAGE._replace(arch="all")
ROOT = f"{PACKAGE.prefix}/t"
STATES = ("untouched", "edited", "deleted", "linked", "made")
SHELLS = ("dash", "bash", "busybox")

# What a path was, what it is in the new version, and what lies there then: where nobody touched it;
# where somebody edited it (or what is in it, or where it leads), deleted it, put a link there, or
# a directory. Behind a comma: what lies beside it, and is told (!), or what is told alone.
TABLE = """\
absent   absent   nothing | mine | - | →users | {mine}
absent   file     two | two | - | two | refused
absent   conffile two | mine, dist two! | - | →users, dist two! | {mine}, dist two!
absent   link     →other | →other, old mine! | - | →other, old →users! | refused
absent   empty    {} | {}, old mine! | - | {}, old →users! | {mine}
absent   full     {in} | {in}, old mine! | - | {in}, old →users! | {in mine}
file     absent   nothing | nothing | nothing | nothing | {mine}
file     file     two | two | two | two | refused
file     conffile two | mine, dist two! | two | →users, dist two! | {mine}, dist two!
file     link     →other | →other | →other | →other | refused
file     empty    {} | {} | {} | {} | {mine}
file     full     {in} | {in} | {in} | {in} | {in mine}
conffile absent   nothing | mine! | nothing | →users! | {mine}!
conffile file     two | two, old mine! | two | two, old →users! | two, old {mine}!
conffile conffile two | mine, dist two! | nothing | →users, dist two! | {mine}, dist two!
conffile link     →other | →other, old mine! | →other | →other, old →users! | →other, old {mine}!
conffile empty    {} | {}, old mine! | {} | {}, old →users! | {}, old {mine}!
conffile full     {in} | {in}, old mine! | {in} | {in}, old →users! | {in}, old {mine}!
link     absent   nothing | nothing | nothing | nothing | {mine}
link     file     two | two | two | two | refused
link     conffile two | →users, dist two! | two | →users, dist two! | {mine}, dist two!
link     link     →other | →other | →other | →other | refused
link     empty    {} | {} | {} | {} | {mine}
link     full     {in} | {in} | {in} | {in} | {in mine}
empty    absent   nothing | {mine} | nothing | nothing | {mine}
empty    file     two | refused | two | two | refused
empty    conffile two | {mine}, dist two! | two | →users, dist two! | {mine}, dist two!
empty    link     →other | refused | →other | →other | refused
empty    empty    {} | {mine} | {} | {} | {mine}
empty    full     {in} | {in mine} | {in} | {in} | {in mine}
full     absent   nothing | {mine} | nothing | nothing | {mine}
full     file     two | refused | two | two | refused
full     conffile two | {mine}, dist two! | two | →users, dist two! | {mine}, dist two!
full     link     →other | refused | →other | →other | refused
full     empty    {} | {mine} | {} | {} | {mine}
full     full     {in} | {in mine} | {in} | {in} | {in mine}
"""

WANTED = cells(TABLE, STATES)
REFUSED = [cell for cell, wanted in WANTED.items() if wanted == "refused"]
SETTLED = [cell for cell, wanted in WANTED.items() if wanted != "refused"]


def held(kind: str, path: str, text: str) -> list[Item]:
    """What a version has that has something of this kind at a path."""
    content = f"{text}\n".encode()
    return {
        "absent": [],
        "file": [file(path, content)],
        "conffile": [conf(path, content)],
        "link": [link(path, "other")],
        "empty": [directory(path)],
        "full": [directory(path), file(f"{path}/in", content)],
    }[kind]


def act(path: Path, cell: Cell) -> None:
    """Do to a path what its user did."""
    if cell.state == "untouched":
        return
    if cell.state == "edited" and cell.old in {"empty", "full"}:
        (path / "mine").touch()
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if cell.state == "linked" or (cell.state, cell.old) == ("edited", "link"):
        path.symlink_to("users")
    elif cell.state == "made":
        path.mkdir()
        (path / "mine").touch()
    elif cell.state == "edited":
        path.write_text("mine\n")


def seen(path: Path) -> str:
    """What lies at a path, in a few words."""
    if path.is_symlink():
        return f"→{os.readlink(path)}"
    if path.is_dir():
        return f"{{{' '.join(sorted(os.listdir(path)))}}}"
    return path.read_text().strip() if path.exists() else "nothing"


def package(pi: Copied, version: str, items: Iterable[Item], about: Package = EVERYWHERE) -> str:
    """Put a version of a package on the machine; return where it lies there."""
    path = f"/tmp/{about.name}-{version}.deb"
    made = sorted(items, key=lambda item: item.entry.path)
    pi.path(path).write_bytes(spelt(about._replace(version=version), made))
    return path


def versions(pi: Copied, cells: Iterable[Cell]) -> tuple[str, str]:
    """The two versions that have what cells have."""
    cells = tuple(cells)
    old = [item for cell in cells for item in held(cell.old, cell.path, "one")]
    new = [item for cell in cells for item in held(cell.new, cell.path, "two")]
    top = directory("t")
    return package(pi, "1", [top, *old]), package(pi, "2", [top, *new])


def outcome(pi: Copied, cell: Cell, told: str) -> str:
    """What has become of a cell, in the words of the table."""
    path = pi.path(f"{PACKAGE.prefix}/{cell.path}")
    words = [seen(path)]
    for each in sorted(path.parent.glob(f"{path.name}.*")):
        words.append(f"{each.name.rpartition('.dpkg-')[2]} {seen(each)}")
    return ", ".join(words) + "!" * (f"/{cell.path}: " in told)


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Copied]:
    with copied(tmp_path) as made:
        yield made


@pytest.mark.parametrize("shell", SHELLS)
def test_an_upgrade_does_what_the_table_says(pi: Copied, shell: str) -> None:
    pi.path("/usr/bin/sh").unlink()
    pi.path("/usr/bin/sh").symlink_to(shell)
    old, new = versions(pi, SETTLED)
    pi.run("dpkg", "-i", old)
    for cell in SETTLED:
        act(pi.path(f"{PACKAGE.prefix}/{cell.path}"), cell)
    told = pi.run("dpkg", "-i", new)
    found = {cell: outcome(pi, cell, told) for cell in SETTLED}
    assert found == {cell: WANTED[cell] for cell in SETTLED}


def snapshot(place: Path) -> dict[str, str]:
    """All that lies in a directory."""
    return {str(path.relative_to(place)): seen(path) for path in sorted(place.rglob("*"))}


def test_a_directory_is_not_given_up_with_what_somebody_put_there(pi: Copied) -> None:
    packages = []
    for number, cell in enumerate(REFUSED):
        about = EVERYWHERE._replace(name=f"p{number}", prefix=f"/srv/p/{number}")
        old = [directory("t"), *held(cell.old, cell.path, "one")]
        new = [directory("t"), *held(cell.new, cell.path, "two")]
        packages.append((package(pi, "1", old, about), package(pi, "2", new, about)))
    pi.run("dpkg", "-i", *(old for old, _ in packages))
    for number, cell in enumerate(REFUSED):
        act(pi.path(f"/srv/p/{number}/{cell.path}"), cell)
    before = snapshot(pi.path("/srv/p"))
    told = pi.run("dpkg", "-i", *(new for _, new in packages), status=1)
    assert snapshot(pi.path("/srv/p")) == before
    for number, cell in enumerate(REFUSED):
        path = f"/srv/p/{number}/{cell.path}"
        assert (
            f"p{number}: directory '{path}' contains files not owned by package p{number}"
            f" ({path}/mine), and is not a directory in this version; move them elsewhere\n"
        ) in told


EDITED = [cell for cell in SETTLED if cell.old == "conffile" and cell.state != "untouched"]


def _edited(pi: Copied) -> tuple[str, str]:
    """Have a version installed whose configuration files were edited in all ways."""
    old, new = versions(pi, EDITED)
    pi.run("dpkg", "-i", old)
    for cell in EDITED:
        act(pi.path(f"{PACKAGE.prefix}/{cell.path}"), cell)
    return old, new


def test_the_same_version_again_changes_and_tells_nothing(pi: Copied) -> None:
    _, new = _edited(pi)
    pi.run("dpkg", "-i", new)
    before = snapshot(pi.path(PACKAGE.prefix))
    told = pi.run("dpkg", "-i", new)
    assert snapshot(pi.path(PACKAGE.prefix)) == before
    assert "edited" not in told


def edits(pi: Copied) -> list[str]:
    """All that somebody has made, wherever it lies."""
    found = snapshot(pi.path(PACKAGE.prefix))
    return sorted(text for text in found.values() if text in {"mine", "{mine}", "→users"})


def test_no_edit_is_lost_on_the_way_back_nor_over_a_removal(pi: Copied) -> None:
    old, new = _edited(pi)
    made = edits(pi)
    for words in (("-i", new), ("-i", old), ("-i", new), ("-r", "greenhouse"), ("-i", old)):
        pi.run("dpkg", *words)
        assert edits(pi) == made
        left = snapshot(pi.path(PACKAGE.prefix))
        assert not [path for path in left if path.endswith((".dpkg-new", ".dpkg-bak"))]


@pytest.mark.parametrize("how", ["conflict", "damage"])
def test_an_upgrade_that_fails_leaves_all_as_it_was(pi: Copied, how: str) -> None:
    old, new = versions(pi, SETTLED)
    pi.run("dpkg", "-i", old)
    for cell in SETTLED:
        act(pi.path(f"{PACKAGE.prefix}/{cell.path}"), cell)
    if how == "conflict":  # which dpkg finds when it comes to it
        about = EVERYWHERE._replace(name="other", prefix=f"{PACKAGE.prefix}/z")
        pi.run("dpkg", "-i", package(pi, "1", [file("taken")], about))
        items = [item for cell in SETTLED for item in held(cell.new, cell.path, "two")]
        new = package(pi, "2", [directory("t"), *items, directory("z"), file("z/taken")])
    else:  # and this when all is unpacked
        data = bytearray(pi.path(new).read_bytes())
        data[-20] ^= 1
        pi.path(new).write_bytes(data)
    before = snapshot(pi.path(PACKAGE.prefix))
    pi.run("dpkg", "-i", new, status=1)
    assert snapshot(pi.path(PACKAGE.prefix)) == before


def test_an_installation_that_fails_leaves_what_was_there(pi: Copied) -> None:
    cells = [cell for cell in SETTLED if cell.old == "absent"]
    _, new = versions(pi, cells)
    for cell in cells:
        pi.path(f"{PACKAGE.prefix}/{cell.path}").parent.mkdir(parents=True, exist_ok=True)
        act(pi.path(f"{PACKAGE.prefix}/{cell.path}"), cell)
    data = bytearray(pi.path(new).read_bytes())
    data[-20] ^= 1
    pi.path(new).write_bytes(data)
    before = snapshot(pi.path(PACKAGE.prefix))
    pi.run("dpkg", "-i", new, status=1)
    after = snapshot(pi.path(PACKAGE.prefix))
    assert {path: after.get(path) for path in before} == before
    assert not [path for path in after if path.endswith((".dpkg-new", ".dpkg-bak"))]


def test_python_s_caches_keep_no_directory_from_going(pi: Copied) -> None:
    pi.run("dpkg", "-i", package(pi, "1", [directory("t"), *held("full", "t/x", "one")]))
    cache = pi.path(f"{ROOT}/x/__pycache__")
    cache.mkdir()
    (cache / "in.cpython-311.pyc").touch()
    pi.run("dpkg", "-i", package(pi, "2", [directory("t"), link("t/x", "other")]))
    assert seen(pi.path(f"{ROOT}/x")) == "→other"


def test_what_was_unpacked_and_never_configured_goes_without_loss(pi: Copied) -> None:
    _, new = _edited(pi)
    made = edits(pi)
    pi.run("dpkg", "--unpack", new)
    assert edits(pi) == made
    pi.run("dpkg", "--unpack", new)
    assert edits(pi) == made
    pi.run("dpkg", "-r", "greenhouse")
    assert edits(pi) == made
    assert not [path for path in snapshot(pi.path(PACKAGE.prefix)) if path.endswith(".dpkg-bak")]
    pi.run("dpkg", "-i", new)
    assert edits(pi) == made


def test_nothing_of_two_versions_is_left_that_nobody_touched(pi: Copied) -> None:
    old, new = versions(pi, [cell for cell in SETTLED if cell.state == "untouched"])
    pi.run("dpkg", "-i", old)
    pi.run("dpkg", "--unpack", new)
    pi.run("dpkg", "-r", "greenhouse")
    # Of configuration, dpkg keeps what was installed, and what would have been.
    left = [path for path in pi.path(ROOT).iterdir() if "conffile" not in path.name]
    assert left == []
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PACKAGE.prefix).exists()


def test_a_purge_removes_what_was_saved(pi: Copied) -> None:
    _, new = _edited(pi)
    pi.run("dpkg", "-i", new)
    pi.run("dpkg", "-P", "greenhouse")
    kept = snapshot(pi.path(PACKAGE.prefix)) if pi.path(PACKAGE.prefix).exists() else {}
    assert not [path for path in kept if ".dpkg-" in path or kept[path] == "mine"]


NAMES = [
    *("a b", " a", "it's", 'say "a"', "$HOME", "$(id)", "`id`", "a*", "[a]", "a?", "{a,b}", "~"),
    *("-rf", "-", "--", "a;b", "a&b", "a|b", "a>b", "#a", "!a", "%s", "a=b", "é", "e\u0301", "🌱"),
    *("a\u2028b", "a\u00a0b", "obsolete", "a obsolete", "END_OF_PATHS", "a.dpkg", "(a)", "^a$"),
    *('"path":"a","type":"link"}', "..a", "a" * 245, "é" * 122),
]


def _named(kinds: tuple[str, str], text: str) -> list[Item]:
    """What a version has in two directories, of a kind each, with all names."""
    top = [directory("t"), directory("t/s"), directory("t/u")]
    below = zip(("t/s", "t/u"), kinds, strict=True)
    items = [held(kind, f"{place}/{name}", text) for place, kind in below for name in NAMES]
    return [*top, *(item for some in items for item in some)]


def _all(pi: Copied, place: str) -> set[str]:
    """What lies in a directory of the package, under all names."""
    return {seen(pi.path(f"{ROOT}/{place}/{name}")) for name in NAMES}


def test_what_is_true_of_one_name_is_true_of_all(pi: Copied) -> None:
    pi.run("dpkg", "-i", package(pi, "1", _named(("link", "conffile"), "one")))
    for name in NAMES:
        pi.path(f"{ROOT}/u/{name}").write_text("mine\n")
    told = pi.run("dpkg", "-i", package(pi, "2", _named(("full", "conffile"), "two")))
    assert _all(pi, "s") == {"{in}"}
    assert _all(pi, "u") == {"mine"}
    assert told.count(": edited, so kept; the new version is in ") == len(NAMES)
    told = pi.run("dpkg", "-i", package(pi, "3", _named(("link", "link"), "three")))
    assert _all(pi, "s") == _all(pi, "u") == {"→other"}
    assert told.count(": edited, so kept as ") == len(NAMES)
    pi.run("dpkg", "-i", package(pi, "4", _named(("empty", "conffile"), "four")))
    assert _all(pi, "s") == {"{}"}
    assert _all(pi, "u") == {"four"}
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PACKAGE.prefix).exists()


INI = f"{PACKAGE.prefix}/etc/a.ini"


def ini(pi: Copied, version: str, text: str | None, *more: Item) -> str:
    """A version with a configuration file, or without it."""
    items = [conf("etc/a.ini", f"{text}\n".encode())] if text else []
    return package(pi, version, [directory("etc"), *items, *more])


def test_an_edit_as_the_vendor_s_and_one_that_meets_no_new_one_are_not_told(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("two\n")
    assert "edited" not in pi.run("dpkg", "-i", ini(pi, "2", "two"))
    pi.path(INI).write_text("mine\n")
    assert "edited" not in pi.run("dpkg", "-i", ini(pi, "3", "two"))
    assert os.listdir(pi.path(INI).parent) == ["a.ini"]


def test_what_is_removed_and_comes_again_with_no_other_file_tells_nothing(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    pi.run("dpkg", "-r", "greenhouse")
    assert "edited" not in pi.run("dpkg", "-i", ini(pi, "2", "one"))
    assert snapshot(pi.path(INI).parent) == {"a.ini": "mine"}


def test_a_file_and_a_directory_of_files_take_turns(pi: Copied) -> None:
    one = package(pi, "1", [directory("etc"), conf("etc/a", b"one\n")])
    two = package(pi, "2", [directory("etc"), directory("etc/a"), conf("etc/a/b", b"two\n")])
    for deb, path in ((one, "a"), (two, "a/b"), (one, "a"), (two, "a/b")):
        pi.run("dpkg", "-i", deb)
        assert (pi.path(INI).parent / path).is_file()


def test_whoever_takes_the_new_one_gets_the_next_one_too(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    pi.run("dpkg", "-i", ini(pi, "2", "two"))
    os.rename(f"{pi.path(INI)}.dpkg-dist", pi.path(INI))
    pi.path(INI).chmod(0o660)
    os.chown(pi.path(INI), 12, 34)
    assert "edited" not in pi.run("dpkg", "-i", ini(pi, "3", "three"))
    assert pi.path(INI).read_text() == "three\n"
    there = pi.path(INI).stat()
    assert (there.st_mode & 0o777, there.st_uid, there.st_gid) == (0o660, 12, 34)


def test_a_file_that_went_and_comes_again_is_installed(pi: Copied) -> None:
    for version, text in (("1", "one"), ("2", None), ("3", "one"), ("4", None), ("5", "two")):
        pi.run("dpkg", "-i", ini(pi, version, text))
        assert pi.path(INI).exists() == bool(text)
    pi.run("dpkg", "-r", "greenhouse")
    assert pi.path(INI).read_text() == "two\n"


def test_what_was_kept_before_is_kept_beside_what_is_kept_now(pi: Copied) -> None:
    for number in range(3):
        pi.run("dpkg", "-i", ini(pi, f"{number}.1", "one"))
        pi.path(INI).write_text(f"mine {number}\n")
        pi.run("dpkg", "-i", package(pi, f"{number}.2", [directory("etc"), link("etc/a.ini", "b")]))
    assert snapshot(pi.path(INI).parent) == {
        "a.ini": "→b",
        "a.ini.dpkg-old": "mine 0",
        "a.ini.dpkg-old~": "mine 1",
        "a.ini.dpkg-old~~": "mine 2",
    }
    pi.run("dpkg", "-P", "greenhouse")
    assert not pi.path(PACKAGE.prefix).exists()


def test_a_file_that_another_package_took_over_is_not_removed(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    other = EVERYWHERE._replace(name="other", prefix=f"{PACKAGE.prefix}/etc")
    other = other._replace(debian=(("Replaces", "greenhouse"),))
    pi.run("dpkg", "-i", package(pi, "1", [conf("a.ini", b"one\n")], other))
    pi.run("dpkg", "-i", ini(pi, "2", None))
    assert pi.path(INI).read_text() == "one\n"


def test_a_directory_of_configuration_becomes_a_link(pi: Copied) -> None:
    config = [directory("config"), file("config/a.ini", b"new\n")]
    for edited in (False, True):
        pi.run("dpkg", "-i", ini(pi, "1", "one", directory("etc/sub"), conf("etc/sub/b", b"b\n")))
        if edited:
            pi.path(INI).write_text("mine\n")
            pi.path(INI).chmod(0o600)
            os.chown(pi.path(INI), 12, 34)
        pi.path(INI).with_name("sub").joinpath("b").unlink()  # which is nothing to keep
        told = pi.run("dpkg", "-i", package(pi, "2", [*config, link("etc", "config")]))
        assert seen(pi.path(INI).parent) == "→config"
        assert pi.path(INI).read_text() == "new\n"
        kept = f"{PACKAGE.prefix}/etc.dpkg-old"
        assert (f"what was edited in it is kept in {kept}" in told) == edited
        assert pi.path(kept).exists() == edited
        if edited:
            assert snapshot(pi.path(kept)) == {"a.ini": "mine"}
            copy = pi.path(f"{kept}/a.ini").stat()
            assert (copy.st_mode & 0o777, copy.st_uid, copy.st_gid) == (0o600, 12, 34)


def test_what_is_where_edits_would_be_kept_is_not_added_to(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    kept = f"{PACKAGE.prefix}/etc.dpkg-old"
    pi.path(kept).mkdir()
    (pi.path(kept) / "theirs").touch()
    before = snapshot(pi.path(PACKAGE.prefix))
    new = package(pi, "2", [directory("config"), link("etc", "config")])
    told = pi.run("dpkg", "-i", new, status=1)
    assert f"greenhouse: {kept}: is in the way; move it elsewhere\n" in told
    assert snapshot(pi.path(PACKAGE.prefix)) == before


ASKED = """
import os, pty, sys

said = b""

def read(terminal):
    global said
    data = os.read(terminal, 1024)
    said += data
    if said.endswith(b"[default=N] ? "):
        os.write(terminal, sys.argv[1].encode())
    return data

sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
"""


@pytest.mark.parametrize(("answer", "left"), [("n", "mine"), ("y", "two")])
def test_who_can_answer_is_asked(pi: Copied, answer: str, left: str) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    command = [sys.executable, "-c", ASKED, f"{answer}\n", "dpkg", "-i", ini(pi, "2", "two")]
    told = pi.run(*command, env={"DEBIAN_FRONTEND": ""})
    assert "What would you like to do about it ?" in told
    assert pi.path(INI).read_text() == f"{left}\n"
    assert pi.path(INI).with_name(f"a.ini.dpkg-{'dist' if answer == 'n' else 'old'}").exists()


def test_who_wants_no_questions_is_asked_none(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    command = [sys.executable, "-c", ASKED, "y\n", "dpkg", "-i", ini(pi, "2", "two")]
    told = pi.run(*command, env={"DEBIAN_FRONTEND": "noninteractive"})
    assert "What would you like to do about it ?" not in told
    assert pi.path(INI).read_text() == "mine\n"


def test_who_has_answered_before_is_heard(pi: Copied) -> None:
    pi.run("dpkg", "-i", ini(pi, "1", "one"))
    pi.path(INI).write_text("mine\n")
    pi.run("dpkg", "--force-confnew", "-i", ini(pi, "2", "two"))
    assert pi.path(INI).read_text() == "two\n"
    pi.path(INI).unlink()
    pi.run("dpkg", "--force-confmiss", "-i", ini(pi, "3", "two"))
    assert pi.path(INI).read_text() == "two\n"


def test_a_version_of_another_maker_loses_no_edit_either(pi: Copied) -> None:
    control = "Package: greenhouse\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\n"
    script = f"""
        mkdir -p /tmp/made/DEBIAN /tmp/made{ROOT}
        cd /tmp/made
        printf '{control}Description: x\n' >DEBIAN/control
        for name in link file empty full absent conffile; do
            echo one >.{ROOT}/$name
            echo {ROOT}/$name >>DEBIAN/conffiles
        done
        dpkg-deb --root-owner-group -b . /tmp/made.deb
        dpkg -i /tmp/made.deb
        for name in link file empty full absent conffile; do echo mine >{ROOT}/$name; done
    """
    pi.run("sh", "-ec", script)
    kinds = ("link", "file", "empty", "full", "absent", "conffile")
    items = [item for kind in kinds for item in held(kind, f"t/{kind}", "two")]
    pi.run("dpkg", "-i", package(pi, "2", [directory("t"), *items]))
    assert edits(pi) == ["mine"] * len(kinds)
