"""A release is compiled when it is installed: it starts warm, and runs nothing of another."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import pythons
from provisioning.artifact.model.entry import HOOKS
from provisioning.artifact.model.package import Hook
from provisioning.artifact.tool import tool
from provisioning.installer.cli.command_line import main
from provisioning.installer.services import bytecode_cache
from provisioning.installer.store import releases
from provisioning.installer.store.durable import Directory
from tests.artifact.making import PACKAGE, directory, file, link
from tests.waiting import wait_until

from .kills import At, ended_at
from .machine import listing
from .making import package
from .test_own_machine import Own
from .test_program import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.artifact.making import Item

MAIN = "lib/pkg/__init__.py"
NAME = Path(importlib.util.cache_from_source(MAIN)).name


def app(value: object, *more: Item) -> tuple[Item, ...]:
    """A package of Python, which says a value, from `lib` and from a link to it."""
    return (
        directory("bin"),
        file("bin/run", b"#!/usr/bin/python3\nimport sys\n", mode=0o755),
        directory("lib"),
        directory("lib/pkg"),
        file(MAIN, f"A = {value}\n".encode()),
        link("site", "lib"),
        file("VERSION", b"?"),
        *more,
    )


class Place(Own):
    """A prefix on this machine, without services."""

    def put(self, version: str, holding: Sequence[Item], **said: object) -> tuple[int, str]:
        return self.run("install", str(self.archive(version, holding, **said)))

    def archive(self, version: str, holding: Sequence[Item], **said: object) -> Path:
        about = PACKAGE._replace(prefix=str(self.prefix), **said)  # type: ignore[arg-type]  # any
        return package(self.place, version, holding, about)

    def python(self, script: str) -> None:
        """Let a shell script be the machine's Python."""
        path = self.place / "programs/python3"
        path.unlink()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def caches(self) -> list[str]:
        """The versions that are compiled."""
        return sorted(path.name.rpartition("-")[0] for path in self.prefix.glob("bytecode/*"))

    def imported(self, way: str, python: str = sys.executable) -> tuple[str, bool]:
        """What the package says, imported by some way, and whether it was compiled already."""
        where = self.prefix / way
        code = f"import sys; sys.path.insert(0, {str(where)!r}); import pkg; print(pkg.A)"
        done = subprocess.run(
            [python, "-I", "-S", "-B", "-v", "-c", code], check=True, capture_output=True, text=True
        )
        cache = f"# code object from '{where}/pkg/__pycache__/"
        return done.stdout.strip(), cache in done.stderr


