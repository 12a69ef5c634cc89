"""Python packages of a lock, from the spec to a program that runs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.python import wheel_cache
from tests.conftest import unmeasured
from tests.wheels import MadeWheel, lock, wheel

from .conftest import DODO, Project
from .test_nothing_to_do import DEAR

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
SPEC = f"""
name: demo
version: "1.0"
platforms:
  raspberry-pi:
    system: {{python: "{HERE}"}}
contents:
  - python: pylock.toml
    dst: lib/python/
    scripts: all
"""
GREET = """
import subprocess, sys
def main():
    print("hello from", sys.prefix, *sys.argv[1:])
def child():
    program = "import greet; print(greet.__file__)"
    print(subprocess.check_output([sys.executable, "-c", program], text=True))
"""
SCRIPTS = {"greet": "greet:main", "greet-child": "greet:child"}


class Application:
    """A project with a package that has Python packages, and a cache of its own."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.project = Project(root, {"dodo.py": DODO, "specs/demo.yaml": SPEC})
        self.cache = cache

    def lock(self, *wheels: MadeWheel) -> None:
        """Have the project depend on these wheels, which lie in it."""
        for each in wheels:
            each.put(self.project.path("wheels"))
        self.project.write("pylock.toml", lock(*wheels))

    @property
    def archive(self) -> Path:
        return self.project.archive()

    def names(self) -> set[str]:
        with tarfile.open(self.archive) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def unpacked(self, root: Path) -> Path:
        """The release, where `current` leads to it."""
        root.mkdir(parents=True)
        with tarfile.open(self.archive) as archive:
            archive.extractall(root, filter="tar")
        (root / "current").symlink_to(next(root.iterdir()).name)
        return root / "current"

    def work(self) -> list[str]:
        place = self.project.path("artifacts/.work/demo/raspberry-pi")
        return sorted(path.name for path in place.glob("python-*"))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PROVISIONING_OFFLINE", "1")
    return Application(tmp_path / "project", tmp_path / "cache")


def greet() -> MadeWheel:
    data = "greet-1.0.data/scripts/greet-script"
    script = "#!python\nimport greet, sys\nprint('script', *sys.argv[1:])\n"
    return wheel(files={"greet/__init__.py": GREET, data: script}, scripts=SCRIPTS)


@pytest.fixture
def built(app: Application) -> Application:
    app.lock(greet())
    app.project.doit()
    return app


