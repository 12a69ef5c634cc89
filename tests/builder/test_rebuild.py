"""Building again where what is built is not what it was: which path, which field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact import filesystem
from provisioning.builder.archive.pack import pack
from provisioning.builder.collect.collect import Listing, collect
from provisioning.builder.collect.expand import templates_of
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render.render import render
from provisioning.builder.verify.reproduce import rebuild
from provisioning.builder.workspace import checksums
from provisioning.builder.workspace.paths import Workspace, workspace
from provisioning.errors import BuildError
from tests.builder.conftest import content, variant, write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from provisioning.builder.collect.file_state import Digests
    from provisioning.builder.collect.layout import Layout

ADVICE = "a build from scratch gives a different result; compare both artifacts with diffoscope"
CONTENTS = (
    content("src", "t", "lib/"),
    content("template", "t.j2", "etc/x", mode=0o640, number=1),
)


def _layout(**changes: object) -> Layout:
    described = variant(*CONTENTS, **{"variables": {"x": 1}, **changes})
    (layout,) = lay_out([described], Sources("artifacts"))
    return layout


@pytest.fixture
def place(digests: Digests) -> Workspace:
    """The artifacts of a small package."""
    return _built(digests)


def _built(digests: Digests, **changes: object) -> Workspace:
    write("t/a", "one\ntwo\n")
    write("t.j2", "x = {{ x }}\n")
    layout = _layout(**changes)
    place = workspace(layout.variant, "artifacts")
    render(layout.variant, templates_of(layout.items), place.rendered)
    pack(place, Listing.of(collect(layout, digests.look)), digests)
    checksums.write_sums(place)
    return place


def _told(place: Workspace, layout: Layout) -> list[str]:
    place.work.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BuildError) as caught:
        rebuild(layout, place)
    return str(caught.value).splitlines()


def _digests(old: str, new: str) -> str:
    before, after = (filesystem.of_bytes(text.encode())[:16] for text in (old, new))
    return f"content {before}…, built again: {after}…"


def test_what_is_the_same_is_nothing_to_tell(place: Workspace) -> None:
    rebuild(_layout(), place)


def test_paths_and_fields_are_told(place: Workspace) -> None:
    write("t/a", "one\nthree\n", mode=0o755)
    write("t/b")
    assert _told(place, _layout()) == [
        "lib/a: mode 0644, built again: 0755; " + _digests("one\ntwo\n", "one\nthree\n"),
        "lib/b: added when it is built again",
        f"artifacts/demo-1.0-raspberry-pi: {ADVICE}",
    ]


def test_of_a_deb_the_member_is_told(digests: Digests) -> None:
    _built(digests, formats=("deb",))
    layout = _layout(formats=("deb",), mtime="epoch")
    told = _told(workspace(layout.variant, "artifacts"), layout)
    assert re.fullmatch(r"demo_1.0_arm64.deb: \w{16}…, built again: \w{16}…; (.*)", told[0])
    assert told[0].endswith("; data.tar.gz: ./opt/demo/.provisioning/manifest.json: header")
    assert len(told) == 2
