"""What a user of `provision prune` sees: what goes, what stays; nothing of worth is lost."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project


def chunks(project: Project) -> list[Path]:
    return sorted(project.path("artifacts/.work/chunks").iterdir())


def size(project: Project) -> int:
    return sum(each.stat().st_size for each in chunks(project))


def test_below_the_limit_nothing_goes(built: Project) -> None:
    before, taken = chunks(built), size(built)
    output = built.provision("prune")
    assert (
        output
        == f"freed 0 chunks (0 bytes); 14 chunks ({taken / 1024:.1f}K) stay, of at most 1.0G\n"
    )
    assert chunks(built) == before


def test_what_was_used_longest_ago_goes_first(built: Project) -> None:
    for number, each in enumerate(chunks(built)):
        os.utime(each, (number, number))
    new = chunks(built)[-1]
    limit = f"{new.stat().st_size}"
    assert built.provision("prune", "--limit", limit).startswith("freed 13 chunks (")
    assert chunks(built) == [new]


def test_a_dry_run_tells_and_frees_nothing(built: Project) -> None:
    before = chunks(built)
    assert built.provision("prune", "--limit", "0", "--dry-run").startswith(
        "would free 14 chunks ("
    )
    assert chunks(built) == before


def test_as_json_sizes_are_bytes(built: Project) -> None:
    taken = size(built)
    told = json.loads(built.provision("prune", "--limit", "1K", "--json", "--dry-run"))
    assert told["freed"] + told["size"] == taken
    assert told["removed"] + told["left"] == 14
    assert (told["limit"], told["dry_run"]) == (1024, True)


def test_after_all_is_freed_the_next_build_makes_the_same(built: Project) -> None:
    before = built.archive().read_bytes()
    built.provision("prune", "--limit", "0")
    assert chunks(built) == []
    built.archive().unlink()
    built.doit()
    assert built.archive().read_bytes() == before


def test_before_the_first_build_there_is_nothing_to_free(project: Project) -> None:
    assert project.provision("prune").startswith(
        "freed 0 chunks (0 bytes); 0 chunks (0 bytes) stay"
    )
    assert not project.path("artifacts").exists()


def test_a_fault_in_a_spec_does_not_hinder_it(built: Project) -> None:
    built.write("specs/demo.yaml", "nmae: demo\n")
    assert built.provision("prune").startswith("freed 0 chunks")


@pytest.mark.parametrize("limit", ["-1", "1T", "two", "1.5G", "1 G"])
def test_what_is_no_size_is_told(project: Project, limit: str) -> None:
    output = project.provision("prune", f"--limit={limit}", status=3)
    assert f"--limit {limit}: not a size; write, for example, 500M or 2G" in output


def test_the_store_has_no_packages(project: Project) -> None:
    output = project.provision("prune", "demo", status=3)
    assert "unexpected argument demo: all packages share the chunks" in output
