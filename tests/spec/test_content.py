from __future__ import annotations

from typing import TYPE_CHECKING

from tests.spec.conftest import HEAD, Variants

if TYPE_CHECKING:
    from provisioning.spec.model.variant import Content


def content(variants: Variants, text: str) -> Content:
    return variants(f"contents:\n  - {{{text}}}\n")["raspberry-pi"].contents[0]


def test_defaults_are_applied(variants: Variants) -> None:
    found = content(variants, "src: bin/run, dst: bin/run")
    assert (found.kind, found.source, found.dst, found.into) == ("src", "bin/run", "bin/run", False)
    assert (found.mode, found.owner, found.group) == (None, "root", "root")
    assert (found.exclude, found.conffile) == ((), False)
    assert (found.optional, found.foreign) == (False, False)


def test_every_key_is_taken(variants: Variants) -> None:
    text = 'src: a, dst: b, mode: "4755", owner: app, group: "1000", exclude: [x, "!y"], '
    found = content(variants, text + "conffile: true, optional: true, foreign: true")
    assert (found.mode, found.owner, found.group) == (0o4755, "app", "1000")
    assert (found.exclude, found.conffile) == (("x", "!y"), True)
    assert (found.optional, found.foreign) == (True, True)


def test_a_content_may_name_the_tasks_that_make_it(variants: Variants) -> None:
    places = {'"npm:{{ os }}"': ["npm:linux"], "[a, b:c]": ["a", "b:c"]}
    for text, names in places.items():
        found = content(variants, f"src: a/, dst: b, task: {text}")
        assert [maker.name for maker in found.makers] == names
    assert str(found.makers[1].origin) == "specs/app.yaml:5:33"


def test_a_trailing_slash_means_into(variants: Variants) -> None:
    found = content(variants, "src: a/b/, dst: lib/app/")
    assert (found.source, found.dst, found.into) == ("a/b/", "lib/app", True)


def test_the_packages_root_is_a_dot(variants: Variants) -> None:
    found = content(variants, "src: ., dst: .")
    assert (found.source, found.dst, found.into) == (".", "", True)


def test_needless_parts_of_paths_go(variants: Variants) -> None:
    found = content(variants, "template: ./a//b.j2, dst: ./etc/./b")
    assert (found.kind, found.source, found.dst) == ("template", "a/b.j2", "etc/b")


def test_a_link_keeps_its_target(variants: Variants) -> None:
    found = content(variants, "link: ../lib/./app, dst: bin/app")
    assert (found.kind, found.source, found.dst) == ("link", "../lib/./app", "bin/app")


def test_a_dir_has_no_source(variants: Variants) -> None:
    found = content(variants, 'dir: var/log/, mode: "0750"')
    assert (found.kind, found.source, found.dst, found.mode) == ("dir", "", "var/log", 0o750)


def test_every_text_may_use_variables(variants: Variants) -> None:
    text = (
        'src: "{{ d }}/*.py", dst: "lib/{{ name }}/", owner: "{{ name }}", exclude: ["{{ d }}/x"]'
    )
    found = variants(f"variables: {{d: src}}\ncontents: [{{{text}}}]\n")["mac-mini"].contents[0]
    assert (found.source, found.dst, found.owner) == ("src/*.py", "lib/app", "app")
    assert found.exclude == ("src/x",)


def test_a_mode_may_come_from_a_variable(variants: Variants) -> None:
    text = 'variables: {m: "0640"}\ncontents: [{dir: a, mode: "{{ m }}"}]\n'
    assert variants(text)["mac-mini"].contents[0].mode == 0o640


def test_contents_of_an_overlay_come_last_and_know_their_place(variants: Variants) -> None:
    overlay = "mac-mini: {contents: [{dir: b}]}"
    found = variants("contents: [{dir: a}]\n", HEAD.replace("mac-mini: {}", overlay))
    assert [each.where for each in found["mac-mini"].contents] == [
        "contents[0]",
        "platforms.mac-mini.contents[0]",
    ]
    assert [each.dst for each in found["raspberry-pi"].contents] == ["a"]


def test_every_written_value_has_its_origin(variants: Variants) -> None:
    found = content(variants, "src: a, dst: b")
    assert str(found.origin) == "specs/app.yaml:5:5"
    assert {key: str(origin) for key, origin in found.origins.items()} == {
        "src": "specs/app.yaml:5:11",
        "dst": "specs/app.yaml:5:19",
    }
