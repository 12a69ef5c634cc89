"""The lists of keys that are trusted, and of those that are revoked."""

from __future__ import annotations

import base64
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.signature.signers import (
    matches,
    parse,
    parse_revoked,
    public_keys,
)
from provisioning.artifact.signature.sshsig import NAMESPACE, string
from provisioning.errors import ArtifactError
from tests.signing import make_key, public, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("openssh")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def line(key: Path) -> str:
    return public(key).read_text().strip()


def test_a_line_is_a_signer(line: str) -> None:
    text = f'# whose\n\n  greenhouse,pump-* namespaces="{NAMESPACE}" {line}\n* {line}'
    first, second = parse(text.encode(), "signers")
    assert (first.packages, second.packages) == ("greenhouse,pump-*", "*")
    assert first.key == second.key
    assert first.comment == "key@example.org"
    assert str(first) == f"key@example.org ({first.key.fingerprint})"
    assert first.may_sign("pump-2")
    assert not first.may_sign("fan")


def test_what_is_written_is_read_again_and_by_ssh_keygen(
    key: Path, line: str, tmp_path: Path
) -> None:
    (signer,) = parse(f"green* {line}".encode(), "signers")
    assert parse(signer.line().encode(), "signers") == [signer]
    (tmp_path / "signers").write_text(signer.line())
    (tmp_path / "sig").write_bytes(signature_of(b"x", key))
    how = ["-n", NAMESPACE, "-I", "greenhouse", "-s", str(tmp_path / "sig")]
    command = ["ssh-keygen", "-Y", "verify", *how, "-f", str(tmp_path / "signers")]
    subprocess.run(command, input=b"x", check=True, capture_output=True)


def test_a_key_for_something_else_is_not_a_signer_of_packages(line: str) -> None:
    text = f'a namespaces="git" {line}\nb namespaces="git,{NAMESPACE}" {line}\n'
    assert [each.packages for each in parse(text.encode(), "signers")] == ["b"]


PATTERNS = [
    ("*", "anything", True),
    ("greenhouse", "greenhouse", True),
    ("greenhouse", "greenhouse-extra", False),
    ("green*", "greenhouse", True),
    ("p?mp", "pump", True),
    ("p?mp", "pmp", False),
    ("a,b", "b", True),
    ("*,!secret", "secret", False),
    ("!secret,*", "secret", False),
    ("!secret", "other", False),
    ("a.b", "axb", False),
]


@pytest.mark.parametrize("case", PATTERNS)
def test_patterns_are_those_of_ssh(
    case: tuple[str, str, bool], key: Path, line: str, tmp_path: Path
) -> None:
    patterns, name, is_meant = case
    assert matches(patterns, name) is is_meant
    (tmp_path / "signers").write_text(f"{patterns} {line}\n")
    (tmp_path / "sig").write_bytes(signature_of(b"x", key))
    how = ["-n", NAMESPACE, "-I", name, "-s", str(tmp_path / "sig")]
    command = ["ssh-keygen", "-Y", "verify", *how, "-f", str(tmp_path / "signers")]
    done = subprocess.run(command, input=b"x", check=False, capture_output=True)
    assert (done.returncode == 0) is is_meant


@pytest.mark.parametrize("pattern", ["*" * 30 + "h", "*e" * 100 + "!", "*?" * 100 + "h"])
def test_a_pattern_of_many_stars_takes_no_time(pattern: str) -> None:
    before = time.process_time()
    assert not matches(pattern, "e" * 190)
    assert time.process_time() - before < 2  # a thousandth of it; without care, hours


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_a_star_is_any_text_and_a_question_mark_any_character(pattern: str, name: str) -> None:
    def is_like(pattern: str, name: str) -> bool:
        if pattern.startswith("*"):
            return is_like(pattern[1:], name) or (name != "" and is_like(pattern, name[1:]))
        if not pattern or not name:
            return pattern == name
        return pattern[0] in {"?", name[0]} and is_like(pattern[1:], name[1:])

    assert matches(pattern, name) is is_like(pattern, name)


