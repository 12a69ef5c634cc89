"""The documents as a site, and the page that is made from the schema."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from . import keys_page, recording
from .page import DOC, ROOT

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = {
    "Links": """
# Notes

[A page](../design/Design_099.md), [a heading](../design/Design_010_Trust.md#no-such-heading),
[a heading here](#nor-here).
""",
    "Files": """
# More notes

[A file](../../provisioning/nowhere.py), and ![a picture](nowhere.svg).
""",
}
SAID = {
    "Links": (
        "'../design/Design_099.md'",
        "'no-such-heading'",
        "'nor-here'",
        "isn't included in any toctree",
    ),
    "Files": ("'../../provisioning/nowhere.py'", "nowhere.svg"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has of this repository, in which `doit docs` may write."""
    root = tmp_path_factory.mktemp("site") / "project"
    kept = shutil.ignore_patterns("artifacts", ".*", "__pycache__")
    shutil.copytree(ROOT, root, ignore=kept)
    return root


def doit_docs(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doit", "docs"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def files(project: Path) -> dict[str, bytes]:
    made = project / "artifacts/docs"
    found = (path for path in made.rglob("*") if path.is_file())
    return {str(path.relative_to(made)): path.read_bytes() for path in found}


def test_the_documents_are_a_site_without_a_warning(project: Path) -> None:
    done = doit_docs(project)
    assert (done.returncode, done.stderr) == (0, "")
    made = project / "artifacts/docs"
    pages = {path.stem for path in made.glob("doc/*/*.html")}
    assert pages >= {path.stem for path in DOC.glob("*/*.md")}
    assert 'url=README.html"' in (made / "index.html").read_text()
    start = (made / "README.html").read_text()
    for page in ("Tutorial_001_First_Hour", "Design_010_Trust", "Reference_003_Keys_By_Example"):
        assert f"{page}.html" in start
    walked = (made / "doc/design/Design_008_Life_Of_An_Entry.html").read_text()
    assert "_downloads/" in walked  # the sources that it links to are files of the site
    first = files(project)
    assert not [name for name, content in first.items() if bytes(project) in content]
    assert not doit_docs(project).returncode
    assert files(project) == first


def test_a_link_to_nowhere_is_an_error_each_time(project: Path) -> None:
    notes = project / "doc/notes"
    notes.mkdir()
    for name, text in FAULTS.items():
        (notes / f"{name}.md").write_text(text, encoding="utf-8")
    for _ in range(2):
        done = doit_docs(project)
        assert done.returncode
        for name, said in SAID.items():
            told = [line for line in done.stderr.splitlines() if f"/{name}.md" in line]
            assert [each for each in said if not any(each in line for line in told)] == []


def test_the_page_of_keys_is_what_the_schema_says() -> None:
    page = DOC / "reference/Reference_003_Keys_By_Example.md"
    if page.read_text(encoding="utf-8") != keys_page.page():
        pytest.fail("python -m tests.doc.keys_page prints what belongs there")


@pytest.mark.needs("PyPI")
def test_the_recording_is_what_the_commands_print(tmp_path: Path) -> None:
    kept = recording.FILE.read_text(encoding="utf-8")
    now = recording.drawn(recording.record(tmp_path / "greenhouse"))
    assert recording.lines_of(kept) == recording.lines_of(now), "python -m tests.doc.recording"
    assert len(kept) < 60_000


def test_each_key_has_its_values_a_meaning_and_an_example() -> None:
    rows = [line for line in keys_page.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert not [row for row in rows if "|  |" in row]
