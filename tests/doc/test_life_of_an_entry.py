"""The page that walks an entry through the house names rooms and functions that exist."""

from __future__ import annotations

import ast
import re

import pytest

from .page import DOC

PAGE = DOC / "design" / "Design_008_Life_Of_An_Entry.md"
STOPS = re.findall(
    r"\[\w+\]\((\.\./\.\./provisioning/\S+)\)\s+`(\w+)`", PAGE.read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("module", "name"), STOPS)
def test_a_function_that_is_named_stands_in_that_room(module: str, name: str) -> None:
    tree = ast.parse((PAGE.parent / module).read_bytes())
    found = {getattr(node, "name", "") for node in tree.body}
    found |= {
        getattr(target, "id", "")
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    assert name in found


def test_the_way_is_told_from_yaml_to_the_target() -> None:
    wings = [module.split("/")[3] for module, _ in STOPS]
    assert list(dict.fromkeys(wings)) == ["plugin", "builder", "spec", "artifact", "installer"]
    assert len(STOPS) > 20
