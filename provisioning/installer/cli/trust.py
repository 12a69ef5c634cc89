"""The command `trust`: whose packages this machine accepts."""

from __future__ import annotations

from argparse import Action
from typing import TYPE_CHECKING, Any

from provisioning.artifact.model.entry import shown
from provisioning.errors import RefusedError, TargetError
from provisioning.installer.cli.arguments import (
    GOOD,
    Answer,
    Command,
    root_of,
    some_path,
    some_word,
)
from provisioning.installer.store import trusted_keys

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from provisioning.artifact.signature.signed_release import Trust
    from provisioning.artifact.signature.signers import Signer
    from provisioning.console import Console

ADD, LIST, REMOVE, REVOKE = "add", "list", "remove", "revoke"
_ALL = "*"


class _Chosen(Action):
    """Says what to do, and so whether keys are needed."""

    keys: Action

    def __call__(self, _: object, namespace: Namespace, values: Any, __: object = None) -> None:
        """Note what to do."""
        namespace.action = values
        self.keys.required = values != LIST


def _add_arguments(parser: ArgumentParser) -> None:
    chosen = parser.add_argument(
        "action",
        action=_Chosen,
        choices=(ADD, LIST, REMOVE, REVOKE),
        help="add the public keys of a file; list all keys; remove a key; or revoke one: nothing"
        " that it has signed is accepted any more, even if it is added again",
    )
    # At least one, but for `list`: of none, those behind an option would be left over.
    chosen.keys = parser.add_argument(  # type: ignore[attr-defined]
        "keys",
        nargs="+",
        default=[],
        type=some_word,
        metavar="KEY",
        help=f"a file with public keys, as ~/.ssh/id_ed25519.pub; to {REMOVE} or {REVOKE}, also a"
        " fingerprint (SHA256:…) or the comment of a key",
    )
    parser.add_argument(
        "--packages",
        type=some_word,
        default=_ALL,
        metavar="PATTERN[,PATTERN...]",
        help=f"with `{ADD}`: the packages that the keys may sign, as greenhouse,pump-*; default:"
        " all",
    )


def _trust(options: Namespace, console: Console) -> Answer:
    """Change or print whose packages are accepted."""
    root = root_of(options)
    action = options.action
    if action == LIST:
        if options.keys:
            raise TargetError(f"`trust {LIST}` takes no key")
        return _listed(trusted_keys.read(root), console)
    if action == ADD:
        return _added(root, options, console)
    trust = trusted_keys.read(root)
    known = trust.signers if trust else ()
    meant = [each for word in options.keys for each in _meant(word, known, action)]
    if action == REVOKE:
        for each in meant:
            trusted_keys.revoke(root, each.key.fingerprint, each.comment)
    else:
        keys = {each.key for each in meant}
        trusted_keys.remove(root, lambda each: each.key in keys)
        if trust and {each.key for each in known} <= keys:
            console.warn("no key is trusted any more: packages of anybody are accepted")
    done = {REMOVE: "removed", REVOKE: "revoked"}[action]
    for each in meant:
        console.say(f"{done} {each}")
    return Answer(GOOD, {done: [*map(_document, meant)], "warnings": console.warnings})


def _added(root: Path, options: Namespace, console: Console) -> Answer:
    new: list[Signer] = []
    for word in options.keys:
        new += trusted_keys.public_keys(some_path(word), _packages(options.packages))
    before = trusted_keys.read(root)
    revoked = [each for each in new if before and each.key.fingerprint in before.revoked]
    if revoked:
        raise RefusedError(
            "\n".join(f"{each}: was revoked; sign with a new key instead" for each in revoked)
        )
    trusted_keys.add(root, new)
    for each in new:
        console.say(f"trusted to sign {_told(each.packages)}: {each}")
    if before is None:
        console.say("from now on, only signed packages are installed here")
    return Answer(GOOD, {"added": [*map(_document, new)], "warnings": console.warnings})


def _packages(patterns: str) -> str:
    from provisioning.artifact.signature import signers  # noqa: PLC0415 - a cost for this alone

    if not signers.are_patterns(patterns):
        raise TargetError(
            f"--packages {shown(patterns)}: names of packages, as greenhouse,pump-*, are meant"
        )
    return patterns


def _meant(word: str, known: Iterable[Signer], action: str) -> Iterator[Signer]:
    """The keys that a word names: a fingerprint, a comment or a file. Raises TargetError."""
    found = [each for each in known if word in {each.key.fingerprint, each.comment}]
    if found:
        yield from found
        return
    if word.startswith("SHA256:"):
        raise TargetError(f"{shown(word)}: no key with this fingerprint is trusted here")
    there = trusted_keys.public_keys(some_path(word), _ALL)
    keys = {each.key for each in known}
    for each in there:
        if action == REMOVE and each.key not in keys:
            raise TargetError(f"{each}: is not trusted here; nothing was removed")
        yield each


def _listed(trust: Trust | None, console: Console) -> Answer:
    if trust is None:
        console.tell(
            "no key is trusted: packages of anybody are accepted; `provision trust add KEYFILE`"
            " changes that"
        )
        return Answer(GOOD, {"signers": [], "revoked": []})
    for each in trust.signers:
        is_out = " (revoked)" if each.key.fingerprint in trust.revoked else ""
        console.tell(f"{each.key.fingerprint} {_told(each.packages)} {each.comment}{is_out}")
    known = {each.key.fingerprint for each in trust.signers}
    for fingerprint in sorted(trust.revoked - known):
        console.tell(f"{fingerprint} (revoked)")
    document = {"signers": [*map(_document, trust.signers)], "revoked": sorted(trust.revoked)}
    return Answer(GOOD, document)


def _told(packages: str) -> str:
    return "all packages" if packages == _ALL else packages


def _document(signer: Signer) -> dict[str, str]:
    return {
        "fingerprint": signer.key.fingerprint,
        "kind": signer.key.kind,
        "packages": signer.packages,
        "comment": signer.comment,
    }


COMMANDS = {
    "trust": Command("manage whose signed packages this machine accepts", _trust, _add_arguments)
}
