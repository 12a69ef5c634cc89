"""What a machine installs that trusts keys: what one of them has signed, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem
from provisioning.artifact.model import sums
from provisioning.artifact.model.sums import SIGNATURE, SUMS, Identity, Sums
from provisioning.installer.cli.command_line import main
from tests.artifact.making import PACKAGE
from tests.signing import make_key, public, sign, signature_of, sums_of

from .machine import listing
from .making import manifest_of, package

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provisioning.artifact.model.package import Package

    from .machine import Machine, Outcome

pytestmark = pytest.mark.needs("openssh")

NAMES = ("mine", "other")
NOTHING_TRUSTED = "no key is trusted: packages of anybody are accepted; `provision trust add"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in NAMES:
        make_key(folder, name)
    return folder


@pytest.fixture
def trusting(machine: Machine, keys: Path) -> Machine:
    """A machine that trusts the key called `mine`."""
    assert machine.run("trust", "add", str(public(keys / "mine"))).code == 0
    return machine


def made(machine: Machine, version: str, about: Package = PACKAGE) -> Path:
    """An archive of a version with its manifest, in a directory of its own."""
    folder = machine.folder / f"made-{version}-{about.name}-{about.platform}"
    folder.mkdir(exist_ok=True)
    path = package(folder, version, None, about, indexed=True)
    stem = path.name.removesuffix(".tar.gz")
    path.with_name(f"{stem}.manifest.json").write_bytes(manifest_of(version, None, about))
    return path


def signed(
    machine: Machine,
    key: Path,
    version: str = "1.4.2",
    sequence: int = 1,
    about: Package = PACKAGE,
) -> Path:
    path = made(machine, version, about)
    return sign(path, key, Identity(about.name, version, about.platform, sequence))


def refused(outcome: Outcome, says: str) -> None:
    """Nothing was installed, and one line says why."""
    assert outcome.code == 3, outcome
    assert says in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def install(machine: Machine, path: Path, *options: str) -> Outcome:
    return machine.run("install", str(path), *options)


def test_a_signed_release_is_installed_and_told_by_whom(trusting: Machine, keys: Path) -> None:
    outcome = install(trusting, signed(trusting, keys / "mine"))
    assert outcome.code == 0
    assert "greenhouse 1.4.2: signed by mine@example.org (SHA256:" in outcome.out
    told = trusting.run("verify", "greenhouse")
    assert "verified, signed by mine@example.org (SHA256:" in told.out
    document = json.loads(trusting.run("verify", "greenhouse", "--json").out)
    assert document["artifacts"][0]["signer"].startswith("mine@example.org")


def test_the_same_in_an_unpacked_package(trusting: Machine, keys: Path) -> None:
    path = signed(trusting, keys / "mine")
    shutil.unpack_archive(path, path.parent)
    assert install(trusting, path.parent / "greenhouse").code == 0
    (path.parent / "greenhouse/VERSION").write_text("9.9.9")
    trusting.run("uninstall", "greenhouse")
    refused(install(trusting, path.parent / "greenhouse"), "VERSION: ")


def test_an_artifact_is_verified_by_whom(trusting: Machine, keys: Path) -> None:
    path = signed(trusting, keys / "mine")
    assert "signed by mine@example.org" in trusting.run("verify", str(path)).out
    assert "signed by mine@example.org" in trusting.run("verify", str(path.parent)).out
    path = sign(path, keys / "other", Identity("greenhouse", "1.4.2", PACKAGE.platform, 1))
    told = trusting.run("verify", str(path))
    assert (told.code, "a key that is not trusted here" in told.out) == (1, True)
    told = trusting.run("verify", str(path), "--trust", str(public(keys / "other")))
    assert "signed by other@example.org" in told.out


def edited(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Path], None]:
    def edit(path: Path, _: Path) -> None:
        file = path.with_name(name) if name else path
        file.write_bytes(change(file.read_bytes()))

    return edit


def without(name: str) -> Callable[[Path, Path], None]:
    return lambda path, _: path.with_name(name).unlink()


def resigned(change: Callable[[bytes], bytes], key: str = "mine") -> Callable[[Path, Path], None]:
    """With other sums, which a key has signed."""

    def edit(path: Path, keys: Path) -> None:
        data = change(path.with_name(SUMS).read_bytes())
        path.with_name(SUMS).write_bytes(data)
        path.with_name(SIGNATURE).write_bytes(signature_of(data, keys / key))

    return edit


def for_git(path: Path, keys: Path) -> None:
    data = path.with_name(SUMS).read_bytes()
    path.with_name(SIGNATURE).write_bytes(signature_of(data, keys / "mine", "git"))


def linked(path: Path, keys: Path) -> None:
    """The archive is a link to another one, of which there is nothing in the sums."""
    other = path.with_name("elsewhere.tar.gz")
    other.write_bytes(path.read_bytes() + b"\0")
    path.unlink()
    path.symlink_to(other)


def fifo(path: Path, keys: Path) -> None:
    path.with_name(SIGNATURE).unlink()
    os.mkfifo(path.with_name(SIGNATURE))


FAULTS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "no signature": (without(SIGNATURE), "is not signed: there is no SHA256SUMS.sig beside it"),
    "no sums": (without(SUMS), "is not signed: there is no SHA256SUMS beside it"),
    "a pipe": (fifo, "SHA256SUMS.sig beside it is not a regular file"),
    "another archive": (edited("", lambda data: data + b"\0"), "is not the file that SHA256SUMS"),
    "a link to another": (linked, "is not the file that SHA256SUMS"),
    "no archive at all": (edited("", lambda _: b"rubbish"), "is not the file that SHA256SUMS"),
    "other sums": (edited(SUMS, lambda data: data + b"\n"), "has a wrong signature"),
    "sums with CRLF": (
        edited(SUMS, lambda data: data.replace(b"\n", b"\r\n")),
        "has a wrong signature",
    ),
    "huge sums": (edited(SUMS, lambda data: data * 1000), "SHA256SUMS beside it is larger than"),
    "a huge signature": (edited(SIGNATURE, lambda data: data * 1000), "is larger than"),
    "half a signature": (edited(SIGNATURE, lambda data: data[:99]), "SHA256SUMS.sig does not end"),
    "two signatures": (edited(SIGNATURE, lambda data: data * 2), "SHA256SUMS.sig line"),
    "a signature for git": (for_git, "was made for git, not for doit-provisioning"),
    "another key": (resigned(lambda data: data, "other"), "a key that is not trusted here"),
    "sums that name nothing": (
        resigned(lambda data: data.split(b"\n", 5)[5]),
        "does not say which release it is",
    ),
    "sums with a strange head": (
        resigned(lambda data: data.replace(b" release\n", b" release 2\n", 1)),
        "cannot be read: line 1",
    ),
    "sums of nothing": (resigned(lambda _: b""), "does not say which release it is"),
    "another package": (
        resigned(lambda data: data.replace(b": greenhouse\n", b": pump\n")),
        "is not the package that SHA256SUMS beside it was signed for",
    ),
    "another platform": (
        resigned(lambda data: data.replace(b"# platform: ", b"# platform: x")),
        "is not the package that SHA256SUMS beside it was signed for",
    ),
    "no number": (
        resigned(lambda data: data.replace(b"sequence: 1", b"sequence: 0")),
        "cannot be read: line 5",
    ),
    "a strange line": (resigned(lambda data: data + b"x\n"), "cannot be read: line"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_nobody_trusted_has_signed_is_refused(
    trusting: Machine, keys: Path, fault: str
) -> None:
    change, says = FAULTS[fault]
    path = signed(trusting, keys / "mine")
    change(path, keys)
    before = listing(trusting.root)
    refused(install(trusting, path), says)
    assert listing(trusting.root) == before
    told = trusting.run("verify", str(path))
    assert (told.code, says in told.out) == (1, True)


def test_sums_that_name_another_package_are_refused(trusting: Machine, keys: Path) -> None:
    """The manifest that they list under that name is the one that is there."""
    path = made(trusting, "1.4.2")
    path.with_name("pump-1.4.2-raspberry-pi.manifest.json").write_bytes(
        path.with_name("greenhouse-1.4.2-raspberry-pi.manifest.json").read_bytes()
    )
    about = Identity("pump", "1.4.2", PACKAGE.platform, 1)
    digests = {each.name: filesystem.of_file(each) for each in path.parent.iterdir()}
    data = sums.spelled(Sums(digests, about))
    path.with_name(SUMS).write_bytes(data)
    path.with_name(SIGNATURE).write_bytes(signature_of(data, keys / "mine"))
    refused(install(trusting, path), "was signed for pump 1.4.2 for raspberry-pi")


@pytest.mark.parametrize("what", ["archive", "tree"])
def test_nothing_is_parsed_before_the_signature_holds(
    trusting: Machine, keys: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("was parsed")

    path = signed(trusting, keys / "other")
    if what == "tree":
        shutil.unpack_archive(path, path.parent)
        path = path.parent / "greenhouse"
    for name in (
        "provisioning.artifact.model.manifest.parse",
        "provisioning.artifact.tar.chunking.parse",
        "provisioning.artifact.verification.reader",
        "provisioning.installer.store.stage.reader",
    ):
        monkeypatch.setattr(name, parsed)
    refused(install(trusting, path), "a key that is not trusted here")
    assert trusting.run("verify", str(path)).code == 1


def test_a_manifest_that_is_exchanged_after_the_check_is_refused(
    trusting: Machine, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = signed(trusting, keys / "mine"), made(trusting, "1.5.0")

    def exchange(file: object) -> str:
        digest = digest_of(file)
        path.write_bytes(other.read_bytes())  # in place: what is open has changed
        return digest

    from provisioning.artifact import filesystem  # noqa: PLC0415 - what is replaced

    digest_of = filesystem.of_open
    monkeypatch.setattr("provisioning.artifact.filesystem.of_open", exchange)
    refused(install(trusting, path), "is not the package that SHA256SUMS beside it was signed for")


def test_a_key_signs_the_packages_it_may(machine: Machine, keys: Path) -> None:
    key = str(public(keys / "mine"))
    assert machine.run("trust", "add", key, "--packages", "pump,fan-*").code == 0
    path = signed(machine, keys / "mine")
    refused(install(machine, path), "which may sign pump,fan-*, and not greenhouse")
    assert machine.run("trust", "add", key, "--packages", "green*").code == 0
    assert install(machine, path).code == 0


def test_an_older_release_is_refused_whatever_its_version(trusting: Machine, keys: Path) -> None:
    assert install(trusting, signed(trusting, keys / "mine", "1.5.0", 7)).code == 0
    old = signed(trusting, keys / "mine", "1.6.0", 6)
    refused(install(trusting, old), "1.6.0 is release number 6, and number 7 was installed here")
    assert install(trusting, old, "--allow-downgrade").code == 0


def test_a_purge_does_not_make_it_forget_the_number(trusting: Machine, keys: Path) -> None:
    assert install(trusting, signed(trusting, keys / "mine", "1.5.0", 7)).code == 0
    assert trusting.run("uninstall", "greenhouse", "--purge").code == 0
    refused(install(trusting, signed(trusting, keys / "mine", "1.5.1", 6)), "number 7")


def test_a_killed_run_left_no_note_but_the_release_has_its_number(
    trusting: Machine, keys: Path
) -> None:
    assert install(trusting, signed(trusting, keys / "mine", "1.5.0", 7)).code == 0
    shutil.rmtree(trusting.root / "var/lib/provisioning/.sequence")
    refused(install(trusting, signed(trusting, keys / "mine", "1.5.1", 6)), "number 7")


def test_another_release_of_the_same_number_is_refused(trusting: Machine, keys: Path) -> None:
    assert install(trusting, signed(trusting, keys / "mine", "1.5.0", 7)).code == 0
    refused(
        install(trusting, signed(trusting, keys / "mine", "1.5.1", 7)),
        "another release with number 7 was installed here",
    )


def test_the_same_release_is_installed_again(trusting: Machine, keys: Path) -> None:
    path = signed(trusting, keys / "mine")
    assert install(trusting, path).code == 0
    assert "already installed" in install(trusting, path).out
    (trusting.prefix / "current/VERSION").unlink()
    assert install(trusting, path).code == 0


def test_a_release_for_another_platform_is_refused(trusting: Machine, keys: Path) -> None:
    assert install(trusting, signed(trusting, keys / "mine")).code == 0
    about = PACKAGE._replace(platform="raspberry-pi-trixie")
    other = signed(trusting, keys / "mine", "1.5.0", 2, about)
    refused(install(trusting, other), "is for raspberry-pi-trixie, and what is installed is for")
    assert install(trusting, other, "--allow-platform-change").code == 0


def test_a_dry_run_refuses_and_notes_nothing(trusting: Machine, keys: Path) -> None:
    path = signed(trusting, keys / "mine", "1.5.0", 7)
    before = listing(trusting.root)
    assert install(trusting, path, "--dry-run").code == 0
    assert listing(trusting.root) == before
    path.with_name(SIGNATURE).unlink()
    refused(install(trusting, path, "--dry-run"), "is not signed")


def test_the_first_key_comes_with_the_package(machine: Machine, keys: Path) -> None:
    path, key = signed(machine, keys / "mine"), str(public(keys / "mine"))
    refused(install(machine, path, "--trust", str(public(keys / "other"))), "not trusted here")
    assert machine.run("trust", "list").out.startswith(NOTHING_TRUSTED)
    assert install(machine, path, "--trust", key).code == 0
    assert " greenhouse mine@example.org\n" in machine.run("trust", "list").out
    about = PACKAGE._replace(name="pump", prefix="/opt/pump", services=())
    refused(
        install(machine, signed(machine, keys / "mine", about=about)),
        "which may sign greenhouse, and not pump",
    )


def test_a_key_that_came_with_the_package_proves_nothing(machine: Machine, keys: Path) -> None:
    path = signed(machine, keys / "mine")
    shutil.unpack_archive(path, path.parent)
    key = path.parent / "greenhouse/lib/key.pub"
    shutil.copy(public(keys / "mine"), key)
    refused(install(machine, path.parent / "greenhouse", "--trust", str(key)), "proves nothing")
    key.rename(path.parent / "key.pub")
    tree = path.parent / "greenhouse"
    assert install(machine, tree, "--trust", str(path.parent / "key.pub")).code == 0


def test_what_was_installed_before_any_key_was_trusted(machine: Machine, keys: Path) -> None:
    path = signed(machine, keys / "mine")
    assert install(machine, path).code == 0
    assert machine.run("trust", "add", str(public(keys / "mine"))).code == 0
    told = machine.run("verify", "greenhouse")
    assert (told.code, "was not signed by a key that was trusted when" in told.out) == (1, True)
    assert install(machine, path).code == 0  # the same, but now it is known whose it is
    assert machine.run("verify", "greenhouse").code == 0


def test_a_rollback_goes_to_what_was_signed(machine: Machine, keys: Path) -> None:
    assert install(machine, made(machine, "1.4.0")).code == 0
    assert machine.run("trust", "add", str(public(keys / "mine"))).code == 0
    assert install(machine, signed(machine, keys / "mine", "1.4.2", 1)).code == 0
    refused(machine.run("rollback", "greenhouse"), "was not signed by a key that was trusted when")
    assert install(machine, signed(machine, keys / "mine", "1.5.0", 2)).code == 0
    assert machine.run("rollback", "greenhouse").code == 0
    assert machine.version == "1.4.2"
    again = signed(machine, keys / "mine", "1.5.0", 2)
    assert install(machine, again).code == 0  # forward again, to the number that was reached


def test_a_failed_release_goes_back_to_an_unsigned_one(machine: Machine, keys: Path) -> None:
    """What is safe comes before what is signed: the old release ran."""
    assert install(machine, made(machine, "1.4.0")).code == 0
    assert machine.run("trust", "add", str(public(keys / "mine"))).code == 0
    path = signed(machine, keys / "mine", "1.4.2", 1)
    (machine.prefix / "etc").rename(machine.prefix / "gone")
    (machine.prefix / "etc").write_text("in the way")
    assert install(machine, path).code in {2, 3, 4}
    assert machine.version == "1.4.0"
    assert not (machine.root / "var/lib/provisioning/.sequence/greenhouse").exists()


def test_a_revoked_key_counts_no_more(trusting: Machine, keys: Path) -> None:
    path, key = signed(trusting, keys / "mine"), str(public(keys / "mine"))
    assert install(trusting, path).code == 0
    assert trusting.run("trust", "add", str(public(keys / "other"))).code == 0
    assert trusting.run("trust", "revoke", "mine@example.org").code == 0
    refused(install(trusting, path), "a key that was revoked")
    told = trusting.run("verify", "greenhouse")
    assert (told.code, "a key that was revoked" in told.out) == (1, True)
    refused(trusting.run("trust", "add", key), "was revoked; sign with a new key instead")
    assert "mine@example.org (revoked)" in trusting.run("trust", "list").out
    new = signed(trusting, keys / "other", "1.5.0", 2)
    assert install(trusting, new).code == 0
    refused(trusting.run("rollback", "greenhouse"), "a key that was revoked")


def test_keys_are_removed_by_what_names_them(trusting: Machine, keys: Path) -> None:
    assert trusting.run("trust", "add", str(public(keys / "other"))).code == 0
    signers = json.loads(trusting.run("trust", "list", "--json").out)["signers"]
    assert [each["comment"] for each in signers] == ["mine@example.org", "other@example.org"]
    outcome = trusting.run("trust", "remove", signers[0]["fingerprint"])
    assert outcome.out.startswith("removed mine@example.org")
    outcome = trusting.run("trust", "remove", str(public(keys / "other")))
    assert "packages of anybody are accepted" in outcome.err
    assert trusting.run("trust", "list").out.startswith(NOTHING_TRUSTED)
    assert install(trusting, made(trusting, "1.4.2")).code == 0


def test_what_root_wrote_between_the_keys_stays(trusting: Machine, keys: Path) -> None:
    file = trusting.root / "etc/provisioning/trust/allowed_signers"
    file.write_text(f"# ours\n{file.read_text()}# theirs")
    assert trusting.run("trust", "add", str(public(keys / "other"))).code == 0
    assert trusting.run("trust", "remove", "mine@example.org").code == 0
    assert "# ours\n" in file.read_text()
    assert "# theirs\n" in file.read_text()


WORDS = {
    "a key to list": (("list", "x"), "takes no key"),
    "no file": (("add", "nowhere.pub"), "nowhere.pub: No such file"),
    "an unknown fingerprint": (("remove", "SHA256:x"), "no key with this fingerprint"),
    "strange packages": (("add", "x.pub", "--packages", "a b"), "names of packages"),
}


@pytest.mark.parametrize("what", WORDS)
def test_words_that_mean_nothing_are_told(machine: Machine, what: str) -> None:
    words, says = WORDS[what]
    outcome = machine.run("trust", *words)
    assert (outcome.code, says in outcome.err, outcome.err.count("\n")) == (2, True, 1)


def test_options_may_stand_before_and_behind_a_key(machine: Machine, keys: Path) -> None:
    key = str(public(keys / "mine"))
    for words in (("add", "--packages", "a", key), ("add", key, "--packages", "b")):
        assert main(["trust", *words[:1], "--root", str(machine.root), *words[1:]]) == 0
    assert machine.run("trust", "list").out.count("SHA256:") == 2
    for action in ("add", "remove", "revoke"):
        with pytest.raises(SystemExit) as ended:
            machine.run("trust", action)
        assert ended.value.code == 2


def test_a_private_key_is_no_public_one(machine: Machine, keys: Path) -> None:
    refused(machine.run("trust", "add", str(keys / "mine")), "is a private key; the public one")


def open_to_all(path: Path) -> None:
    path.chmod(0o666 if path.is_file() else 0o777)


def moved_and_linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def somebody_elses(path: Path) -> None:
    os.chown(path, 65534, 65534)


@pytest.mark.needs("root")
@pytest.mark.parametrize("change", [open_to_all, somebody_elses, moved_and_linked])
@pytest.mark.parametrize("name", ["allowed_signers", "revoked_keys", "."])
def test_keys_that_others_can_write_are_not_trusted(
    trusting: Machine, keys: Path, name: str, change: Callable[[Path], None]
) -> None:
    assert trusting.run("trust", "revoke", str(public(keys / "other"))).code == 0
    path = signed(trusting, keys / "mine")
    change(trusting.root / "etc/provisioning/trust" / name)
    for words in (("install", str(path)), ("verify", str(path)), ("trust", "list")):
        outcome = trusting.run(*words)
        assert outcome.code == 3, (words, outcome)
        assert "trust" in outcome.err
    assert not trusting.prefix.exists()


@pytest.mark.needs("root")
def test_a_list_that_is_a_link_is_told_to_be_one(trusting: Machine) -> None:
    moved_and_linked(trusting.root / "etc/provisioning/trust/allowed_signers")
    refused(trusting.run("trust", "list"), "allowed_signers: is not a file")


def test_a_list_that_cannot_be_read_stops_everything(trusting: Machine, keys: Path) -> None:
    file = trusting.root / "etc/provisioning/trust/allowed_signers"
    file.write_text(f"{file.read_text()}rubbish\n")
    refused(install(trusting, signed(trusting, keys / "mine")), "allowed_signers: line 3: ")


def test_a_hundred_keys(machine: Machine, keys: Path) -> None:
    file = machine.root / "etc/provisioning/trust/allowed_signers"
    file.parent.mkdir(parents=True)
    blob = public(keys / "other").read_text().strip()
    mine = public(keys / "mine").read_text().strip()
    file.write_text("".join(f"package-{n} {blob}\n" for n in range(99)) + f"green* {mine}\n")
    assert install(machine, signed(machine, keys / "mine")).code == 0
    assert machine.run("trust", "list").out.count("\n") == 100


def test_without_a_key_a_signature_is_not_asked_for(machine: Machine, keys: Path) -> None:
    path = signed(machine, keys / "other")
    assert install(machine, path).code == 0
    assert machine.run("verify", str(path)).out == f"{path.name}: 9 entries, verified\n"


def test_the_signature_goes_with_its_release(trusting: Machine, keys: Path) -> None:
    kept = trusting.prefix / "state/signed"
    for sequence in range(1, 6):
        version = f"1.4.{sequence}"
        assert install(trusting, signed(trusting, keys / "mine", version, sequence)).code == 0
    assert {each.name for each in kept.iterdir()} == {
        each.name for each in (trusting.prefix / "releases").iterdir()
    }
    assert trusting.run("uninstall", "greenhouse").code == 0
    assert not kept.exists()


def test_sums_are_what_sha256sum_reads(trusting: Machine, keys: Path) -> None:
    path = signed(trusting, keys / "mine")
    assert path.with_name(SUMS).read_bytes() == sums_of(
        path, Identity("greenhouse", "1.4.2", PACKAGE.platform, 1)
    )
