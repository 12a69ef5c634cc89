"""`provision explain` tells why something would be built, and why it was."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.plugin.conftest import SPEC, stages

if TYPE_CHECKING:
    import pytest

    from tests.plugin.conftest import Project


def told(project: Project, *words: str) -> dict[str, list[str]]:
    """The reasons of each stage for the Mac that is not up to date."""
    tasks = json.loads(project.provision("explain", "--json", *words))["tasks"]
    return {
        each["task"].split(":")[0]: each["reasons"]
        for each in tasks
        if each["state"] != "up to date" and each["task"].endswith(":mac-mini")
    }


def archive(project: Project) -> dict[str, Any]:
    """What is told of packing for the Mac."""
    document = json.loads(project.provision("explain", "--json", "archive:demo:mac-mini"))
    task: dict[str, Any] = document["tasks"][0]
    return task


def test_before_the_first_build_all_is_new_and_nothing_else_is_told(project: Project) -> None:
    names = ("collect", "render", "archive", "hash", "verify")
    assert told(project) == {name: ["never run before"] for name in names}
    assert archive(project)["next"] == archive(project)["last"] == {}
    assert not project.path("artifacts/demo-1.0-mac-mini").exists()


def test_of_the_first_build_it_is_told_that_it_was_and_not_that_all_was_new(built: Project) -> None:
    output = built.provision("explain", "package:demo:mac-mini")
    line = r"^    last run: the first, \d\.\d\d s, \d+ paths changed$"
    assert re.search(line, output, re.MULTILINE)
    assert "added" not in output
    assert "never done" not in output


def test_what_is_built_is_up_to_date(built: Project) -> None:
    assert told(built) == {}


def test_each_kind_of_change_of_a_file_is_named_with_its_line_of_the_spec(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    built.path("src/deep/data.txt").chmod(0o755)
    built.write("src/new.py", "")
    assert told(built) == {
        "collect": [
            "src/deep/data.txt: mode 0644 → 0755  (specs/demo.yaml:12:5 contents[0])",
            "src/main.py: content  (specs/demo.yaml:12:5 contents[0])",
            "src/new.py: added  (specs/demo.yaml:12:5 contents[0])",
        ],
        "archive": ["after collect:demo:mac-mini"],
        "hash": ["after archive:demo:mac-mini"],
        "verify": [
            "the layout has changed: see the collect stage",
            "after collect:demo:mac-mini",
            "after archive:demo:mac-mini",
            "after hash:demo:mac-mini",
        ],
    }


def test_what_is_gone_or_became_a_link_is_told(built: Project) -> None:
    built.path("src/deep/data.txt").unlink()
    built.path("src/main.py").unlink()
    built.path("src/main.py").symlink_to("other.py")
    built.write("src/other.py", "")
    became = "type file → link, link none → other.py"
    assert told(built, "collect") == {
        "collect": [
            "lib/deep: removed",
            "src/deep/data.txt: removed",
            f"src/main.py: {became}  (specs/demo.yaml:12:5 contents[0])",
            "src/other.py: added  (specs/demo.yaml:12:5 contents[0])",
        ]
    }


def test_a_variable_is_told_with_both_values_and_its_line(built: Project) -> None:
    built.edit("specs/demo.yaml", "port: 8080", "port: 9090")
    assert told(built, "render") == {"render": ["port: 8080 → 9090  (specs/demo.yaml:9:9)"]}
    given = told(built, "render", "port=7070")
    assert given == {"render": ["port: 8080 → 7070  (command line)"]}


SERVICE = """
services:
  demo:
    exec: lib/main.py
    health: {http: "http://localhost:8080/health"}
