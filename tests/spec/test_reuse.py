"""Contents that are shared, conditional or taken away again; services and hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spec.conftest import HEAD, Variants, report

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.model.variant import Variant

THREE = HEAD.replace("mac-mini", "raspberry-pi-32: {}, mac-mini")


def destinations(variant: Variant) -> list[str]:
    return [content.dst for content in variant.contents]


@pytest.mark.parametrize(
    ("condition", "platforms"),
    [
        ("only: mac-mini", {"mac-mini"}),
        ("only: linux", {"raspberry-pi", "raspberry-pi-32"}),
        ("only: [macos, raspberry-pi]", {"mac-mini", "raspberry-pi"}),
        ("except: linux", {"mac-mini"}),
        ("except: [raspberry-pi-32]", {"mac-mini", "raspberry-pi"}),
        ("only: linux, except: raspberry-pi", {"raspberry-pi-32"}),
        ("only: '{{ family }}'", {"mac-mini"}),
    ],
)
def test_a_platform_is_also_what_it_extends(
    variants: Variants, condition: str, platforms: set[str]
) -> None:
    text = f"""
variables: {{family: macos}}
contents: [{{dir: a, {condition}}}]
services: {{app: {{exec: bin/app, {condition}}}}}
hooks: {{post_install: {{run: a.sh, {condition}}}}}
"""
    found = variants(text, THREE)
    assert {name for name, each in found.items() if each.contents} == platforms
    assert {name for name, each in found.items() if each.services} == platforms
    assert {name for name, each in found.items() if each.hooks} == platforms


def test_a_fragment_stands_for_its_contents_in_their_place(variants: Variants) -> None:
    files = {
        "specs/fragments/a.yaml": "contents:\n- dir: a1\n- include: specs/fragments/b.yaml\n",
        "specs/fragments/b.yaml": "x-note: 1\ncontents: [{dir: '{{ name }}/b'}]\n",
    }
    text = "contents: [{dir: first}, {include: specs/fragments/a.yaml}, {dir: last}]\n"
    found = variants(text, **files)["mac-mini"]
    assert destinations(found) == ["first", "a1", "app/b", "last"]
    origin = found.contents[2].origin
    assert (str(origin), origin.path) == ("specs/fragments/b.yaml:2:12", "contents[0]")


def test_a_fragment_may_be_used_twice_and_chosen_by_a_variable(variants: Variants) -> None:
    files = {
        "specs/fragments/linux.yaml": "contents: [{dir: l}]\n",
        "specs/fragments/macos.yaml": "contents: [{dir: m}]\n",
    }
    include = '{include: "specs/fragments/{{ os }}.yaml"}'
    text = f"contents: [{include}, {{remove: l, only: linux}}, {include}]\n"
    found = variants(text, **files)
    assert destinations(found["mac-mini"]) == ["m", "m"]
    assert destinations(found["raspberry-pi"]) == ["l"]


def test_an_include_is_left_out_where_it_is_not_meant(variants: Variants) -> None:
    text = "contents: [{include: specs/fragments/a.yaml, only: macos}]\n"
    found = variants(text, **{"specs/fragments/a.yaml": "contents: [{dir: a}]\n"})
    assert [destinations(each) for each in found.values()] == [["a"], []]


def test_an_overlay_replaces_a_content_by_removing_it(variants: Variants) -> None:
    head = HEAD.replace(
        "raspberry-pi: {}", "raspberry-pi: {contents: [{remove: etc/app}, {dir: etc/other}]}"
    )
    found = variants("contents: [{src: a, dst: etc/app/}, {dir: b}]\n", head)
    assert destinations(found["raspberry-pi"]) == ["b", "etc/other"]
    assert destinations(found["mac-mini"]) == ["etc/app", "b"]


def test_a_removal_takes_what_stands_above_it_alone(variants: Variants) -> None:
    text = "contents: [{dir: a}, {link: b, dst: a}, {remove: ./a/}, {dir: a}]\n"
    assert destinations(variants(text)["mac-mini"]) == ["a"]


def test_a_service_has_defaults_and_overlays(variants: Variants) -> None:
    head = HEAD.replace(
        "raspberry-pi: {}",
        "raspberry-pi: {services: {app: {user: , restart: always, environment: {A: '2', B: }}}}",
    )
    text = """
services:
  app:
    exec: bin/app --port {{ port }}
    user: appd
    environment: {A: "1", B: "1", C: "{{ os }}"}
