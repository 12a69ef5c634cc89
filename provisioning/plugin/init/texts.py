"""The files that set a project up: its dodo.py, and a spec with comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioning.plugin.init.survey import EMPTY_LOCK, LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.plugin.init.survey import Block, Survey

DODO = '''"""What `doit` builds here."""

from provisioning.plugin import configure, tasks

DOIT_CONFIG = configure()


def task_provisioning():
    """The packages that are described in specs/."""
    yield from tasks()
'''
SCHEMA = "specs/spec.schema.json"
_PLAIN = re.compile(r"[A-Za-z][\w .,;()/<>@+-]*")
_COLUMN = 36  # of comments


def spec_name(survey: Survey) -> str:
    """Where the spec of the package goes."""
    return f"specs/{survey.name}.yaml"


def texts(survey: Survey, schema: str, *, has_dodo: bool) -> dict[str, str]:
    """The files to write, by their paths in the project."""
    written = {} if has_dodo else {"dodo.py": DODO}
    written[spec_name(survey)] = "".join(f"{line}\n" for line in _spec(survey))
    written[SCHEMA] = schema
    if survey.needs_lock:
        written[LOCK] = EMPTY_LOCK
    return written


def _spec(survey: Survey) -> Iterator[str]:
    yield "# yaml-language-server: $schema=spec.schema.json"
    yield f"name: {survey.name}"
    yield f"version: {survey.version}"
    for key, value in survey.fields:
        yield f"{key}: {_text(value)}"
    yield ""
    yield "platforms:"
    yield _commented("  raspberry-pi: {}", "the current Raspberry Pi OS: Debian 13, Python 3.13")
    yield _commented("  # raspberry-pi-bookworm: {}", "the one before; mac-mini for a Mac")
    yield ""
    yield from _services(survey)
    yield "contents:"
    for content in survey.contents:
        yield from _content(content)
    if not survey.contents:
        yield _commented("  - dir: var", "nothing was found: name what the package holds")
        yield _commented("  # - src: src/", "a directory, a file or a glob of the project")
        yield _commented("  #   dst: lib/", "where it goes, below /opt/NAME/current")


def _services(survey: Survey) -> Iterator[str]:
    if survey.services:
        yield "services:"
        for each in survey.services:
            yield f"  {each.name}:"
            yield f"    exec: {_text(each.exec)}"
            yield from (f"    {key}: {value}" for key, value in each.keys)
        yield ""
    elif survey.programs:
        yield _commented("# services:", "what systemd or launchd keeps running")
        yield f"#   {survey.name}:"
        yield f"#     exec: {survey.programs[-1]}"
        yield ""


def _content(content: Block) -> Iterator[str]:
    first, *rest = content.lines
    yield _commented(f"  - {first}", content.why)
    yield from (f"    {line}" for line in rest)


def _commented(line: str, why: str) -> str:
    return f"{line:<{_COLUMN - 2}}  # {why}"


def _text(value: str) -> str:
    """A text as YAML has it: in quotes where it might be taken for something else."""
    if _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXTS and not value.endswith(" "):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_NO_TEXTS: Sequence[str] = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
