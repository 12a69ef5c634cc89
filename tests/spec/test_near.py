from __future__ import annotations

import time
from itertools import islice, permutations
from typing import TYPE_CHECKING

import pytest

from provisioning.spec.diagnostics import Diagnostics, did_you_mean, nearest, nearest_path
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("prot", "port"),
        ("sumary", "summary"),
        ("summmary", "summary"),
        ("licence", "license"),
        ("Licnse", "license"),
        ("PORT", "port"),
        ("port", "port"),
        ("tr", None),
        ("version", None),
        ("summ", "summary"),
        ("su", None),
        ("", None),
        ("p" * 1_000_000, None),
    ],
)
def test_the_nearest_name_is_found(written: str, meant: str | None) -> None:
    assert nearest(written, ["port", "host", "summary", "license"]) == meant


def test_of_several_near_names_the_nearest_is_found() -> None:
    assert nearest("raspberry-pj", ["raspberry-pi-4", "raspberrypi", "raspberry-pi"]) == (
        "raspberry-pi"
    )


def test_of_names_with_the_same_beginning_the_shortest_is_found() -> None:
    assert nearest("mac", ["mac-mini-2", "mac-mini"]) == "mac-mini"


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("prot", ["port", "host"]) == "did you mean port?"


def test_without_a_near_name_all_are_listed() -> None:
    assert did_you_mean("zzz", ["port", "host"]) == "known: host, port"


def test_without_a_near_name_many_are_not_listed() -> None:
    assert did_you_mean("zzz", [f"port-{number}" for number in range(1_234)]) == ""


def test_without_any_name_nothing_is_suggested() -> None:
    assert did_you_mean("zzz", []) == ""


@pytest.mark.parametrize(
    "words",
    [
        [f"variable_name_{number}" for number in range(1_050)],
        ["".join(letters) * 4 for letters in islice(permutations("abcdefgh"), 1_050)],
    ],
    ids=["numbered", "anagrams"],
)
def test_dozens_of_names_are_sought_among_a_thousand_in_a_second(words: list[str]) -> None:
    start = time.process_time()
    for written in words[1_000:]:
        nearest(written[::-1], words[:1_000])
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("config/comon.yaml", "config/common.yaml"),
        ("confg/common.yml", "config/common.yaml"),
        ("./config//common.yam", "config/common.yaml"),
        ("VERSIOM", None),
        ("config/else.yaml", None),
        ("nowhere/common.yaml", None),
        ("config/common.yaml/x", None),
    ],
)
def test_the_nearest_file_is_found(tmp_path: Path, written: str, meant: str | None) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/common.yaml").touch()
    (tmp_path / "VERSION").mkdir()
    assert nearest_path(tmp_path, written) == meant


def hints(root: Path, file: str) -> list[str]:
    faults = Diagnostics()
    Inputs(root).text(file, Origin(file="specs/app.yaml", line=1, column=1), faults)
    return [fault.hint for fault in faults]


def test_a_file_that_cannot_be_shown_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "common\x1b.yaml").touch()
    assert hints(tmp_path, "common.yaml") == [""]


def test_a_file_outside_the_project_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").touch()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/common.yaml").symlink_to("../common.yaml")
    assert hints(tmp_path / "project", "comon.yaml") == [""]


def test_for_what_is_there_but_is_no_file_nothing_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "commons.yaml").touch()
    (tmp_path / "common.yaml").mkdir()
    assert hints(tmp_path, "common.yaml") == [""]
