"""The plan of the house: one meaning for each name, folders that can be taken in, no cycle."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "provisioning"
MODULES = {path: ast.parse(path.read_bytes()) for path in sorted(SOURCE.rglob("*.py"))}
DIRECTORIES = sorted({path.parent for path in MODULES})

# The same role in each place: a format as it is written and as it is read; a command and what it
# carries out; a kind of services, on a target.
ROLES = {"tar", "zip", "deb", "reader", "install", "rehearse", "maintenance"}

# What templates of ignore files, test runners and search tools take for output, or for no source.
TAKEN_FOR_OUTPUT = {
    *("bin", "build", "builds", "coverage", "debug", "dist", "downloads", "eggs", "env", "lib"),
    *("lib64", "log", "logs", "node_modules", "obj", "out", "output", "parts", "release", "sdist"),
    *("releases", "site", "target", "temp", "tmp", "var", "vendor", "venv", "wheels"),
}


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_there_are_not_more_rooms_than_can_be_known() -> None:
    assert len(MODULES) <= 215


def test_no_folder_has_more_modules_than_can_be_taken_in() -> None:
    counts = {relative(each): len(list(each.glob("*.py"))) for each in DIRECTORIES}
    assert {name: count for name, count in counts.items() if count > 14} == {}


def test_no_directory_has_a_name_that_tools_take_for_output() -> None:
    names = {part for each in DIRECTORIES for part in each.relative_to(ROOT).parts}
    assert names & TAKEN_FOR_OUTPUT == set()


def test_a_class_s_name_is_one_class_s() -> None:
    places = defaultdict(list)
    for path, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(relative(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_module_s_name_is_one_role_s() -> None:
    places = defaultdict(list)
    for path in MODULES:
        if not path.stem.startswith("__"):
            places[path.stem].append(relative(path))
    assert {name for name, found in places.items() if len(found) > 1} <= ROLES


def test_a_function_can_be_read_at_a_glance_and_a_story_on_two_pages() -> None:
    lengths = {
        f"{relative(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 90} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 10


def test_nothing_imports_in_a_circle_not_even_for_types() -> None:
    names = {_name(path): path for path in MODULES}
    imports = {name: set(_imported(MODULES[path], names)) - {name} for name, path in names.items()}
    reached = {name: _reached(name, imports) for name in names}
    circles = {name: found for name in names if name in (found := reached[name])}
    told = {
        name: {each for each in found if name in reached[each]} for name, found in circles.items()
    }
    assert told == {}


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    """All modules that are imported by way of one."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.Module, names: dict[str, Path]) -> Iterator[str]:
    """The modules of this project that one imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in names:
                    yield whole
                elif node.module in names:
                    yield node.module
