"""Values from outside of the specs: the environment, the command line, secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.spec.resolve.inputs import Input, Inputs
from provisioning.spec.resolve.project import ProjectSpecs, read_project
from tests.spec.conftest import HEAD, write

if TYPE_CHECKING:
    from pathlib import Path


def read(root: Path, text: str, *given: str, **files: str) -> ProjectSpecs:
    write(root, {"specs/app.yaml": HEAD + text, **files})
    return read_project(Inputs(root, dict(each.split("=", 1) for each in given)))


def values(reading: ProjectSpecs) -> dict[str, object]:
    assert reading.diagnostics == ()
    return reading.variants[0].variables


def test_the_environment_is_text_whatever_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_PORT", "{{ os }}")
    found = values(
        read(tmp_path, "variables: {a: '{{ env.APP_PORT }}', b: 'x-{{ env.APP_PORT }}'}")
    )
    assert (found["a"], found["b"]) == ("{{ os }}", "x-{{ os }}")


def test_the_command_line_comes_after_all_and_keeps_the_type(tmp_path: Path) -> None:
    text = "variables: {i: 1, f: 0.5, t: x, b: false, m: {n: {o: 1}}, d: '{{ i }}'}\n"
    given = ("i=2.5", "f=3", "t=1.10", "b=true", "m.n.o=7")
    found = values(read(tmp_path, text, *given))
    assert [found[name] for name in "iftbd"] == [2.5, 3, "1.10", True, 2.5]
    assert found["m"] == {"n": {"o": 7}}


def test_what_is_given_is_taken_literally(tmp_path: Path) -> None:
    assert values(read(tmp_path, "variables: {a: x}\n", "a={{ os }}"))["a"] == "{{ os }}"


@pytest.mark.parametrize(
    "text", ["010", "0x10", "1_000", "yes", "true", "", "NaN", "[1]", "1.10", "1e3", "-0"]
)
def test_a_number_is_given_as_people_write_it(tmp_path: Path, text: str) -> None:
    reading = read(tmp_path, "variables: {n: 1}\n", f"n={text}")
    assert [fault.code for fault in reading.diagnostics] == ["bad-value"]


def test_what_the_build_sets_is_not_given(tmp_path: Path) -> None:
    (fault,) = read(tmp_path, "", "version=3").diagnostics
    assert fault.hint == 'set it in the spec, as in version: "{{ env.VERSION }}"'
    (fault,) = read(tmp_path, "", "versoin=3").diagnostics
    assert fault.hint == "did you mean version?"


def test_what_is_given_overrides_a_file_of_variables(tmp_path: Path) -> None:
    files = {"a.toml": "port = 1\n"}
    found = values(read(tmp_path, "variables_from: [a.toml]\n", "port=2", **files))
    assert found["port"] == 2


def test_a_name_for_another_task_is_left_alone(tmp_path: Path) -> None:
    reading = read(tmp_path, "variables: {port: 1}\n", "colour=red")
    assert (reading.ignored, reading.diagnostics) == (("colour",), ())


def test_a_name_that_one_platform_has_is_known(tmp_path: Path) -> None:
    head = HEAD.replace("mac-mini: {}", "mac-mini: {variables: {port: 1}}")
    write(tmp_path, {"specs/app.yaml": head})
    reading = read_project(Inputs(tmp_path, {"port": "2"}))
    assert (reading.diagnostics, reading.ignored) == ((), ())
    assert [each.variables.get("port") for each in reading.variants] == [2, None]


def test_a_secret_taints_what_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PASSWORD", "hunter2")
    text = """
secrets: {password: "{{ env.APP_PASSWORD }}", mqtt: {password: "{{ password }}!"}}
variables: {url: "mqtt://{{ password }}@here", all: {deep: ["{{ mqtt }}"]}, port: 1}
"""
    reading = read(tmp_path, text)
    found = values(reading)
    assert reading.variants[0].secrets == {"password", "mqtt", "url", "all"}
    assert found["mqtt"] == {"password": "hunter2!"}
    assert found["all"] == {"deep": [{"password": "hunter2!"}]}


def test_secrets_come_from_files_and_the_command_line(tmp_path: Path) -> None:
    text = "secrets_from: [a.env]\nvariables_from: [b.env]\n"
    files = {"a.env": "KEY=hunter2\nOTHER=x\n", "b.env": "KEY=public\n"}
    reading = read(tmp_path, text, "OTHER=given", **files)
    found = values(reading)
    assert (found["KEY"], found["OTHER"]) == ("hunter2", "given")
    assert reading.variants[0].secrets == {"KEY", "OTHER"}


@pytest.mark.parametrize(
    "use",
    [
        'version: "{{ key }}"',
        'prefix: "/{{ key }}"',
        "summary: '{{ key }}'",
        "contents: [{dir: '{{ key }}'}]",
        "contents: [{include: '{{ key }}'}]",
        "services: {app: {exec: 'bin/app {{ key }}'}}",
        "services: {app: {exec: bin/app, environment: {A: '{{ key }}'}}}",
        "hooks: {pre_install: '{{ key }}'}",
        "variables_from: ['{{ key }}']",
    ],
)
def test_a_secret_reaches_no_field_that_people_read(tmp_path: Path, use: str) -> None:
    head = HEAD if "version" not in use else HEAD.replace('version: "1.0"\n', "")
    write(tmp_path, {"specs/app.yaml": f"{head}{use}\nsecrets_from: [a.env]\n"})
    write(tmp_path, {"a.env": "key=hunter2\n"})
    reading = read_project(Inputs(tmp_path))
    assert reading.diagnostics
    assert "hunter2" not in str(reading)


def test_all_that_a_spec_is_made_from_is_accounted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_PORT", "1")
    text = """
variables: {port: "{{ env.APP_PORT }}"}
variables_from: [a.toml]
contents: [{include: specs/fragments/a.yaml}]
"""
    files = {"a.toml": "x = 1\n", "specs/fragments/a.yaml": "contents: [{dir: a}]\n"}
    write(tmp_path, {"specs/app.yaml": HEAD + text, **files, "specs/platforms/x.yaml": ""})
    inputs = Inputs(tmp_path)
    with inputs.account() as account:
        read_project(inputs)
    assert account.keys() == {
        Input("listing", "specs"),
        Input("listing", "specs/platforms"),
        Input("file", "specs/app.yaml"),
        Input("file", "specs/platforms/x.yaml"),
        Input("file", "a.toml"),
        Input("file", "specs/fragments/a.yaml"),
        Input("environment", "APP_PORT"),
        Input("written", ""),
    }
