"""No renaming and no formatting of the code breaks a guard: what is removed is the same."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from functools import cache
from typing import TYPE_CHECKING

import pytest

from .how import CannotError, How, first, gives, gone, removed, uncaught, without
from .marks import ROOT, marks, marks_of
from .table import GUARDS

if TYPE_CHECKING:
    from pathlib import Path

MODULES = {mark.path: mark.path.read_text(encoding="utf-8") for mark in marks()}
GUARDED = [
    (mark.path, mark.name, guard.how)
    for mark in marks()
    for guard in GUARDS
    if guard.mark == mark.name
]


def test_formatted_code_loses_the_same(tmp_path: Path) -> None:
    for path, source in MODULES.items():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet"]
    subprocess.run([*command, "--no-cache", "--line-length=76", tmp_path], check=True)
    for path, mark, how in GUARDED:
        copy = (tmp_path / path.relative_to(ROOT)).read_text(encoding="utf-8")
        assert _tree(removed(copy, mark, how)) == _lost(path, mark, how), mark


def test_renamed_code_loses_the_same() -> None:
    names = {name for source in MODULES.values() for name in _names(source)}
    renamed = {path: _renamed(source, names) for path, source in MODULES.items()}
    for path, mark, how in GUARDED:
        lost = removed(renamed[path], mark, how).replace("_by_another_name", "")
        assert _tree(lost) == _lost(path, mark, how), mark


def _names(source: str) -> set[str]:
    """The names that the code itself gives to something."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return {name for name in found if not name.startswith("__")}


def _renamed(source: str, names: set[str]) -> str:
    tokens = [
        token._replace(string=f"{token.string}_by_another_name") if token.string in names else token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
    ]
    return tokenize.untokenize((token.type, token.string) for token in tokens)


@cache
def _lost(path: Path, mark: str, how: How) -> str:
    return _tree(removed(MODULES[path], mark, how))


def _tree(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Delete) and isinstance(node.targets[0], ast.Tuple):
            node.targets = node.targets[0].elts  # brackets, which say nothing here
    return ast.dump(tree)


@pytest.mark.parametrize(
    ("code", "marked"),
    [
        ("a = 1\nb = 2  # guard: it\n", "a = 1\npass  # guard: it\n"),
        ("# guard: it\n# of another kind\na = 1\n", "# guard: it\n# of another kind\npass\n"),
        ("if a:\n    b(\n        1,\n    )  # guard: it\n", "if a:\n    pass  # guard: it\n"),
        ("a(\n    b,\n    c,  # guard: it\n)\n", "(a(b))\n"),
        (
            "a = b and (\n    c\n    # guard: it\n    or d\n)\n",
            "a = b and c\n",
        ),
    ],
)
def test_a_mark_is_at_what_begins_or_ends_in_its_line(code: str, marked: str) -> None:
    assert [name for name, _ in marks_of(code)] == ["it"]
    assert _tree(removed(code, "it", gone)) == _tree(marked)


@pytest.mark.parametrize("how", [first, without("O_EXCL"), uncaught, gone.at("value.args.7")])
def test_what_does_not_fit_is_told(how: object) -> None:
    with pytest.raises(CannotError):
        removed("a = b()  # guard: it\n", "it", how)  # type: ignore[arg-type]


def test_what_is_in_an_f_string_can_be_removed() -> None:
    how = gives("").at("value.values.1")
    assert removed('a = f"x{b}"  # guard: it\n', "it", how) == "a = (f'x')  # guard: it\n"
