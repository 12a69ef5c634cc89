"""What platforms have in common is found once, and a change of one concerns no other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioning.builder.collect import collect, layout
from provisioning.builder.collect.file_state import Digests
from provisioning.builder.plan.plan import make_plan
from provisioning.builder.workspace import paths
from provisioning.builder.workspace.listings import named_by
from provisioning.spec.resolve.inputs import Inputs
from tests.builder.conftest import write
from tests.waiting import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SITES = ("north", "south", "west")
SPEC = """
name: demo
version: "1.0"
platforms: {north: {}, south: {}, west: {}}
contents:
  - {src: src/, dst: lib/}
  - {template: a.j2, dst: etc/a}
"""


def site(name: str, port: int, more: str = "") -> None:
    text = f"platform: {name}\nextends: linux\nvariables: {{port: {port}}}\n{more}"
    write(f"specs/platforms/{name}.yaml", text)


@pytest.fixture(autouse=True)
def demo(project: Path) -> Path:
    write("specs/demo.yaml", SPEC)
    for port, name in enumerate(SITES):
        site(name, port)
    write("src/a.py", "a")
    write("src/b.py", "b")
    write("a.j2", "{{ port }}")
    settle(Path())
    return project


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a word whenever a layout is made, or all sources of one are looked at."""
    counted: list[str] = []

    def count(module: object, name: str) -> None:
        real: Callable[..., object] = getattr(module, name)

        def counting(*arguments: object) -> object:
            counted.append(name)
            return real(*arguments)

        monkeypatch.setattr(module, name, counting)

    count(layout, "draft")
    count(collect, "collect")
    count(collect, "recollect")
    return counted


def built() -> Sequence[str]:
    """The contents of all sites, collected in a fresh process as a build does."""
    digests = Digests(paths.digests("artifacts"))
    plan = make_plan(Inputs(Path()), digests, "artifacts")
    plan.demand()
    contents = []
    for part in plan.parts:
        place = paths.workspace(part.variant, "artifacts")
        contents.append(part.findings.content(digests))
        if named_by(place) != contents[-1]:
            collect.write(place, part.findings.collect(digests, place).listing, digests)
    plan.remember()
    return contents


def contents() -> Sequence[str]:
    """The same, asked for as a judge does, where nothing is written."""
    digests = Digests(paths.digests("artifacts"))
    plan = make_plan(Inputs(Path()), digests, "artifacts")
    plan.demand()
    return [part.findings.content(digests) for part in plan.parts]


def test_sites_that_differ_in_variables_are_laid_out_and_collected_once(calls: list[str]) -> None:
    assert len({*built()}) == 1
    assert calls == ["draft", "collect"]
    assert len([*Path("artifacts/.work/listings").iterdir()]) == 1


def test_a_variable_of_one_site_takes_no_layout_and_no_look(calls: list[str]) -> None:
    before = built()
    calls.clear()
    site("south", 8080)
    assert contents() == before
    assert calls == []


def test_a_file_of_all_sites_is_looked_at_once(calls: list[str]) -> None:
    before = built()
    calls.clear()
    write("src/a.py", "another")
    after = contents()
    assert calls == ["recollect"]
    assert len({*after}) == 1
    assert after != before


def test_what_one_site_has_of_its_own_concerns_no_other(calls: list[str]) -> None:
    before = built()
    calls.clear()
    write("own/c.py", "c")
    own = "contents: [{src: own/c.py, dst: lib/c.py}]"
    write("specs/demo.yaml", SPEC.replace("south: {}", f"south: {{{own}}}"))
    settle(Path())
    after = built()
    assert calls == ["draft", "collect"]
    assert [now == was for now, was in zip(after, before, strict=True)] == [True, False, True]
    calls.clear()
    write("own/c.py", "another")
    assert contents()[0] == before[0]
    assert "recollect" not in calls


def test_another_mode_of_one_site_s_files_is_no_other_site_s() -> None:
    before = built()
    site("south", 1, 'defaults: {file_mode: "0640"}\n')
    after = built()
    assert [now == was for now, was in zip(after, before, strict=True)] == [True, False, True]


def test_another_kind_of_file_in_one_site_s_own_tree_is_noticed(calls: list[str]) -> None:
    write("own/c.py", "c")
    own = "contents: [{src: own/, dst: own/}]"
    write("specs/demo.yaml", SPEC.replace("south: {}", f"south: {{{own}}}"))
    settle(Path())
    before = built()
    calls.clear()
    write("own/d.py", "d")
    write("src/a.py", "another")
    after = contents()
    assert calls == ["draft", "recollect", "collect"]
    assert all(now != was for now, was in zip(after, before, strict=True))
    assert after[0] == after[2] != after[1]
