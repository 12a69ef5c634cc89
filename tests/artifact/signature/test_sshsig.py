"""SSH signatures as ssh-keygen makes them, and everything that is not quite one."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.signature import ed25519, sshsig
from provisioning.artifact.signature.signed_release import is_of_ed25519, verifies
from provisioning.artifact.signature.sshsig import NAMESPACE, PublicKey, SshSignature, parse, string
from provisioning.errors import ArtifactError
from tests.signing import KINDS, make_key, public, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("openssh")

MESSAGE = b"0" * 64 + b"  a.tar.gz\n"
SK = "ed25519-sk"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        make_key(folder, kind, kind)
    return folder


@pytest.fixture(scope="module")
def text(keys: Path) -> bytes:
    return signature_of(MESSAGE, keys / "ed25519")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_ssh_keygen_makes_is_read_and_verifies(keys: Path, kind: str, hashed: str) -> None:
    made = signature_of(MESSAGE, keys / kind, NAMESPACE, "-O", f"hashalg={hashed}")
    found = parse(made)
    assert found.hash == hashed
    assert found.spelled() == made
    assert str(found.key) == " ".join(public(keys / kind).read_text().split()[:2])
    assert verifies(found, MESSAGE)
    assert not verifies(found, MESSAGE + b" ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_is_the_one_that_ssh_keygen_shows(keys: Path, kind: str) -> None:
    said = subprocess.check_output(["ssh-keygen", "-l", "-f", str(keys / kind)], text=True)
    assert parse(signature_of(MESSAGE, keys / kind)).key.fingerprint == said.split()[1]


def test_ours_verifies_without_ssh_keygen(
    keys: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROGRAMS, ())
    assert verifies(parse(text), MESSAGE)
    assert not verifies(parse(text), MESSAGE[1:])
    with pytest.raises(ArtifactError, match="which ssh-keygen must verify"):
        verifies(parse(signature_of(MESSAGE, keys / "rsa")), MESSAGE)


PROGRAMS = "provisioning.artifact.signature.signed_release._PROGRAMS"


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts another program in the place of ssh-keygen."""

    def puts(script: str) -> None:
        program = tmp_path / "ssh-keygen"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(PROGRAMS, (str(program),))

    return puts


def test_what_openssh_alone_accepts_is_refused(text: bytes, other: Callable[[str], None]) -> None:
    other(f"echo 'Good \"{NAMESPACE}\" signature for release with anything'")
    assert verifies(parse(text), MESSAGE)
    assert not verifies(parse(text), MESSAGE + b"x")


def test_what_openssh_alone_refuses_is_told(text: bytes, other: Callable[[str], None]) -> None:
    other("echo 'no such key in this mode' >&2; echo 'Could not verify signature.'; exit 255")
    with pytest.raises(ArtifactError, match=r"does not accept it: .*no such key in this mode$"):
        verifies(parse(text), MESSAGE)


@pytest.mark.parametrize("script", ["echo 'unknown option -- Y' >&2; exit 1", "kill -9 $$"])
def test_an_openssh_that_cannot_tell_is_passed_over(
    keys: Path, text: bytes, other: Callable[[str], None], script: str
) -> None:
    other(script)
    assert verifies(parse(text), MESSAGE)
    assert not verifies(parse(text), MESSAGE + b"x")
    with pytest.raises(ArtifactError, match=r"must verify \(.*\); install OpenSSH's client, 8.1"):
        verifies(parse(signature_of(MESSAGE, keys / "rsa")), MESSAGE)


def of_ed25519(public_key: bytes, value: bytes) -> SshSignature:
    kind = string(b"ssh-ed25519")
    key = PublicKey("ssh-ed25519", kind + string(public_key))
    return SshSignature(key, "sha512", kind + string(value))


BASE, ONE = b"\x58" + b"\x66" * 31, (1).to_bytes(32, "little")
# Of such keys, this signature is right for every message: they are nothing, in several spellings.
KEYS_OF_ALL = {"neutral": 1, "not canonical": ed25519._P + 1, "negative zero": 1 | 1 << 255}


@pytest.mark.parametrize("key", KEYS_OF_ALL)
def test_a_key_that_signs_all_is_refused_whoever_verifies(key: str) -> None:
    made = of_ed25519(KEYS_OF_ALL[key].to_bytes(32, "little"), BASE + ONE)
    assert not verifies(parse(made.spelled()), MESSAGE)