@pytest.fixture
def place(
    open_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Place:
    programs = open_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    monkeypatch.setattr(bytecode_cache, "PATH", f"{programs}")
    monkeypatch.setattr(releases, "REGISTRY", f"{open_path}/registry")
    return Place(open_path, capsys)


def test_it_is_warm_by_each_way_and_no_part_of_the_release(place: Place) -> None:
    assert place.put("1.0", app(1))[0] == 0
    (release,) = place.prefix.glob("releases/*")
    for way in ("current/lib", "current/site", f"releases/{release.name}/lib"):
        assert place.imported(way) == ("1", True)
    assert os.readlink(release / "lib/pkg/__pycache__") == "../../.provisioning/bytecode/lib/pkg"
    assert not [*release.rglob("*.pyc")]
    assert (place.prefix / "bytecode" / release.name / "lib/pkg" / NAME).is_file()
    before = listing(place.prefix)
    assert place.run("verify", "greenhouse", "--strict") == (
        0,
        "greenhouse 1.0: 7 entries, verified\n",
    )
    assert place.run("verify", str(release), "--strict")[0] == 0
    assert place.run("install", str(release)) == (
        0, "greenhouse 1.0: already installed in /opt/greenhouse\n"
    )  # fmt: skip
    assert listing(place.prefix) == before


def test_it_is_named_as_the_source_in_tracebacks(place: Place) -> None:
    place.put("1.0", app("1 / 0"))
    way = f"{place.prefix}/current/lib"
    done = subprocess.run(
        [sys.executable, "-c", "import pkg"], env={"PYTHONPATH": way}, stderr=subprocess.PIPE,
        check=False, text=True,
    )  # fmt: skip
    assert f'File "{way}/pkg/__init__.py", line 1' in done.stderr


def test_no_release_runs_the_code_of_another(place: Place) -> None:
    """Not even where both have sources of one time and one size."""
    for value in (1, 2):
        place.put(f"{value}.0", app(value))
        os.utime(place.prefix / "current" / MAIN, (7, 7))
        (cache,) = place.prefix.glob(f"bytecode/{value}.0-*/lib/pkg/*.pyc")
        data = cache.read_bytes()
        cache.write_bytes(data[:8] + (7).to_bytes(4, "little") + data[12:])
    assert place.caches() == ["1.0", "2.0"]
    assert place.imported("current/lib") == ("2", True)
    assert place.imported("previous/lib") == ("1", True)
    assert place.run("rollback", "greenhouse")[0] == 0
    assert place.imported("current/lib") == ("1", True)
    assert place.imported("previous/lib") == ("2", True)


def test_an_edited_source_is_not_run_as_it_was(place: Place) -> None:
    place.put("1.0", app(1))
    (place.prefix / "current" / MAIN).write_text("A = 'mine'\n")
    assert place.imported("current/lib")[0] == "mine"


def test_a_link_that_leads_elsewhere_is_a_difference(place: Place) -> None:
    place.put("1.0", app(1))
    place.put("2.0", app(2))
    for path, target in (
        (
            ".provisioning/bytecode",
            f"../../../bytecode/{(place.prefix / 'previous').resolve().name}",
        ),
        ("lib/pkg/__pycache__", "/tmp"),
    ):
        link = place.prefix / "current" / path
        was = os.readlink(link)
        link.unlink()
        link.symlink_to(target)
        code, said = place.run("verify", "greenhouse")
        assert (code, said.splitlines()[0]) == (1, f"{path}: is not in the manifest")
        link.unlink()
        link.symlink_to(was)
    assert place.run("verify", "greenhouse", "--strict")[0] == 0


def test_it_goes_with_its_release(place: Place) -> None:
    for version in ("1.0", "2.0", "3.0", "4.0"):
        place.put(version, app(version[0]))
    assert place.caches() == ["2.0", "3.0", "4.0"]
    (place.prefix / "releases" / (place.prefix / "previous").resolve().name).rename(
        place.place / "away"
    )
    (place.prefix / "previous").unlink()
    assert place.run("gc", "greenhouse", "--keep", "1")[0] == 0
    assert place.caches() == ["4.0"]
    assert place.run("uninstall", "greenhouse")[0] == 0
    assert not (place.prefix / "bytecode").exists()
    assert place.put("4.0", app(4))[0] == 0
    assert place.run("uninstall", "greenhouse", "--purge")[0] == 0
    assert not place.prefix.exists()


def test_a_release_of_an_older_tool_is_warm_once_it_is_current_again(place: Place) -> None:
    place.put("1.0", app(1))
    place.put("2.0", app(2))
    older = (place.prefix / "previous").resolve()
    for path in (*older.rglob("__pycache__"), older / ".provisioning/bytecode"):
        path.unlink()
    for path in [*place.prefix.glob(f"bytecode/{older.name}/lib/pkg/*")]:
        path.unlink()
    subprocess.run(["rm", "-r", f"{place.prefix}/bytecode/{older.name}"], check=True)
    code = f"import sys; sys.path.insert(0, '{older}/lib'); import pkg"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    assert (older / "lib/pkg/__pycache__" / NAME).is_file()
    assert place.run("rollback", "greenhouse")[0] == 0
    assert place.imported("current/lib") == ("1", True)
    assert place.run("verify", "greenhouse", "--strict")[0] == 0


def test_sources_that_are_none_are_a_note(place: Place) -> None:
    more = (file("lib/a.py", b"print 'old'\n"), file("lib/b.py", b"\0"))
    code, said = place.put("1.0", app(1, *more))
    assert code == 0
    note = f"{place.place}/programs/python3 cannot compile lib/a.py and 1 more\n"
    assert f"greenhouse: note: {note.replace(str(place.place), '')}" in said
    assert place.imported("current/lib") == ("1", True)


def test_without_python_it_is_a_note_and_compiled_once_there_is_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bytecode_cache, "PATH", "/nowhere")
        code, said = place.put("1.0", app(1))
        assert place.run("recover", "greenhouse")[0] == 0
    assert (code, place.caches()) == (0, [])
    assert "greenhouse: note: there is no Python in /nowhere: nothing was compiled\n" in said
    assert (place.prefix / "state/uncompiled").exists()
    assert place.run("recover", "greenhouse") == (0, "")
    assert not (place.prefix / "state/uncompiled").exists()
    assert place.imported("current/lib") == ("1", True)


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("exit 1", "0 of 1 sources were compiled with /programs/python3, which then ended"),
        ("kill -9 $$", "0 of 1 sources were compiled with /programs/python3, which then ended"),
        (
            "echo '!No space left on device'",
            (
                "byte code was not compiled: No space left on device;"
                " until that is done, each start compiles what it imports"
            ),
        ),
    ],
)
def test_a_python_that_fails_is_a_note(place: Place, script: str, note: str) -> None:
    place.python(script)
    code, said = place.put("1.0", app(1))
    assert (code, said.splitlines()[0]) == (0, f"greenhouse: note: {note}")
    assert place.imported("current/lib") == ("1", False)
    assert not [*place.prefix.glob("bytecode/.*")]
    assert place.run("verify", "greenhouse", "--strict")[0] == 0


