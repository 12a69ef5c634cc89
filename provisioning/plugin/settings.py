"""What a project sets for this plugin: `[tool.doit-provisioning]` in its pyproject.toml.

`configure(signing={...})` in a dodo.py says the same, and comes first. The environment comes before
both: another machine, as one of CI, has other keys.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidDodoFile

from provisioning.artifact.model.sums import SIGNATURE, SUMS
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.builder.workspace.signing import Signing

_FILE = "pyproject.toml"
_TABLE = "tool.doit-provisioning"
KEY = "PROVISIONING_SIGNING_KEY"
"""A variable of the environment: the file of another key; NONE for no signature."""
NONE = "none"

_KEYS = ("key", "command", "signature")
_given: list[Mapping[str, Any]] = []


def give(signing: Mapping[str, Any] | None) -> None:
    """Note what the project's dodo.py says; None if it says nothing."""
    _given[:] = [] if signing is None else [signing]


def signing() -> Signing | None:
    """How the project in the working directory signs its releases; None if it does not.

    Raises InvalidDodoFile for a setting that is not valid.
    """
    said_by, value = _said()
    named = os.environ.get(KEY, "")
    if named == NONE or (value is None and not named):
        return None
    if named:
        said_by, value = KEY, {"key": named}
    try:
        return _signing(said_by, value)
    except BuildError as error:
        raise InvalidDodoFile(str(error)) from None


def _said() -> tuple[str, Any]:
    """Where it is said how to sign, and what; None if nothing is."""
    if _given:
        return "configure(signing=…)", _given[0]
    if os.path.exists(_FILE):
        with suppress(OSError), open(_FILE, "rb") as file:
            data = file.read()
            if _TABLE.encode() in data:  # most projects need not have it read as TOML
                where = f"{_FILE}: [{_TABLE}]"
                return f"{where} signing", _table(data, where).get("signing")
    return "", None


def _table(data: bytes, where: str) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - a cost for a project that sets something
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("doit-provisioning", {})
    except ValueError as error:
        raise InvalidDodoFile(f"{_FILE}: {error}") from None
    if not isinstance(table, dict):
        raise InvalidDodoFile(f"{where}: has to be a table")
    unknown = sorted({*table} - {"signing"})
    if unknown:
        raise InvalidDodoFile(f"{where}: {unknown[0]} is not known; there is: signing")
    found: Mapping[str, Any] = table
    return found


def _signing(said_by: str, value: Any) -> Signing:
    """Read the setting. Raises BuildError."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise BuildError(f'{said_by}: has to be like {{key = "~/.ssh/id_ed25519"}}')
    unknown = sorted({*value} - {*_KEYS})
    if unknown:
        raise BuildError(f"{said_by}: {unknown[0]} is not known; there are: {', '.join(_KEYS)}")
    key, command = value.get("key", ""), value.get("command", "")
    if bool(key) == bool(command):
        raise BuildError(f"{said_by}: needs either a key or a command")
    # Imported here: a cost for those who sign.
    from provisioning.builder.workspace.signing import Signing  # noqa: PLC0415

    if key:
        if "signature" in value:
            raise BuildError(f"{said_by}: signature is for a command; a key makes {SIGNATURE}")
        found = Signing(said_by, key=os.path.expanduser(key))
        try:
            _ = found.identity
        except BuildError as error:
            raise BuildError(f"{error}; {KEY}={NONE} builds without a signature") from None
        return found
    return _by_command(said_by, command, value.get("signature", SIGNATURE))


def _by_command(said_by: str, command: str, signature: str) -> Signing:
    import shlex  # noqa: PLC0415 - as above

    from provisioning.builder.workspace.signing import Signing  # noqa: PLC0415

    if not signature.startswith(f"{SUMS}.") or "/" in signature or not signature.isprintable():
        raise BuildError(f"{said_by}: signature: has to be a name like {SIGNATURE}")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise BuildError(f"{said_by}: command: {error}") from None
    for mark in ("{file}", "{signature}"):
        if not any(mark in word for word in words):
            raise BuildError(
                f"{said_by}: command: does not say where {mark} goes, as in"
                ' "minisign -S -m {file} -x {signature}"'
            )
    return Signing(said_by, command=words, signature=signature)
