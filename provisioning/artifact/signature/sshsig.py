"""Reads SSH signatures, and says what exactly each of them has signed.

The format is that of `ssh-keygen -Y sign`: PROTOCOL.sshsig in OpenSSH's sources. It is read more
strictly than OpenSSH reads it: texts of one signature differ in the width of their
lines and in the last newline alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import NamedTuple

from provisioning.errors import ArtifactError

NAMESPACE = "doit-provisioning"
"""What these signatures are for: none that was made for anything else counts."""
LONGEST = 16 * 1024
"""Bytes of a signature that are read: one of the longest RSA key takes 5,000."""

ED25519, SK_ED25519, RSA = "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa"
_ECDSA = {f"ecdsa-sha2-nistp{bits}": f"nistp{bits}" for bits in (256, 384, 521)}
_SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
_CURVES = {**_ECDSA, _SK_ECDSA: "nistp256"}
_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}  # bytes of both coordinates, after 04
KINDS = (ED25519, SK_ED25519, *_ECDSA, _SK_ECDSA, RSA)
"""The kinds of keys that may sign."""
_KEY_SIZE = 32  # bytes of Ed25519's keys; its signatures are twice as long
_SIGN = 0x80  # the bit of an integer's first byte that makes it negative
_PRESENT = 1  # the bit of a security key that says that somebody has touched it
_RSA = ("rsa-sha2-256", "rsa-sha2-512")  # not with SHA-1

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_LINE = re.compile(r"[A-Za-z0-9+/]{1,76}={0,2}")
_LENGTH = struct.Struct(">I")


class PublicKey(NamedTuple):
    """The public half of a key."""

    kind: str
    """One of KINDS."""
    blob: bytes
    """As RFC 4253 encodes it, section 6.6."""

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and the digest, as `ssh-keygen -l` shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return f"SHA256:{digest.decode().rstrip('=')}"

    def __str__(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


class SshSignature(NamedTuple):
    """A signature, by whichever key."""

    key: PublicKey
    hash: str
    """How the message was hashed: sha256 or sha512."""
    value: bytes
    """The signature itself, as RFC 4253 encodes it."""

    def signed(self, message: bytes) -> bytes:
        """What the key has signed, if it has signed a message."""
        hashed = _HASHES[self.hash](message).digest()
        parts = (NAMESPACE.encode(), b"", self.hash.encode(), hashed)
        return _MAGIC + b"".join(map(string, parts))

    def spelled(self) -> bytes:
        """The text of the signature."""
        parts = (self.key.blob, NAMESPACE.encode(), b"", self.hash.encode(), self.value)
        blob = _MAGIC + _LENGTH.pack(1) + b"".join(map(string, parts))
        text = base64.b64encode(blob).decode()
        lines = (text[at : at + 70] for at in range(0, len(text), 70))
        return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def parse(data: bytes) -> SshSignature:
    """Read a signature. Raises ArtifactError if it is none, or not for these packages."""
    reader = FieldReader(_unarmored(data))
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ArtifactError("is not an SSH signature")
    version = _LENGTH.unpack(reader.take(_LENGTH.size))[0]
    if version != 1:  # guard: version-of-a-signature
        raise ArtifactError(f"is a signature of version {version}; only version 1 is known")
    blob, namespace, reserved, hashed, value = (reader.string() for _ in range(5))
    reader.end()
    if namespace != NAMESPACE.encode():  # guard: namespace-of-a-signature
        raise ArtifactError(
            f"was made for {_shown(namespace)}, not for {NAMESPACE}: sign it with"
            f" `ssh-keygen -Y sign -n {NAMESPACE}`"
        )
    if reserved:  # guard: reserved-in-a-signature
        raise ArtifactError("has a field that is not known")
    if hashed.decode("latin-1") not in _HASHES:  # guard: hash-of-a-signature
        raise ArtifactError(f"hashes with {_shown(hashed)}; only sha256 and sha512 are known")
    key = key_of(blob)
    _demand_value(key, value)
    return SshSignature(key, hashed.decode(), value)


def _unarmored(data: bytes) -> bytes:
    """The binary signature in a text. Raises ArtifactError."""
    if len(data) > LONGEST:  # guard: length-of-a-signature
        raise ArtifactError(f"is larger than {LONGEST} bytes")
    lines = data.decode("latin-1").removesuffix("\n").split("\n")
    if lines[0] != _BEGIN:
        raise ArtifactError(f"does not begin with the line `{_BEGIN}`")
    if lines[-1] != _END:  # guard: end-of-a-signature
        raise ArtifactError(f"does not end with the line `{_END}`, and nothing after it")
    for number, line in enumerate(lines[1:-1], 2):
        if not _LINE.fullmatch(line):  # guard: line-of-a-signature
            raise ArtifactError(f"line {number}: is not base64 of at most 76 characters")
    return unspelled("".join(lines[1:-1]))


def unspelled(text: str) -> bytes:
    """Decode base64 that is spelt in the one canonical way. Raises ArtifactError."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or base64.b64encode(found).decode() != text:  # guard: canonical-base64
        raise ArtifactError("is not base64; is it cut off or damaged?")
    return found