REFUSED = (
    directory(HOOKS),
    file(f"{HOOKS}/pre_install", b"#!/bin/sh\nexit 1\n", mode=0o755),
)


@pytest.mark.parametrize("fails", ["", "echo '!No space left on device'"], ids=["whole", "failed"])
def test_of_a_change_that_is_undone_none_is_left(place: Place, fails: str) -> None:
    place.put("1.0", app(1))
    if fails:
        place.python(fails)
    code, _ = place.put("2.0", app(2, *REFUSED), hooks=(Hook("pre_install", 20),))
    assert code == 3
    assert [path.name[:4] for path in place.prefix.glob("bytecode/*")] == ["1.0-"]


def test_its_time_ends_it_with_all_that_it_has_started(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.python(f"sleep 61 & echo $! >{place.place}/pid; sleep 3")
    monkeypatch.setattr(bytecode_cache, "SECONDS", 0.5)
    code, said = place.put("1.0", app(1))
    note = "0 of 1 sources were compiled with /programs/python3 in 0.5 seconds"
    assert (code, said.splitlines()[0]) == (0, f"greenhouse: note: {note}")
    wait_until(lambda: has_ended(int((place.place / "pid").read_text())))


@pytest.mark.needs("root")
@pytest.mark.parametrize("options", ["size=2m", "nr_inodes=180"])
def test_where_there_is_no_room_for_it_the_release_is_installed(place: Place, options: str) -> None:
    large = [file(f"lib/m{number:02}.py", b"# x\n" * 1000) for number in range(100)]
    place.prefix.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "none", place.prefix], check=True
    )
    try:
        code, said = place.put("1.0", app(1, *large))
        assert (code, "greenhouse: note: byte code was not compiled: " in said) == (0, True)
        assert "are needed, " in said
        assert place.imported("current/lib") == ("1", False)
        assert place.caches() == []
    finally:
        subprocess.run(["umount", place.prefix], check=True)


@pytest.mark.needs("root")
def test_in_a_prefix_that_others_may_exchange_root_compiles_nothing(place: Place) -> None:
    place.prefix.mkdir(parents=True)
    os.chown(place.prefix, 1000, 1000)
    assert place.put("1.0", app(1))[0] == 0
    assert place.caches() == []


@pytest.mark.needs("root")
def test_byte_code_that_another_user_could_have_written_stops_a_change(place: Place) -> None:
    place.put("1.0", app(1))
    os.chown(place.prefix / "bytecode", 1000, 1000)
    code, said = place.put("2.0", app(2))
    assert (code, "/opt/greenhouse/bytecode: belongs to " in said) == (3, True)


def test_the_interpreter_of_a_service_compiles_too() -> None:
    told = {
        "#!/usr/bin/python3\n": ["/usr/bin/python3"],
        "#!/usr/bin/env python3.11 -O\n": ["python3.11"],
        "#!/usr/bin/env -S python3\n": ["python3"],
        "#!/usr/bin/env\n": [],
        "#!\n": [],
        "#!/bin/sh\n": [],
        "\x7fELF": [],
    }
    assert {line: bytecode_cache._interpreter(line) for line in told} == told


