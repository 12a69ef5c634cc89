"""Looks at a project that has no spec yet: what belongs into a package, and what does not."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.errors import BuildError
from provisioning.plugin.init.unit import Unit, read_unit
from provisioning.spec.schema.rules import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT, VERSION_FILE = "pyproject.toml", "VERSION"
LOCK = "pylock.toml"
MODULES = "lib/python/"
"""Where Python looks for modules in a package with Python packages."""
EMPTY_LOCK = 'lock-version = "1.0"\ncreated-by = "provision init"\npackages = []\n'

_TESTS, _MADE, _TOOLBOX = "tests", "what a build makes", "tools of the project"
_NOT_PACKAGED = {
    **dict.fromkeys(("test", "tests", "testing"), _TESTS),
    **dict.fromkeys(("doc", "docs"), "documentation"),
    **dict.fromkeys(("build", "dist", "artifacts"), _MADE),
    **dict.fromkeys(("venv", "env"), "a virtual environment"),
    **dict.fromkeys(("scripts", "tools"), _TOOLBOX),
    "benchmarks": "measurements",
    "examples": "examples",
    "node_modules": "made by npm",
    "specs": "specs",
}
"""Directories that no package holds, and what they are."""
_CONFIGURATION = ("config", "conf", "etc")
_SHARED = ("static", "templates", "assets", "public", "share", "www")
_UNITS = (
    "",
    "systemd",
    "deploy",
    "deployment",
    "packaging",
    "contrib",
    "etc/systemd/system",
    "etc",
)
_TOOLS = {"setup.py", "conftest.py", "dodo.py", "noxfile.py", "fabfile.py", "tasks.py", "manage.py"}
_OF_TESTS = re.compile(r"(test_.*|.*_test)\.py")
_SECRET = re.compile(r"\.env(\..*)?|.*\.(pem|key|p12)|secrets?(\..*)?|.*\.kdbx|id_(rsa|ed25519).*")
_OF_TOOLS = re.compile(
    r"pyproject\.toml|pylock.*\.toml|poetry\.lock|tox\.ini|pytest\.ini|setup\.cfg|mypy\.ini|"
    r"package(-lock)?\.json|tsconfig.*\.json|\..*|mkdocs\.ya?ml|docker-compose.*|compose\.ya?ml|"
    r"doit\.cfg|codecov\.ya?ml|renovate\.json|Pipfile|environment\.ya?ml"
)


class Block(NamedTuple):
    """One item of `contents`, as it is written."""

    lines: tuple[str, ...]
    """`src: src/`, `dst: lib/`, …"""
    why: str
    """What it is: the comment beside it."""


class Survey(NamedTuple):
    """What was found in a project."""

    name: str
    version: str
    """As a spec has it: `{file: VERSION}`."""
    fields: tuple[tuple[str, str], ...]
    """`summary`, `license` and `maintainer`, as far as they are known."""
    contents: tuple[Block, ...]
    services: tuple[Unit, ...]
    programs: tuple[str, ...]
    """What the package can run: paths in it."""
    found: tuple[str, ...]
    """What was recognized, a line each."""
    left_out: tuple[str, ...]
    """What was not, and why."""
    advice: tuple[str, ...]
    """What to do besides."""
    needs_lock: bool = False
    """Whether an empty lock is to be written: there are programs, and no dependencies."""


def look(root: Path, *, passes_over_locks: bool = False) -> Survey:
    """Look at the project in `root`, as if it had no lock if one is passed over.

    Raises BuildError for files that cannot be read.
    """
    return _Look(root, passes_over_locks=passes_over_locks).survey()


class _Look:
    """One look at a project."""

    def __init__(self, root: Path, *, passes_over_locks: bool) -> None:
        self._root = root
        self._passes_over_locks = passes_over_locks
        self._project = self._pyproject()
        self._names = sorted(each.name for each in os.scandir(root))
        self.found: list[str] = []
        self.left_out: list[str] = []
        self.advice: list[str] = []
        self.contents: list[Block] = []
        self.programs: list[str] = []
        self.needs_lock = False

    def survey(self) -> Survey:
        name = _name(str(self._project.get("name", "")) or self._root.name)
        version = self._version()
        self._python()
        self._scripts()
        self._settings(name)
        services = tuple(self._services())
        self._rest()
        return Survey(
            name, version, tuple(self._fields()), tuple(self.contents), services,
            tuple(self.programs), tuple(self.found), tuple(self.left_out), tuple(self.advice),
            self.needs_lock,
        )  # fmt: skip

    def _version(self) -> str:
        if isinstance(self._project.get("version"), str):
            self.found.append(f"{PYPROJECT}: name and version")
            return f"{{pyproject: {PYPROJECT}}}"
        if self._is_file(VERSION_FILE):
            self.found.append(f"{VERSION_FILE}: the version")
            return f"{{file: {VERSION_FILE}}}"
        if (self._root / ".git").exists():
            self.found.append("git: the version, from tags such as v1.2")
            return '{from: git, fallback: "0.1"}'
        return '"0.1"'

    def _fields(self) -> Iterator[tuple[str, str]]:
        said = self._project
        licence = said.get("license")
        if isinstance(licence, dict):
            licence = licence.get("text")
        known = {"summary": said.get("description"), "license": licence}
        for key, value in known.items():
            if isinstance(value, str) and value.strip():
                yield key, " ".join(value.split())
        authors = [each for each in said.get("authors") or () if isinstance(each, dict)]
        for each in authors[:1]:
            name, mail = each.get("name", ""), each.get("email", "")
            if name or mail:
                yield "maintainer", f"{name} <{mail}>".strip() if mail else name

    def _python(self) -> None:
        """The locked packages, the project's own modules, and its console scripts."""
        scripts = [*(self._project.get("scripts") or ())]
        dependencies = self._project.get("dependencies") or []
        lock = self._lock()
        if not lock and scripts and not dependencies:
            lock, self.needs_lock = LOCK, True
        if lock:
            lines = [f"python: {lock}", f"dst: {MODULES}"]
            if scripts:
                lines.append(f"scripts: [{', '.join(scripts)}]")
            why = "the interpreter of the package" if self.needs_lock else "the locked packages"
            self._add(lines, why, f"{lock}: {why}")
            self.programs += ["bin/python", *(f"bin/{each}" for each in scripts)]
        elif dependencies or scripts:
            self._without_lock()
        into = MODULES if lock else "lib/"
        for directory in self._packages():
            dst = into if directory == "src" else f"{into}{directory}/"
            exclude = [each for each in ("tests", "test") if self._holds(directory, each)]
            lines = [f"src: {directory}/", f"dst: {dst}"]
            lines += _excluding(f"**/{each}/" for each in exclude)
            self._add(lines, "the modules", f"{directory}/: modules of Python")

    def _lock(self) -> str:
        if self._passes_over_locks:
            return ""
        locks = [each for each in self._names if re.fullmatch(r"pylock(\.[^.]+)?\.toml", each)]
        hashed = [
            each
            for each in self._names
            if re.fullmatch(r"requirements.*\.txt", each) and "--hash=" in self._text(each)
        ]
        return next(iter([*locks, *hashed]), "")

    def _without_lock(self) -> None:
        if "uv.lock" in self._names:
            how = f"uv export --format pylock.toml --no-emit-project -o {LOCK}"
            self.left_out.append(f"uv.lock: this tool reads {LOCK}")
        else:
            how = f"uv lock && uv export --format pylock.toml --no-emit-project -o {LOCK}"
            self.left_out.append(f"the dependencies in {PYPROJECT}: they are not locked")
        self.advice.append(f"lock the dependencies, and run `provision init` again: {how}")

    def _packages(self) -> Iterator[str]:
        if self._is_dir("src") and any((self._root / "src").rglob("*.py")):
            yield "src"
        for each in self._names:
            if each not in _NOT_PACKAGED and (self._root / each / "__init__.py").is_file():
                yield each

    def _scripts(self) -> None:
        """Programs that begin with #!, and modules beside pyproject.toml."""
        if self._is_dir("bin") and any(map(self._is_program, self._below("bin"))):
            self._add(["src: bin/", "dst: bin/"], "programs", "bin/: programs")
            self.programs += [each for each in self._below("bin") if self._is_program(each)]
        has_python = "bin/python" in self.programs
        for each in self._names:
            stem, ending = os.path.splitext(each)
            if ending not in {".py", ".sh"} or each in _TOOLS or _OF_TESTS.fullmatch(each):
                continue
            if self._is_program(each):
                target = f"bin/{stem}"
                self._add([f"src: {each}", f"dst: {target}", 'mode: "0755"'], "a program",
                          f"{each}: a program")  # fmt: skip
                self.programs.append(target)
            elif ending == ".py":
                target = f"{MODULES if has_python else 'lib/'}{each}"
                self._add([f"src: {each}", f"dst: {target}"], "a module", f"{each}: a module")

    def _settings(self, name: str) -> None:
        for each in _CONFIGURATION:
            files = [*self._below(each)] if self._is_dir(each) else []
            if files and not all(path.endswith(".service") for path in files):
                units = any(path.endswith(".service") for path in files)
                secret = [path for path in files if _SECRET.fullmatch(path.rpartition("/")[2])]
                lines = [f"src: {each}/", "dst: etc/", "conffile: true"]
                out = ["*.service"] * units + [os.path.relpath(path, each) for path in secret]
                lines += _excluding(out)
                self._add(lines, "an upgrade keeps local edits", f"{each}/: configuration")
                self.left_out += [f"{path}: looks secret" for path in secret]
        for each in self._names:
            if not self._is_file(each) or _OF_TOOLS.fullmatch(each):
                continue
            if each.endswith((".ini", ".conf", ".cfg")) or re.fullmatch(
                r"(config|settings)\.(ya?ml|json|toml)", each
            ):
                lines = [f"src: {each}", f"dst: etc/{each}", "conffile: true"]
                self._add(lines, "an upgrade keeps local edits", f"{each}: configuration")
        for each in _SHARED:
            if self._is_dir(each) and any(self._below(each)):
                self._add([f"src: {each}/", f"dst: share/{name}/{each}/"], "data", f"{each}/: data")

    def _services(self) -> Iterator[Unit]:
        for directory in _UNITS:
            for path in self._children(directory):
                if not path.endswith(".service"):
                    continue
                service = read_unit(path, self._text(path), self.programs)
                if service.exec:
                    self.found.append(f"{path}: a service")
                    yield service
                else:
                    self.left_out.append(f"{path}: {service.why}")
                self.advice += service.advice

    def _rest(self) -> None:
        """Say of what else is there why it is not in the package."""
        for each in self._names:
            if self._is_dir(each) and each in _NOT_PACKAGED and not each.startswith("."):
                self.left_out.append(f"{each}/: {_NOT_PACKAGED[each]}")
            elif _SECRET.fullmatch(each) and self._is_file(each):
                self.left_out.append(f"{each}: looks secret")
        if "package.json" in self._names:
            self.left_out.append("package.json: npm is a task of your own")
            self.advice.append("HowTo 008 shows a Node application")
        if (self._root / ".git").exists() and "artifacts" not in self._text(".gitignore"):
            self.advice.append("keep what doit makes out of git: echo artifacts/ >> .gitignore")

    def _add(self, lines: Iterable[str], why: str, found: str) -> None:
        self.contents.append(Block(tuple(lines), why))
        self.found.append(found)

    def _is_file(self, name: str) -> bool:
        return (self._root / name).is_file()

    def _is_dir(self, name: str) -> bool:
        return (self._root / name).is_dir()

    def _holds(self, directory: str, name: str) -> bool:
        return any(each.is_dir() for each in (self._root / directory).rglob(name))

    def _children(self, directory: str) -> list[str]:
        place = self._root / directory
        if not place.is_dir():
            return []
        return sorted(os.path.join(directory, each.name) for each in os.scandir(place))

    def _below(self, directory: str) -> Iterator[str]:
        for path in sorted((self._root / directory).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self._root))

    def _is_program(self, path: str) -> bool:
        with open(self._root / path, "rb") as file:
            return file.read(2) == b"#!"

    def _pyproject(self) -> dict[str, Any]:
        """What `[project]` says; nothing where there is none."""
        text = self._text(PYPROJECT)
        try:
            said = tomllib.loads(text).get("project", {})
        except (ValueError, RecursionError) as error:
            raise BuildError(f"{PYPROJECT}: {error}") from None
        return said if isinstance(said, dict) else {}

    def _text(self, path: str) -> str:
        try:
            return (self._root / path).read_text("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError:
            raise BuildError(f"{path}: not UTF-8") from None
        except OSError as error:
            raise BuildError(f"{path}: {error.strerror}") from None


def _excluding(patterns: Iterable[str]) -> list[str]:
    """The line of a content that leaves out files; none if there is nothing to leave out."""
    quoted = [f'"{each}"' for each in patterns]
    return [f"exclude: [{', '.join(quoted)}]"] if quoted else []


def _name(text: str) -> str:
    """A valid name for a package that is like `text`."""
    found = re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-.+")[:64]
    return found if re.fullmatch(NAME.pattern, found) else "application"
