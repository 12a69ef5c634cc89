"""The values of the device: what is there is what systemd reads, and what is wrong is told."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.device import File, Value, faults, main, values

if TYPE_CHECKING:
    from pathlib import Path

WHERE = "/opt/greenhouse/etc/device.env"
QUOTES = 'single ones, or double ones with a backslash before ", \\, $ and `'
GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
KEY = Value("KEY", "", False, "")
PIN = Value("PIN", "[0-9]{4}", True, "Of this machine")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "device.env"
    path.touch(0o600)
    return path


def told(path: Path, text: str | bytes, *asked: Value) -> list[str]:
    """What is wrong with a file of this content, less where it is."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = faults(asked, File(WHERE, path.read_bytes(), os.lstat(path)))
    return [fault.removeprefix(WHERE) for fault in found]


def test_values_that_are_there_and_match_are_good(file: Path) -> None:
    text = "# comment\n; another\n\n  KEY = spaced out\nPIN='1234'\nOTHER=x\n"
    assert told(file, text.replace("KEY =", "KEY="), KEY, PIN) == []
    assert told(file, "nonsense") == []  # nobody asks for any


def test_without_a_file_what_to_write_is_told() -> None:
    assert faults((KEY, PIN), File(WHERE, b"", None)) == [
        f"{WHERE}: there is no such file; write into it:",
        "  KEY=",
        "  # Of this machine ([0-9]{4})",
        "  PIN=",
    ]


def test_what_is_told_can_be_copied_and_the_values_written_behind_it(file: Path) -> None:
    odd = (PIN, KEY, Value("HOST", "", False, "Name of this machine # \\"))
    lines = [line[2:] for line in faults(odd, File(WHERE, b"", None))[1:]]
    assert told(file, "\n".join(lines), *odd) == [
        ": PIN is empty; write it after PIN=: Of this machine ([0-9]{4})",
        ": KEY is empty; write it after KEY=",
        ": HOST is empty; write it after HOST=: Name of this machine # \\",
    ]
    filled = "\n".join(line if line.startswith("#") else f"{line}1234" for line in lines)
    assert told(file, filled, *odd) == []
    assert values(odd, file.read_bytes()) == {"PIN": "1234", "KEY": "1234", "HOST": "1234"}


def test_all_that_is_wrong_is_told_at_once_and_no_secret(file: Path) -> None:
    file.chmod(0o640)
    assert told(file, 'KEY=\nKEY=x\nPIN=hunter2\nnonsense\nA="x\n', KEY, PIN) == [
        ":2: KEY appears twice",
        ":4: is not NAME=value",
        f":5: the value of A must be in quotes: {QUOTES}",
        f": other users can read it (mode 0640), but PIN is secret; run: chmod 600 {WHERE}",
        ": KEY is empty; write it after KEY=",
        ": PIN: what is there does not match [0-9]{4}",
    ]
    assert told(file, "", PIN)[1:] == [
        ": PIN is missing; write it after PIN=: Of this machine ([0-9]{4})"
    ]


def test_a_value_that_is_no_secret_is_shown_safely(file: Path) -> None:
    plain = KEY._replace(pattern="[a-z]+")
    assert told(file, "KEY=9é", plain) == [": KEY: 9é does not match [a-z]+"]
    file.chmod(0o644)
    assert told(file, "KEY=a", plain) == []


@pytest.mark.parametrize(
    "text",
    [
        *(b"KEY=\xff", "\ufeffKEY=a", "KEY=a\r\n", "KEY=a\0", "export KEY=a"),
        *("KEY=a\ufffe", "KEY=\U0001ffff", "KEY='\ufdd0'", "KEY=a # b", "KEY=a\t#"),
    ],
)
def test_what_is_no_such_file_is_told(file: Path, text: str | bytes) -> None:
    assert told(file, text, KEY)


def by_systemd(place: Path, text: str) -> dict[str, str]:
    """What systemd reads in a file of environment variables: environment.d(5) are such, too."""
    directory = place / "environment.d"
    directory.mkdir(exist_ok=True)
    (directory / "a.conf").write_text(text, encoding="utf-8")
    env = {"XDG_CONFIG_HOME": str(place), "LC_ALL": "C.UTF-8"}
    said = subprocess.run([GENERATOR], env=env, capture_output=True, check=True).stdout.decode()
    found = re.search(r'^KEY=(?:"((?:[^"\\]|\\.)*)"|(.*))$', said, re.MULTILINE)
    return {"KEY": re.sub(r"\\(.)", r"\1", found[1] or "") or found[2]} if found else {}


# No $, which environment.d replaces and an EnvironmentFile does not.
TEXTS = st.text(st.sampled_from("a \t#;='\"\\`é-"), max_size=8)


@pytest.mark.needs("systemd")
@given(TEXTS)
def test_a_value_that_is_taken_is_what_systemd_takes(
    tmp_path_factory: pytest.TempPathFactory, written: str
) -> None:
    place = tmp_path_factory.getbasetemp()
    text = f"KEY={written}\nEND=x\n"
    path = place / "device.env"
    path.touch(0o600)
    if told(path, text, KEY) == []:
        assert values((KEY,), text.encode()) == by_systemd(place, text)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a b", "a b"),
        ("'a \"$`\\'", 'a "$`\\'),
        ('"\\"\\\\\\$\\`"', '"\\$`'),
        ("a#b;c=$d", "a#b;c=$d"),
    ],
)
def test_a_value_can_be_any_text_in_one_line(file: Path, written: str, value: str) -> None:
    assert told(file, f"KEY={written}\n", KEY) == []
    assert values((KEY,), file.read_bytes()) == {"KEY": value}


def test_a_path_and_what_the_manifest_asks_for_are_enough(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = '{"PIN":{"pattern":"[0-9]{4}","secret":true,"summary":"Of this machine"}}'
    assert main([str(file), asked]) == 1
    note = "Of this machine ([0-9]{4})"
    assert capsys.readouterr().err == f"{file}: PIN is missing; write it after PIN=: {note}\n"
    file.write_text("PIN=1234\n")
    assert main([str(file), asked]) == 0
    file.unlink()
    assert main([str(file), asked]) == 1
    told = f"{file}: there is no such file; write into it:\n  # {note}\n  PIN=\n"
    assert capsys.readouterr().err == told


def test_what_is_no_file_is_not_opened(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.unlink()
    os.mkfifo(file)
    asked = '{"KEY":{"pattern":"","secret":false,"summary":""}}'
    assert main([str(file), asked]) == 1
    assert main([str(file / "x"), asked]) == 1
    assert capsys.readouterr().err == (
        f"{file}: is not a regular file\n{file}/x: Not a directory\n"
    )