SPELLINGS = {
    "tabs": ("greenhouse\t{kind}\t{blob}\twhose\n", True),
    "a tab after the options": ('greenhouse namespaces="doit-*"\t{line}\n', True),
    "CRLF": ("# whose\r\n\r\ngreenhouse {kind} {blob}\r\n", True),
    "spaces": ("  greenhouse  {kind}  {blob}  ", True),
    "a vertical tab": ("\vgreenhouse {line}\n", False),
    "a space that is none": ("\u00a0greenhouse {line}\n", False),
    "a byte order mark": ("\ufeffgreenhouse {line}\n", False),
    "a long pattern": ("*" * 1100 + " {line}\n", False),
    "padding": ("greenhouse {kind} {blob}=\n", False),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_line_is_read_as_ssh_keygen_reads_it(
    spelling: str, key: Path, line: str, tmp_path: Path
) -> None:
    template, is_read = SPELLINGS[spelling]
    kind, blob, _ = line.split()
    data = template.format(kind=kind, blob=blob, line=line).encode()
    try:
        ours = bool(parse(data, "signers"))
    except ArtifactError:
        ours = False
    assert ours is is_read
    (tmp_path / "signers").write_bytes(data)
    (tmp_path / "sig").write_bytes(signature_of(b"x", key))
    how = ["-n", NAMESPACE, "-I", "greenhouse", "-s", str(tmp_path / "sig")]
    command = ["ssh-keygen", "-Y", "verify", *how, "-f", str(tmp_path / "signers")]
    done = subprocess.run(command, input=b"x", check=False, capture_output=True)
    assert (done.returncode == 0) is is_read


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda blob: blob[:-9],
    "with more": lambda blob: blob + bytes(3),
    "nothing but its kind": lambda blob: blob[: 4 + blob[3]],
    "of nothing": lambda blob: blob[: 4 + blob[3]] + bytes(8),
    "of another curve": lambda blob: blob.replace(string(b"nistp256"), string(b"nistp384")),
    "a point that is compressed": lambda blob: blob[: -len(POINT)] + string(b"\x02" + bytes(32)),
}
POINT = string(bytes(65))


DAMAGED = [("ecdsa", each) for each in DAMAGES] + [("rsa", each) for each in [*DAMAGES][:4]]


@pytest.mark.parametrize(("kind", "damage"), DAMAGED)
def test_a_damaged_key_is_no_key(kind: str, damage: str, tmp_path: Path) -> None:
    name, text, _ = public(make_key(tmp_path, kind=kind)).read_text().split()
    damaged = DAMAGES[damage](base64.b64decode(text))
    line = f"{name} {base64.b64encode(damaged).decode()}\n"
    with pytest.raises(ArtifactError, match=r"key: line 1: (is cut off|has more|is of a damaged)"):
        public_keys(line.encode(), "key")
    (tmp_path / "damaged.pub").write_text(line)
    command = ["ssh-keygen", "-l", "-f", str(tmp_path / "damaged.pub")]
    assert subprocess.run(command, check=False, capture_output=True).returncode


def test_a_number_that_is_spelt_otherwise_would_be_another_key(tmp_path: Path) -> None:
    name, text, _ = public(make_key(tmp_path, kind="rsa")).read_text().split()
    exponent = string(b"\1\0\1")
    changed = base64.b64decode(text).replace(exponent, string(b"\0\1\0\1"))
    with pytest.raises(ArtifactError, match="a damaged key of the kind ssh-rsa"):
        public_keys(f"{name} {base64.b64encode(changed).decode()}".encode(), "key")


