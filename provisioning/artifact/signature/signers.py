"""Reads the keys that are trusted: OpenSSH's allowed_signers, and a list of revoked keys.

The format is that of ssh-keygen(1), ALLOWED SIGNERS; the principals are patterns of names of
packages. What it allows beyond that is refused: certificates, and times, since a device may have
no clock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.signature import sshsig
from provisioning.artifact.signature.sshsig import KINDS, NAMESPACE, PublicKey
from provisioning.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 1024 * 1024
"""Bytes of a list of keys that are read."""

# ssh-keygen does not look at patterns of more than 1,023 characters; names have at most 200.
_PATTERN = "!?[A-Za-z0-9.+_~*?-]{1,255}"
_PATTERNS = re.compile(f"{_PATTERN}(?:,{_PATTERN})*")
_NAMESPACES = re.compile(r'namespaces="([^"]*)"', re.IGNORECASE)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
# With what turns lines around, so that a comment cannot look like another.
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]")


class Signer(NamedTuple):
    """A key, and the packages that it may sign."""

    key: PublicKey
    packages: str
    """Patterns of names, separated by commas: `*` and `?`, after `!` those that are not meant."""
    comment: str = ""
    """Whose key it is, in words."""

    def __str__(self) -> str:
        return f"{self.comment} ({self.key.fingerprint})" if self.comment else self.key.fingerprint

    def may_sign(self, package: str) -> bool:
        """Whether the key may sign packages of a name."""
        return matches(self.packages, package)

    def line(self) -> str:
        """The signer as a line of allowed_signers."""
        return f'{self.packages} namespaces="{NAMESPACE}" {self.key} {self.comment}'.rstrip() + "\n"


def are_patterns(text: str) -> bool:
    """Whether a text is a list of patterns of names."""
    return bool(_PATTERNS.fullmatch(text))


def matches(patterns: str, name: str) -> bool:
    """Whether a name matches a list of patterns, as ssh_config(5) has it."""
    found = False
    for pattern in patterns.split(","):
        if _is_like(name, pattern.lstrip("!")):
            if pattern.startswith("!"):  # guard: package-that-is-not-meant
                return False
            found = True
    return found


def _is_like(name: str, pattern: str) -> bool:
    """Whether a name matches one pattern: in little time, however many stars it has."""
    first, *parts = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    if not parts:
        return bool(re.fullmatch(first, name))
    # Each part is taken where it comes first, and no other place is tried: re has no atomic groups
    # before Python 3.11, but what has been looked ahead at stays as it is.
    middle = (f"(?=(?P<part{at}>.*?{part}))(?P=part{at})" for at, part in enumerate(parts[:-1]))
    return bool(re.fullmatch("".join([first, *middle, ".*", parts[-1]]), name))


def parse(data: bytes, where: str) -> list[Signer]:
    """Read allowed_signers: the keys for these packages. Raises ArtifactError with all faults."""
    found, faults = list[Signer](), list[str]()
    for number, line in _lines(data, where):
        try:
            signer = _signer(line)
        except ArtifactError as error:
            faults.append(f"{where}: line {number}: {error}")
        else:
            found += [signer] if signer else []
    if faults:
        raise ArtifactError("\n".join(faults))
    return found


def parse_revoked(data: bytes, where: str) -> frozenset[str]:
    """Read the fingerprints of revoked keys. Raises ArtifactError with all faults.

    Each line is a public key or the fingerprint of one; a comment may follow.
    """
    found, faults = set[str](), list[str]()
    for number, line in _lines(data, where):
        word = line.partition(" ")[0]
        try:
            is_told = _FINGERPRINT.fullmatch(word)
            found.add(word if is_told else public_key(line)[0].fingerprint)
        except ArtifactError as error:
            faults.append(f"{where}: line {number}: {error}")
    if faults:
        raise ArtifactError("\n".join(faults))
    return frozenset(found)


def public_keys(data: bytes, where: str) -> list[tuple[PublicKey, str]]:
    """Read the keys of a .pub file, and their comments. Raises ArtifactError with all faults."""
    found, faults = list[tuple[PublicKey, str]](), list[str]()
    for number, line in _lines(data, where):
        try:
            found.append(public_key(line))
        except ArtifactError as error:
            faults.append(f"{where}: line {number}: {error}")
        if "PRIVATE KEY" in line:
            break  # of which the first line says all
    if faults:
        raise ArtifactError("\n".join(faults))
    return found


def public_key(line: str) -> tuple[PublicKey, str]:
    """Read a line of a .pub file: the key, and its comment. Raises ArtifactError."""
    kind, _, rest = line.strip(" ").partition(" ")
    text, _, comment = rest.strip(" ").partition(" ")
    if kind not in KINDS:
        private = "a private key; the public one is in the file with .pub"
        what = private if "PRIVATE KEY" in line else f"not a public key of OpenSSH ({KINDS[0]} …)"
        raise ArtifactError(f"is {what}")
    key = sshsig.key_of(sshsig.unspelled(text))
    if key.kind != kind:  # guard: kind-beside-a-key
        raise ArtifactError(f"says {kind}, and is a key of the kind {key.kind}")
    return key, comment.strip(" ")


def _lines(data: bytes, where: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, and their numbers. Raises ArtifactError."""
    if len(data) > LONGEST:  # guard: length-of-a-list-of-keys
        raise ArtifactError(f"{where}: is larger than {LONGEST} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ArtifactError(f"{where}: is not text in UTF-8") from None
    for number, line in enumerate(text.split("\n"), 1):
        # Nothing but what parts words for ssh-keygen, too; it reads lines that end in CRLF.
        stripped = line.removesuffix("\r").replace("\t", " ").strip(" ")
        if _UNPRINTABLE.search(stripped):
            raise ArtifactError(f"{where}: line {number}: has a control character")
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _signer(line: str) -> Signer | None:
    """The signer of a line; None if the key is for something else than packages."""
    packages, _, rest = line.partition(" ")
    if not are_patterns(packages):
        raise ArtifactError("does not begin with the names of packages, as `greenhouse` or `*`")
    first, _, after = rest.strip(" ").partition(" ")
    is_ours = True
    if first not in KINDS:  # guard: options-of-a-signer
        match = _NAMESPACES.fullmatch(first)
        if not match:
            raise ArtifactError(
                f"`{first[:60]}` is neither a kind of key ({KINDS[0]} …) nor"
                f' namespaces="{NAMESPACE}"; no other option is known'
            )
        is_ours = matches(match[1], NAMESPACE)  # guard: namespace-of-a-signer
        first, _, after = after.strip(" ").partition(" ")
    key, comment = public_key(f"{first} {after}")
    return Signer(key, packages, comment) if is_ours else None
