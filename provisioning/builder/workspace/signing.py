"""Signs a release: its SHA256SUMS, by an SSH key or by a command of the project's own.

`ssh-keygen -Y sign` makes the signature (PROTOCOL.sshsig in OpenSSH's sources). A key may lie in a
file, in ssh-agent or in a security key; here nothing but its public half is ever read or noted.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import of_bytes, read_bounded, reason
from provisioning.artifact.model.sums import SIGNATURE, SUMS
from provisioning.artifact.signature import sshsig
from provisioning.artifact.signature.signed_release import Trust, signed, verifies
from provisioning.artifact.signature.signers import Signer, public_key
from provisioning.artifact.signature.sshsig import NAMESPACE
from provisioning.builder.workspace import output
from provisioning.errors import ArtifactError, BuildError

if TYPE_CHECKING:
    from provisioning.artifact.signature.sshsig import PublicKey

_PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"
_LONGEST = 64 * 1024  # bytes of a key
_TOUCH = "presence"  # what ssh-keygen asks for with a security key


class Signing(NamedTuple):
    """How a project signs its releases."""

    said_by: str
    """Where that is said, for messages."""
    key: str = ""
    """The file of the key, or of the public half of one that ssh-agent has."""
    command: tuple[str, ...] = ()
    """Instead, the words of a command; `{file}` and `{signature}` stand for files."""
    signature: str = SIGNATURE
    """The name of the file that the command makes."""

    @property
    def identity(self) -> str:
        """What tells one signer from another: no secret of it. Raises BuildError."""
        if self.command:  # somebody may have written a password there
            return of_bytes("\0".join(self.command).encode())
        return self.public.fingerprint

    @property
    def public(self) -> PublicKey:
        """The public half of the key. Raises BuildError."""
        path = Path(self.key)
        try:
            text = read_bounded(path, _LONGEST).decode("ascii", errors="replace")
            if text.startswith(_PRIVATE):
                return _of_private(text)
            if "PRIVATE KEY" in text:  # in PEM, whose public half has to be beside it
                text = read_bounded(Path(f"{path}.pub"), _LONGEST).decode("ascii", "replace")
            return public_key(text.strip())[0]
        except (OSError, ArtifactError) as error:
            told = f"{self.key}: {reason(error)}"
            raise BuildError(f"{self.said_by}: the key that signs: {told}") from None


def _of_private(text: str) -> PublicKey:
    """The public half in a file of a private key, which is not encrypted (PROTOCOL.key)."""
    reader = sshsig.FieldReader(sshsig.unspelled("".join(text.split("\n")[1:-2])))
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ArtifactError("is not a private key of OpenSSH")
    for _ in range(3):  # how it is encrypted
        reader.string()
    reader.take(4)  # how many keys there are: one
    return sshsig.key_of(reader.string())


def sign(release: Path, signing: Signing) -> None:
    """Sign the SHA256SUMS of a release.

    Raises:
        BuildError: it could not be signed.
        OSError: a file cannot be read or written.
    """
    sums = (release / SUMS).read_bytes()
    data = _by_command(release, signing) if signing.command else _by_key(sums, signing)
    if not signing.command and not _is_sound(data, sums, signing):  # guard: signature-checked
        raise BuildError(f"{signing.key}: what ssh-keygen made is no signature by this key")
    output.write(release / signing.signature, data)


def demand_signed(release: Path, signing: Signing) -> None:
    """Check the signature of a release by the project's own key. Raises BuildError."""
    if signing.command:  # whoever made the command knows how to check it
        return
    try:
        data, signature = ((release / name).read_bytes() for name in (SUMS, SIGNATURE))
        signed(data, signature, Trust((Signer(signing.public, "*"),)))
    except (ArtifactError, OSError) as error:
        raise BuildError(f"{release}: {reason(error)}") from None


def _is_sound(data: bytes, message: bytes, signing: Signing) -> bool:
    try:
        found = sshsig.parse(data)
        return found.key == signing.public and verifies(found, message)
    except ArtifactError:
        return False


def _by_key(message: bytes, signing: Signing) -> bytes:
    # On a terminal, ssh-keygen itself asks for a passphrase there.
    command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", signing.key]
    with tempfile.TemporaryFile() as sums, tempfile.TemporaryFile() as made:
        sums.write(message)
        sums.seek(0)
        said = _run(command, signing, stdin=sums.fileno(), stdout=made.fileno())
        made.seek(0)
        data = made.read()
    if not data:
        raise BuildError(_failed(command[0], signing, said))
    return data


def _by_command(release: Path, signing: Signing) -> bytes:
    with tempfile.TemporaryDirectory(prefix="provisioning-") as directory:
        made = Path(directory, signing.signature)
        files = {"{file}": str(release / SUMS), "{signature}": str(made)}
        words = [*signing.command]
        for mark, path in files.items():
            words = [word.replace(mark, path) for word in words]
        said = _run(words, signing, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        data = made.read_bytes() if made.is_file() else b""
    if not data:
        raise BuildError(_failed(signing.command[0], signing, said))
    return data


def _run(command: list[str], signing: Signing, *, stdin: int, stdout: int) -> str:
    """Run a command that signs, and return what it said. Raises BuildError."""
    said = list[str]()
    try:
        with subprocess.Popen(  # noqa: S603 - of the project's own
            command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, errors="replace", text=True
        ) as process:
            for line in process.stderr or ():
                said.append(line)
                if _TOUCH in line and sys.__stderr__:  # a light blinks, and somebody has to know
                    sys.__stderr__.write(line)
                    sys.__stderr__.flush()
    except OSError as error:
        raise BuildError(f"{signing.said_by}: {command[0]}: {error.strerror}") from None
    if process.returncode:
        raise BuildError(_failed(command[0], signing, "".join(said)))
    return "".join(said)


def _failed(program: str, signing: Signing, said: str) -> str:
    what = signing.key or signing.signature
    lines = [line for line in said.splitlines() if not line.startswith("Signing ")]
    told = "; ".join(lines) or "it made no signature"
    if signing.key and "passphrase" in said:
        agent = f"`ssh-add {shlex.quote(signing.key.removesuffix('.pub'))}`"
        told += f": on a machine without a terminal, let ssh-agent have the key ({agent})"
    elif signing.key.endswith(".pub") and not os.environ.get("SSH_AUTH_SOCK"):
        told += ": this is a public key, and no ssh-agent runs that could have the private one"
    return f"{signing.said_by}: {program} did not sign with {what}: {told}"
