"""Knows everything that specs are made from, and keeps account of what was asked for."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.resolve.git import NoVersion, Refs
    from provisioning.spec.resolve.version import Asked
    from provisioning.spec.yaml.node import Mapping as MappingNode

    T = TypeVar("T")
    Parser: TypeAlias = Callable[[str, str, list[Diagnostic]], T | None]

MAX_BYTES = 1 << 20
SPECS = "specs"

Kind: TypeAlias = Literal["file", "listing", "environment", "git", "written"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSpec:
    """One spec: what a YAML file of a spec would hold, as dicts, lists and texts."""

    values: Mapping[str, Any]
    origin: Origin
    """Where the dodo.py hands it in."""

    @property
    def state(self) -> str:
        """Text that is equal for two specs only if they are."""
        try:
            return f"{self.origin} {json.dumps(self.values, default=repr)}"
        except (TypeError, ValueError, RecursionError):
            return os.urandom(16).hex()  # it is a fault, and none to be remembered

    def node(self, faults: list[Diagnostic]) -> MappingNode | None:
        """Return the same as nodes; None after a fault."""
        # Imported here: with nothing to read, YAML's limits are not worth an import of YAML.
        from provisioning.spec.diagnostics import Diagnostic  # noqa: PLC0415
        from provisioning.spec.yaml.plain import UnusableError, node_of  # noqa: PLC0415

        if not isinstance(self.values, dict):
            message = "a spec is a dict; hand in those of a list as in tasks(*specs)"
            faults.append(Diagnostic.at(self.origin, "wrong-type", message))
            return None
        name = self.values.get("name")  # one call can hand in many specs
        try:
            return node_of(self.values, self.origin, literal=False, path=f"{name or ''}")
        except UnusableError as error:
            fault = Diagnostic(
                code="wrong-type", origin=self.origin, where=error.path, message=error.message
            )
            faults.append(fault)
        return None


class Input(NamedTuple):
    """One thing outside of a spec that may have a part in it; `name` is a path or a variable's."""

    kind: Kind
    name: str


