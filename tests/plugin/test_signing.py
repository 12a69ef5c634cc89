"""A project that signs: its releases, their numbers, and what of the key goes where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.sums import SIGNATURE, SUMS
from provisioning.artifact.signature.sshsig import NAMESPACE
from tests.signing import make_key, public, signature_of

from .conftest import DODO, FILES, Project, stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("openssh")

PI = "raspberry-pi"
SETTING = '[tool.doit-provisioning]\nsigning = {{key = "{key}"}}\n'
SECRET = "correct horse"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "keys")


@pytest.fixture
def project(tmp_path: Path, key: Path) -> Project:
    """A project that signs with a key in a file."""
    return Project(tmp_path / "project", {**FILES, "pyproject.toml": SETTING.format(key=key)})


def release(project: Project, platform: str = PI) -> Path:
    return project.path(f"artifacts/demo-1.0-{platform}")


def number(project: Project, platform: str = PI) -> int:
    (line,) = (
        line
        for line in (release(project, platform) / SUMS).read_text().splitlines()
        if line.startswith("# sequence: ")
    )
    return int(line.rpartition(" ")[2])


def is_signed(project: Project, key: Path, platform: str = PI) -> bool:
    """Whether OpenSSH accepts the signature of a release."""
    where = release(project, platform)
    signers = project.path("signers")
    signers.write_text(f"demo {public(key).read_text()}")
    how = ["-n", NAMESPACE, "-I", "demo", "-s", str(where / SIGNATURE)]
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", *how, "-f", str(signers)],
        input=(where / SUMS).read_bytes(),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_each_release_is_signed_and_says_which_it_is(project: Project, key: Path) -> None:
    project.doit()
    for platform in (PI, "mac-mini"):
        assert is_signed(project, key, platform)
        assert (
            (release(project, platform) / SUMS)
            .read_text()
            .startswith(
                "# doit-provisioning release\n# name: demo\n# version: 1.0\n"
                f"# platform: {platform}\n# sequence: 1\n"
            )
        )
    check = ["sha256sum", "--strict", "--quiet", "-c", SUMS]
    assert (
        subprocess.run(check, cwd=release(project), check=True, capture_output=True).stdout == b""
    )


def test_what_has_not_changed_is_not_signed_again(project: Project) -> None:
    project.doit()
    signed = (release(project) / SIGNATURE).stat()
    assert "Nothing to do" in project.doit()
    project.path("src/main.py").touch()
    assert not any(task.startswith("sign:") for task in project.ran())
    assert (release(project) / SIGNATURE).stat().st_mtime_ns == signed.st_mtime_ns


def test_an_edit_is_a_release_with_the_next_number(project: Project, key: Path) -> None:
    project.doit()
    project.write("src/main.py", "print(2)\n")
    assert f"sign:demo:{PI}" in project.ran()
    assert (number(project), is_signed(project, key)) == (2, True)
    project.edit("specs/demo.yaml", "pins: 40", "pins: 41")
    project.doit()
    assert (number(project), number(project, "mac-mini")) == (3, 2)


def test_explain_tells_why_it_is_signed_again(project: Project, tmp_path: Path) -> None:
    project.doit()
    task = f"sign:demo:{PI}"
    other = make_key(tmp_path / "keys", "other")
    project.write("pyproject.toml", SETTING.format(key=other))
    told = project.provision("explain", task)
    assert "key: SHA256:" in told
    assert " → SHA256:" in told
    assert project.ran() >= {task}
    assert is_signed(project, other)
    (release(project) / SIGNATURE).unlink()
    assert f"{SIGNATURE}: missing" in project.provision("explain", task)
    assert project.ran() >= {task}
    (release(project) / SIGNATURE).write_text("x")
    assert "damaged" in project.provision("explain", task)
    assert project.ran() >= {task}
    assert is_signed(project, other)
    assert number(project) == 1


def test_a_clone_builds_the_same_signed_bytes(project: Project, tmp_path: Path) -> None:
    project.doit()
    project.write("src/main.py", "print(2)\n")
    project.doit()
    ignored = shutil.ignore_patterns("artifacts")
    shutil.copytree(project.root, tmp_path / "clone", ignore=ignored)
    clone = Project(tmp_path / "clone", {})
    clone.doit()
    for name in (SUMS, SIGNATURE):
        assert (release(clone) / name).read_bytes() == (release(project) / name).read_bytes()


def test_without_the_setting_nothing_is_signed_any_more(project: Project) -> None:
    project.doit()
    project.path("pyproject.toml").unlink()
    assert not any(task.startswith("sign:") for task in project.ran())
    assert not (release(project) / SIGNATURE).exists()
    assert (release(project) / SUMS).read_text()[0] != "#"
    assert "sign" not in project.doit("list")


def test_a_dodo_file_comes_before_and_the_environment_before_both(
    project: Project, tmp_path: Path
) -> None:
    second, third = (make_key(tmp_path / "keys", name) for name in ("second", "third"))
    setting = f'configure(signing={{"key": {str(second)!r}}})'
    project.write("dodo.py", DODO.replace("configure()", setting))
    project.doit()
    assert is_signed(project, second)
    given = {"PROVISIONING_SIGNING_KEY": str(third)}
    assert project._said(project.start(environment=given), 0)
    assert is_signed(project, third)
    assert project._said(project.start(environment={"PROVISIONING_SIGNING_KEY": "none"}), 0)
    assert not (release(project) / SIGNATURE).exists()


SETTINGS = {
    "no table": ("signing = 1", "has to be like {key ="),
    "two ways": ('signing = {key = "k", command = "c"}', "needs either a key or a command"),
    "no way": ("signing = {}", "needs either a key or a command"),
    "a number": ("signing = {key = 1}", "has to be like {key ="),
    "an unknown key": ('signing = {kee = "k"}', "kee is not known; there are: key, command"),
    "an unknown setting": ('singing = {key = "k"}', "singing is not known; there is: signing"),
    "no file": ('signing = {key = "nowhere"}', "the key that signs: nowhere: No such file"),
    "no key": ('signing = {key = "dodo.py"}', "dodo.py: is not a public key of OpenSSH"),
    "a name for a key": ('signing = {key = "k", signature = "x"}', "signature is for a command"),
    "no place for the file": (
        'signing = {command = "sign {signature}"}',
        "does not say where {file} goes",
    ),
    "a strange name": (
        'signing = {command = "sign {file} {signature}", signature = "../x"}',
        "has to be a name like SHA256SUMS.sig",
    ),
    "an open quote": ('signing = {command = "\'"}', "command: No closing quotation"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_setting_that_is_none_is_told(project: Project, what: str) -> None:
    text, says = SETTINGS[what]
    project.write("pyproject.toml", f"[tool.doit-provisioning]\n{text}\n")
    told = project.doit(status=3)
    assert says in told
    assert "pyproject.toml" in told
    assert not project.path("artifacts").exists() or not [*project.root.glob("artifacts/demo*")]


def test_a_key_that_is_there_without_its_private_half(project: Project, key: Path) -> None:
    project.write("pyproject.toml", SETTING.format(key=public(key)))
    key.unlink()
    told = project._said(project.start(environment={"SSH_AUTH_SOCK": ""}), 2)
    assert "ssh-keygen did not sign" in told
    assert "no ssh-agent runs" in told


def test_a_passphrase_that_nobody_can_type(project: Project, tmp_path: Path) -> None:
    locked = make_key(tmp_path / "keys", "locked", password=SECRET)
    project.write("pyproject.toml", SETTING.format(key=locked))
    told = project.doit(status=2)
    assert "ssh-keygen did not sign" in told
    assert "ssh-add" in told
    assert not (release(project) / SIGNATURE).exists()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ssh-agent of the test's own."""
    where = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL) as process:
        while not os.path.exists(where):
            assert process.poll() is None
        yield {"SSH_AUTH_SOCK": where}
        process.terminate()


