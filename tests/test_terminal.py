from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from provisioning.console import RED, leave_plain, paint, shows_colour

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import TextIOWrapper
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def terminal() -> Iterator[TextIOWrapper]:
    first, second = os.openpty()
    with open(second, "w") as stream:
        yield stream
    os.close(first)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[TextIOWrapper]:
    with (tmp_path / "out").open("w") as stream:
        yield stream


def test_a_terminal_shows_colours(terminal: TextIOWrapper) -> None:
    assert shows_colour(terminal)


def test_a_file_shows_none(file: TextIOWrapper) -> None:
    assert not shows_colour(file)


def test_a_stream_that_is_not_there_shows_none() -> None:
    assert not shows_colour(None)


def test_a_dumb_terminal_shows_none(
    terminal: TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not shows_colour(terminal)


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE"])
def test_colours_can_be_demanded_of_a_file(
    file: TextIOWrapper, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert shows_colour(file)
    monkeypatch.setenv(name, "")
    assert not shows_colour(file)


def test_no_color_has_the_last_word(
    terminal: TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_colour(terminal)


def test_an_empty_no_color_says_nothing(
    terminal: TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert shows_colour(terminal)


def test_painted_text_ends_its_colour() -> None:
    assert paint("odd", RED) == "\x1b[1;91modd\x1b[0m"


def test_nothing_is_painted_as_nothing() -> None:
    assert paint("", RED) == leave_plain("", RED) == ""
