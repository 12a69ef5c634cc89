"""Values that come from outside of the specs, as they reach what doit builds."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DODO, SPEC, stages

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

RENDERED = stages("mac-mini", "render", "archive", "hash")
SECRET = "correct-horse-battery"


@pytest.fixture
def secretive(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose template uses a secret."""
    monkeypatch.setenv("DEMO_PASSWORD", SECRET)
    project.write("specs/demo.yaml", SPEC + 'secrets: {password: "{{ env.DEMO_PASSWORD }}"}\n')
    project.write("config/demo.ini.j2", "password = {{ password }}\n")
    return project


def test_a_value_on_the_command_line_rebuilds_what_uses_it(built: Project) -> None:
    assert built.ran("package:demo:mac-mini", "port=9090") == RENDERED
    assert (
        "port = 9090" in built.path("artifacts/.work/demo/mac-mini/render/etc/demo.ini").read_text()
    )
    assert built.ran("package:demo:mac-mini", "port=9090") == set()
    assert built.ran("package:demo:mac-mini") == RENDERED


def test_a_value_that_nothing_uses_rebuilds_nothing(built: Project) -> None:
    assert built.ran("unused=7") == set()


def test_a_misspelt_name_is_a_fault_and_a_foreign_one_a_note(built: Project) -> None:
    output = built.doit("package", "prot=9090", status=3)
    assert "(command line): prot: no spec has this variable [unknown-variable]" in output
    assert "help: did you mean port?" in output
    assert "colour=…: no spec has such a variable" in built.doit("package", "colour=red")


def test_the_environment_rebuilds_what_uses_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.edit("specs/demo.yaml", "port: 8080", 'port: "{{ env.DEMO_PORT }}"')
    monkeypatch.setenv("DEMO_PORT", "1")
    project.doit()
    assert project.ran("package:demo:mac-mini") == set()
    monkeypatch.setenv("DEMO_PORT", "2")
    assert project.ran("package:demo:mac-mini") == RENDERED


def test_a_secret_reaches_the_package_and_nothing_else(
    secretive: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = secretive.doit()
    monkeypatch.setenv("DEMO_PASSWORD", f"{SECRET}-2")
    said += secretive.doit("info", "render:demo:mac-mini", status=1)
    said += secretive.doit("list", "--all", "--deps", "--status")
    said += secretive.doit()
    assert "password: the secret has changed" in said
    assert SECRET not in said
    assert SECRET.encode() in gzip.decompress(secretive.archive().read_bytes())
    holding = {
        path.relative_to(secretive.root).as_posix()
        for path in secretive.root.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    }
    assert holding == {
        f"artifacts/.work/demo/{platform}/render/etc/demo.ini"
        for platform in ("raspberry-pi", "mac-mini")
    }


def test_an_unchanged_secret_rebuilds_nothing(
    secretive: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    secretive.doit()
    assert secretive.ran() == set()
    monkeypatch.setenv("DEMO_PASSWORD", f"{SECRET}-2")
    assert "render:demo:mac-mini" in secretive.ran()


def test_what_was_a_secret_and_is_none_now_is_rendered_again(
    secretive: Project,
) -> None:
    secretive.doit()
    secretive.edit("specs/demo.yaml", "secrets: {password", "x-secrets: {password")
    secretive.edit("specs/demo.yaml", "port: 8080", "port: 8080\n  password: public")
    assert "render:demo:mac-mini" in secretive.ran()


def test_specs_may_be_made_by_python(project: Project) -> None:
    project.write(
        "dodo.py",
        DODO.replace(
            "yield from tasks()",
            """yield from tasks(
        *(
            {
                "name": f"demo-{language}",
                "version": "1.0",
                "platforms": {"raspberry-pi": {}},
                "variables": {"language": language},
                "contents": [{"template": "greeting.j2", "dst": "greeting"}],
            }
            for language in ("de", "en")
        )
    )""",
        ),
    )
    project.write("greeting.j2", "{{ language }}\n")
    assert {"archive:demo-de:raspberry-pi", "archive:demo-en:raspberry-pi"} <= project.ran()
    assert project.ran() == set()
    # Of another size: Python takes the byte code of a file of equal size and second for this one's.
    project.edit("dodo.py", '"dst": "greeting"', '"dts": "greetings"')
    output = project.doit(status=3)
    assert "dodo.py:5:1: demo-de.contents[0].dts: unknown key [unknown-key]" in output
    assert "dodo.py:5:1: demo-en.contents[0].dts: unknown key [unknown-key]" in output
    assert "help: did you mean dst?" in output


def test_a_value_that_becomes_a_secret_leaves_every_record(
    secretive: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    secretive.edit("specs/demo.yaml", "secrets: {password", "x-none: {password")
    secretive.edit(
        "specs/demo.yaml", "port: 8080", 'port: 8080\n  password: "{{ env.DEMO_PASSWORD }}"'
    )
    secretive.doit()
    secretive.edit("specs/demo.yaml", '\n  password: "{{ env.DEMO_PASSWORD }}"', "")
    secretive.edit("specs/demo.yaml", "x-none: {password", "secrets: {password")
    monkeypatch.setenv("DEMO_PASSWORD", f"{SECRET}-2")
    secretive.doit()
    databases = list(secretive.path("artifacts/.work").glob("*.sqlite"))
    assert len(databases) == 3
    assert not [path.name for path in databases if SECRET.encode() in path.read_bytes()]


def test_what_is_given_in_the_place_of_a_secret_s_user_is_one(secretive: Project) -> None:
    secretive.edit("specs/demo.yaml", "port: 8080", 'port: 8080\n  url: "x{{ password }}"')
    secretive.write("config/demo.ini.j2", "{{ url }}\n")
    said = secretive.doit("package", "url=staple") + secretive.provision("spec", "url=staple")
    assert "staple" not in said
    assert b"staple" not in secretive.path("artifacts/.work/doit.sqlite").read_bytes()


def test_what_an_earlier_layout_rendered_is_removed(secretive: Project) -> None:
    secretive.doit()
    secretive.edit("specs/demo.yaml", "dst: etc/demo.ini", "dst: etc/other.ini")
    secretive.doit()
    rendered = secretive.path("artifacts/.work/demo/mac-mini/render")
    assert [path.name for path in rendered.rglob("*") if path.is_file()] == ["other.ini"]