def key_of(blob: bytes) -> PublicKey:
    """Read a public key. Raises ArtifactError if it is none of KINDS."""
    reader = FieldReader(blob)
    kind = reader.string()
    if kind.decode("latin-1") not in KINDS:  # guard: kind-of-a-key
        raise ArtifactError(f"is of a key of the kind {_shown(kind)}; known are {', '.join(KINDS)}")
    name = kind.decode()
    if name == RSA:
        parts = [reader.string(), reader.string()]
        is_sound = all(map(_is_positive, parts))
    elif name in _CURVES:
        curve, point = reader.string(), reader.string()
        is_sound = curve.decode("latin-1") == _CURVES[name]
        is_sound &= point[:1] == b"\x04" and len(point) == _POINTS[_CURVES[name]]
    else:
        is_sound = len(reader.string()) == _KEY_SIZE
    if name in {SK_ED25519, _SK_ECDSA}:
        reader.string()
    reader.end()
    # guard: whole-key
    if not is_sound:  # of which OpenSSH would make nothing, or another fingerprint
        raise ArtifactError(f"is of a damaged key of the kind {name}")
    return PublicKey(name, blob)


def _is_positive(number: bytes) -> bool:
    """Whether an integer is more than zero, and spelt in the one way (RFC 4251, section 5)."""
    first, second = (number + b"\0\0")[:2]
    return 0 < first < _SIGN or (first == 0 and second >= _SIGN)


def _demand_value(key: PublicKey, value: bytes) -> None:
    """Check that a signature is of the kind of its key. Raises ArtifactError."""
    reader = FieldReader(value)
    kind = reader.string().decode("latin-1")
    if kind not in (_RSA if key.kind == RSA else (key.kind,)):  # guard: kind-of-a-signature
        raise ArtifactError(f"is a signature of {_shown(kind.encode())} by a key of {key.kind}")
    body = reader.string()
    if key.kind in {ED25519, SK_ED25519} and len(body) != 2 * _KEY_SIZE:
        raise ArtifactError("is a signature of Ed25519 that has not 64 bytes")
    if key.kind.startswith("sk-"):  # PROTOCOL.u2f in OpenSSH's sources
        flags, _ = reader.take(1), reader.take(4)
        # guard: somebody-was-present
        if not flags[0] & _PRESENT:  # which ssh-keygen does not demand
            raise ArtifactError("was made by a security key that nobody touched")
    reader.end()


class FieldReader:
    """Reads binary fields of SSH (RFC 4251, section 5) one by one. Raises ArtifactError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        found = self._data[self._at : self._at + size]
        if len(found) < size:  # guard: field-cut-off
            raise ArtifactError("is cut off")
        self._at += size
        return found

    def string(self) -> bytes:
        """The next string: its length in four bytes, and its bytes."""
        return self.take(_LENGTH.unpack(self.take(_LENGTH.size))[0])

    def end(self) -> None:
        """Check that nothing is left."""
        if self._at < len(self._data):  # guard: bytes-after-a-signature
            raise ArtifactError("has more bytes than it should")


def string(data: bytes) -> bytes:
    """Encode a string of SSH."""
    return _LENGTH.pack(len(data)) + data


def _shown(data: bytes) -> str:
    """Text of somebody else's, short and printable."""
    text = data[:60].decode("latin-1")
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in text)
