"""`provision report`: where its page is written, and what it tells of a project's builds."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.plugin.page.document import page
from tests.plugin import pages
from tests.plugin.conftest import DODO, Project
from tests.wheels import lock, wheel

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
platforms: {raspberry-pi: {formats: [tar.gz]}, mac-mini: {formats: [dir]}}
contents:
  - {src: src/, dst: lib/}
"""
FILES = {"dodo.py": DODO, "specs/demo.yaml": SPEC, "src/main.py": "print(1)\n", "src/b": "b\n"}
PI = "demo:raspberry-pi"
PAGE = "artifacts/demo-{}-raspberry-pi.html"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", FILES)


def written(project: Project, name: str = PAGE.format("1.0")) -> str:
    return project.path(name).read_text(encoding="utf-8")


def data(text: str) -> Any:
    found = re.search('<script type="application/json" id="data">(.*)</script>', text)
    assert found
    return json.loads(found[1])


def told(text: str, section: str = "main") -> str:
    """The words of a section, without the tags."""
    kind = "main" if section == "main" else "section"
    part = text.partition(f'<{kind} id="{section}"')[2].partition(f"</{kind}>")[0]
    return " ".join(unescape(re.sub("<[^>]*>", " ", part)).split())


def test_a_page_lies_beside_the_release_and_says_that_it_is_verified(project: Project) -> None:
    project.doit(f"package:{PI}")
    said = project.provision("report", PI)
    assert said == f"{PAGE.format('1.0')}: verified\n"
    text = written(project)
    assert "✓ Verified" in text
    assert 'id="faults"' not in text
    assert {*data(text)["paths"]["names"]} >= {"lib", "main.py", "install"}
    assert "specs/demo.yaml:6" in data(text)["origins"]


def test_a_name_alone_means_a_page_for_each_platform(project: Project) -> None:
    said = project.provision("report", "demo", "--json")
    found = json.loads(said)["pages"]
    assert [each["platform"] for each in found] == ["mac-mini", "raspberry-pi"]
    assert [each["page"] for each in found] == [
        "artifacts/demo-1.0-mac-mini.html",
        "artifacts/demo-1.0-raspberry-pi.html",
    ]


def test_what_was_never_built_is_shown_as_the_specs_give_it(project: Project) -> None:
    said = project.provision("report", PI)
    assert said.endswith("not built yet; it shows what the specs give\n")
    changes = told(written(project), "changes")
    assert "It is not built yet: doit package:demo:raspberry-pi builds it." in changes
    assert not list(project.root.glob("artifacts/demo-*/"))


def test_the_same_state_makes_the_same_page(project: Project) -> None:
    project.doit()
    project.provision("report", PI)
    before = written(project)
    project.provision("report", PI, "-o", "again.html")
    assert written(project, "again.html") == before


def test_it_tells_what_changed_since_the_last_release_and_in_the_last_build(
    project: Project,
) -> None:
    project.doit("package")
    project.edit("specs/demo.yaml", '"1.0"', '"1.1"')
    project.write("src/main.py", "print(22)\n")
    project.write("src/new", "")
    project.path("src/b").unlink()
    project.doit("package")
    project.provision("report", PI)
    text = written(project, PAGE.format("1.1"))
    changes = told(text, "changes")
    assert "Paths since 1.0: 1 added, 1 removed, 1 changed." in changes
    assert "removed lib/b file, mode 0644, 2 bytes" in changes
    assert "changed lib/main.py content 9 → 10 bytes (+1)" in changes
    assert "version 1.0 → 1.1" in changes
    assert "What the last build found changed: 3 paths" in changes
    assert "archive pack the archive" in told(text, "stages")
    assert "version: 1.0 → 1.1" in told(text, "stages")
    assert "1.1" in told(text, "sizes")


def test_another_package_s_release_is_not_taken_for_an_earlier_one(project: Project) -> None:
    project.write("specs/more.yaml", SPEC.replace("name: demo", "name: demo-more"))
    project.doit("package")
    project.provision("report", PI)
    assert "No earlier release of it is in artifacts/" in told(written(project), "changes")


def test_what_was_built_later_is_nothing_that_changed_since(project: Project) -> None:
    project.doit("package")
    project.edit("specs/demo.yaml", '"1.0"', '"1.1"')
    project.doit("package")
    project.edit("specs/demo.yaml", '"1.1"', '"1.0"')
    project.provision("report", PI)
    assert "No earlier release of it is in artifacts/" in told(written(project), "changes")


def test_each_build_of_one_version_is_a_point_of_the_plot(project: Project) -> None:
    for number in range(3):
        project.write("src/main.py", f"print({number})\n")
        project.doit(f"package:{PI}")
    project.doit(f"package:{PI}")  # with nothing to do
    project.provision("report", PI)
    text = written(project)
    assert text.count("<circle") == 3
    assert "Sizes of the last 3 builds: tar.gz from" in text
    project.doit("clean")
    assert not list(project.root.glob("artifacts/.work/demo/*/*"))


