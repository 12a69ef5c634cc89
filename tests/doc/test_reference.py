"""The reference names each key, command and option that exists, and none that does not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.builder.collect.sources import BUILT_IN_EXCLUDES
from provisioning.installer.cli import arguments
from provisioning.plugin.program import COMMANDS as OF_PROJECT
from provisioning.plugin.task_graph import PACKAGE, STAGES
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.resolve.variables import BUILT_IN, ENVIRONMENT
from provisioning.spec.resolve.version import DoubtfulVersion, version_in
from provisioning.spec.schema import schema
from provisioning.spec.schema.rules import PRIORITY, RESTART, SERVICE_MANAGER
from provisioning.spec.yaml.node import Scalar, doubt
from provisioning.spec.yaml.reader import parse
from tests.plugin.conftest import DOITS

from .page import DOC, GREENHOUSE, ROOT, first_column, section
from .test_tutorial import demand_alike, run

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.model.variant import Variant
    from provisioning.spec.schema.rules import Rule

KEYS = DOC / "reference" / "Reference_001_Spec_Keys.md"
COMMANDS = DOC / "reference" / "Reference_002_Commands.md"
PLATFORMS = ROOT / "provisioning" / "platforms"
GOLDEN = ROOT / "tests" / "spec" / "golden"
CONTENT = schema.SPEC["contents"]["schema"]["schema"]
SERVICE = schema.SPEC["services"]["valuesrules"]["schema"]
OWN = {*OF_PROJECT}
IN_A_PROJECT = "## provision: in a project"
CONDITION = {"only", "except"}

# What the page's examples take for granted.
HEAD = 'name: greenhouse\nversion: "1"\n'
PLATFORM_KEY = "platforms: {raspberry-pi: {}, mac-mini: {}}\n"
AROUND = {
    "specs/fragments/linux.yaml": "contents: []\n",
    "config/secrets-raspberry-pi.env": "TOKEN=x\n",
    "config/secrets-mac-mini.env": "TOKEN=x\n",
    "pylock.toml": 'lock-version = "1.0"\ncreated-by = "hand"\npackages = []\n',
}


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


def test_each_key_of_a_service_is_there() -> None:
    assert table("### Keys of a service") == set(SERVICE)


def test_each_key_for_a_debian_package_is_there() -> None:
    keys = own("### Debian packages").partition("The other fields")[0]
    assert first_column(keys) == set(schema.SPEC["debian"]["schema"])


def test_each_hook_is_there_and_each_key_of_one() -> None:
    told = {name for name in first_column(section(KEYS, "### Hooks")) if name.islower()}
    assert told == {*schema.HOOKS, *schema.SPEC["hooks"]["schema"]["post_install"]["schema"]}


def test_each_key_of_a_health_check_is_there() -> None:
    assert table("### Health") == set(SERVICE["health"]["schema"])


def test_each_key_of_a_value_of_the_device_is_there() -> None:
    keys = schema.SPEC["device"]["valuesrules"]["schema"]
    assert table("### Values of the device") == set(keys)


def test_what_a_fragment_may_hold_is_told() -> None:
    assert set(schema.FRAGMENT) == {"contents"}
    told = prose("### Fragments")
    assert "A fragment contains `contents` and nothing else, except `x-…`." in told


@pytest.mark.parametrize(
    ("heading", "key", "rule"),
    [
        ("### Keys of a service", "restart", RESTART),
        ("## Keys of a spec", "service_manager", SERVICE_MANAGER),
        ("### Debian packages", "priority", PRIORITY),
        ("## Keys of a platform file", "service_manager", SERVICE_MANAGER),
    ],
)
def test_each_value_that_a_key_may_have_is_there(heading: str, key: str, rule: Rule) -> None:
    (row,) = in_lines(rf"^\| `{key}` \| ([^|]*) \|", section(KEYS, heading))
    known = rule.reason("").partition("known: ")[2].split(", ")
    assert known == re.findall("`([^`]+)`", row)


def test_what_an_overlay_may_not_hold_is_told() -> None:
    overlay = schema.SPEC["platforms"]["valuesrules"]["schema"]
    assert set(schema.SPEC) - set(overlay) == {"name", "platforms"}
    told = prose("## Keys of a spec")
    assert "every key of a spec except `name`, `platforms` and `x-…`" in told


def test_each_default_of_a_platform_is_there() -> None:
    text = section(KEYS, "## Keys of a platform file")
    assert [key for key in schema.PLATFORM["defaults"]["schema"] if f"`{key}`" not in text] == []


def test_each_form_of_a_version_is_there() -> None:
    forms = " ".join(table("### Forms of `version`"))
    assert set(re.findall(r"(?:\{|, )(\w+):", forms)) == set(schema.SPEC["version"]["schema"])


def test_the_kinds_of_a_content_come_first() -> None:
    rows = in_lines(r"^\| `(\w+)` \|", section(KEYS, "## Keys of a content").split("\n#")[0])
    assert rows[: len(schema.KINDS)] == list(schema.KINDS)
    assert "Exactly one of the first seven" in section(KEYS, "## Keys of a content")
    assert len(schema.KINDS) == 7


@pytest.mark.parametrize("kind", schema.KINDS)
def test_a_key_that_means_nothing_for_a_content_is_not_said_to(kind: str) -> None:
    rows = in_lines(r"^\| (`[^|]+) \|[^|]*\| ([^|]+) \|", section(KEYS, "## Keys of a content"))
    told = [names for names, kinds in rows if f"`{kind}`" in kinds or kinds == "all"]
    meant = set(re.findall(r"`(\w+)`", " ".join(told)))
    assert meant == set(CONTENT) - set(schema.KINDS) - schema.KINDS[kind]


@pytest.mark.parametrize("row", range(3))
def test_conditions_mean_what_the_table_says(tmp_path: Path, row: int) -> None:
    rows = in_lines(r"^\| `((?:only|except): .*)` \| (.*) \|$", section(KEYS, "### Conditions"))
    condition, platforms = rows[row]
    names = ", ".join(f"{path.stem}: {{}}" for path in PLATFORMS.glob("*.yaml"))
    text = f"{HEAD}platforms: {{{names}}}\ncontents: [{{dir: a, {condition}}}]\n"
    found = {each.platform for each in read(tmp_path, {"specs/a.yaml": text}) if each.contents}
    assert found == set(re.findall("`([^`]+)`", platforms))
    assert len(rows) == 3


def test_each_built_in_exclude_is_there() -> None:
    (shown,) = in_lines(r"^    (\..*)$", section(KEYS, "### Excludes"))
    assert tuple(shown.split()) == BUILT_IN_EXCLUDES


def test_each_built_in_variable_is_there() -> None:
    told = ", ".join(f"`{name}`" for name in BUILT_IN)
    assert f"you cannot set them: {told}." in prose("## Variables")
    assert f"You cannot name a variable `{ENVIRONMENT}` either." in prose("## Variables")


def test_each_kind_of_file_with_variables_is_there() -> None:
    report = (GOLDEN / "unknown-kind-of-file.txt").read_text(encoding="utf-8")
    known = report.rpartition("help: known: ")[2].strip().split(", ")
    told = first_column(section(KEYS, "## Variables").split("\n#")[0])
    assert told == {*known, "variables_from", "secrets_from", ".env.NAME"}


def own(heading: str) -> str:
    """The text of a heading of the page of keys, up to the next one."""
    return section(KEYS, heading).split("\n##")[0]


def test_what_is_read_in_two_ways_is_refused_and_what_the_page_writes_instead_is_not() -> None:
    rows = in_lines(r"^\| (`.*) \| .* \| (`.*) \|$", own("### Values that are read in two ways"))
    assert [doubted(each) for each, _ in rows] == [{True}] * 6
    assert [doubted(each) for _, each in rows] == [{False}] * 6


def doubted(cell: str) -> set[bool]:
    """Whether there is a doubt about each of the values in a cell of a table."""
    nodes = [parse(text, "", []) for text in in_lines("`([^`]+)`", cell)]
    return {bool(doubt(node)) for node in nodes if isinstance(node, Scalar)}


HEADINGS = in_lines("^##+ .*$", KEYS.read_text(encoding="utf-8"))
WITH_EXAMPLES = [heading for heading in HEADINGS if "```yaml" in own(heading)]


@pytest.mark.parametrize("heading", WITH_EXAMPLES)
def test_the_examples_of_a_section_are_read_without_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heading: str
) -> None:
    text = own(heading)
    shown = dict(in_lines(r"^```yaml\n# (specs/\S+)\n((?:.*\n)*?)^```", text))
    for name in in_lines(r"env\.(\w+)", text):
        monkeypatch.setenv(name, "x")
    spec = shown.get("specs/greenhouse.yaml", "")
    platforms = "" if "\nplatforms:" in f"\n{spec}" else PLATFORM_KEY
    files = {**AROUND, **shown, "specs/greenhouse.yaml": f"{HEAD}{platforms}{spec}"}
    assert [each.platform for each in read(tmp_path, files)] == ["mac-mini", "raspberry-pi"]
    assert len(shown) == text.count("```yaml") or heading == "## Built-in platforms"


def read(root: Path, files: dict[str, str]) -> tuple[Variant, ...]:
    """The variants of a project of these files, which must have no faults."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    reading = read_project(Inputs(root))
    assert not reading.diagnostics, str(SpecError(reading.diagnostics, root))
    return reading.variants


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
    assert names <= {PACKAGE, *STAGES, *DOITS}
    assert {PACKAGE, "verify", "list", "info", "clean", "forget"} <= names