FAULTS = {
    "certificate": ("* cert-authority {line}", "`cert-authority` is neither"),
    "a time": ('* valid-before="20300101" {line}', "no other option is known"),
    "no package": ("{line}", "neither a kind of key"),
    "quotes": ('"a b" {line}', "does not begin with the names of packages"),
    "no key": ("greenhouse", "neither a kind of key"),
    "cut off": ("* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "is cut off"),
    "not base64": ("* ssh-ed25519 ????", "is not base64"),
    "another kind": ("* ssh-rsa {blob}", "says ssh-rsa, and is a key of the kind ssh-ed25519"),
    "a control character": ("* {line}\a", "has a control character"),
    "CR inside": ("* {line}\rmore", "has a control character"),
    "words from right to left": ("* {line}\u202emore", "has a control character"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_line_that_is_none_is_told_with_its_number(fault: str, line: str) -> None:
    text, says = FAULTS[fault]
    data = "# first\n" + text.format(line=line, blob=line.split()[1])
    with pytest.raises(ArtifactError, match=says) as caught:
        parse(data.encode(), "signers")
    assert "signers: line 2: " in str(caught.value)


def test_all_faults_are_told_at_once(line: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        parse(f"x\n* {line}\n* ssh-dss AAAA\n".encode(), "signers")
    assert [each.split(": ")[1] for each in str(caught.value).split("\n")] == ["line 1", "line 3"]


def test_lists_are_bounded() -> None:
    with pytest.raises(ArtifactError, match="is larger than"):
        parse(b"#" * 2_000_000, "signers")
    with pytest.raises(ArtifactError, match="not text in UTF-8"):
        parse(b"\xff", "signers")


def test_a_hundred_keys_are_all_known(line: str) -> None:
    text = "".join(f"package-{number} {line}\n" for number in range(100))
    assert len(parse(text.encode(), "signers")) == 100


def test_a_revoked_key_is_a_key_or_its_fingerprint(line: str) -> None:
    (signer,) = parse(f"* {line}".encode(), "signers")
    fingerprint = signer.key.fingerprint
    for text in (line, f"{fingerprint} lost on a train", f"# why\n{line}\n"):
        assert parse_revoked(text.encode(), "revoked") == {fingerprint}
    with pytest.raises(ArtifactError, match="revoked: line 2: "):
        parse_revoked(f"{line}\nSHA256:short\n".encode(), "revoked")


@pytest.mark.parametrize("is_meant", [True, False])
@pytest.mark.parametrize("how", ["keys", "a list of OpenSSH's own"])
def test_a_revoked_key_is_revoked_for_ssh_keygen_too(
    key: Path, line: str, tmp_path: Path, how: str, is_meant: bool
) -> None:
    meant = line if is_meant else public(make_key(tmp_path)).read_text().strip()
    (tmp_path / "revoked").write_text(f"# why\n{meant}\n")
    (fingerprint,) = parse_revoked((tmp_path / "revoked").read_bytes(), "revoked")
    if how != "keys":
        (tmp_path / "told").write_text(f"hash: {fingerprint}\n")
        made = ["ssh-keygen", "-k", "-f", str(tmp_path / "revoked"), str(tmp_path / "told")]
        subprocess.run(made, check=True, capture_output=True)
    (tmp_path / "signers").write_text(f"* {line}\n")
    (tmp_path / "sig").write_bytes(signature_of(b"x", key))
    of = ["-n", NAMESPACE, "-I", "greenhouse", "-s", str(tmp_path / "sig")]
    lists = ["-f", str(tmp_path / "signers"), "-r", str(tmp_path / "revoked")]
    command = ["ssh-keygen", "-Y", "verify", *of, *lists]
    done = subprocess.run(command, input=b"x", check=False, capture_output=True)
    assert (done.returncode != 0) is is_meant


def test_a_file_of_public_keys_may_have_several(key: Path, line: str) -> None:
    assert len(public_keys(f"{line}\n{line}\n".encode(), "keys.pub")) == 2
    with pytest.raises(ArtifactError, match=r"key: line 1: is a private key; the public one"):
        public_keys(key.read_bytes(), "key")