variables: {port: 80}
"""
    found = variants(text, head)
    mac, pi = (found[name].services[0].service for name in ("mac-mini", "raspberry-pi"))
    assert (mac.exec, mac.restart, mac.user) == ("bin/app --port 80", "on-failure", "appd")
    assert dict(mac.environment) == {"A": "1", "B": "1", "C": "macos"}
    assert (pi.restart, pi.user) == ("always", "app")
    assert pi.environment == (("A", "2"), ("C", "linux"))
    assert [each.service_manager for each in found.values()] == ["launchd", "systemd"]


def test_with_systemd_a_service_runs_as_a_user_of_its_own(variants: Variants) -> None:
    text = "services: {app: {exec: bin/app}, root: {exec: bin/app, user: root}}\n"
    found = variants(text)
    assert [each.service.user for each in found["raspberry-pi"].services] == ["app", "root"]
    assert [each.service.user for each in found["mac-mini"].services] == ["", "root"]


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("{http: 'http://localhost:{{ port }}/x'}", ("http", "http://localhost:80/x", 30)),
        ("{tcp: '{{ port }}'}", ("tcp", "localhost:80", 30)),
        ("{tcp: 80, within: '{{ port }}'}", ("tcp", "localhost:80", 80)),
        ("{tcp: '[::1]:80'}", ("tcp", "[::1]:80", 30)),
        ("{command: bin/check 'a b', within: 5}", ("command", "bin/check 'a b'", 5)),
        ("{uptime: 10}", ("uptime", "10", 40)),
        ("{uptime: 3599}", ("uptime", "3599", 3600)),
    ],
)
def test_a_health_check_is_one_of_four(
    variants: Variants, written: str, made: tuple[str, str, int]
) -> None:
    text = f"services: {{app: {{exec: bin/app, health: {written}}}}}\nvariables: {{port: 80}}\n"
    (spec,) = variants(text)["raspberry-pi"].services
    assert spec.service.health == made


def test_an_overlay_changes_and_removes_a_health_check(variants: Variants) -> None:
    other = "raspberry-pi: {services: {a: {health: {http: , tcp: 9}}}}"
    head = HEAD.replace("raspberry-pi: {}", other)
    head = head.replace("mac-mini: {}", "mac-mini: {services: {a: {health: {http: }}}}")
    found = variants("services: {a: {exec: bin/a, health: {http: 'http://localhost/'}}}\n", head)
    assert found["raspberry-pi"].services[0].service.health == ("tcp", "localhost:9", 30)
    assert found["mac-mini"].services[0].service.health is None


def test_a_hook_has_its_time(variants: Variants) -> None:
    text = "hooks: {pre_install: a.sh, post_install: {run: b.sh, timeout: '{{ t }}'}}\n"
    hooks = variants(f"{text}variables: {{t: 300}}\n")["mac-mini"].hooks
    assert [each.hook for each in hooks] == [("post_install", 300), ("pre_install", 60)]


def test_to_name_a_value_of_the_device_is_to_ask_for_it(variants: Variants) -> None:
    head = HEAD.replace("mac-mini: {}", "mac-mini: {device: {A: , C: {summary: Of {{ os }}}}}")
    head = head.replace("Of {{ os }}", "'Of {{ os }}'")
    text = "device: {A: {pattern: '[0-9]+', secret: true}, B: }\n"
    found = {name: [*map(tuple, each.device)] for name, each in variants(text, head).items()}
    asked = [("A", "[0-9]+", True, ""), ("B", "", False, "")]
    assert found == {"raspberry-pi": asked, "mac-mini": [*asked, ("C", "", False, "Of macos")]}


def test_an_overlay_removes_a_service_and_a_hook(variants: Variants) -> None:
    head = HEAD.replace("mac-mini: {}", "mac-mini: {services: {app: }, hooks: {pre_install: }}")
    text = "services: {app: {exec: bin/app}}\nhooks: {pre_install: ./a.sh, post_install: b.sh}\n"
    found = variants(text, head)
    assert [len(each.services) for each in found.values()] == [0, 1]
    hooks = {each.hook.name: each.source for each in found["raspberry-pi"].hooks}
    assert hooks == {"pre_install": "a.sh", "post_install": "b.sh"}
    assert [each.hook.name for each in found["mac-mini"].hooks] == ["post_install"]


def test_a_platform_removes_what_its_ancestor_set(variants: Variants) -> None:
    files = {
        "specs/platforms/a.yaml": "platform: a\nextends: linux\n"
        "variables: {x: 1, y: {p: 1, q: 2}}\n",
        "specs/platforms/b.yaml": "platform: b\nextends: a\nvariables: {x: , y: {p: }}\n",
        "specs/platforms/c.yaml": "platform: c\nextends: b\nvariables: {x: 3}\n",
    }
    head = HEAD.replace("raspberry-pi: {}", "a: {}, b: {}, c: {}")
    found = variants("", head, **files)
    assert [found[name].variables.get("x") for name in "abc"] == [1, None, 3]
    assert [found[name].variables["y"] for name in "abc"] == [{"p": 1, "q": 2}, {"q": 2}, {"q": 2}]


def test_fragments_that_double_each_other_end(tmp_path: Path) -> None:
    files = {"specs/app.yaml": HEAD + "contents: [{include: specs/fragments/0.yaml}]\n"}
    for number in range(15):
        twice = f"{{include: specs/fragments/{number + 1}.yaml}}"
        files[f"specs/fragments/{number}.yaml"] = f"contents: [{twice}, {twice}]\n"
    files["specs/fragments/15.yaml"] = "contents: [{dir: a}]\n"
    assert "[too-many-includes]" in report(tmp_path, files)
