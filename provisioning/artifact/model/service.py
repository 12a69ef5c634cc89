"""A service of a package: what runs, who runs it, and what its service manager is told of it.

See systemd.unit(5), systemd.exec(5), systemd.resource-control(5) and launchd.plist(5).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioning.artifact.model.entry import owner_fault, shown
from provisioning.console import NO_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RESTARTS = ("on-failure", "always", "never")
CHECKS = ("http", "tcp", "command", "uptime")


class Health(NamedTuple):
    """How one sees that a service runs well, once it was started."""

    check: str
    """One of CHECKS."""
    what: str
    """A URL that answers 2xx; HOST:PORT that accepts; a command line, as `Service.exec`, that
    exits with 0; or for how many seconds the service must run without a break."""
    within: int
    """Seconds from its start, after which it is not well."""


class Service(NamedTuple):
    """A program that the target keeps running."""

    name: str
    exec: str
    """The command line; its first word is a path in the package. Words as sh(1) splits them."""
    restart: str
    """One of RESTARTS."""
    user: str
    """Who runs it, made where a name is that of nobody; "" is the service manager's own user."""
    group: str
    """"" is the user's own group."""
    environment: tuple[tuple[str, str], ...]
    """Names and values, sorted."""
    directory: str
    """Where it is started: a path in the package, "" for its root."""
    health: Health | None
    groups: tuple[str, ...] = ()
    """Further groups, whose devices and files it may use."""
    after: tuple[str, ...] = ()
    """Units of systemd that are to be started before it, if they are to be started."""
    wants: tuple[str, ...] = ()
    """Units of systemd that are to be started with it."""
    memory_max: str = ""
    """The memory that it may use, as MEMORY says; "" for all."""
    cpu_quota: str = ""
    """The share of one processor that it may use, such as 50%; "" for all."""
    nice: int = 0
    """Its priority, from -20, the highest, to 19."""
    extra: tuple[tuple[str, str], ...] = ()
    """What its service manager is told besides: keys, and values as JSON; sorted."""


MEMORY = r"[1-9][0-9]{0,5}[KMGT]|[1-9][0-9]?%|100%"
"""Of bytes, each unit being 1024 of the one before; or of the machine's memory."""
QUOTA = "[1-9][0-9]{0,4}%"
"""Of one processor."""
NICE = -20, 19
UNIT = (
    r"[A-Za-z0-9:_.\\@-]{1,200}"
    r"\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)"
)
KEY = "[A-Z][A-Za-z0-9]{0,63}"
"""Of a setting in a unit, or of a key in a property list."""
LISTS = ("groups", "after", "wants")
"""The fields of a service that are lists in JSON."""
WITHOUT_COUNTERPART = {
    "groups": "launchd gives a service its user's groups and no others",
    "after": "launchd starts services in no order",
    "wants": "launchd starts services in no order",
    "cpu_quota": "launchd limits no share of a processor",
}
"""The fields that mean nothing to launchd, and why."""
SHARE = "launchd limits no share of the memory; write an amount such as 512M"

STATE_DIRECTORY = "STATE_DIRECTORY"
"""The environment variable in which a program finds where it keeps its state: systemd.exec(5)."""

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{NO_CHARACTERS}]")
_MOST = 4096  # characters of a value, as JSON
_DEEPEST = 4
_LARGEST = (1 << 63) - 1  # what a property list can hold

# Keys that this tool writes, each with the key of a spec that says it; "" where none does.
_SYSTEMD = {
    **dict.fromkeys(("Type", "SyslogIdentifier"), ""),
    **dict.fromkeys(("WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also", "DefaultInstance"), ""),
    "Description": "summary",
    "After": "after",
    "Wants": "wants",
    "ExecStart": "exec",
    "WorkingDirectory": "directory",
    "User": "user",
    "DynamicUser": "user",
    "Group": "group",
    "SupplementaryGroups": "groups",
    "Environment": "environment",
    "Restart": "restart",
    "MemoryMax": "memory_max",
    "CPUQuota": "cpu_quota",
    "Nice": "nice",
    "StateDirectory": "state_directory",
    "StateDirectoryMode": "state_directory",
}
_LAUNCHD = {
    **dict.fromkeys(("Label", "RunAtLoad", "StandardOutPath", "StandardErrorPath", "Disabled"), ""),
    "Program": "exec",
    "ProgramArguments": "exec",
    "WorkingDirectory": "directory",
    "KeepAlive": "restart",
    "UserName": "user",
    "GroupName": "group",
    "EnvironmentVariables": "environment",
    "Nice": "nice",
}
OWN_KEYS = {"systemd": _SYSTEMD, "launchd": _LAUNCHD}

