"""What a spec says for a Debian package alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.spec.schema.rules import ALTERNATIVES, PROVIDED, RELATION, spelt

if TYPE_CHECKING:
    from tests.spec.conftest import Variants

HEAD = 'name: app\nversion: "1.0"\nplatforms: {kiosk: {}, mac-mini: {}}\n'
KIOSK = {"specs/platforms/kiosk.yaml": "platform: kiosk\nextends: linux\nformats: [deb]\n"}


def test_fields_are_spelt_as_control_has_them(variants: Variants) -> None:
    spec = """
debian:
  section: net
  homepage: https://example.org/app
  depends: ["python3(>=3.9)", "nginx|apache2", python3 (>= 3.9)]
  pre_depends: [libc6 (>= 2.36)]
  provides: ["{{ name }}-api (= {{ version }})"]
"""
    assert variants(spec, HEAD, **KIOSK)["kiosk"].debian == {
        "Section": "net",
        "Homepage": "https://example.org/app",
        "Depends": "python3 (>= 3.9), nginx | apache2",
        "Pre-Depends": "libc6 (>= 2.36)",
        "Provides": "app-api (= 1.0)",
    }


def test_nothing_is_said_where_no_deb_is_made(variants: Variants) -> None:
    spec = "debian: {depends: [python3], changelog: debian/changelog}\n"
    read = variants(spec, HEAD, **KIOSK)
    assert (read["mac-mini"].debian, read["mac-mini"].documents) == ({}, ())
    assert [each.source for each in read["kiosk"].documents] == ["debian/changelog"]


def test_an_overlay_replaces_a_list_and_keeps_the_rest(variants: Variants) -> None:
    spec = "debian: {section: net, depends: [a1, b1], suggests: [c1]}\n"
    overlay = "{debian: {depends: [d1], suggests: []}}"
    head = HEAD.replace("kiosk: {}", f"kiosk: {overlay}")
    (text,) = KIOSK.values()
    kiosk = {"specs/platforms/kiosk.yaml": f"{text}debian: {{priority: optional}}\n"}
    assert variants(spec, head, **kiosk)["kiosk"].debian == {
        "Section": "net",
        "Priority": "optional",
        "Depends": "d1",
    }


@pytest.mark.parametrize(
    "relation",
    ["a1", "a1:any", "a1 (>= 1:2.0-1~bpo1)", "a1 (<< 2) | b1:arm64 (= 1)", "lib+x.y-1"],
)
def test_a_relation_is_one(relation: str) -> None:
    assert not ALTERNATIVES.reason(relation)
    assert spelt(relation) == relation


@pytest.mark.parametrize(
    "relation",
    ["a", "A1", "a1, b1", "a1 >= 2", "a1 (> 2)", "a1 (>= x)", "a1 |", "${misc:Depends}", "a1\n"],
)
def test_what_is_no_relation_is_told(relation: str) -> None:
    assert ALTERNATIVES.reason(relation)


def test_not_every_relation_fits_everywhere() -> None:
    assert RELATION.reason("a1 | b1")
    assert PROVIDED.reason("a1 (>= 1)")
    assert not PROVIDED.reason("a1 (= 1)")