def test_each_command_of_a_project_is_there() -> None:
    told = first_column(section(COMMANDS, IN_A_PROJECT).split("\n#")[0])
    assert sorted(command.split()[1] for command in told) == sorted(OWN)


@pytest.mark.parametrize("command", sorted(OWN - {"dumpdb"}))  # which has none
def test_each_option_of_a_command_is_there(command: str) -> None:
    module, _, kind = OF_PROJECT[command].partition(":")
    made = getattr(import_module(f"provisioning.plugin.commands.{module}"), kind)
    heading = f"### provision {command}" + " NAME:PLATFORM" * (command == "install")
    told = section(COMMANDS, heading).split("\n#")[0]
    options = {f"--{option['long']}" for option in made.cmd_options}
    assert options == set(re.findall(r"`(--[\w-]+)", told))


@pytest.mark.needs("PyPI")
def test_the_example_of_a_difference_is_what_is_printed(tmp_path: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    made = "printf 'import logging\\n\\nlogging.basicConfig()\\n' > src/greenhouse/log.py"
    spec = project / "specs" / "greenhouse.yaml"
    run("doit package:greenhouse:raspberry-pi", project)
    spec.write_text(spec.read_text(encoding="utf-8").replace('"0644"', '"0640"'), encoding="utf-8")
    told = run(
        f"echo 1.4.3 > VERSION; {made}; provision diff greenhouse:raspberry-pi || true", project
    )
    example = section(COMMANDS, "### provision diff").split("\n|")[0].strip("\n")
    demand_alike(told.rstrip(), textwrap.dedent(example))


@pytest.mark.needs("PyPI")
def test_the_example_of_an_explanation_is_what_is_printed(tmp_path: Path) -> None:
    project = tmp_path / "greenhouse"
    shutil.copytree(GREENHOUSE, project, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
    build = "doit package:greenhouse:mac-mini"
    run(f"{build}; echo '# more' >> src/greenhouse/server.py; {build}", project)
    edit = "echo 'vents: {open_above: 25.0}' >> config/mac-mini.yaml"
    told = run(f"{edit}; provision explain greenhouse:mac-mini", project)
    example = section(COMMANDS, "### provision explain").split("\n|")[0].strip("\n")
    shown, printed = (
        re.sub(r"\b\d\.\d\d s\b", "N s", text)  # how long it takes
        for text in (textwrap.dedent(example), told.rstrip())
    )
    before = r"(?:(?<=made of )|(?<=reused \()|(?<=members\), )|(?<=[KM] → ))"
    demand_alike(printed, shown, sizes=rf"{before}(\d+\.\d[KM])")


def commands() -> set[str]:
    """The commands in the table of doit's."""
    return first_column(section(COMMANDS, "## doit: building and verifying").split("\n#")[0])


def usage(*words: str) -> str:
    command = [sys.executable, "-m", "provisioning.installer", *words, "--help"]
    return subprocess.check_output(command, text=True, cwd=ROOT)


PROVISION = in_lines(r"^    ([a-z]+)\b", usage())


@pytest.mark.parametrize("command", PROVISION)
def test_each_option_of_provision_is_there(command: str) -> None:
    page = section(COMMANDS, "## provision: on the target")
    common = page.split("\n###")[0].partition("Options of all commands:")[2]
    own = section(COMMANDS, f"### provision {command}").split("\n###")[0]
    told = {name.split()[0] for name in first_column(own) | first_column(common)}
    options = {name for name in told if name.startswith("--")}
    assert options == set(re.findall(r"(--[a-z-]+)", usage(command)))


def test_each_option_of_provision_without_a_command_is_there() -> None:
    page = section(COMMANDS, "## provision: on the target")
    table = page.partition("Without a command:")[2].partition("Options of all commands:")[0]
    told = {name.split()[0] for name in first_column(table)}
    assert told | {"--help"} == set(re.findall(r"(--[a-z-]+)", usage()))


def test_each_command_of_provision_is_there() -> None:
    page = section(COMMANDS, "## provision: on the target")
    told = in_lines(r"^    provision ([a-z]+) ", page)
    assert sorted(told) == sorted(PROVISION)


def test_versions_are_read_as_the_table_says() -> None:
    rows = in_lines(r"^\| (`[^|]*) \| ([^|]*) \|", section(KEYS, "### Forms of `version`"))
    rows = rows[rows.index(("`1.0.dev3`, `1.0-dev.3`", "`1.0~~dev3`")) :]
    for written, made in rows:
        read = {version_in(text) for text in re.findall("`([^`]*)`", written)}
        doubtful = any(isinstance(each, DoubtfulVersion) for each in read)
        assert doubtful == (made == "refused")
        assert doubtful or read == {*re.findall("`([^`]*)`", made)}
    assert len(rows) > 8


def test_each_exit_code_of_provision_is_there() -> None:
    codes = {value for value in vars(arguments).values() if type(value) is int}
    told = first_column(section(COMMANDS, "### Exit codes of provision"))
    assert told == {*map(str, codes), "128 + N"}