# Of systemd.unit(5), the settings of [Unit]; all others are those of [Service].
_OF_UNIT = re.compile(
    "(?:Condition|Assert|StartLimit|Job|OnFailure|OnSuccess|Success|Failure)[A-Za-z]*"
    "|Before|BindsTo|CollectMode|Conflicts|DefaultDependencies|Documentation|IgnoreOnIsolate"
    "|JoinsNamespaceOf|PartOf|PropagatesReloadTo|PropagatesStopTo|RebootArgument|RefuseManualStart"
    "|RefuseManualStop|ReloadPropagatedFrom|Requires|RequiresMountsFor|Requisite|SourcePath"
    "|StopPropagatedFrom|StopWhenUnneeded|SurviveFinalKillSignal|Upholds|WantsMountsFor|AllowIsolate"
)


def manager_fault(service: Service, manager: str) -> str:
    """Why a service manager cannot be told this; "" if it can."""
    checks: dict[str, Callable[[str], str | None]] = {
        "groups": owner_fault,
        **dict.fromkeys(("after", "wants"), _matching(UNIT, "is no unit")),
        "memory_max": _matching(MEMORY, "is no amount of memory"),
        "cpu_quota": _matching(QUOTA, "is no share of a processor"),
    }
    for key, check in checks.items():
        value = getattr(service, key)
        each = value if key in LISTS else (value,) if value else ()
        if not all(type(text) is str for text in each):
            return f"{key} is not text"
        if reason := next(filter(None, map(check, each)), ""):
            return f"{key}: {reason}"
        if value and manager == "launchd" and key in WITHOUT_COUNTERPART:
            return f"{key}: {WITHOUT_COUNTERPART[key]}"
    if manager == "launchd" and service.memory_max.endswith("%"):
        return f"memory_max: {SHARE}"
    if type(service.nice) is not int or not NICE[0] <= service.nice <= NICE[1]:
        return "nice is not -20 to 19"
    told = (extra_fault(manager, key, json.loads(value)) for key, value in service.extra)
    return next(filter(None, told), "")


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    return lambda text: "" if re.fullmatch(pattern, text) else f"{shown(text) or 'nothing'} {what}"


def is_unit(text: str) -> bool:
    """Whether it is the whole name of a unit of systemd."""
    return bool(re.fullmatch(UNIT, text))


def extra_fault(manager: str, key: str, value: Any) -> str:
    """Why a unit or a property list cannot say this besides; "" if it can."""
    if not re.fullmatch(KEY, key):
        return f"{shown(key) or 'nothing'} is no key of {manager}: it has letters and digits alone"
    own = OWN_KEYS.get(manager, {})
    if key in own:  # guard: extra-of-our-own
        said = f": use the key {own[key]}" if own[key] else ", and cannot be changed"
        return f"{key} is written by this tool{said}"
    if len(dump_value(value)) > _MOST:
        return f"{key} is longer than {_MOST} characters"
    return f"{key} {reason}" if (reason := _value_fault(manager, value)) else ""


def _value_fault(manager: str, value: Any) -> str:
    if manager == "launchd":
        return _plist_fault(value, 0)
    if value == []:
        return "is a list of nothing"
    texts = value if type(value) is list else [value]
    if not all(type(each) is str for each in texts):
        return "is neither a text nor a list of texts"
    if any(map(_CONTROL.search, texts)):  # guard: extra-in-one-line
        return "is not one line of text"
    if any(each.endswith("\\") for each in texts):  # guard: extra-that-goes-on
        return "ends in a backslash, with which systemd goes on in the next line"
    return ""


def _plist_fault(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return f"has more than {_DEEPEST} levels"
    if type(value) is dict:
        inner = (*value, *value.values())
    elif type(value) is list:
        inner = tuple(value)
    elif type(value) is str:
        return "is not one line of text" if _CONTROL.search(value) else ""
    elif type(value) is int:
        return "" if -_LARGEST <= value <= _LARGEST else "is a number of more than 64 bits"
    else:
        return "" if type(value) is bool else "is no text, whole number, true, false, list or map"
    return next(filter(None, (_plist_fault(each, depth + 1) for each in inner)), "")


def dump_value(value: Any) -> str:
    """Spell a value of `Service.extra`."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def groups_of(services: Iterable[Service], user: str) -> list[str]:
    """The groups, beside its own, that the services of a user have, sorted."""
    found = {name for each in services if each.user == user for name in each.groups}
    return sorted(found - {user})


def systemd_lines(service: Service, section: str) -> Iterator[str]:
    """The lines that a spec adds to a section of a unit: Unit or Service."""
    for key, spelled in service.extra:
        value = json.loads(spelled)
        if bool(_OF_UNIT.fullmatch(key)) == (section == "Unit"):
            yield from (f"{key}={each}" for each in (value if type(value) is list else [value]))


def launchd_keys(service: Service) -> dict[str, Any]:
    """What a spec says of limits, and adds to a property list."""
    found: dict[str, Any] = {key: json.loads(value) for key, value in service.extra}
    if service.nice:
        found["Nice"] = service.nice
    if service.memory_max:
        size = {"ResidentSetSize": int(service.memory_max[:-1]) * _UNITS[service.memory_max[-1]]}
        for key in ("SoftResourceLimits", "HardResourceLimits"):
            limits = found.get(key, {})
            found[key] = {**limits, **size} if type(limits) is dict else limits
    return found