def test_an_agent_signs_and_leaves_no_trace(
    project: Project, tmp_path: Path, agent: dict[str, str]
) -> None:
    locked = make_key(tmp_path / "keys", "locked", password=SECRET)
    asks = tmp_path / "askpass"
    asks.write_text(f"#!/bin/sh\necho '{SECRET}'\n")
    asks.chmod(0o755)
    environment = {**os.environ, **agent, "SSH_ASKPASS": str(asks), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", str(locked)], env=environment, check=True)
    private = locked.read_text()
    locked.unlink()
    project.write("pyproject.toml", SETTING.format(key=public(locked)))
    told = project._said(project.start(environment=agent), 0)
    assert is_signed(project, locked)
    secrets = [SECRET.encode(), agent["SSH_AUTH_SOCK"].encode(), private.split("\n")[3].encode()]
    written = [path.read_bytes() for path in project.root.glob("artifacts/**/*") if path.is_file()]
    written.append(told.encode())
    assert len(written) > 10
    assert not [secret for secret in secrets for data in written if secret in data]


COMMAND = '[tool.doit-provisioning]\nsigning = {{command = "{command}", signature = "{name}"}}\n'


def test_a_command_of_one_s_own_signs(project: Project) -> None:
    project.write("sign.sh", 'printf "%s signed" "$(basename "$1")" > "$2"\n')
    command = "sh sign.sh {file} {signature}"
    project.write("pyproject.toml", COMMAND.format(command=command, name=f"{SUMS}.mine"))
    project.doit()
    assert (release(project) / f"{SUMS}.mine").read_text() == f"{SUMS} signed"
    assert "Nothing to do" in project.doit()
    project.write("src/main.py", "print(2)\n")
    assert f"sign:demo:{PI}" in project.ran()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo it is closed >&2; exit 3", "it is closed"),
        ("exit 3", "it made no signature"),
        ("true", "it made no signature"),
    ],
)
def test_a_command_that_fails_is_told(project: Project, script: str, says: str) -> None:
    project.write("sign.sh", f"{script}\n")
    command = "sh sign.sh {file} {signature}"
    project.write("pyproject.toml", COMMAND.format(command=command, name=SIGNATURE))
    told = project.doit(status=2)
    assert f"sh did not sign with {SIGNATURE}: {says}" in told


