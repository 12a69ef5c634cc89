"""The reference names each key, command and option that exists, and none that does not."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from doit.doit_cmd import DoitMain

from provisioning.build.sources import BUILT_IN_EXCLUDES
from provisioning.plugin.graph import PACKAGE, STAGES
from provisioning.spec import schema
from provisioning.spec.variables import BUILT_IN

from .page import DOC, ROOT, first_column, section

KEYS = DOC / "reference" / "Reference_001_Spec_Keys.md"
COMMANDS = DOC / "reference" / "Reference_002_Commands.md"
PLATFORMS = ROOT / "provisioning" / "platforms"
CONTENT = schema.SPEC["contents"]["schema"]["schema"]


def in_lines(pattern: str, text: str) -> list[Any]:
    """What `pattern` finds, `^` and `$` being the ends of a line."""
    return re.findall(pattern, text, re.MULTILINE)


def table(heading: str) -> set[str]:
    """The keys in the first table under a heading of the page of keys."""
    return first_column(section(KEYS, heading).split("\n#")[0])


def prose(heading: str) -> str:
    """A section of the page of keys in one line."""
    return " ".join(section(KEYS, heading).split())


def test_each_key_of_a_spec_is_there() -> None:
    assert table("## Keys of a spec") == {*schema.SPEC, "x-…"}


def test_each_key_of_a_content_is_there() -> None:
    assert table("## Keys of a content") == set(CONTENT)


def test_each_key_of_a_platform_file_is_there() -> None:
    assert table("## Keys of a platform file") == set(schema.PLATFORM)


def test_what_an_overlay_may_not_hold_is_told() -> None:
    overlay = schema.SPEC["platforms"]["valuesrules"]["schema"]
    assert set(schema.SPEC) - set(overlay) == {"name", "platforms"}
    told = prose("## Keys of a spec")
    assert "every key of a spec but `name`, `platforms` and `x-…`" in told


def test_each_default_of_a_platform_is_there() -> None:
    text = section(KEYS, "## Keys of a platform file")
    assert [key for key in schema.PLATFORM["defaults"]["schema"] if f"`{key}`" not in text] == []


def test_each_form_of_a_version_is_there() -> None:
    forms = " ".join(table("### Forms of `version`"))
    assert set(re.findall(r"\{(\w+):", forms)) == set(schema.SPEC["version"]["schema"])


@pytest.mark.parametrize("kind", schema.KINDS)
def test_a_key_that_means_nothing_for_a_content_is_not_said_to(kind: str) -> None:
    rows = in_lines(r"^\| `(\w+)` \|[^|]*\| ([^|]+) \|", section(KEYS, "## Keys of a content"))
    meant = {key for key, kinds in rows if f"`{kind}`" in kinds}
    assert meant == {"dst", "mode", "exclude", "conffile", "optional"} - schema.KINDS[kind]


def test_each_built_in_exclude_is_there() -> None:
    (shown,) = in_lines(r"^    (\..*)$", section(KEYS, "### Excludes"))
    assert tuple(shown.split()) == BUILT_IN_EXCLUDES


def test_each_built_in_variable_is_there() -> None:
    told = ", ".join(f"`{name}`" for name in BUILT_IN)
    assert f"nobody else may set them: {told}." in prose("## Variables")


def test_each_built_in_platform_is_shown_as_it_is() -> None:
    shown = in_lines(r"^```yaml\n((?:.*\n)*?)^```", section(KEYS, "## Built-in platforms"))
    real = {path.read_text(encoding="utf-8") for path in PLATFORMS.glob("*.yaml")}
    assert real
    assert set(shown) == real


def test_each_stage_is_there_in_order() -> None:
    assert in_lines(r"^\| `(\w+)` \|", section(COMMANDS, "### The stages")) == list(STAGES)


def test_each_command_of_doit_that_is_told_exists() -> None:
    told = {command.split()[1] for command in commands() if command.count(" ")}
    names = {word.split(":")[0] for word in told if not word.startswith("-")}
    doit = {command.get_name() for command in DoitMain.DOIT_CMDS}
    assert names <= {PACKAGE, *STAGES} | doit
    assert {PACKAGE, "verify", "list", "info", "clean", "forget"} <= names


def commands() -> set[str]:
    """The commands in the table of doit's."""
    return first_column(section(COMMANDS, "## doit: building and verifying").split("\n#")[0])


def test_each_option_of_provision_verify_is_there() -> None:
    command = [sys.executable, "-m", "provisioning.target", "verify", "--help"]
    usage = subprocess.check_output(command, text=True, cwd=ROOT)
    told = first_column(section(COMMANDS, "## provision: on the target"))
    options = {name for name in told if name.startswith("--")}
    assert options == set(re.findall(r"(--[a-z-]+)", usage))


def test_each_command_of_provision_is_there() -> None:
    command = [sys.executable, "-m", "provisioning.target", "--help"]
    usage = subprocess.check_output(command, text=True, cwd=ROOT)
    names = in_lines(r"^    ([a-z]+) ", usage)
    text = section(COMMANDS, "## provision: on the target")
    assert names
    assert [name for name in names if f"provision {name} " not in text] == []
