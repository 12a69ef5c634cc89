from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.spec.diagnostics import SpecError
from tests.spec.conftest import HEAD, Variants, load_variants, report, write

if TYPE_CHECKING:
    from pathlib import Path


def test_variants_are_sorted_by_name_and_platform(tmp_path: Path) -> None:
    write(tmp_path, {"specs/1.yaml": HEAD, "specs/2.yaml": HEAD.replace("app", "aaa")})
    names = [(each.name, each.platform, each.file) for each in load_variants(tmp_path)]
    assert names == [
        ("aaa", "mac-mini", "specs/2.yaml"),
        ("aaa", "raspberry-pi", "specs/2.yaml"),
        ("app", "mac-mini", "specs/1.yaml"),
        ("app", "raspberry-pi", "specs/1.yaml"),
    ]


def test_a_spec_is_resolved_for_its_platform(variants: Variants) -> None:
    pi = variants("summary: On {{ os }}/{{ arch }}\nlicense: MIT\n")["raspberry-pi"]
    assert (pi.summary, pi.license, pi.maintainer) == ("On linux/arm64", "MIT", "")
    assert (pi.os, pi.arch, pi.prefix) == ("linux", "arm64", "/opt/app")
    assert pi.formats == ("tar.gz", "deb")
    assert (pi.file_mode, pi.dir_mode, pi.owner, pi.group) == (0o644, 0o755, "root", "root")
    assert str(pi.origin) == "specs/app.yaml:3:13"


def test_the_built_in_names_are_variables(variants: Variants) -> None:
    assert variants("")["mac-mini"].variables == {
        "name": "app",
        "version": "1.0",
        "platform": "mac-mini",
        "os": "macos",
        "arch": "arm64",
        "prefix": "/usr/local/opt/app",
    }


def test_variables_come_from_four_places_the_later_wins(variants: Variants) -> None:
    files = {
        "specs/platforms/raspberry-pi.yaml": "platform: raspberry-pi\nextends: linux\narch: arm64\n"
        "variables: {a: platform, b: platform, c: platform, d: platform, e: platform}\n",
        "one.toml": "b = 'one'\nc = 'one'\nd = 'one'\ne = 'one'\n",
        "two.env": "c=two\nd=two\ne=two\n",
    }
    head = HEAD.replace("raspberry-pi: {}", "raspberry-pi: {variables: {e: overlay}}")
    text = "variables_from: [one.toml, two.env]\nvariables: {d: spec, e: spec}\n"
    found = variants(text, head, **files)["raspberry-pi"].variables
    assert [found[key] for key in "abcde"] == ["platform", "one", "two", "spec", "overlay"]


def test_variables_can_come_from_a_file_for_the_platform(variants: Variants) -> None:
    files = {"raspberry-pi.json": '{"gpio": {"pin": 4}}', "mac-mini.json": '{"gpio": null}'}
    found = variants('variables_from: ["{{ platform }}.json"]', **files)
    assert found["raspberry-pi"].variables["gpio"] == {"pin": 4}
    assert found["mac-mini"].variables["gpio"] is None


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_braces_in_an_applications_file_are_nothing_special(variants: Variants, name: str) -> None:
    text = f"variables_from: [{name}]\nsummary: '{{{{ a }}}}'\n"
    pi = variants(text, **{name: '{"a": "{{ b }}", "m": {"l": ["{{ c }}"]}}'})["raspberry-pi"]
    assert (pi.summary, pi.variables["m"]) == ("{{ b }}", {"l": ["{{ c }}"]})


def test_an_overlay_changes_its_own_platform_alone(variants: Variants) -> None:
    overlay = "{prefix: '/srv/{{ name }}/', summary: Pi, defaults: {owner: pi}, version: '2'}"
    found = variants("summary: Any\n", HEAD.replace("raspberry-pi: {}", f"raspberry-pi: {overlay}"))
    pi, mac = found["raspberry-pi"], found["mac-mini"]
    assert (pi.prefix, pi.summary, pi.owner, pi.version) == ("/srv/app", "Pi", "pi", "2")
    assert (mac.prefix, mac.summary) == ("/usr/local/opt/app", "Any")
    assert (mac.owner, mac.version) == ("root", "1.0")


@given(name=st.sampled_from("abc"), value=st.integers())
def test_no_overlay_ever_changes_another_platform(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: int
) -> None:
    root = tmp_path_factory.mktemp("project")
    text = "variables: {a: 1, b: {x: 2}, c: [3]}\n"
    write(root, {"specs/app.yaml": HEAD + text})
    before = load_variants(root)[0]
    head = HEAD.replace("raspberry-pi: {}", f"raspberry-pi: {{variables: {{{name}: {value}}}}}")
    write(root, {"specs/app.yaml": head + text})
    mac, pi = load_variants(root)
    assert mac.variables == before.variables
    assert pi.variables[name] == value


def test_an_overlay_may_be_empty(variants: Variants) -> None:
    head = HEAD.replace("{raspberry-pi: {}, mac-mini: {}}", "\n  raspberry-pi:\n")
    assert list(variants("", head)) == ["raspberry-pi"]


def test_keys_for_anchors_are_ignored(variants: Variants) -> None:
    found = variants("x-own: &own {port: 80}\nvariables: *own\n")
    assert found["mac-mini"].variables["port"] == 80


def test_a_missing_file_of_variables_makes_no_other_faults(tmp_path: Path) -> None:
    text = HEAD + "variables_from: [none.toml]\nsummary: '{{ port }}'\n"
    (first, *_, last) = report(tmp_path, {"specs/app.yaml": text}).splitlines()
    assert first.endswith("none.toml: No such file or directory [unreadable-file]")
    assert last == "      |                  ^^^^^^^^^"


def test_a_fault_of_all_platforms_is_told_once(tmp_path: Path) -> None:
    text = report(tmp_path, {"specs/app.yaml": HEAD + "summary: '{{ nothing }}'\n"})
    assert text.count("there is no variable nothing [undefined-variable]") == 1


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, {"specs/a.yaml": "name: A\n", "specs/b.yaml": "a: [\n", "specs/c.yaml": HEAD})
    with pytest.raises(SpecError) as caught:
        load_variants(tmp_path)
    assert [(each.origin.file, each.code) for each in caught.value.diagnostics] == [
        ("specs/a.yaml", "missing-key"),
        ("specs/a.yaml", "missing-key"),
        ("specs/a.yaml", "bad-name"),
        ("specs/b.yaml", "yaml-syntax"),
    ]


def test_only_yaml_files_are_specs(tmp_path: Path) -> None:
    write(tmp_path, {"specs/app.yaml": HEAD, "specs/.hidden.yaml": "-", "specs/README": "-"})
    assert len(load_variants(tmp_path)) == 2


def test_no_directory_of_specs_is_a_fault_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_variants(tmp_path)
    assert str(caught.value) == (
        "specs: there is no spec here [no-specs]\n"
        "  help: describe your package in specs/NAME.yaml, or have `provision init` do it"
    )


@given(data=st.binary(max_size=200))
def test_any_bytes_are_variants_or_a_report(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("bytes")
    write(root, {"specs/app.yaml": HEAD})
    with (root / "specs/app.yaml").open("ab") as stream:
        stream.write(data)
    try:
        assert len(load_variants(root)) == 2
    except SpecError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