def test_a_signature_spelt_with_a_larger_number_is_refused_whoever_verifies(text: bytes) -> None:
    made = parse(text)
    number = int.from_bytes(made.value[-32:], "little") + ed25519._L
    changed = made._replace(value=made.value[:-32] + number.to_bytes(32, "little"))
    assert not verifies(parse(changed.spelled()), MESSAGE)


# regress/unittests/sshsig/testdata in OpenSSH's sources: of a file's key, and of a security key's.
OF_OPENSSH = [
    (
        b"U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgiWLNIg3cNBXvxU82NW+/COB/4/\n"
        b"keps9gJi7cE4x2MAQAAAAIdW5pdHRlc3QAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVk\n"
        b"MjU1MTkAAABAihQsbUzuNEFflk5Tw1+H9aLS7tZQk0RG8KW1DtOmDYYnWe3D3UKiG3fcJa\n"
        b"DNg4vBWp1j1gLRiBMOF+gwYNegDg==\n"
    ),
    (
        b"U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgmxoNhd\n"
        b"Biu5zpuKUJgMgrhhI54b7OatE7Yz23Tf//sscAAAAEc3NoOgAAAAh1bml0dGVzdAAAAAAA\n"
        b"AAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3NoLmNvbQAAAEAi+7eTjW\n"
        b"/+LQ2M+sCD+KFtH1n7VFFJon/SZFsxODyV8cWTlFKj617Ys1Ur5TV6uaEXQhck8rBA2oQI\n"
        b"HTPANLIPARI0Vng=\n"
    ),
]


@pytest.mark.parametrize("lines", OF_OPENSSH)
def test_openssh_s_own_vectors_verify(lines: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sshsig, "NAMESPACE", "unittest")
    found, message = parse(BEGIN + lines + END), b"This is a test, this is only a test"
    assert is_of_ed25519(found, message)
    assert not is_of_ed25519(found, message + b"\n")
    assert found.spelled() == BEGIN + lines + END


BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"


def respelt(text: bytes, change: object) -> bytes:
    """The text of a signature whose bytes are changed."""
    blob = base64.b64decode(text.removeprefix(BEGIN).removesuffix(END))
    data = base64.b64encode(change(blob))  # type: ignore[operator]
    return BEGIN + data + b"\n" + END if len(data) < 77 else lines_of(data)


def lines_of(data: bytes) -> bytes:
    lines = [data[at : at + 70] + b"\n" for at in range(0, len(data), 70)]
    return b"".join([BEGIN, *lines, END])


def blob_of(*fields: bytes, magic: bytes = b"SSHSIG", version: int = 1) -> bytes:
    return magic + version.to_bytes(4, "big") + b"".join(map(string, fields))


def fields_of(text: bytes) -> list[bytes]:
    reader = sshsig.FieldReader(base64.b64decode(text.removeprefix(BEGIN).removesuffix(END)))
    reader.take(10)
    return [reader.string() for _ in range(5)]


def replaced(text: bytes, at: int, by: bytes) -> bytes:
    fields = fields_of(text)
    fields[at] = by
    return lines_of(base64.b64encode(blob_of(*fields)))