"""


def test_a_value_inside_others_is_told_by_its_path(project: Project) -> None:
    project.write("src/main.py", "#!/bin/sh\n").chmod(0o755)
    vents = "unused: 1\n  vents: {open: 26.0, close: 22.0, names: {a: x}}"
    project.write("specs/demo.yaml", SPEC.replace("unused: 1", vents) + SERVICE)
    project.write("config/demo.ini.j2", "{{ vents }}\n")
    project.doit()
    project.edit("specs/demo.yaml", "8080/health", "9090/health")
    project.edit("specs/demo.yaml", "open: 26.0, close: 22.0", "open: 25.0")
    found = told(project)
    at = "specs/demo.yaml:11:17"
    assert found["render"] == [
        f"vents.open: 26.0 → 25.0  ({at})",
        "vents.close: 22.0 → (absent)",
    ]
    address = "services.demo.health.http: http://localhost:{}/health".format
    assert f"{address(8080)} → http://localhost:9090/health" in found["archive"]
    project.edit("specs/demo.yaml", SERVICE.replace("8080", "9090"), "")
    assert "services.demo: removed" in told(project)["archive"]
    project.doit()
    assert "        services.demo: removed\n" in project.provision("explain", "archive")


def test_another_order_is_told(project: Project) -> None:
    order = SPEC.replace("unused: 1", "unused: 1\n  vents: {a: 1, b: 2}")
    project.write("specs/demo.yaml", order)
    project.write("config/demo.ini.j2", "{{ vents }}\n")
    project.doit()
    project.edit("specs/demo.yaml", "{a: 1, b: 2}", "{b: 2, a: 1}")
    (line,) = told(project)["render"]
    assert line.startswith("vents: the same values in another order  (specs/demo.yaml:")


def test_another_version_is_told(built: Project) -> None:
    built.edit("specs/demo.yaml", 'version: "1.0"', 'version: "1.1"')
    found = told(built)
    assert "version: 1.0 → 1.1" in found["archive"]
    assert found["hash"][-1] == "after archive:demo:mac-mini"
    assert not [reason for reasons in found.values() for reason in reasons if "makes it" in reason]


def test_missing_and_damaged_targets_are_told(built: Project) -> None:
    archive = built.archive("mac-mini")
    archive.with_name("SHA256SUMS").unlink()
    archive.write_bytes(archive.read_bytes() + b"x")
    found = told(built)
    assert found["hash"] == [
        "artifacts/demo-1.0-mac-mini/SHA256SUMS: missing",
        "after archive:demo:mac-mini",
    ]
    name = "artifacts/demo-1.0-mac-mini/demo-1.0-mac-mini.tar.gz"
    assert found["archive"] == [
        f"{name}: damaged: its content has changed since this stage wrote it"
    ]


def test_a_secret_is_told_without_its_value(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "hunter2")
    project.write("specs/demo.yaml", SPEC + 'secrets: {password: "{{ env.DEMO_PASSWORD }}"}\n')
    project.write("config/demo.ini.j2", "password = {{ password }}\n")
    project.doit()
    monkeypatch.setenv("DEMO_PASSWORD", "hunter3")
    assert told(project)["render"] == ["password: the secret has changed  (environment)"]
    assert "hunter" not in project.provision("explain", "--all")


def test_after_a_build_the_last_run_is_told(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    built.edit("specs/demo.yaml", "port: 8080", "port: 9090")
    built.doit()
    output = built.provision("explain", "package:demo:mac-mini")
    assert "collect:demo:mac-mini: up to date\n    last run: " in output
    assert "        src/main.py: content\n" in output
    assert "        port: 8080 → 9090\n" in output
    document = json.loads(built.provision("explain", "--json", "archive:demo:mac-mini"))
    last: dict[str, Any] = document["tasks"][0]["last"]
    assert last["seconds"] >= 0


def test_chunks_are_told_by_what_they_hold_before_a_build_and_after_it(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    built.edit("specs/demo.yaml", "port: 8080", "port: 9090")
    before = archive(built)["next"]
    assert [(each["first"], each["last"]) for each in before["made"]] == [
        (".provisioning/manifest.json", ".provisioning/manifest.json"),
        ("bin", "install"),
        ("lib", "lib/main.py"),
    ]
    output = built.provision("explain", "archive:demo:mac-mini")
    members = before["made"][1]["members"]
    assert f"        tar.gz: bin … install ({members} members), " in output
    built.doit("package")
    after = archive(built)
    assert after["next"] == {}
    assert forgetting_output(after["last"]["cost"]) == forgetting_output(before)
    assert after["last"]["cost"]["bytes_out"] > 0
    assert (before["chunks_rebuilt"], before["chunks_reused"]) == (3, 1)


def forgetting_output(cost: dict[str, Any]) -> dict[str, Any]:
    made = [{**each, "bytes_out": 0} for each in cost["made"]]
    return {**cost, "made": made, "bytes_out": 0}


def test_a_fault_in_a_template_forbids_to_foretell_the_chunks(built: Project) -> None:
    built.write("config/demo.ini.j2", "{{ prot }}\n")
    assert archive(built)["next"] == {}


def test_words_choose_what_is_told(built: Project) -> None:
    tasks = json.loads(built.provision("explain", "--json", "package:demo"))["tasks"]
    assert {each["task"] for each in tasks} == {
        name
        for platform in ("mac-mini", "raspberry-pi")
        for name in stages(platform, "collect", "render", "archive", "hash")
    }
    output = built.provision("explain", "collect:dmeo", status=3)
    assert "collect:dmeo" in output


def test_many_reasons_are_counted_unless_all_are_asked_for(built: Project) -> None:
    for number in range(30):
        built.write(f"src/new{number:02}.py", "")
    assert "    and 10 more; --all shows them\n" in built.provision(
        "explain", "collect:demo:mac-mini"
    )
    assert built.provision("explain", "--all", "collect:demo:mac-mini").count(".py: added  (") == 30


def test_explaining_changes_nothing(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    built.provision("explain")
    assert "collect:demo:mac-mini" in built.ran()
