"""The schema of specs, platform files and fragments; as JSON Schema, too, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.artifact.model import service
from provisioning.artifact.model.package import HOOKS, LONGEST_WAIT
from provisioning.spec.schema.rules import (
    ADDRESS,
    DOCUMENTS,
    FIELDS,
    FORMAT,
    GLIBC,
    MEMORY,
    MODE,
    MTIME,
    NAME,
    NICE,
    OWNER,
    PYTHON,
    QUOTA,
    RELATIONS,
    RESTART,
    SAID_VERSION,
    SECONDS,
    SERVICE_MANAGER,
    SETTING,
    TAG_GLOB,
    UNIT,
    URL,
    VARIABLE,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]


def _ruled(rule: Rule) -> Schema:
    # What a rule says is seen once texts are resolved; here it is for editors, in the JSON Schema.
    return {"type": "string", "meta": {"rule": rule}}


_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "list", "schema": _TEXT}
_MODE, _OWNER, _NAME = _ruled(MODE), _ruled(OWNER), _ruled(NAME)
_SWITCH: Schema = {"type": "boolean"}

_NAMES: Schema = {"type": ["string", "list"], "schema": _TEXT, "minlength": 1}
_ONLY_HERE: Schema = {"only": _NAMES, "except": _NAMES}
# A key without a value removes what an ancestor, or the spec itself, said of it.
_REMOVABLE: Schema = {**_TEXT, "nullable": True}

# A number, or a text with a placeholder for one.
_SECONDS: Schema = {
    "type": ["integer", "string"],
    "meta": {"rule": SECONDS, "range": (1, LONGEST_WAIT)},
    "nullable": True,
}

# What a content is made of, and the keys that would mean nothing there.
_OF_PYTHON = frozenset({"extras", "groups", "scripts", "wheels"})
_ATTRIBUTES = frozenset(
    {"mode", "owner", "group", "conffile", "optional", "foreign", "exclude", "task"}
)
KINDS: dict[str, frozenset[str]] = {
    "src": _OF_PYTHON,
    "template": _OF_PYTHON | {"exclude"},
    "link": _OF_PYTHON | {"exclude", "conffile", "foreign", "mode", "task"},
    "dir": _OF_PYTHON | {"exclude", "conffile", "optional", "foreign", "dst", "task"},
    "python": frozenset({"mode", "conffile", "optional", "task"}),
    "include": _OF_PYTHON | _ATTRIBUTES | {"dst"},
    "remove": _OF_PYTHON | _ATTRIBUTES | {"dst"},
}
WITH_DST = frozenset({"src", "template", "link", "python"})
CONTENT: Schema = {
    "type": "dict",
    "check_with": "content",
    "schema": {
        **dict.fromkeys((*KINDS, "dst"), _TEXT),
        "mode": _MODE,
        **dict.fromkeys(("owner", "group"), _OWNER),
        "exclude": _TEXTS,
        "conffile": _SWITCH,
        **dict.fromkeys(("optional", "foreign"), _SWITCH),
        "task": _NAMES,
        "extras": _TEXTS,
        "groups": {**_TEXTS, "meta": {"key": "groups of a lock"}},
        "scripts": {**_NAMES, "minlength": 0},
        "wheels": _TEXT,
        **_ONLY_HERE,
    },
}
_CONTENTS: Schema = {"type": "list", "schema": CONTENT}
_UNITS: Schema = {"type": "list", "schema": _ruled(UNIT), "minlength": 1, "nullable": True}
_PLAIN = ("string", "integer", "boolean")
_SETTING: Schema = {
    "type": [*_PLAIN, "list"],
    "schema": {"type": [*_PLAIN]},
    "nullable": True,
}
_SERVICE: Schema = {
    "type": "dict",
    "nullable": True,
    "schema": {
        "exec": _REMOVABLE,
        "restart": {**_ruled(RESTART), "nullable": True},
        "user": {**_OWNER, "nullable": True},
        "group": {**_OWNER, "nullable": True},
        "environment": {
            "type": "dict",
            "nullable": True,
            "valuesrules": _REMOVABLE,
            "meta": {"keys": VARIABLE},
        },
        "directory": _REMOVABLE,
        "groups": {"type": "list", "schema": _OWNER, "minlength": 1, "nullable": True},
        "after": _UNITS,
        "wants": _UNITS,
        "memory_max": {**_ruled(MEMORY), "nullable": True},
        "cpu_quota": {**_ruled(QUOTA), "nullable": True},
        "nice": {
            "type": ["integer", "string"],
            "meta": {"rule": NICE, "range": service.NICE},
            "nullable": True,
        },
        "state_directory": _REMOVABLE,
        "extra": {
            "type": "dict",
            "nullable": True,
            "schema": {
                "systemd": {
                    "type": "dict",
                    "nullable": True,
                    "valuesrules": _SETTING,
                    "meta": {"keys": SETTING},
                },
                "launchd": {
                    "type": "dict",
                    "nullable": True,
                    "valuesrules": {"type": [*_PLAIN, "list", "dict"], "nullable": True},
                    "meta": {"keys": SETTING},
                },
            },
        },
        "health": {
            "type": "dict",
            "nullable": True,
            "minlength": 1,
            "schema": {
                "http": {**_ruled(URL), "nullable": True},
                "tcp": {
                    "type": ["integer", "string"],
                    "meta": {"rule": ADDRESS, "range": (1, 65535)},
                    "nullable": True,
                },
                "command": _REMOVABLE,
                "uptime": _SECONDS,
                "within": _SECONDS,
            },
        },
        **_ONLY_HERE,
    },
}
_HOOK: Schema = {
    "type": ["string", "dict"],
    "nullable": True,
    "schema": {"run": {**_TEXT, "required": True}, "timeout": _SECONDS, **_ONLY_HERE},
}
_ABOUT: Schema = {**_TEXT, "meta": {"key": "summary of a value"}}
_VALUE: Schema = {
    "type": "dict",
    "nullable": True,
    "schema": {"pattern": _TEXT, "secret": _SWITCH, "summary": _ABOUT},
}
_DEBIAN: Schema = {
    "type": "dict",
    "schema": {
        **{key: _ruled(rule) for key, rule in FIELDS.items()},
        **{key: {"type": "list", "schema": _ruled(rule)} for key, rule in RELATIONS.items()},
        **dict.fromkeys(DOCUMENTS, _TEXT),
    },
}
_SYSTEM: Schema = {
    "type": "dict",
    "schema": {
        "release": _TEXT,
        "glibc": _ruled(GLIBC),
        "python": {
            "type": "string",
            "meta": {"rule": PYTHON, "key": "python of a system"},
        },
    },
}
SOURCES = ("file", "pyproject", "from")
"""Of a version: exactly one of them says where it comes from."""
ONE_SOURCE = f"give exactly one of {', '.join(SOURCES)}"
_SHARED: Schema = {
    "system": _SYSTEM,
    "prefix": _TEXT,
    "formats": {"type": "list", "schema": _ruled(FORMAT), "minlength": 1},
    "compression": {"type": "dict", "valuesrules": _TEXT, "meta": {"keys": FORMAT}},
    "mtime": _ruled(MTIME),
    "debian": _DEBIAN,
    "service_manager": _ruled(SERVICE_MANAGER),
    "defaults": {
        "type": "dict",
        "schema": {"owner": _OWNER, "group": _OWNER, "file_mode": _MODE, "dir_mode": _MODE},
    },
    "variables": {"type": "dict"},
    "secrets": {"type": "dict"},
}
_OVERLAY: Schema = {
    **_SHARED,
    **dict.fromkeys(("summary", "license", "maintainer"), _TEXT),
    "version": {
        "type": ["string", "dict"],
        "meta": {"rule": SAID_VERSION},
        "check_with": "version",
        "schema": {
            **dict.fromkeys(SOURCES, _TEXT),
            "tags": _ruled(TAG_GLOB),
            "fallback": _ruled(SAID_VERSION),
        },
    },
    "variables_from": _TEXTS,
    "secrets_from": _TEXTS,
    "contents": _CONTENTS,
    "services": {"type": "dict", "valuesrules": _SERVICE, "meta": {"keys": NAME}},
    "hooks": {"type": "dict", "schema": dict.fromkeys(HOOKS, _HOOK)},
    "device": {"type": "dict", "valuesrules": _VALUE, "meta": {"keys": VARIABLE}},
}
SPEC: Schema = {
    **_OVERLAY,
    "name": {**_NAME, "required": True},
    "version": {**_OVERLAY["version"], "required": True},
    "platforms": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "valuesrules": {"type": "dict", "nullable": True, "schema": _OVERLAY},
        "meta": {"keys": NAME},
    },
}
PLATFORM: Schema = {
    **_SHARED,
    "platform": {**_NAME, "required": True},
    **dict.fromkeys(("extends", "os", "arch"), _NAME),
}
FRAGMENT: Schema = {"contents": {**_CONTENTS, "required": True}}


def inner(rule: Schema, key: str | int) -> Schema:
    """Return the rules for what stands at `key` below what `rule` is for; none, where all may."""
    below: Schema = rule.get("valuesrules") or rule.get("schema", {})
    return below if "valuesrules" in rule or isinstance(key, int) else below.get(key, {})


Json = dict[str, Any]

_TYPES = {
    "integer": "integer",
    "string": "string",
    "list": "array",
    "dict": "object",
    "boolean": "boolean",
}
_SHORTEST = {"string": "minLength", "list": "minItems", "dict": "minProperties"}
_PLACEHOLDER = r"\{\{"  # of what it will be replaced with nothing is known here

_KEYS: dict[str, tuple[str, list[Any]]] = {
    "name": (
        "The name of the package, in a-z, 0-9, . + and -; also its top directory.",
        ["greenhouse"],
    ),
    "version": (
        'Text such as "1.4.2", or its source: {file: …}, {pyproject: …} or {from: git}.',
        ["1.4.2", {"pyproject": "pyproject.toml"}, {"from": "git"}],
    ),
    "file": ("A file that holds the version and nothing else.", ["VERSION"]),
    "pyproject": ("A pyproject.toml with the version in [project].", ["pyproject.toml"]),
    "from": ("git: the last tag v… of the checkout, and the distance to it.", ["git"]),
    "tags": (
        "The pattern of those tags, as in greenhouse-v*, with one * in the place of the version.",
        ["greenhouse-v*"],
    ),
    "fallback": (
        "The version before the first tag, to which the number of commits is added.",
        ["0.1"],
    ),
    "platforms": (
        "What the package is built for: platform → what differs there, {} for nothing.",
        [{"raspberry-pi": {}}],
    ),
    "contents": (
        "What the package holds; those of an overlay are appended.",
        [[{"src": "src/**/*.py", "dst": "lib/"}]],
    ),
    "summary": ("What it is, in one line.", ["Reads the temperature, and opens the vents"]),
    "summary of a value": ("What it is, in one line.", ["The number of the sensor"]),
    "license": ("Its licence, as an SPDX expression such as MIT.", ["MIT"]),
    "maintainer": (
        "Its maintainer: Name <mail@example.org>.",
        ["Greenhouse team <team@example.org>"],
    ),
    "variables": (
        "Values for templates and for {{ name }} in this file; an empty value removes one.",
        [{"port": 8080}],
    ),
    "variables_from": (
        "Files with more of them: YAML, JSON, TOML, INI or .env; the later wins.",
        [["config/common.yaml"]],
    ),
    "secrets": (
        "Variables that only templates may see, such as {{ env.TOKEN }}.",
        [{"token": "{{ env.TOKEN }}"}],
    ),
    "secrets_from": (
        "Files with more of them: YAML, JSON, TOML, INI or .env; the later wins.",
        [["config/secrets.env"]],
    ),
    "prefix": ("The absolute path where the package is installed.", ["/opt/{{ name }}"]),
    "formats": (
        "The formats to build: archives, a Debian package, a plain directory.",
        [["tar.gz", "deb"]],
    ),
    "compression": (
        "How a format is compressed, by its name: codec, or codec:level as in gzip:9.",
        [{"tar.gz": "gzip:9"}],
    ),
    "mtime": (
        "content: the time of a file depends on its content; epoch: all have the same time.",
        ["content", "epoch"],
    ),
    "debian": (
        "More for a Debian package: control fields, changelog, copyright.",
        [{"section": "net", "depends": ["libgpiod2 (>= 1.6)"]}],
    ),
    "revision": ("What its version has behind a hyphen, as in 1.4.2-deb12.", ["deb12"]),
    "section": ("Its section in Debian's archive, such as misc, net or utils.", ["net"]),
    "priority": ("Its priority: optional, unless every system needs it.", ["optional"]),
    "homepage": ("Its home page: a URL.", ["https://example.org/greenhouse"]),
    "pre_depends": ("Packages that must be configured before it is unpacked.", [["adduser"]]),
    "depends": (
        "Packages that it needs, as in libgpiod2 (>= 1.6).",
        [["libgpiod2 (>= 1.6)", "nginx | apache2"]],
    ),
    "recommends": (
        "Packages that it is used with, except on unusual machines.",
        [["python3-lgpio"]],
    ),
    "suggests": ("Packages that make it more useful.", [["nginx"]]),
    "enhances": ("Packages that it makes more useful.", [["nginx"]]),
    "conflicts": (
        "Packages that cannot be installed together with it.",
        [["greenhouse-cli (<< 2)"]],
    ),
    "breaks": (
        "Packages that it breaks, as in greenhouse-cli (<< 2).",
        [["greenhouse-cli (<< 2)"]],
    ),
    "replaces": ("Packages whose files it may overwrite.", [["greenhouse-cli (<< 2)"]]),
    "provides": (
        "Packages that it provides as well, as in greenhouse-api (= 2).",
        [["greenhouse-api (= 2)"]],
    ),
    "changelog": ("A file: its changelog, in Debian's format.", ["debian/changelog"]),
    "copyright": ("A file: its copyright and licences.", ["debian/copyright"]),
    "service_manager": ("The service manager of the platform.", ["systemd", "launchd"]),
    "defaults": (
        "Default owner, group and modes of contents.",
        [{"owner": "root", "group": "root", "file_mode": "0644", "dir_mode": "0755"}],
    ),
    "file_mode": ('Mode of files, quoted: "0644"; executables also get x.', ["0644"]),
    "dir_mode": ('Mode of directories, quoted: "0755".', ["0755"]),
    "services": (
        "Programs that the target keeps running, by name.",
        [{"greenhouse": {"exec": "bin/greenhouse"}}],
    ),
    "hooks": (
        "Scripts that the target runs when the package is installed or removed.",
        [{"post_install": "hooks/post-install.sh"}],
    ),
    "pre_install": (
        "Runs before the package is installed; a failure stops the installation.",
        ["hooks/pre-install.sh", {"run": "hooks/enable-1wire.sh", "only": "raspberry-pi"}],
    ),
    "post_install": ("Runs after the package was installed.", ["hooks/post-install.sh"]),
    "pre_remove": ("Runs before the package is removed.", ["hooks/pre-remove.sh"]),
    "post_remove": ("Runs after the package was removed.", ["hooks/post-remove.sh"]),
    "run": ("The script: a file of the project.", ["hooks/post-install.sh"]),
    "timeout": ("Seconds until it counts as failed; default: 60.", [120]),
    "exec": (
        "The command line; its first word is a path in the package.",
        ["bin/greenhouse --port {{ port }}"],
    ),
    "restart": ("When it is started again after it has ended.", ["on-failure"]),
    "environment": ("Environment variables of the service.", [{"LOG_LEVEL": "info"}]),
    "user": (
        'Who runs it: a name, or a number such as "1000"; with systemd, default: one of its own.',
        ["greenhouse"],
    ),
    "directory": (
        "Its working directory: a path in the package; default: the package's root.",
        ["var"],
    ),
    "groups": (
        "Further groups, whose devices it may use, such as gpio, dialout or video.",
        [["gpio"]],
    ),
    "groups of a lock": ("Dependency groups of the lock.", [["server"]]),
    "after": (
        "Units of systemd that start before it: network-online, or postgresql.service.",
        [["network-online"]],
    ),
    "wants": (
        "Units of systemd that start with it; it starts even where they fail.",
        [["network-online"]],
    ),
    "memory_max": (
        "How much memory it may use, as in 512M, or 20% of the machine's.",
        ["512M", "20%"],
    ),
    "cpu_quota": ("How much of one processor it may use, as in 50%.", ["50%"]),
    "nice": ("Its priority, from -20, the highest, to 19; 0 if nothing is said.", [10]),
    "state_directory": (
        "Where it keeps what outlives releases: an empty directory of its user's.",
        ["var/lib"],
    ),
    "extra": (
        "What else its service manager is told, for which there is no key here.",
        [{"systemd": {"TimeoutStartSec": 90}}],
    ),
    "systemd": (
        "Settings of [Service] and [Unit], as in TimeoutStartSec: 90.",
        [{"TimeoutStartSec": 90}],
    ),
    "launchd": (
        "Keys of launchd.plist(5), as in ProcessType: Interactive.",
        [{"ProcessType": "Interactive"}],
    ),
    "health": (
        "How to check that it is healthy after its start: exactly one check.",
        [{"http": "http://localhost:{{ port }}/health"}, {"uptime": 10}],
    ),
    "http": ("A URL that must answer with 2xx.", ["http://localhost:8080/health"]),
    "tcp": (
        "HOST:PORT, or a PORT of this machine, that must accept a connection.",
        [8080, "localhost:8080"],
    ),
    "command": ("A command line like exec, which must exit with 0.", ["bin/greenhouse --check"]),
    "uptime": ("Seconds that it must run without a break.", [10]),
    "within": ("Seconds from its start until it must be healthy; default: 30.", [30]),
    "device": (
        "Values that only the machine knows, as environment variables, by name.",
        [{"SENSOR_ID": {"pattern": "28-[0-9a-f]{12}", "summary": "The number of the sensor"}}],
    ),
    "pattern": (
        "A regular expression for the whole value; default: any text that is not empty.",
        ["28-[0-9a-f]{12}"],
    ),
    "secret": ("Whether it must never be shown.", [True]),
    "platform": ("The name of the platform: the file's name without .yaml.", ["greenhouse-pi"]),
    "extends": (
        "A platform that provides everything that this file does not set.",
        ["raspberry-pi"],
    ),
    "system": (
        "The release, C library and Python of its operating system.",
        [{"release": "trixie"}, {"glibc": "2.36", "python": "3.11"}],
    ),
    "release": (
        "A release of Debian, such as bookworm; on macOS the oldest one, such as 14.0.",
        ["trixie", "14.0"],
    ),
    "glibc": ("The version of its C library, where no release of Debian says it.", ["2.36"]),
    "os": ("Its operating system, such as linux or macos.", ["linux", "macos"]),
    "arch": ("Its processor, such as arm64; all if no code is compiled.", ["arm64", "all"]),
    "src": (
        "Files as they are: a file, a directory, or a glob such as src/**/*.py.",
        ["src/**/*.py", "config/", "VERSION"],
    ),
    "template": ("A Jinja2 template, rendered with the variables.", ["config/greenhouse.ini.j2"]),
    "link": ("A symbolic link: its target, relative to the link.", ["../lib/greenhouse/main.py"]),
    "dir": ("A directory in the package, which may be empty.", ["var/log"]),
    "python": (
        "Locked Python packages: a pylock.toml, or a requirements.txt with hashes.",
        ["pylock.toml", "requirements.txt"],
    ),
    "python of a system": ('The Python that it has, such as "3.11".', ["3.11"]),
    "extras": ("Extras of the lock.", [["mqtt"]]),
    "scripts": ("Console scripts that become bin/NAME, by name; or all.", [["greenhouse"], "all"]),
    "wheels": ("A directory with wheels of one's own, for packages that have none.", ["wheels/"]),
    "include": (
        "A fragment: a YAML file whose contents are inserted here.",
        ["specs/fragments/logging.yaml"],
    ),
    "remove": ("Removes what a content above puts at this dst.", ["etc/greenhouse.ini"]),
    "dst": (
        "The path in the package; with / at the end, the directory to put it in.",
        ["lib/", "bin/greenhouse"],
    ),
    "mode": (
        'Octal and quoted, as in "0644"; default: from the defaults and the executable bit.',
        ["0644"],
    ),
    "owner": ('A user, by name or by a number such as "1000".', ["root"]),
    "group": ('A group, by name or by a number such as "1000".', ["root"]),
    "exclude": (
        "Patterns of what to leave out, as in .gitignore, relative to src.",
        [["test_*.py", "**/tests/"]],
    ),
    "conffile": ("A configuration file: an upgrade keeps edits made on the machine.", [True]),
    "optional": ("Whether it may be missing.", [True]),
    "foreign": ("Whether it may hold code that the platform cannot run.", [True]),
    "task": (
        "Tasks of the dodo.py, by name, that make it, if their targets do not say so.",
        ["bundle", ["bundle", "assets"]],
    ),
    "only": (
        "Only for these platforms, and those that extend them.",
        ["raspberry-pi", ["linux", "macos"]],
    ),
    "except": ("Not for these platforms, nor those that extend them.", ["mac-mini"]),
}
"""What each key means, and examples of its value; of a key with two meanings, the second by a
name of its own."""


def _kind(kind: str, idle: Iterable[str]) -> Json:
    refused = sorted({*KINDS, *idle} - {kind})
    then: Json = {"properties": dict.fromkeys(refused, False)}
    if kind in WITH_DST:
        then["required"] = ["dst"]
    return {"if": {"required": [kind]}, "then": then}


_DEFINITIONS = {**PLATFORM, **SPEC}
"""The keys of files and overlays, each of which has the same rule wherever it stands."""

_TOGETHER: dict[str, Json] = {
    "content": {
        "anyOf": [{"required": [kind]} for kind in KINDS],
        "allOf": [_kind(kind, idle) for kind, idle in KINDS.items()],
    },
    "version": {
        "minProperties": 1,
        # Beside git alone there is more to say; an overlay may say no more than that.
        "if": {"anyOf": [{"required": [key]} for key in SOURCES if key != "from"]},
        "then": {"maxProperties": 1},
    },
}
"""What keys must be together, by the name that `schema` gives the check that demands it."""


def json_schema() -> Json:
    """Return the schema; a spec and a platform are told apart by keys that only one of them has."""
    spec, platform = (_required(kind) for kind in (SPEC, PLATFORM))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": "A spec, a platform file or a fragment of doit-provisioning.",
        "type": "object",
        "properties": {key: _reference(key) for key in (*spec, *platform)},  # for completion
        "if": _has_one_of(spec),
        "then": _file(SPEC),
        "else": {"if": _has_one_of(platform), "then": _file(PLATFORM), "else": _file(FRAGMENT)},
        "definitions": {key: _described(key, rule) for key, rule in _DEFINITIONS.items()},
    }


def _file(schema: Schema) -> Json:
    # `check` lets such keys pass at the top of a file, and nowhere else.
    return {**_object(schema), "patternProperties": {"^x-": True}}


def _required(schema: Schema) -> list[str]:
    return sorted(key for key, rule in schema.items() if rule.get("required"))


def _has_one_of(keys: Iterable[str]) -> Json:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _object(schema: Schema) -> Json:
    properties = {
        key: _described(key, rule) if _is_own(key, rule) else _reference(key)
        for key, rule in schema.items()
    }
    made = {"properties": properties, "additionalProperties": False}
    required = _required(schema)
    return {**made, "required": required} if required else made


def _is_own(key: str, rule: Schema) -> bool:
    """Whether a key is no shared one, or means something else here."""
    return key not in _DEFINITIONS or "key" in rule.get("meta", {})


def _reference(key: str) -> Json:
    return {"$ref": f"#/definitions/{key}"}


def _described(key: str, rule: Schema) -> Json:
    meaning, examples = _KEYS[rule.get("meta", {}).get("key", key)]
    return {"description": meaning, "examples": examples, **_converted(rule)}


def _converted(rule: Schema) -> Json:
    types = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    names = [_TYPES[each] for each in types] + ["null"] * rule.get("nullable", False)
    made: Json = {"type": names if len(names) > 1 else names[0]}
    if "minlength" in rule:
        made |= {_SHORTEST[each]: rule["minlength"] for each in types}
    if "valuesrules" in rule:
        made["additionalProperties"] = _converted(rule["valuesrules"])
    if "schema" in rule:
        inner = rule["schema"]
        made |= _object(inner) if "dict" in types else {"items": _converted(inner)}
    meta = rule.get("meta", {})
    if "keys" in meta:
        made["propertyNames"] = _text(meta["keys"])
    if "rule" in meta:
        made |= _text(meta["rule"])
    if "range" in meta:
        made["minimum"], made["maximum"] = meta["range"]
    return made | _TOGETHER.get(rule.get("check_with", ""), {})


def _text(rule: Rule) -> Json:
    """Return what can be said of a text as it is written, which may hold a placeholder."""
    if rule.known:
        return {"anyOf": [{"enum": list(rule.known)}, {"pattern": _PLACEHOLDER}]}
    whole = f"^(?:{rule.pattern})$"
    # Names are what placeholders are filled with, and nobody fills those in a name.
    pattern = whole if rule in {NAME, VARIABLE} else f"{whole}|{_PLACEHOLDER}"
    # Not of the standard: VS Code and yaml-language-server know it, others pass over it.
    return {"pattern": pattern, "patternErrorMessage": f"This {rule.reason('')}."}