FAULTS = {
    "nothing": (lambda _: b"", "does not begin with the line"),
    "truncated": (lambda text: text[:120], "does not end with the line"),
    "no end": (lambda text: text.removesuffix(END), "does not end with the line"),
    "two": (lambda text: text + text, "is not base64"),
    "bytes before": (lambda text: b"\n" + text, "does not begin with the line"),
    "bytes after": (lambda text: text + b"\n", "does not end with the line"),
    "words after": (lambda text: text + b"x", "does not end with the line"),
    "CRLF": (lambda text: text.replace(b"\n", b"\r\n"), "does not begin with the line"),
    "CR in a line": (lambda text: text.replace(b"A\n", b"A\r\n", 1), "is not base64"),
    "spaces": (lambda text: text.replace(b"U1NIU0lH", b"U1NIU0lH ", 1), "is not base64"),
    "an empty line": (lambda text: text.replace(BEGIN, BEGIN + b"\n"), "line 2: is not base64"),
    "PGP": (lambda text: text.replace(b"SSH", b"PGP"), "does not begin with the line"),
    "oversized": (lambda text: text + b"x" * 20000, "is larger than 16384 bytes"),
    "a huge field": (lambda text: respelt(text, lambda blob: blob[:10] + b"\xff" * 4), "cut off"),
    "spelt otherwise": (
        lambda _: BEGIN + base64.b64encode(b"SSHSIG\0\0\0\1")[:-3] + b"F==\n" + END,
        "is not base64",
    ),
    "magic": (lambda text: respelt(text, lambda blob: b"SSHSIX" + blob[6:]), "is not an SSH"),
    "version": (
        lambda text: lines_of(base64.b64encode(blob_of(*fields_of(text), version=2))),
        "of version 2",
    ),
    "more bytes": (lambda text: respelt(text, lambda blob: blob + b"\0"), "more bytes"),
    "namespace": (lambda text: replaced(text, 1, b"git"), "was made for git, not for"),
    "no namespace": (lambda text: replaced(text, 1, b""), "was made for , not for"),
    "namespace with more": (
        lambda text: replaced(text, 1, NAMESPACE.encode() + b"\0"),
        r"was made for doit-provisioning\?",
    ),
    "reserved": (lambda text: replaced(text, 2, b"x"), "a field that is not known"),
    "hash": (lambda text: replaced(text, 3, b"sha1"), "hashes with sha1"),
    "kind of key": (
        lambda text: replaced(text, 0, string(b"ssh-dss") + string(b"x" * 32)),
        "a key of the kind ssh-dss",
    ),
    "certificate": (
        lambda text: replaced(text, 0, string(b"ssh-ed25519-cert-v01@openssh.com")),
        "a key of the kind ssh-ed25519-cert",
    ),
    "short key": (
        lambda text: replaced(text, 0, string(b"ssh-ed25519") + string(b"x" * 31)),
        "a damaged key of the kind ssh-ed25519",
    ),
    "kind of signature": (
        lambda text: replaced(text, 4, string(b"ssh-rsa") + string(b"x" * 64)),
        "a signature of ssh-rsa by a key of ssh-ed25519",
    ),
    "short signature": (
        lambda text: replaced(text, 4, string(b"ssh-ed25519") + string(b"x" * 63)),
        "has not 64 bytes",
    ),
    "signature with more": (
        lambda text: replaced(text, 4, fields_of(text)[4] + b"x"),
        "more bytes",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_quite_a_signature_is_refused(text: bytes, fault: str) -> None:
    change, says = FAULTS[fault]
    with pytest.raises(ArtifactError, match=says) as caught:
        parse(change(text))
    assert "\n" not in str(caught.value)


def test_rsa_with_sha1_is_refused(keys: Path) -> None:
    made = signature_of(MESSAGE, keys / "rsa")
    value = fields_of(made)[4]
    changed = replaced(made, 4, value.replace(string(b"rsa-sha2-512"), string(b"ssh-rsa")))
    with pytest.raises(ArtifactError, match="a signature of ssh-rsa by a key of ssh-rsa"):
        parse(changed)


def test_lines_of_another_width_are_the_same_signature(text: bytes) -> None:
    data = b"".join(text.removeprefix(BEGIN).removesuffix(END).split())
    wide = [data[at : at + 64] + b"\n" for at in range(0, len(data), 64)]
    assert parse(b"".join([BEGIN, *wide, END])) == parse(text)


# A security key (PROTOCOL.u2f): what it signs is made here, of a key in a file.
def sk_signature(keys: Path, flags: int, application: bytes = b"ssh:") -> SshSignature:
    """What a security key would have made; openssl signs for it."""
    blob = string(sshsig.SK_ED25519.encode()) + string(_raw(keys)) + string(application)
    unsigned = SshSignature(PublicKey(sshsig.SK_ED25519, blob), "sha512", b"")
    tail = bytes([flags]) + (7).to_bytes(4, "big")
    digests = [hashlib.sha256(each).digest() for each in (application, unsigned.signed(MESSAGE))]
    value = _openssl_signs(keys, digests[0] + tail + digests[1])
    return unsigned._replace(value=string(sshsig.SK_ED25519.encode()) + string(value) + tail)


def _raw(keys: Path) -> bytes:
    if not (keys / "raw.pem").exists():
        made = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(keys / "raw.pem")]
        subprocess.run(made, check=True)
    shown = ["openssl", "pkey", "-in", str(keys / "raw.pem"), "-pubout", "-outform", "DER"]
    return subprocess.check_output(shown)[-32:]


def _openssl_signs(keys: Path, data: bytes) -> bytes:
    (keys / "raw.bin").write_bytes(data)
    how = ["-rawin", "-in", str(keys / "raw.bin"), "-inkey", str(keys / "raw.pem")]
    return subprocess.check_output(["openssl", "pkeyutl", "-sign", *how])


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("flags", [1, 5])
def test_a_security_key_counts(keys: Path, flags: int) -> None:
    made = parse(sk_signature(keys, flags).spelled())
    assert is_of_ed25519(made, MESSAGE)
    assert verifies(made, MESSAGE)
    assert not is_of_ed25519(made, MESSAGE + b"x")


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("flags", [0, 4])
def test_a_security_key_that_nobody_touched_does_not(keys: Path, flags: int) -> None:
    made = sk_signature(keys, flags)
    assert is_of_ed25519(made, MESSAGE)  # its mathematics are right, and ssh-keygen content
    with pytest.raises(ArtifactError, match="nobody touched"):
        parse(made.spelled())


def mutated(text: bytes, chance: random.Random) -> bytes:
    """A signature with one small change, at any level of its encoding."""
    how = chance.randrange(5)
    if how == 0:  # of the text
        at = chance.randrange(len(text))
        return text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
    if how == 1:
        at, size = chance.randrange(len(text)), chance.randrange(1, 9)
        return text[:at] + text[at + size :]
    blob = bytearray(base64.b64decode(text.removeprefix(BEGIN).removesuffix(END)))
    if how == 2:  # a bit
        blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
    elif how == 3:  # some bytes
        at = chance.randrange(len(blob))
        blob[at : at + chance.randrange(5)] = os.urandom(chance.randrange(5))
    else:  # a bit of what matters most: the 64 bytes at the end, or the key
        at = chance.choice((*range(len(blob) - 64, len(blob)), *range(29, 61)))
        blob[at] ^= 1 << chance.randrange(8)
    return lines_of(base64.b64encode(bytes(blob)))


def accepted(text: bytes, key: PublicKey, message: bytes, verify: object = is_of_ed25519) -> bool:
    """Whether a text passes as the signature of a message by a key."""
    try:
        found = parse(text)
        return found.key == key and verify(found, message)  # type: ignore[operator]
    except ArtifactError:
        return False


def tried(text: bytes, count: int, seed: int) -> int:
    """How many mutations of a signature, or of its message, were accepted."""
    chance, key = random.Random(seed), parse(text).key
    passed = 0
    for number in range(count):
        if number % 4:
            changed = mutated(text, chance)
            passed += accepted(changed, key, MESSAGE) and parse(changed) != parse(text)
        else:
            message = bytearray(MESSAGE)
            message[chance.randrange(len(message))] ^= 1 << chance.randrange(8)
            passed += accepted(text, key, bytes(message))
    return passed


def test_no_mutation_is_accepted(text: bytes) -> None:
    assert accepted(text, parse(text).key, MESSAGE)
    assert tried(text, 600, seed=1) == 0


@pytest.mark.sweep
def test_none_of_a_hundred_thousand_mutations_is_accepted(text: bytes) -> None:
    assert tried(text, 100_000, seed=2) == 0


# OpenSSH judges its own kinds by itself, so that only of Ed25519 two programs are compared.
COMPARED = {**dict.fromkeys(KINDS, verifies), "ed25519": is_of_ed25519, SK: is_of_ed25519}


@pytest.mark.sweep
@pytest.mark.needs("openssl")
@pytest.mark.parametrize("kind", COMPARED)
def test_openssh_accepts_nothing_that_is_refused_here_nor_the_other_way(
    keys: Path, kind: str
) -> None:
    made = sk_signature(keys, 1).spelled() if kind == SK else signature_of(MESSAGE, keys / kind)
    key, chance, seen = parse(made).key, random.Random(kind), {True: 0, False: 0}
    (keys / "allowed").write_text(f"release {key}\n")
    for number in range(600):
        changed = mutated(made, chance) if number % 10 else made
        (keys / "sig").write_bytes(changed)
        how = ["-Y", "verify", "-n", NAMESPACE, "-I", "release", "-s", str(keys / "sig")]
        command = ["ssh-keygen", *how, "-f", str(keys / "allowed")]
        done = subprocess.run(command, input=MESSAGE, capture_output=True, check=False)
        mine = accepted(changed, key, MESSAGE, COMPARED[kind])
        theirs = done.returncode == 0
        assert not mine or theirs
        if theirs and not mine:  # what is spelt in another way is refused here before
            with pytest.raises(ArtifactError):
                parse(changed)
        seen[mine] += 1
    assert min(seen.values()) >= 60
