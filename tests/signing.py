"""Makes keys and signatures with OpenSSH, as people do."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from provisioning.artifact import filesystem
from provisioning.artifact.model import sums
from provisioning.artifact.model.sums import SIGNATURE, SUMS, Identity, Sums
from provisioning.artifact.signature.sshsig import NAMESPACE

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "ed25519": (),
    "ecdsa": (),
    "ecdsa-384": ("-b", "384"),
    "ecdsa-521": ("-b", "521"),
    "rsa": ("-b", "2048"),
    "rsa-3072": ("-b", "3072"),
}
"""Kinds of keys, and how ssh-keygen is asked for them."""


def make_key(folder: Path, name: str = "key", kind: str = "ed25519", password: str = "") -> Path:
    """Make a key, and return the file of its private half; the public one is beside it."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    how = ["-t", kind.partition("-")[0], *KINDS[kind], "-N", password, "-C", f"{name}@example.org"]
    subprocess.run(["ssh-keygen", "-q", *how, "-f", str(path)], check=True)
    return path


def public(key: Path) -> Path:
    """The file of a key's public half."""
    return key.with_name(f"{key.name}.pub")


def signature_of(message: bytes, key: Path, namespace: str = NAMESPACE, *more: str) -> bytes:
    """What ssh-keygen makes of a message."""
    command = ["ssh-keygen", "-Y", "sign", "-n", namespace, *more, "-f", str(key)]
    return subprocess.run(command, input=message, check=True, capture_output=True).stdout


def sums_of(artifact: Path, about: Identity | None) -> bytes:
    """SHA256SUMS of an artifact and its sidecars, of which there may be any."""
    names = (path for path in artifact.parent.iterdir() if path.name.startswith(artifact.stem[:-4]))
    digests = {path.name: filesystem.of_file(path) for path in names if path.is_file()}
    return sums.spelled(Sums(digests, about))


def sign(artifact: Path, key: Path, about: Identity | None) -> Path:
    """Write SHA256SUMS and its signature beside an artifact; return the artifact."""
    data = sums_of(artifact, about)
    artifact.with_name(SUMS).write_bytes(data)
    artifact.with_name(SIGNATURE).write_bytes(signature_of(data, key))
    return artifact