def test_below_another_root_nothing_is_compiled_until_that_machine_starts(
    place: Place, tmp_path: Path
) -> None:
    archive = place.archive("1.0", app(1))
    root = tmp_path / "card"
    root.mkdir()
    assert main(["install", str(archive), "--root", str(root)]) == 0
    prefix = root / place.prefix.relative_to("/")
    assert not (prefix / "bytecode").exists()
    assert main(["recover", "--root", str(root), "--prefix", str(place.prefix)]) == 0
    assert (prefix / "state/uncompiled").exists()
    assert not (prefix / "bytecode").exists()
    place.prefix.parent.mkdir()
    prefix.rename(place.prefix)  # the machine has started from it
    assert place.run("recover", "--prefix", str(place.prefix))[0] == 0
    assert place.imported("current/lib") == ("1", True)
    assert not (place.prefix / "state/uncompiled").exists()


def test_some_kills_leave_nothing_wrong(place: Place, injected: Callable[[str], None]) -> None:
    kills(place, 11, injected)


@pytest.mark.sweep
def test_each_kill_leaves_nothing_wrong(place: Place, injected: Callable[[str], None]) -> None:
    kills(place, 1, injected)


def kills(place: Place, step: int, injected: Callable[[str], None]) -> None:
    """Kill an upgrade at each change of that step, and demand that what follows is right."""
    place.place.joinpath("tool").write_bytes(tool())
    archive = place.archive("2.0", app(2))
    place.put("1.0", app(1))
    subprocess.run(["cp", "-a", place.prefix, place.place / "backup"], check=True)
    number, ended = 1, -signal.SIGKILL
    while ended:
        subprocess.run(["rm", "-rf", place.prefix], check=True)
        subprocess.run(["cp", "-a", place.place / "backup", place.prefix], check=True)
        ended = ended_at(At(number), ["install", str(archive)])
        assert ended in {0, -signal.SIGKILL}
        injected("kills")
        current = place.imported("current/lib")
        assert current in {("1", True), ("2", True)}
        assert place.run("recover", "greenhouse")[0] == 0
        assert not [*place.prefix.rglob(".provisioning-*")]
        assert place.run("install", str(archive))[0] == 0
        assert place.imported("current/lib") == ("2", True)
        assert place.imported("previous/lib") == ("1", True)
        assert place.caches() == ["1.0", "2.0"]
        assert place.run("verify", "greenhouse", "--strict")[0] == 0
        number += step
    assert number > 20


def test_it_has_its_name_once_it_is_on_the_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[str]()

    def note(function: Callable[..., object], named: Callable[..., str]) -> Callable[..., object]:
        def noting(*given: object) -> object:
            steps.append(named(*given))
            return function(*given)

        return noting

    sync = note(bytecode_cache.sync_below, lambda _, path, *__: f"sync {len(path.split('/'))}")
    monkeypatch.setattr(bytecode_cache, "sync_below", sync)
    move = note(Directory.move, lambda _, __, to: f"name {to.partition('/')[0]}")
    monkeypatch.setattr(Directory, "move", move)
    place.put("1.0", app(1))
    assert steps[steps.index("name releases") + 1 :][:2] == ["sync 2", "name bytecode"]


def test_what_somebody_has_removed_recover_compiles(place: Place) -> None:
    place.put("1.0", app(1))
    subprocess.run(["rm", "-r", f"{place.prefix}/bytecode"], check=True)
    assert place.run("verify", "greenhouse", "--strict")[0] == 0
    assert place.imported("current/lib") == ("1", False)
    assert place.run("recover", "greenhouse") == (0, "")
    assert place.imported("current/lib") == ("1", True)


def test_the_python_that_a_package_asks_for_compiles_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode_cache, "PATH", "/nowhere")
    monkeypatch.setattr(pythons, "find", lambda version: sys.executable * (version == "3.11"))
    assert place.put("1.0", app(1), python="3.11")[0] == 0
    assert place.imported("current/lib") == ("1", True)