def test_what_verification_finds_is_told(project: Project) -> None:
    project.doit("package")
    archive = project.archive()
    archive.write_bytes(archive.read_bytes()[:-9])
    assert project.provision("report", PI).endswith("html: one fault found\n")
    text = written(project)
    assert "✗ 1 fault" in text
    assert archive.name in told(text, "faults")
    (found,) = json.loads(project.provision("report", PI, "--json"))["pages"]
    assert len(found["faults"]) == 1


def test_a_release_whose_manifest_is_gone_is_reported_all_the_same(project: Project) -> None:
    project.doit("package")
    for path in project.archive().parent.iterdir():
        if path != project.archive():
            path.unlink()
    project.provision("report", PI)
    assert "main.py" in data(written(project))["paths"]["names"]
    project.archive().write_bytes(b"nothing")
    project.provision("report", PI)
    assert "✗" in written(project)
    assert "What was built cannot be read" in told(written(project), "changes")


def test_a_source_that_has_changed_is_a_fault_and_nothing_is_mended(project: Project) -> None:
    project.doit()
    project.write("src/main.py", "print(7)\n")
    project.provision("report", PI)
    assert "lib/main.py: the content differs from what the spec gives now" in told(
        written(project), "faults"
    )
    assert project.ran(f"package:{PI}") == {
        f"{stage}:{PI}" for stage in ("collect", "archive", "hash")
    }


def test_packages_of_python_are_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    greet = wheel()
    greet.put(project.path("wheels"))
    project.write("pylock.toml", lock(greet))
    python = "contents:\n  - {python: pylock.toml, dst: m/, only: raspberry-pi}\n"
    project.edit("specs/demo.yaml", "contents:\n", python)
    project.doit(f"package:{PI}")
    project.provision("report", PI)
    assert data(written(project))["distributions"] == ["", "greet 1.0"]
    assert "fetch download the Python packages" in told(written(project), "stages")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "report takes one package: NAME or NAME:PLATFORM"),
        (["demo", "demo"], "report takes one package"),
        (["dem"], "no package is called dem; did you mean demo?"),
        (["demo:raspberry"], "demo is not built for raspberry"),
        (["demo", "-o", "x.html"], "--output takes one page, and demo has demo:mac-mini, demo:"),
        (
            [PI, "-o", "src/main.py"],
            "src/main.py: is there already, and is no report",
        ),
        ([PI, "-o", "src"], "src: is there already, and is no report; name another file"),
        ([PI, "-o", "dodo.py/x"], "dodo.py"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is_overwritten(
    project: Project, words: list[str], said: str
) -> None:
    assert said in project.provision("report", *words, status=3)
    assert project.path("src/main.py").read_text() == FILES["src/main.py"]


def test_a_pipe_is_not_waited_for(project: Project) -> None:
    os.mkfifo(project.path("pipe"))
    said = project.provision("report", PI, "-o", "pipe", status=3)
    assert "pipe: is there already, and is no report" in said


def test_a_page_is_written_over_by_the_next(project: Project) -> None:
    for _ in range(2):
        project.provision("report", PI, "-o", "out/page.html")
    assert written(project, "out/page.html").startswith("<!doctype html>\n")


def test_a_fault_of_a_spec_is_told_as_by_every_command(project: Project) -> None:
    project.edit("specs/demo.yaml", "src: src/", "src: sources/")
    assert "specs/demo.yaml:6" in project.provision("report", PI, status=3)


def test_the_policy_names_the_very_style_and_script_of_the_page() -> None:
    text = page(pages.built(pages.small())).decode()
    for kind in ("style", "script"):
        found = re.search(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert found
        digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in text
    assert not re.search(r"(src|href)=\"?(https?:|//)", text)


def test_no_name_of_a_file_can_become_html() -> None:
    text = page(pages.built(pages.small(), pages.HOSTILE)).decode()
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert "<!--" not in text.partition("<body>")[2]
    assert data(text)["paths"]["names"].count("script><img src=x onerror=document.title='owned'>")


def test_a_long_list_is_cut_and_says_so() -> None:
    faults = [f"lib/{number}: damaged" for number in range(700)]
    text = page(pages.built(pages.small(), *faults)).decode()
    assert "and 200 more, which doit verify shows." in told(text, "faults")
    assert "✗ 700 faults" in text


def test_what_a_package_has_of_the_project_s_own_is_in_its_place(project: Project) -> None:
    """The directory of hooks is one that no manifest lists."""
    project.write("hooks/warm.sh", "#!/bin/sh\n").chmod(0o755)
    project.edit(
        "specs/demo.yaml", "contents:", "hooks: {post_install: {run: hooks/warm.sh}}\ncontents:"
    )
    project.doit(f"package:{PI}")
    project.provision("report", PI)
    paths = data(written(project))["paths"]
    above = paths["names"].index(".provisioning") + 1
    inside = [
        name for name, up in zip(paths["names"], paths["parents"], strict=True) if up == above
    ]
    assert inside
