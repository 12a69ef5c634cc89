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

FAULTS = """
# Notes

[A page](../design/Design_099.md), [a heading](../design/Design_001_Package_Structure.md#nowhere),
[a file](../../provisioning/nowhere.py), [a heading here](#nowhere) and ![a picture](nowhere.svg).
"""
SAID = (
    "'../design/Design_099.md'",
    "'nowhere'",
    "'../../provisioning/nowhere.py'",
    "nowhere.svg",
    "isn't included in any toctree",
)


def site(root: Path, made: Path) -> subprocess.CompletedProcess[str]:
    options = ["-q", "-W", "--keep-going", "-n", "-b", "html", "-c", str(root / "doc/sphinx")]
    command = [sys.executable, "-m", "sphinx", *options, "-d", str(made / "trees"), str(root)]
    return subprocess.run(
        [*command, str(made / "html")], capture_output=True, text=True, check=False
    )


def test_the_documents_are_a_site_without_a_warning(tmp_path: Path) -> None:
    done = site(ROOT, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = {path.stem for path in tmp_path.glob("html/doc/*/*.html")}
    assert pages >= {path.stem for path in DOC.glob("*/*.md")}
    assert 'url=README.html"' in (tmp_path / "html/index.html").read_text()
    start = (tmp_path / "html/README.html").read_text()
    for page in ("Tutorial_001_First_Hour", "Design_010_Trust", "Reference_003_Keys_By_Example"):
        assert f"{page}.html" in start
    walked = (tmp_path / "html/doc/design/Design_008_Life_Of_An_Entry.html").read_text()
    assert "_downloads/" in walked  # the sources that it links to are files of the site


def test_a_link_to_nowhere_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(DOC, root / "doc", ignore=shutil.ignore_patterns("greenhouse", "how-to"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, root)
    (root / "doc/notes").mkdir()
    (root / "doc/notes/Notes.md").write_text(FAULTS, encoding="utf-8")
    done = site(root, tmp_path)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "/Notes.md" in line]
    for said in SAID:
        assert any(said in line for line in told), said


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


def test_each_key_has_an_example() -> None:
    rows = [line for line in keys_page.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert not [row for row in rows if row.endswith("|  |")]
