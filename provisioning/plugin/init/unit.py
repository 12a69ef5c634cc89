"""Reads a systemd unit (systemd.service(5)) as what a spec says of a service."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS = {
    "User": "user", "Group": "group", "Nice": "nice", "MemoryMax": "memory_max",
    "CPUQuota": "cpu_quota",
}  # fmt: skip
_LISTS = {"SupplementaryGroups": "groups", "After": "after", "Wants": "wants"}
_KNOWN = {"ExecStart", "Environment", "Description", "Documentation", "WantedBy", "Restart",
          "RestartSec", "Type", "WorkingDirectory", "StandardOutput", "StandardError",
          "SyslogIdentifier"}  # fmt: skip
"""What a package's own unit says, or what a spec has another way for."""
_ALWAYS_THERE = {"network.target", "multi-user.target", "basic.target", "sysinit.target"}
_PYTHON = ("python", "python3")


class Unit(NamedTuple):
    """A service, as a spec has it."""

    name: str
    exec: str
    """Its command line in the package; "" if the unit starts nothing that the package has."""
    keys: tuple[tuple[str, str], ...]
    """The other keys, with their values as they are written."""
    why: str = ""
    """Why there is no command line."""
    advice: tuple[str, ...] = ()


def read_unit(path: str, text: str, programs: Sequence[str]) -> Unit:
    """What a unit says; `programs` are the paths of what the package can run."""
    name = os.path.basename(path).removesuffix(".service")
    if "@" in name:
        return Unit(name, "", (), "an instance of a template, which a spec cannot describe")
    said = _settings(text)
    command, why = _command(said.get("ExecStart", []), programs)
    if not command:
        return Unit(name, "", (), why)
    keys = {key: said[setting][-1] for setting, key in _KEYS.items() if said.get(setting)}
    for setting, key in _LISTS.items():
        values = [each for each in " ".join(said.get(setting, [])).split()
                  if each not in _ALWAYS_THERE]  # fmt: skip
        if values:
            keys[key] = f"[{', '.join(_short(key, each) for each in values)}]"
    environment = [pair for line in said.get("Environment", []) for pair in shlex.split(line)]
    pairs = (pair.partition("=") for pair in environment if "=" in pair)
    settings = ", ".join(f"{key}: {_quoted(value)}" for key, _, value in pairs)
    if settings:
        keys["environment"] = f"{{{settings}}}"
    here = [each for each in command.split()[1:] if "/home/" in each or each.startswith("/root/")]
    strange = sorted(said.keys() - _KNOWN - _KEYS.keys() - _LISTS.keys())
    advice = [f"{path} also says {', '.join(strange)}: add them as `extra`"] * bool(strange)
    if here:
        advice.append(
            f"{path} names {here[0]}, which other machines have not: see exec in the spec"
        )
    return Unit(name, command, tuple(keys.items()), advice=tuple(advice))


def _settings(text: str) -> dict[str, list[str]]:
    """The settings of a unit, each with its values; an empty one takes back those before it."""
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith(("#", ";", "[")):
            continue
        if value.strip():
            found.setdefault(key.strip(), []).append(value.strip())
        else:
            found.pop(key.strip(), None)
    return found


def _command(started: Sequence[str], programs: Sequence[str]) -> tuple[str, str]:
    """What a service starts in the package, or why that is not known."""
    if len(started) != 1:
        return "", "it has not one ExecStart"
    words = started[0].lstrip("@-:+!").split()
    program = os.path.basename(words[0])
    by_name = {os.path.basename(each): each for each in programs}
    if program.startswith(_PYTHON) and len(words) > 1:
        script = os.path.splitext(os.path.basename(words[1]))[0]
        if script in by_name:
            return " ".join([by_name[script], *words[2:]]), ""
        if "python" in by_name and words[1] == "-m":
            return " ".join([by_name["python"], *words[1:]]), ""
    stem = os.path.splitext(program)[0]
    for name in (program, stem):
        if name in by_name:
            return " ".join([by_name[name], *words[1:]]), ""
    return "", f"it starts {words[0]}, which is not in the package"


def _short(key: str, value: str) -> str:
    """`network-online` for `network-online.target`, as a spec has it."""
    return value.removesuffix(".target") if key in {"after", "wants"} else value


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