def test_what_somebody_else_has_signed_is_not_verified(project: Project, tmp_path: Path) -> None:
    project.doit()
    other = make_key(tmp_path / "keys", "other")
    path = release(project) / SIGNATURE
    path.write_bytes(signature_of((release(project) / SUMS).read_bytes(), other))
    told = project.doit("verify", status=2)
    assert "a key that is not trusted here" in told


def test_a_program_that_signs_with_something_else_is_told(project: Project, tmp_path: Path) -> None:
    other = make_key(tmp_path / "keys", "other")
    stranger = project.write("bin/ssh-keygen", "#!/bin/sh\nexec cat made\n")
    stranger.chmod(0o755)
    project.path("made").write_bytes(signature_of(b"something", other))
    path = {"PATH": f"{stranger.parent}:{os.environ['PATH']}"}
    told = project._said(project.start(environment=path), 2)
    assert "is no signature by this key" in told
    assert not (release(project) / SIGNATURE).exists()


def sequence(project: Project) -> dict[str, dict[str, dict[str, object]]]:
    return dict(json.loads(project.path("specs/sequence.json").read_text()))


def test_the_numbers_are_kept_beside_the_specs(project: Project) -> None:
    project.doit()
    assert {platform: each["sequence"] for platform, each in sequence(project)["demo"].items()} == {
        PI: 1,
        "mac-mini": 1,
    }
    before = project.path("specs/sequence.json").read_bytes()
    shutil.rmtree(project.path("artifacts"))
    project.doit()
    assert project.path("specs/sequence.json").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "[]", "<<<<<<< HEAD\n", '{"demo": {"raspberry-pi": {"sequence": 0}}}', "[" * 9999]
)
def test_a_damaged_file_of_numbers_is_told(project: Project, text: str) -> None:
    project.write("specs/sequence.json", text)
    told = project.doit(status=2)
    assert "specs/sequence.json: is damaged or was merged badly" in told
    assert project.path("specs/sequence.json").read_text() == text


def test_a_number_from_outside(project: Project) -> None:
    project.doit()
    project.write("src/main.py", "print(2)\n")
    for given, says in (("1", "release 1 has been made already"), ("x", "not a number from 1 to")):
        told = project._said(project.start(environment={"PROVISIONING_SEQUENCE": given}), 2)
        assert f"PROVISIONING_SEQUENCE={given}: {says}" in told
    project._said(project.start(environment={"PROVISIONING_SEQUENCE": "4711"}), 0)
    assert number(project) == 4711
    assert sequence(project)["demo"][PI]["sequence"] == 1


def test_two_processes_number_one_after_the_other(project: Project) -> None:
    project.doit("-n", "2")
    assert sorted(sequence(project)["demo"]) == ["mac-mini", PI]


def test_a_signature_of_what_was_there_before_does_not_stay(project: Project) -> None:
    project.doit()
    project.write("src/main.py", "print(2)\n")
    project.doit("hash")
    assert not (release(project) / SIGNATURE).exists()
    assert project.ran("package") == stages(PI, "sign") | stages("mac-mini", "sign")
