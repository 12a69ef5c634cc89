"""What specs are made from (files, environment, git, the command line), read and recorded."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from provisioning.spec.diagnostics import Diagnostics
    from provisioning.spec.python.lock import Unbuilt
    from provisioning.spec.resolve.git import NoVersion, Refs

    T = TypeVar("T")
    Parser: TypeAlias = Callable[[str, str, Diagnostics], T | None]

MAX_BYTES = 1 << 20
SPECS = "specs"

Kind: TypeAlias = Literal["file", "listing", "wheels", "environment", "git", "written"]


class PythonSpec(NamedTuple):
    """One spec of a dodo.py: what a YAML file would hold, as dicts, lists and texts."""

    values: Mapping[str, Any]
    origin: Origin
    """Where the dodo.py hands it in."""

    @property
    def state(self) -> str:
        """Text that is equal for two specs only if they are."""
        try:
            return f"{self.origin} {json.dumps(self.values, default=repr)}"
        except (TypeError, ValueError, RecursionError):
            return os.urandom(16).hex()  # it is refused, and must not be remembered


class Input(NamedTuple):
    """One thing outside of a spec that may have a part in it; `name` is a path or a variable's."""

    kind: Kind
    name: str


class Inputs:
    """Reads the files, the environment and the command line of a project: nothing else does.

    A cache of what the specs say can ask `account` what that depended on, and `state` whether it
    is still the same.
    """

    def __init__(
        self,
        root: Path,
        overrides: Mapping[str, str] | None = None,
        python_specs: Sequence[PythonSpec] = (),
    ) -> None:
        """Look for files below `root`.

        `overrides` are the `name=value` of the command line, `python_specs` those of the dodo.py.
        """
        self.root = root
        self._root = os.path.realpath(root)
        self._python_specs = python_specs
        self.overrides = dict(overrides or {})
        self.edited: frozenset[str] = frozenset()
        """The variants that hold more than what is committed, as in `greenhouse:raspberry-pi`;
        set by the builder, which knows what they hold, before a version is asked for."""
        self.secretive = False
        """Whether a secret was asked for: then nothing that was read may be kept."""
        self.secret_files: set[str] = set()
        """The files that were read for the secrets in them."""
        self.unbuilt: list[Unbuilt] = []
        """The Python packages for which there is no wheel, by platform."""
        self.asked: set[str] = set()
        """The files that were asked for, whether they exist or not; directories end in /."""
        self._read: dict[str, tuple[bytes, str]] = {}  # with what `state` says of it
        self._parsed: dict[tuple[str, Any], tuple[Any, Diagnostics]] = {}
        self._versions: dict[Any, str | NoVersion] = {}
        self._account: dict[Input, str] = {}

    def renewed(self) -> Inputs:
        """Return the same inputs, with nothing read yet."""
        return Inputs(self.root, self.overrides, self._python_specs)

    @contextmanager
    def account(self) -> Iterator[dict[Input, str]]:
        """Record in a dict all that is asked for within the block, each with its state."""
        before, self._account = self._account, {}
        try:
            yield self._account
        finally:
            before.update(self._account)  # which an outer block may hold
            self._account = before

    def state(self, asked: Input, digest_of: Callable[[str], str]) -> str:
        """Return what `account` would record of `asked` now; `digest_of` gives a file's SHA-256.

        Raises:
            OSError: it cannot be found out.
        """
        if asked.kind == "file":
            path = os.path.realpath(os.path.join(self._root, asked.name))
            return f"{path} {digest_of(path)}"
        if asked.kind == "listing":
            return "/".join(_listing(self.root / asked.name))
        if asked.kind == "wheels":
            return "/".join(_wheels(self.root / asked.name))
        if asked.kind == "environment":
            return repr(os.environ.get(asked.name))
        if asked.kind == "written":
            return self._python_state
        return self._git_state(asked.name)

    def text(
        self, file: str, asked: Origin, diagnostics: Diagnostics, largest: int = MAX_BYTES
    ) -> str | None:
        """Return the text of `file`, without a byte order mark; None if it cannot be read.

        `asked` is where its name is written, the place that is reported then; `largest` bytes may
        it have.
        """
        try:
            data = self._bytes(file, largest)
        except OSError as error:
            reason = error.strerror or str(error)
            message = reason if asked.file == file else f"{file}: {reason}"
            diagnostics.error(asked, "unreadable-file", message, self._meant(file, error))
            return None
        if len(data) > largest:  # guard: largest-input
            start = Origin(file=file, line=1, column=1)
            message = f"the file is larger than {largest >> 20} MiB"
            diagnostics.error(start, "file-too-large", message)
            return None
        try:
            return data.decode("utf-8").removeprefix("\ufeff")  # guard: byte-order-mark
        except UnicodeDecodeError as error:  # guard: not-utf8
            from provisioning.spec.diagnostics import origin_at  # noqa: PLC0415 - for this alone

            origin = origin_at(file, data[: error.start].decode("utf-8"), error.start)
            hint = "save the file as UTF-8"
            diagnostics.error(origin, "not-utf8", "this is not text in UTF-8", hint)
            return None

    def parsed(
        self, file: str, asked: Origin, diagnostics: Diagnostics, parse: Parser[T]
    ) -> T | None:
        """Return what `parse` makes of the text of `file`, once, however often it is asked for."""
        text = self.text(file, asked, diagnostics)
        if text is None:
            return None
        from provisioning.spec.diagnostics import Diagnostics  # noqa: PLC0415 - as above

        if (file, parse) not in self._parsed:
            found = Diagnostics()
            self._parsed[file, parse] = (parse(text, file, found), found)
        result, found = self._parsed[file, parse]
        diagnostics += found
        return cast("T | None", result)

    def _meant(self, file: str, error: OSError) -> str:
        from provisioning.spec.diagnostics import nearest_path, no_glob  # noqa: PLC0415 - as above

        if not isinstance(error, FileNotFoundError):
            return ""
        near = "" if (hint := no_glob(file)) else nearest_path(self.root, file)
        return f"did you mean {near}?" if near and not leads_out(self.root, near) else hint

    def yaml_files(self, directory: str, diagnostics: Diagnostics) -> list[str]:
        """Return the YAML files in `directory`; none if there is no such place."""
        self.asked.add(f"{directory}/")
        try:
            found = _listing(self.root / directory)
        except OSError as error:
            origin = Origin(file=directory, line=0, column=1)
            diagnostics.error(origin, "unreadable-file", f"{error.strerror}")
            return []
        self._account[Input("listing", directory)] = "/".join(found)
        names = [f"{directory}/{name}" for name in found]
        for name in names:
            if name.endswith(".yml"):
                origin = Origin(file=name, line=0, column=1)
                message = "name the file .yaml; .yml is not read"
                diagnostics.error(origin, "wrong-suffix", message)
        return [name for name in names if name.endswith(".yaml")]

    def wheels(self, directory: str, asked: Origin, diagnostics: Diagnostics) -> dict[str, str]:
        """Return the wheels in `directory`: their names, each with its SHA-256."""
        try:
            names = _wheels(self.root / directory)
            self._account[Input("wheels", directory)] = "/".join(names)
            return {name: self._digest(f"{directory}/{name}") for name in names}
        except OSError as error:
            message = f"{error.filename or directory}: {error.strerror}"
            diagnostics.error(asked, "unreadable-file", message)
            return {}

    def _digest(self, file: str) -> str:
        path = os.path.realpath(os.path.join(self._root, file))
        with open(path, "rb") as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        self._account[Input("file", file)] = f"{path} {digest}"
        return digest

    def python_specs(self) -> Sequence[PythonSpec]:
        """Return the specs that are written in Python."""
        self._account[Input("written", "")] = self._python_state
        return self._python_specs

    def environment(self, name: str) -> str | None:
        """Return the environment variable `name`; None where it is not set."""
        value = os.environ.get(name)
        self._account[Input("environment", name)] = repr(value)
        return value

    def git_version(
        self,
        variant: str,
        source: T,
        find: Callable[[Path, Refs | NoVersion, T], str | NoVersion],
    ) -> str | NoVersion:
        """Return the version of the project that `find` reads from git, or why there is none.

        It ends with `dirty` if `variant` is one of those that are `edited`.
        """
        self._account[Input("git", variant)] = self._git_state(variant)
        if source not in self._versions:
            self._versions[source] = find(self.root, self.checkout, source)
        version = self._versions[source]
        if variant not in self.edited or not isinstance(version, str):
            return version
        return f"{version}.dirty" if "+" in version else f"{version}+dirty"

    @cached_property
    def checkout(self) -> Refs | NoVersion:
        """What is checked out, or why nothing is known of it."""
        from provisioning.spec.resolve.git import refs  # noqa: PLC0415 - where a version is git's alone

        return refs(self.root)

    def _git_state(self, variant: str) -> str:
        state = hashlib.sha256(repr(self.checkout).encode("utf-8", "surrogateescape")).hexdigest()
        return f"{state} edited" if variant in self.edited else state

    @property
    def _python_state(self) -> str:
        states = "\n".join(each.state for each in self._python_specs)
        return hashlib.sha256(states.encode("utf-8", "surrogatepass")).hexdigest()

    def _bytes(self, file: str, largest: int) -> bytes:
        if leads_out(self.root, file):  # guard: input-out-of-the-project
            raise OSError("a symbolic link leads out of the project")
        self.asked.add(file)
        if file not in self._read:
            data = _read(self.root / file, largest)
            digest = hashlib.sha256(data).hexdigest()
            self._read[file] = data, f"{os.path.realpath(os.path.join(self._root, file))} {digest}"
        data, self._account[Input("file", file)] = self._read[file]
        return data


def leads_out(root: Path, path: str) -> bool:
    """Whether `path` below `root`, or a symbolic link on the way to it, leads out of `root`.

    Every file of the project that is read passes by here: nothing outside reaches a package.
    """
    # Texts: to make paths of them would take longer than to look.
    inside = os.path.realpath(root).rstrip("/")
    return not f"{os.path.realpath(os.path.join(root, path))}/".startswith(f"{inside}/")


def _listing(directory: Path) -> list[str]:
    """Return the names of YAML files in `directory`; none if there is no such place."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [name for name in names if name[0] != "." and name.endswith((".yaml", ".yml"))]


def _wheels(directory: Path) -> list[str]:
    """Return the names of the wheels in `directory`. Raises OSError."""
    return sorted(name for name in os.listdir(directory) if name.endswith(".whl"))


def _read(path: Path, largest: int) -> bytes:
    # Opening a FIFO would wait for a writer that never comes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # guard: input-that-is-no-file
            raise OSError("this is not a file")
        return stream.read(largest + 1)
