"""Checks who made a release, before anything else of it is read."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.filesystem import of_bytes, read_bounded, reason
from provisioning.artifact.model import sums
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.sums import SIGNATURE, SUMS, Identity, Sums
from provisioning.artifact.signature import ed25519, sshsig
from provisioning.artifact.signature.sshsig import (
    ED25519,
    NAMESPACE,
    SK_ED25519,
    FieldReader,
    SshSignature,
)
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from provisioning.artifact.model.package import Package
    from provisioning.artifact.signature.signers import Signer

_PROGRAMS = tuple(
    f"{place}/ssh-keygen" for place in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/bin")
)
_LONGEST_WAIT = 30  # seconds for ssh-keygen, which takes hundredths


class Trust(NamedTuple):
    """Whose releases are accepted, and nobody else's. Where there is none, anybody's are."""

    signers: tuple[Signer, ...]
    revoked: frozenset[str] = frozenset()
    """Fingerprints of keys."""


class SignedRelease(NamedTuple):
    """What a trusted key has signed of a release."""

    signer: Signer
    about: Identity
    files: Sums
    data: bytes
    """The bytes of SHA256SUMS."""
    signature: bytes

    def demand_digest(self, digest: str, name: str) -> None:
        """Check that a file is one of the release. Raises ArtifactError."""
        if self.files.files.get(name) == digest:
            return
        if name in self.files.files or digest not in self.files.files.values():
            raise ArtifactError(f"is not the file that {SUMS} was signed for; get all files again")

    def demand_manifest(self, data: bytes) -> None:
        """Check that a manifest is that of the release. Raises ArtifactError."""
        name = f"{self.about.stem}.manifest.json"
        if self.files.files.get(name) != of_bytes(data):  # guard: signed-manifest
            raise ArtifactError(f"is not the package that {SUMS} beside it was signed for")

    def demand_package(self, package: Package) -> None:
        """Check that a package is the one that was signed. Raises ArtifactError."""
        about = self.about
        is_it = (package.name, package.version, package.platform) == tuple(about)[:3]
        if not is_it:  # guard: signed-package
            raise ArtifactError(
                f"is {package.name} {package.version} for {package.platform}, and {SUMS} beside it"
                f" was signed for {about.name} {about.version} for {about.platform}"
            )


def read_signed(beside: Path, trust: Trust) -> SignedRelease:
    """Read the signed SHA256SUMS beside an artifact. Raises ArtifactError, and OSError."""
    read = dict[str, bytes]()
    for name, most in ((SUMS, sums.LONGEST), (SIGNATURE, sshsig.LONGEST)):
        try:
            read[name] = read_bounded(beside.with_name(name), most)
        except FileNotFoundError:  # guard: unsigned-release
            raise ArtifactError(
                f"is not signed: there is no {name} beside it, and this machine installs only what"
                " a trusted key has signed (`provision trust list`)"
            ) from None
        except ArtifactError as error:
            raise ArtifactError(f"{name} beside it {error}") from None
        except OSError as error:
            raise ArtifactError(f"{name} beside it cannot be read: {reason(error)}") from None
    return signed(read[SUMS], read[SIGNATURE], trust)


def signed(data: bytes, signature: bytes, trust: Trust) -> SignedRelease:
    """What a trusted key has signed. Raises ArtifactError if there is no such signature."""
    try:
        read = sshsig.parse(signature)
    except ArtifactError as error:
        raise ArtifactError(f"{SIGNATURE} {error}") from None
    key = read.key
    if key.fingerprint in trust.revoked:  # guard: revoked-key
        raise ArtifactError(f"is signed by {key.fingerprint}, a key that was revoked")
    known = [each for each in trust.signers if each.key == key]
    if not known:  # guard: unknown-key
        raise ArtifactError(
            f"is signed by {key.fingerprint}, a key that is not trusted here; if it should be, get"
            " its .pub file from whom you know and run `provision trust add`"
        )
    if not verifies(read, data):  # guard: signature-that-fails
        raise ArtifactError(
            f"has a wrong signature: {SUMS} is not what {known[0]} has signed; get all files again"
        )
    found, faults = sums.parse(data)
    if faults:
        raise ArtifactError(f"{SUMS}, which is signed, cannot be read: {faults[0]}")
    if found.about is None:  # guard: signed-without-a-name
        raise ArtifactError(
            f"{SUMS} does not say which release it is, so its signature could be that of another;"
            " let `doit package` sign it"
        )
    name = found.about.name
    may = [each for each in known if each.may_sign(name)]
    if not may:  # guard: key-of-another-package
        raise ArtifactError(
            f"is signed by {known[0]}, which may sign {known[0].packages}, and not {shown(name)}"
        )
    return SignedRelease(may[0], found.about, found, data, signature)


def verifies(signature: SshSignature, message: bytes) -> bool:
    """Whether a signature is that of a message.

    This program itself verifies keys of Ed25519, and OpenSSH does so, too, where there is one: it
    alone would accept other spellings of a signature, and keys that sign many messages at once.
    Other keys are OpenSSH's alone. Raises ArtifactError where nobody can tell, or they disagree.
    """
    is_known = signature.key.kind in {ED25519, SK_ED25519}
    if is_known and not is_of_ed25519(signature, message):  # guard: verifier-of-our-own
        return False
    is_good, said = _by_openssh(signature, message)
    if is_good is None and not is_known:
        raise ArtifactError(
            f"is signed by a key of {signature.key.kind}, which ssh-keygen must verify ({said});"
            " install OpenSSH's client, 8.1 or newer, or sign with a key of ssh-ed25519"
        )
    if is_good is False and is_known:  # guard: verifiers-that-disagree
        raise ArtifactError(f"cannot be verified: ssh-keygen does not accept it: {said}")
    return is_good is not False


def is_of_ed25519(signature: SshSignature, message: bytes) -> bool:
    """Whether a signature by a key of Ed25519, or one in a security key, is that of a message."""
    key, value = FieldReader(signature.key.blob), FieldReader(signature.value)
    key.string()
    value.string()
    public, signed, content = key.string(), value.string(), signature.signed(message)
    if signature.key.kind == SK_ED25519:  # PROTOCOL.u2f in OpenSSH's sources
        application, flags, counter = key.string(), value.take(1), value.take(4)
        parts = (bytes.fromhex(of_bytes(application)), flags, counter)
        content = b"".join((*parts, bytes.fromhex(of_bytes(content))))
    return ed25519.verifies(public, content, signed)


_GOOD = re.compile(rb'Good "doit-provisioning" signature for release with ')
_BAD = b"Could not verify signature."


def _by_openssh(signature: SshSignature, message: bytes) -> tuple[bool | None, str]:
    """Ask ssh-keygen: its answer, or None if it cannot tell; and what it said."""
    program = next((path for path in _PROGRAMS if os.access(path, os.X_OK)), "")
    if not program:
        return None, "there is none"
    how = ("-Y", "verify", "-n", NAMESPACE, "-I", "release")
    try:
        with tempfile.TemporaryDirectory(prefix="provision-") as directory:
            # It gets what has been read strictly, spelt anew, and never the files themselves.
            keys, value = Path(directory, "allowed_signers"), Path(directory, "signature")
            keys.write_text(f'release namespaces="{NAMESPACE}" {signature.key}\n', encoding="ascii")
            value.write_bytes(signature.spelled())
            done = subprocess.run(  # noqa: S603 - of the system, found at a fixed place
                [program, *how, "-f", str(keys), "-s", str(value)],
                input=message,
                capture_output=True,
                check=False,
                timeout=_LONGEST_WAIT,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            )
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{program}: {error}"
    lines = (done.stderr + done.stdout).decode(errors="replace").split("\n")
    said = f"{program}: {shown(lines[0].strip())}"
    if done.returncode == 0 and _GOOD.match(done.stdout):
        return True, said
    # One before 8.1 knows no signatures, and says so in other words.
    return False if _BAD in done.stdout + done.stderr else None, said