def run(program: Path | str, *arguments: str) -> str:
    return subprocess.run(
        [program, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "words", [["package"], ["fetch:demo"], ["-n", "2", "package:demo:raspberry-pi"]]
)
def test_offline_nothing_is_asked_and_what_lacks_is_told(
    app: Application, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.lock(greet())
    lock = app.project.path("pylock.toml").read_text().replace("path = ", "url = ")
    app.project.write("pylock.toml", re.sub('url = "', 'url = "https://localhost:9/', lock))
    monkeypatch.delenv("PROVISIONING_OFFLINE")
    told = app.project.doit(*words, "--offline", status=2)
    assert "greet-1.0-py3-none-any.whl: it is not in the cache, and --offline is given" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_a_signal_does_not_wait_for_a_server_that_has_stalled(
    app: Application, sent: bytes, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVISIONING_OFFLINE")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        app.lock(greet())
        lock = app.project.path("pylock.toml").read_text()
        app.project.write("pylock.toml", lock.replace('path = "', f'url = "{url}'))
        with app.project.start("fetch") as process:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1) == b"G"
                connection.sendall(sent)
                process.send_signal(number)
                assert process.wait(20) == 128 + number
    assert not list(app.cache.glob("wheels/*"))


@pytest.mark.parametrize("name", ["plain", "with blanks  and 'quotes'"])
def test_its_programs_run_from_wherever_it_lies(
    built: Application, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = built.unpacked(tmp_path / name)
    prefix = str(release.resolve())
    assert run(release / "bin/greet", "a b", "") == f"hello from {prefix} a b"
    assert run(release / "bin/greet-script", "a b") == "script a b"
    module = f"{prefix}/lib/python/greet/__init__.py"
    assert os.path.samefile(run(release / "bin/greet-child"), module)
    told = run(release / "bin/python", "-c", "import sys; print(sys.executable)")
    assert told == f"{prefix}/bin/python"
    link = tmp_path / "link"
    link.symlink_to(release / "bin/greet")
    assert run(link) == f"hello from {prefix}"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert run("link") == f"hello from {prefix}"
    version = run(
        release / "bin/python", "-c", "import importlib.metadata as m; print(m.version('greet'))"
    )
    assert version == "1.0"


def test_a_machine_without_that_python_says_so(app: Application, tmp_path: Path) -> None:
    app.project.edit("specs/demo.yaml", HERE, "3.99")
    app.lock(greet())
    app.project.doit()
    release = app.unpacked(tmp_path / "opt")
    done = subprocess.run([release / "bin/greet"], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert "there is no python3.99 on this machine; install it" in done.stderr


def test_what_it_holds(built: Application) -> None:
    names = built.names()
    assert {
        "bin/python",
        "bin/greet",
        "bin/greet-child",
        "bin/greet-script",
        "pyvenv.cfg",
        f"lib/python{HERE}/site-packages",
        "lib/python/greet/__init__.py",
        "lib/python/greet-1.0.dist-info/RECORD",
    } <= names
    assert "Nothing to do: 6 tasks" in built.project.doit()
    assert "Nothing to do" in built.project.doit()


def test_scripts_are_those_that_are_named(app: Application) -> None:
    app.lock(greet())
    app.project.edit("specs/demo.yaml", "scripts: all", "scripts: [greet]")
    app.project.doit()
    assert {name for name in app.names() if name.startswith("bin/")} == {"bin/greet", "bin/python"}
    app.project.edit("specs/demo.yaml", "scripts: [greet]", "scripts: [gret]")
    told = app.project.doit(status=2)
    assert "gret: no wheel has this console script" in told
    assert "there are greet, greet-child, greet-script" in told


def test_scripts_of_the_project_itself(app: Application) -> None:
    app.lock(greet())
    app.project.write("pyproject.toml", '[project]\nname = "x"\nscripts = {mine = "greet:main"}\n')
    app.project.edit("specs/demo.yaml", "scripts: all", "scripts: [mine]")
    app.project.doit()
    assert "bin/mine" in app.names()


@pytest.mark.parametrize(
    ("name", "calls", "reason"),
    [
        ("python", "greet:main", "a console script cannot have this name here"),
        ("../evil", "greet:main", "greet-1.0-py3-none-any.whl brings it, and this cannot be"),
        ("a/b", "greet:main", "greet-1.0-py3-none-any.whl brings it, and this cannot be"),
        ("tool", "greet", "greet-1.0-py3-none-any.whl: not a sound wheel: its entry_points.txt"),
    ],
)
def test_a_script_that_cannot_be(app: Application, name: str, calls: str, reason: str) -> None:
    app.lock(wheel(scripts={name: calls}))
    assert reason in app.project.doit(status=2)


def test_two_wheels_with_one_script(app: Application) -> None:
    first = wheel(scripts={"tool": "greet:main"})
    other = wheel("other", scripts={"tool": "other:main"})
    app.lock(first, other)
    told = app.project.doit(status=2)
    assert f"tool: {first.file} and {other.file} both bring a program of this name" in told
    same = wheel("other", scripts={"tool": "greet:main"})
    app.lock(first, same)
    app.project.doit()
    assert "bin/tool" in app.names()


def test_two_wheels_with_one_path(app: Application) -> None:
    first = wheel(files={"shared.py": "A = 1\n"})
    other = wheel("other", files={"shared.py": "A = 2\n"})
    app.lock(first, other)
    told = app.project.doit(status=2)
    assert "both bring lib/python/shared.py" in told
    assert first.file in told
    assert other.file in told
    assert "exclude: [shared.py]" in told
    app.lock(first, wheel("other", files={"shared.py": "A = 1\n"}))
    app.project.doit()
    assert "lib/python/shared.py" in app.names()


def test_data_of_two_wheels_can_be_left_out(app: Application) -> None:
    first = wheel(files={"greet-1.0.data/data/share/a.txt": "1"})
    other = wheel("other", files={"other-1.0.data/data/share/a.txt": "2"})
    app.lock(first, other)
    told = app.project.doit(status=2)
    assert "both bring share/a.txt" in told
    assert "exclude: [share/a.txt]" in told
    app.project.edit("specs/demo.yaml", "scripts: all", "exclude: [share/a.txt]")
    app.project.doit()
    assert "share/a.txt" not in app.names()


def test_exclude_leaves_out_and_tells_of_nothing(app: Application) -> None:
    app.lock(wheel(files={"greet/__init__.py": "", "greet/tests/test_a.py": ""}))
    app.project.edit("specs/demo.yaml", "scripts: all", 'exclude: ["**/tests/"]')
    app.project.doit()
    assert "lib/python/greet/__init__.py" in app.names()
    assert not any("tests" in name for name in app.names())
    app.project.edit("specs/demo.yaml", "**/tests/", "**/test/")
    assert "**/test/ excludes nothing" in app.project.doit(status=2)


def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[Path], object]) -> None:
    """Spoil a file in a cache below a directory with the name of one of its own, and build."""
    mine = tmp_path / "files"
    monkeypatch.setenv("PROVISIONING_CACHE", str(mine / "cache"))
    app = Application(tmp_path / "project", mine / "cache")
    mine.mkdir()
    (mine / "keep").write_text("mine")
    app.lock(greet(), wheel("other"))
    app.project.doit()
    before = app.archive.read_bytes()
    damaged = app.cache / "wheels" / greet().digest / "files/site/greet/__init__.py"
    how(damaged)
    told = app.project.doit(status=2)
    assert f"{damaged}: damaged since it was fetched; its wheel is fetched again" in told
    assert not damaged.exists()
    assert (mine / "keep").exists()
    assert (app.cache / "wheels" / wheel("other").digest).exists()
    app.project.doit()
    assert app.archive.read_bytes() == before


def test_a_damaged_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(tmp_path, monkeypatch, lambda path: path.write_text("evil"))


def test_a_missing_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(tmp_path, monkeypatch, Path.unlink)


def test_a_damaged_launcher(built: Application) -> None:
    before = built.archive.read_bytes()
    (launcher,) = built.project.path("artifacts/.work").rglob("bin-python")
    launcher.write_text("evil\n")
    assert "damaged" in built.project.doit(status=2)
    built.project.doit()
    assert built.archive.read_bytes() == before


def test_a_cache_that_is_removed_between_two_builds(built: Application) -> None:
    before = built.archive.read_bytes()
    subprocess.run(["rm", "-r", built.cache], check=True)
    built.project.doit()
    assert built.archive.read_bytes() == before
    assert "Nothing to do" in built.project.doit()


def test_a_lock_that_changes(built: Application) -> None:
    (first,) = built.work()
    built.lock(wheel(version="2.0", scripts=SCRIPTS))
    built.project.doit()
    assert "lib/python/greet-2.0.dist-info/METADATA" in built.names()
    (second,) = built.work()  # what was gathered of the lock before is gone
    assert first != second
    built.project.edit(
        "specs/demo.yaml",
        "  - python: pylock.toml\n    dst: lib/python/\n    scripts: all\n",
        "  - {dir: x}\n",
    )
    built.project.doit()
    assert built.work() == []


def test_equal_bytes_whoever_builds(built: Application, tmp_path: Path) -> None:
    other = Application(tmp_path / "elsewhere" / "project", tmp_path / "cache2")
    other.lock(greet())
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PROVISIONING_CACHE": "",
        "HOME": str(home),
        "XDG_CACHE_HOME": "",
        "TZ": "Asia/Tokyo",
    }
    before = os.umask(0o077)
    try:
        with other.project.start(environment=environment) as process:
            output, _ = process.communicate(timeout=120)
    finally:
        os.umask(before)
    assert process.returncode == 0, output
    assert (home / ".cache/doit-provisioning/wheels").is_dir()
    assert other.archive.read_bytes() == built.archive.read_bytes()


def test_several_processes(app: Application) -> None:
    app.lock(greet())
    app.project.doit("-n", "2")
    assert "bin/greet" in app.names()
    app.project.doit("verify", "--rebuild")


def test_commands_before_anything_is_fetched_and_after(app: Application) -> None:
    app.lock(greet())
    assert "fetch:demo:raspberry-pi" in app.project.provision("explain")
    assert "pylock.toml" in app.project.provision("spec", "demo:raspberry-pi")
    for command in (["rehearse"], ["diff", "demo:raspberry-pi"]):
        told = app.project.provision(*command, status=2)
        assert "run doit fetch:demo:raspberry-pi" in told
    app.project.doit("fetch:demo")
    (place,) = app.work()
    assert "is not built; run doit package" in app.project.provision("rehearse", status=2)
    app.project.doit()
    assert "Nothing to do" in app.project.doit()
    for command in (["explain"], ["rehearse"], ["diff", "demo:raspberry-pi"]):
        app.project.provision(*command)
    assert app.work() == [place]


def test_clean_leaves_nothing(built: Application) -> None:
    built.project.doit("clean")
    assert built.work() == []
    left = {path.name for path in built.project.path("artifacts/.work/demo").iterdir()}
    assert left <= {"raspberry-pi.lock"}
    built.project.doit()


def test_the_statement_lists_each_wheel(app: Application) -> None:
    made = greet()
    app.lock(made, wheel("other"))
    app.project.doit()
    (file,) = app.project.path("artifacts").glob("demo-*/*.provenance.json")
    definition = json.loads(file.read_text())["predicate"]["buildDefinition"]
    found = [each for each in definition["resolvedDependencies"] if each["name"].endswith(".whl")]
    digest = hashlib.sha256(made.data).hexdigest()
    assert {"name": made.file, "digest": {"sha256": digest}} in found
    assert len(found) == 2


def test_a_run_with_nothing_to_do_imports_no_library_of_wheels(built: Application) -> None:
    built.project.doit()  # which learns a little
    command = [sys.executable, "-X", "importtime", "-m", "doit"]
    with unmeasured():  # what measures reads a TOML file
        done = subprocess.run(
            command, cwd=built.project.root, check=True, capture_output=True, text=True
        )
    assert "Nothing to do" in done.stdout
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    own = ("builder.python.fetch", "builder.python.unpack", "spec.python.lock")
    libraries = {"packaging", "installer", "requests", "urllib3", "tomllib"}
    dear = {*DEAR, *libraries, *(f"provisioning.{name}" for name in own)}
    assert dear & {*names} == set()


def test_a_file_of_a_download_that_was_killed_is_swept(app: Application) -> None:
    left = app.cache / ".fetching-abc.whl"
    app.cache.mkdir()
    left.write_text("half")
    long_ago = time.time() - 7200
    os.utime(left, (long_ago, long_ago))
    recent = app.cache / ".fetching-def.whl"
    recent.write_text("another process's")
    wheel_cache.sweep(app.cache, ".fetching-")
    assert not left.exists()
    assert recent.exists()


def test_a_damaged_listing(built: Application) -> None:
    (listing,) = built.project.path("artifacts/.work").rglob("environment.json")
    before = built.archive.read_bytes()
    for text in ("", "{", "[]\n[]\n", '{"wheels": 1}\n'):
        listing.write_text(text)
        assert "environment.json: damaged" in built.project.doit(status=3)
        listing.unlink()
        built.project.doit()
        assert built.archive.read_bytes() == before


def test_two_platforms_share_the_cache(app: Application) -> None:
    app.project.edit("specs/demo.yaml", "platforms:\n", "platforms:\n  raspberry-pi-bookworm: {}\n")
    app.lock(greet())
    app.project.doit("-n", "2")
    assert len(list((app.cache / "wheels").iterdir())) == 1


@pytest.mark.parametrize(
    "script",
    [
        b'#!python\n"""What it is."""\nfrom __future__ import annotations\nprint("\xc3\xa4")\n',
        b'#!python\n# coding: latin-1\nprint("\xe4")\n',
        b'#!pythonw\r\nprint("\xc3\xa4")\r\n',
        b'#!/bin/sh\necho "\xc3\xa4"\n',
        b"#!/bin/sh\ncat <<END | tail -c 3\n#!python\n\xc3\xa4\nEND\n",
    ],
)
def test_a_script_runs_as_its_wheel_has_it(app: Application, script: bytes, tmp_path: Path) -> None:
    data = "greet-1.0.data/scripts/tool"
    app.lock(wheel(files={"greet/__init__.py": "", data: script}))
    app.project.doit()
    release = app.unpacked(tmp_path / "opt")
    assert run(release / "bin/tool") == "ä"
    if not script.startswith(b"#!python"):
        assert (release / "bin/tool").read_bytes() == script
