"""The keys that a machine trusts, and what of its packages they have signed.

The keys lie in one directory that only root may write: what lies there decides what is installed.
The signature of a release lies with the notes about its package.
"""

from __future__ import annotations

import fcntl
import re
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioning.artifact.filesystem import of_bytes, read_bounded, reason
from provisioning.artifact.model import sums
from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.placement import REGISTRY, STATE, TRUST
from provisioning.errors import ArtifactError, RefusedError, TargetError
from provisioning.installer.store.durable import Owned
from provisioning.installer.store.owners import doubt_about
from provisioning.installer.store.prefix import looked_at, reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provisioning.artifact.signature.signed_release import SignedRelease, Trust
    from provisioning.artifact.signature.signers import Signer
    from provisioning.installer.store.durable import Directory
    from provisioning.installer.store.prefix import Home
    from provisioning.installer.store.releases import Release

SIGNERS, REVOKED = "allowed_signers", "revoked_keys"
SIGNED = f"{STATE}/signed"
"""The directory of signatures, each with what it has signed, by the names of releases."""

_ABOUT = {
    SIGNERS: "# Who may sign packages for this machine: see ALLOWED SIGNERS in ssh-keygen(1).\n",
    REVOKED: "# Keys that nothing is accepted from any more, or their fingerprints.\n",
}
_OPEN, _PRIVATE, _NOTE = Owned(0o644), Owned(0o700), Owned(0o600)
_BEGIN = b"-----BEGIN"
_NUMBER = re.compile(rb"([1-9][0-9]{0,14}) ([0-9a-f]{64})\n")
_NUMBERS = ".sequence"  # no package is called so


def read(root: Path) -> Trust | None:
    """Return whom a machine trusts; None if it accepts what anybody has made.

    Raises RefusedError if that cannot be read, or others could have written it.
    """
    with looked_at(root, TRUST) as home:
        found = {name: _read(home, name) for name in (SIGNERS, REVOKED)}
        where = {name: str(home.path / name) for name in found}
    if not any(found.values()):
        return None
    # Imported here, as below: most machines have none, and Python compiles the tool at each start.
    from provisioning.artifact.signature import signers  # noqa: PLC0415
    from provisioning.artifact.signature.signed_release import Trust  # noqa: PLC0415

    try:
        trusted = tuple(signers.parse(found[SIGNERS], where[SIGNERS]))
        revoked = signers.parse_revoked(found[REVOKED], where[REVOKED])
        return Trust(trusted, revoked) if trusted else None
    except ArtifactError as error:
        raise RefusedError(f"{error}; mend the file: until then nothing is installed") from None


def _read(home: Home, name: str) -> bytes:
    status = home.directory.status(name)
    if status is None:
        return b""
    if not stat.S_ISREG(status.st_mode):  # guard: keys-by-a-link
        raise RefusedError(f"{home.path / name}: is not a file; put the file itself there")
    doubt = doubt_about(home, name, below=home.root)
    if doubt:  # guard: keys-that-others-write
        raise RefusedError(
            f"{home.path / name}: is not trusted, since {doubt}; let only root write there"
        )
    return home.directory.read(name) or b""


def trust_of(root: Path, file: Path | None) -> Trust | None:
    """Return whom a machine trusts; or, with a file, the one key in it, whatever it has signed.

    Raises:
        RefusedError: as `read`; or it is no file with one public key.
        TargetError: it cannot be read.
    """
    trust = read(root)
    if file is None:
        return trust
    from provisioning.artifact.signature.signed_release import Trust  # noqa: PLC0415

    (only,) = public_keys(file, "*", most=1)
    return Trust((only,), trust.revoked if trust else frozenset())


def public_keys(file: Path, packages: str, *, most: int = sys.maxsize) -> list[Signer]:
    """Read the public keys of a file, to be trusted for some packages.

    Raises:
        RefusedError: there is none, or something else, or more than `most`.
        TargetError: it cannot be read.
    """
    from provisioning.artifact.signature import signers  # noqa: PLC0415

    where = shown(str(file))
    try:
        found = signers.public_keys(read_bounded(file, signers.LONGEST), where)
    except ArtifactError as error:
        raise RefusedError(str(error)) from None
    except OSError as error:
        raise TargetError(f"{where}: {reason(error)}") from None
    if not found:
        raise RefusedError(f"{where}: has no public key")
    if len(found) > most:
        raise RefusedError(f"{where}: has {len(found)} keys; name a file with one")
    return [signers.Signer(key, packages, comment) for key, comment in found]


def add(root: Path, new: list[Signer]) -> None:
    """Trust some more keys, or some for more packages. Raises RefusedError."""
    with _changing(root, SIGNERS) as change:
        lines = (each.line() for each in new)
        change(lambda text: text + "".join(line for line in lines if line not in text))


