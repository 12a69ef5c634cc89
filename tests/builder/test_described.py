from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact import filesystem
from provisioning.artifact.difference import Change
from provisioning.artifact.model.entry import FILE, Entry
from provisioning.builder.collect.sources import Sources
from provisioning.builder.verify.prove import ExpectedPackage, Redaction, redaction
from provisioning.builder.workspace.paths import releases, workspace
from provisioning.errors import BuildError
from provisioning.spec.diagnostics import SpecError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests

CONTENTS = (
    content("src", "t/a", "lib/a"),
    content("template", "open.j2", "etc/open", number=1),
    content("template", "closed.j2", "etc/closed", mode=0o640, number=2),
)


@pytest.fixture(autouse=True)
def sources(project: Path) -> None:
    write("t/a", "a\n", mode=0o755)
    write("open.j2", "x = {{ x }}\n")
    write("closed.j2", "key = {{ key }}\n")


def described(digests: Digests, **changes: Any) -> ExpectedPackage:
    changes = {"variables": {"x": 1, "key": "k"}, **changes}
    (layout,) = lay_out([variant(*CONTENTS, **changes)], Sources("artifacts"))
    return ExpectedPackage(layout, workspace(layout.variant, "artifacts").package, digests)


def test_it_has_the_manifest_and_the_contents_that_a_build_would_have(digests: Digests) -> None:
    now = described(digests)
    paths = ["etc", "etc/closed", "etc/open", "lib", "lib/a"]
    assert [entry.path for entry in now.manifest.entries] == paths
    assert now.manifest.entries[2] == Entry(
        "etc/open", FILE, 0o644, "root", "root", 6, filesystem.of_bytes(b"x = 1\n")
    )
    assert now.manifest.entries[4].mode == 0o755
    assert now.contents(["etc/open", "lib/a"]) == {"etc/open": b"x = 1\n", "lib/a": b"a\n"}
    assert not os.path.lexists("artifacts/demo-1.0-raspberry-pi")


def test_a_source_that_changes_meanwhile_is_told(digests: Digests) -> None:
    now = described(digests)
    assert now.manifest
    write("t/a", "b\n")
    with pytest.raises(BuildError) as changed:
        now.contents(["lib/a"])
    assert str(changed.value).startswith("t/a: changed while")
    Path("t/a").unlink()
    with pytest.raises(BuildError) as missing:
        now.contents(["lib/a"])
    assert str(missing.value) == "t/a: No such file or directory"


def test_a_fault_in_a_template_is_told(digests: Digests) -> None:
    write("open.j2", "{{ y }}\n")
    with pytest.raises(SpecError):
        _ = described(digests).manifest


def test_files_that_templates_make_of_secrets_are_known(digests: Digests) -> None:
    assert described(digests).secret == frozenset()
    assert described(digests, secrets=frozenset({"key"})).secret == {"etc/closed"}


def change(path: str, old: int, new: int) -> Change:
    entries = [Entry(path, FILE, mode, "root", "root") for mode in (old, new)]
    return Change(path, *entries)


def test_of_two_states_of_the_specs_just_secrets_are_hidden(digests: Digests) -> None:
    now = described(digests, secrets=frozenset({"key"}))
    known = redaction([(now, now), (now, now)])
    assert known == Redaction(frozenset({"etc/closed"}), unsure=False)
    assert known.why_not(change("etc/closed", 0o644, 0o644)) == "it holds secrets"
    assert known.why_not(change("etc/open", 0o600, 0o600)) == ""


def test_an_artifact_may_hold_secrets_where_the_specs_have_some_or_are_not_known(
    digests: Digests,
) -> None:
    none, some = described(digests), described(digests, secrets=frozenset({"key"}))
    artifact = described(digests)  # any view that is not what the specs give
    assert not redaction([(artifact, none), (none, none)]).unsure
    assert redaction([(artifact, some), (some, some)]).unsure
    assert redaction([(artifact, None), (none, none)]).unsure


def test_what_may_hold_secrets_is_shown_if_everyone_may_read_it() -> None:
    unsure = Redaction(frozenset(), unsure=True)
    reason = "it may hold secrets, since not everyone may read it"
    assert unsure.why_not(change("a", 0o644, 0o644)) == ""
    assert unsure.why_not(change("a", 0o640, 0o644)) == reason
    assert unsure.why_not(change("a", 0o644, 0o640)) == reason


def test_of_releases_what_was_built_last_comes_first(project: Path) -> None:
    for number, name in enumerate(("demo-2-pi", "demo-1-pi", "demo-3-mac", "x-demo-4-pi")):
        write(f"artifacts/{name}/{name}.tar.gz")
        os.utime(project / "artifacts" / name, (number, number))
    (project / "artifacts/demo-5-pi").mkdir()  # which a killed build left, and which holds nothing
    found = releases("artifacts", "demo", "pi")
    assert [str(path) for path in found] == ["artifacts/demo-1-pi", "artifacts/demo-2-pi"]