class Inputs:
    """The files, the environment and the command line of a project: the one door to all of them.

    Whoever keeps what specs came to can ask `account` what that depended on, and `state` whether
    it is still the same.
    """

    def __init__(
        self,
        root: Path,
        given: Mapping[str, str] | None = None,
        written: Sequence[PythonSpec] = (),
    ) -> None:
        """Look for files below `root`.

        `given` are the `name=value` of the command line, `written` the specs of the dodo.py.
        """
        self.root = root
        self._root = os.path.realpath(root)
        self._written = written
        self.given = dict(given or {})
        self.edited: frozenset[str] = frozenset()
        """The variants that hold more than what is committed, as in `greenhouse:raspberry-pi`: to
        be said by who knows what they hold, before a version is asked for."""
        self.secretive = False
        """Whether a secret was asked for: nothing of what was read may be kept then."""
        self.secret_files: set[str] = set()
        """Those files that were read for the secrets in them."""
        self.asked: set[str] = set()
        """The files that were asked for, whether there are such or not; directories end in /."""
        self._read: dict[str, tuple[bytes, str]] = {}  # with what `state` says of it
        self._parsed: dict[tuple[str, Any], tuple[Any, list[Diagnostic]]] = {}
        self._versions: dict[Asked, str | NoVersion] = {}
        self._account: dict[Input, str] = {}

    def renewed(self) -> Inputs:
        """The same, with nothing read yet."""
        return Inputs(self.root, self.given, self._written)

    @contextmanager
    def account(self) -> Iterator[dict[Input, str]]:
        """Note in a dict all that is asked for within the block, each with its state."""
        before, self._account = self._account, {}
        try:
            yield self._account
        finally:
            before.update(self._account)  # which an outer block may hold
            self._account = before

    def state(self, asked: Input, digest_of: Callable[[str], str]) -> str:
        """What `account` would note of `asked` now; `digest_of` tells a file's SHA-256.

        Raises:
            OSError: it cannot be found out.
        """
        if asked.kind == "file":
            path = os.path.realpath(os.path.join(self._root, asked.name))
            return f"{path} {digest_of(path)}"
        if asked.kind == "listing":
            return "/".join(_listing(self.root / asked.name))
        if asked.kind == "environment":
            return repr(os.environ.get(asked.name))
        if asked.kind == "written":
            return self._written_state
        return self._git_state(asked.name)

    def text(self, file: str, asked: Origin, faults: list[Diagnostic]) -> str | None:
        """Return the text of `file`, without a byte order mark; None after a fault.

        `asked` is where its name was written, which is where a file that cannot be read at all
        is reported.
        """
        # Imported here, as below: a cost that a project in which nothing changed does not owe.
        from provisioning.spec.diagnostics import Diagnostic  # noqa: PLC0415

        try:
            data = self._bytes(file)
        except OSError as error:
            reason = error.strerror or str(error)
            message = reason if asked.file == file else f"{file}: {reason}"
            faults.append(
                Diagnostic.at(asked, "unreadable-file", message, self._meant(file, error))
            )
            return None
        if len(data) > MAX_BYTES:  # guard: largest-input
            start = Origin(file=file, line=1, column=1)
            faults.append(Diagnostic.at(start, "file-too-large", "the file is larger than 1 MiB"))
            return None
        try:
            return data.decode("utf-8").removeprefix("\ufeff")  # guard: byte-order-mark
        except UnicodeDecodeError as error:  # guard: not-utf8
            origin = place(file, data[: error.start].decode("utf-8"), error.start)
            hint = "save the file as UTF-8"
            faults.append(Diagnostic.at(origin, "not-utf8", "this is not text in UTF-8", hint))
            return None

    def parsed(
        self, file: str, asked: Origin, faults: list[Diagnostic], parse: Parser[T]
    ) -> T | None:
        """Return what `parse` makes of the text of `file`, once, however often it is asked for."""
        text = self.text(file, asked, faults)
        if text is None:
            return None
        if (file, parse) not in self._parsed:
            found: list[Diagnostic] = []
            self._parsed[file, parse] = (parse(text, file, found), found)
        result, found = self._parsed[file, parse]
        faults += found
        return cast("T | None", result)

    def _meant(self, file: str, error: OSError) -> str:
        from provisioning.spec.diagnostics import nearest_path, no_glob  # noqa: PLC0415 - faults alone

        if not isinstance(error, FileNotFoundError):
            return ""
        near = "" if (hint := no_glob(file)) else nearest_path(self.root, file)
        return f"did you mean {near}?" if near and not leads_out(self.root, near) else hint

    def yaml_files(self, directory: str, faults: list[Diagnostic]) -> list[str]:
        """Return the YAML files in `directory`; none if there is no such place."""
        from provisioning.spec.diagnostics import Diagnostic  # noqa: PLC0415

        self.asked.add(f"{directory}/")
        try:
            found = _listing(self.root / directory)
        except OSError as error:
            origin = Origin(file=directory, line=0, column=1)
            faults.append(Diagnostic.at(origin, "unreadable-file", f"{error.strerror}"))
            return []
        self._account[Input("listing", directory)] = "/".join(found)
        names = [f"{directory}/{name}" for name in found]
        for name in names:
            if name.endswith(".yml"):
                origin = Origin(file=name, line=0, column=1)
                message = "name the file .yaml; .yml is not read"
                faults.append(Diagnostic.at(origin, "wrong-suffix", message))
        return [name for name in names if name.endswith(".yaml")]

    def written(self) -> Sequence[PythonSpec]:
        """Return the specs that are written in Python."""
        self._account[Input("written", "")] = self._written_state
        return self._written

    def environment(self, name: str) -> str | None:
        """Return the environment variable `name`; None where it is not set."""
        value = os.environ.get(name)
        self._account[Input("environment", name)] = repr(value)
        return value

    def git_version(self, variant: str, asked: Asked) -> str | NoVersion:
        """Return the version that git tells of the project, or why there is none.

        It ends with `dirty` where `variant` is one of those that are `edited`.
        """
        self._account[Input("git", variant)] = self._git_state(variant)
        if asked not in self._versions:
            from provisioning.spec.resolve.version import version_of  # noqa: PLC0415 - as above

            self._versions[asked] = version_of(self.root, self.checkout, asked)
        version = self._versions[asked]
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
    def _written_state(self) -> str:
        states = "\n".join(each.state for each in self._written)
        return hashlib.sha256(states.encode("utf-8", "surrogatepass")).hexdigest()

    def _bytes(self, file: str) -> bytes:
        if leads_out(self.root, file):  # guard: input-out-of-the-project
            raise OSError("a symbolic link leads out of the project")
        self.asked.add(file)
        if file not in self._read:
            data = _read(self.root / file)
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


def place(file: str, text: str, position: int) -> Origin:
    """Return the origin of the character at `position` of `text`."""
    from provisioning.spec.diagnostics import LINE_BREAK  # noqa: PLC0415

    lines = LINE_BREAK.split(text[:position])
    return Origin(file=file, line=len(lines), column=len(lines[-1]) + 1)


def _listing(directory: Path) -> list[str]:
    """Return the names of YAML files in `directory`; none if there is no such place."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [name for name in names if name[0] != "." and name.endswith((".yaml", ".yml"))]


def _read(path: Path) -> bytes:
    # Opening a FIFO would wait for a writer that never comes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # guard: input-that-is-no-file
            raise OSError("this is not a file")
        return stream.read(MAX_BYTES + 1)