def remove(root: Path, is_meant: Callable[[Signer], bool]) -> list[Signer]:
    """Trust some keys no longer; returns which. Raises RefusedError."""
    from provisioning.artifact.signature import signers  # noqa: PLC0415

    gone: list[Signer] = []

    def without(text: str) -> str:
        left = list[str]()
        for line in text.splitlines(keepends=True):
            found = [each for each in signers.parse(line.encode(), SIGNERS) if is_meant(each)]
            gone.extend(found)
            left += [] if found else [line]
        return "".join(left)

    with _changing(root, SIGNERS) as change:
        change(without)
    return gone


def revoke(root: Path, fingerprint: str, comment: str) -> None:
    """Accept nothing from a key any more. Raises RefusedError."""
    with _changing(root, REVOKED) as change:
        change(lambda text: f"{text}{fingerprint} {comment}".rstrip() + "\n")


@contextmanager
def _changing(root: Path, name: str) -> Iterator[Callable[[Callable[[str], str]], None]]:
    """Change one of the files, alone. What is there was judged when it was read."""
    read(root)
    with reached(root, TRUST, make=True) as directory, directory.opened("") as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

        def change(how: Callable[[str], str]) -> None:
            before = (directory.read(name) or _ABOUT[name].encode()).decode()
            text = before if before.endswith("\n") else f"{before}\n"
            directory.write(name, how(text).encode(), _OPEN)

        yield change


def demand_newer(
    home: Home, new: SignedRelease, old: Release | None, *, downgrade: bool, moves: bool
) -> None:
    """Check that a signed release comes after what was installed, and is for the same platform.

    Raises RefusedError, unless a `downgrade` is allowed, or that it `moves` to another platform.
    """
    about = new.about
    was = old.package.platform if old else about.platform
    if about.platform != was and not moves:  # guard: signed-for-another-platform
        raise RefusedError(
            f"{about.name}: is for {about.platform}, and what is installed is for {was};"
            " use --allow-platform-change if this machine has become one"
        )
    last, digest = max(_noted(home.root, about.name), _kept(home, old))
    if downgrade or (about.sequence == last and of_bytes(new.data) == digest):
        return
    if about.sequence < last:  # guard: older-in-sequence
        raise RefusedError(
            f"{about.name}: {about.version} is release number {about.sequence}, and number {last}"
            " was installed here: somebody may offer an old one on purpose; use --allow-downgrade"
            " to install it anyway"
        )
    if about.sequence == last:  # guard: same-in-sequence
        raise RefusedError(
            f"{about.name}: another release with number {last} was installed here; build it with a"
            " higher one, or use --allow-downgrade to install it anyway"
        )


def _kept(home: Home, release: Release | None) -> tuple[int, str]:
    """The number of a release in the prefix, and its sums' digest; a kill may have left no note."""
    data = home.directory.read(f"{SIGNED}/{release.name}") if release else None
    text = (data or b"").partition(_BEGIN)[0]
    about = sums.parse(text)[0].about
    return (about.sequence, of_bytes(text)) if about else (0, "")


def _noted(root: Path, name: str) -> tuple[int, str]:
    """The highest number of a release of a package that has come up, and its sums' digest."""
    with suppress(FileNotFoundError), reached(root, REGISTRY) as directory:
        match = _NUMBER.fullmatch(directory.read(f"{_NUMBERS}/{name}") or b"")
        return (int(match[1]), match[2].decode()) if match else (0, "")
    return 0, ""


def note_installed(root: Path, new: SignedRelease) -> None:
    """Note the number of a release that has come up: none that is older comes after it."""
    with reached(root, REGISTRY, new.about.name, make=True) as directory:
        directory.make(_NUMBERS, Owned(0o755))
        text = f"{new.about.sequence} {of_bytes(new.data)}\n"
        directory.write(f"{_NUMBERS}/{new.about.name}", text.encode(), _OPEN)


def keep(home: Home, release: str, of: SignedRelease | None) -> None:
    """Keep what has been signed of a release that lies in the prefix, if anything has."""
    if of is None:
        return
    home.directory.make(SIGNED, _PRIVATE)
    home.directory.write(f"{SIGNED}/{release}", of.data + of.signature, _NOTE)


def forget(directory: Directory, names: list[str]) -> None:
    """Remove the signatures of all releases but those of these names. Raises OSError."""
    for name in set(directory.names(SIGNED)) - {*names}:
        directory.remove(f"{SIGNED}/{name}")


def signer_of(home: Home, release: Release, trust: Trust) -> Signer:
    """Return who has signed a release in a prefix. Raises ArtifactError if nobody trusted has."""
    data = home.directory.read(f"{SIGNED}/{release.name}")
    if data is None:
        raise ArtifactError("was not signed by a key that was trusted when it was installed")
    from provisioning.artifact.signature.signed_release import signed  # noqa: PLC0415

    text, begin, rest = data.partition(_BEGIN)
    found = signed(text, begin + rest, trust)
    found.demand_manifest(release.data)
    found.demand_package(release.package)
    return found.signer
