"""The command `provision`."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from provisioning.installer.cli.command_line import main
from tests.artifact.making import NAME, write_release

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


@pytest.fixture
def damaged(release: Path) -> Path:
    release.with_name("SHA256SUMS").unlink()
    return release.parent


def run(*arguments: str | Path, **keywords: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provisioning.installer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **keywords)  # type: ignore[call-overload,no-any-return]


def test_its_version_is_that_of_the_distribution() -> None:
    done = run("--version")
    assert done.stdout == f"provision {version('doit-provisioning')}\n"


def test_a_sound_release_is_verified(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(release), str(release.parent)]) == 0
    assert capsys.readouterr().out == f"{NAME}: 7 entries, verified\n" * 2


def test_differences_are_told(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(damaged)]) == 1
    assert capsys.readouterr().out == (
        f"SHA256SUMS: is missing\n{NAME}: 1 difference, not verified\n"
    )


def test_quiet_tells_differences_alone(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--quiet", str(release)]) == 0
    assert capsys.readouterr().out == ""
    release.write_bytes(b"")
    assert main(["verify", "--quiet", str(release)]) == 1
    finding, end = capsys.readouterr().out.splitlines()
    assert finding.startswith(f"{NAME}: is damaged")
    assert end == f"{NAME}: 1 difference, not verified"


def test_json_tells_the_same(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", str(damaged)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "artifacts": [
            {
                "artifact": NAME,
                "entries": 7,
                "verified": False,
                "findings": [{"path": "SHA256SUMS", "message": "is missing"}],
                "byte_code": [],
                "signer": "",
            }
        ]
    }


def test_json_tells_of_an_archive_that_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"x")
    assert main(["verify", "--json", str(tmp_path / "x.tar.gz")]) == 1
    assert json.loads(capsys.readouterr().out)["artifacts"][0]["entries"] is None


def test_what_is_not_there_is_trouble(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "none", str(release)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "provision: none: no such file or package\n"


def test_a_wrong_use_is_trouble() -> None:
    for arguments in ([], ["verify", "--jsn"], ["vrify", "x"]):
        with pytest.raises(SystemExit, match=r"^2$"):
            main(arguments)


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        (["list", "--root", ""], "--root"),
        (["install", "x", "--root="], "--root"),
        (["install", ""], "ARTIFACT|DIR"),
        (["uninstall", ""], "NAME"),
        (["rollback", "greenhouse", ""], "VERSION"),
        (["recover", "--prefix", ""], "--prefix"),
        (["verify", ""], "ARTIFACT|RELEASE|NAME|PREFIX"),
    ],
)
def test_a_variable_that_is_not_set_names_nothing(
    words: list[str], argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(words)
    assert capsys.readouterr().err.endswith(f"error: argument {argument}: is empty\n")


def test_output_may_go_anywhere(release: Path) -> None:
    with redirect_stdout(io.StringIO()) as output:
        assert main(["verify", str(release)]) == 0
    assert output.getvalue() == f"{NAME}: 7 entries, verified\n"


def test_the_module_is_the_command(release: Path) -> None:
    done = run("verify", release)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{NAME}: 7 entries, verified\n", "")


def test_a_locale_without_the_characters_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "größe.tar.gz"
    path.write_bytes(b"")
    done = run("verify", path, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 1
    assert done.stdout.endswith("gr\\xf6\\xdfe.tar.gz: 1 difference, not verified\n")
    assert done.stderr == ""


def test_a_name_does_nothing_to_a_terminal_and_hides_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "gpj.\u202e-caf\udce9.tar.gz"
    archive.write_bytes(b"")
    done = run("verify", archive)
    name = r"gpj.\u202e-caf\xe9.tar.gz"
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [f"'{name}'", name]
    done = run("status", "\u202e")
    assert done.stderr.startswith(r"provision: '\u202e': is not installed")


def test_output_that_cannot_be_written_is_trouble(release: Path) -> None:
    command = f"{sys.executable} -m provisioning.installer verify {release} >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "provision: standard output: No space left on device\n"


def test_a_name_that_no_file_can_have_is_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "x" * 300]) == 2
    assert capsys.readouterr().err.endswith("xxx: no such file or package\n")


def test_a_reader_that_has_seen_enough_is_no_trouble(release: Path) -> None:
    command = f"{sys.executable} -m provisioning.installer verify {release} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["--help", "--version", "--completion bash"])
def test_help_that_cannot_be_read_is_trouble(words: str) -> None:
    command = f"{sys.executable} -m provisioning.installer {words}"
    full = ["sh", "-c", f"{command} >/dev/full"]
    done = subprocess.run(full, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "provision: standard output: No space left on device\n"
    gone = ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(gone, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_no_stream_is_needed(release: Path, tmp_path: Path) -> None:
    install = f"install {release} --root {tmp_path / 'root'}"
    (tmp_path / "root").mkdir()
    command = f"{sys.executable} -m provisioning.installer {install} <&- >&- 2>&-"
    subprocess.run(["sh", "-c", command], check=True)
    assert (tmp_path / "root/opt").is_dir()


def test_an_early_interruption_is_quiet(tmp_path: Path) -> None:
    interrupts = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "argparse.py").write_text(interrupts)  # what is imported first
    command = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-m",
        "provisioning.installer",
        "list",
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_interruption_is_told_in_a_line(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Path, *, trust: None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioning.installer.cli.status.verify", interrupted)
    assert main(["verify", str(release)]) == 130
    assert capsys.readouterr().err == "provision: interrupted\n"
