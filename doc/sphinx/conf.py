"""How `doit docs` makes a site of the documents: Sphinx reads them as they are, by MyST.

The documents are written for people who read them as files, with links that are relative to them.
What here is no document, a source or a test, becomes a file of the site.
"""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
_ABOUT = metadata("doit-provisioning")

project = _ABOUT["Name"]
version = release = _ABOUT["Version"]
author = _ABOUT["Author"]
copyright = author  # noqa: A001 - Sphinx's name; without a year, since that would come from a clock
language = "en"

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "doc/*.md", "doc/*/*.md"]
exclude_patterns = [".*", "artifacts", "provisioning", "tests", "specs"]
nitpicky = True
myst_heading_anchors = 6
suppress_warnings = ["misc.highlighting_failure"]  # a block that leaves something out, with "…"

html_theme = "furo"
html_title = project
html_copy_source = html_show_sourcelink = False
html_last_updated_fmt = None
html_additional_pages = {"index": "index.html"}
templates_path = ["templates"]

_PARTS = {
    "Tutorial": "doc/tutorial/Tutorial_*",
    "How to": "doc/how-to/HowTo_*",
    "Reference": "doc/reference/Reference_*",
    "Design": "doc/design/Design_*",
}
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#: ]+)\)")
_OTHERS = ("doc/benchmarks", "CHANGELOG", "CONTRIBUTING")


def setup(app: Sphinx) -> None:
    """Give the first page a table of contents, which nobody has to keep by hand."""
    app.connect("source-read", _add_contents)
    app.connect("source-read", _unlink_directories)


def _add_contents(_: Sphinx, name: str, source: list[str]) -> None:
    if name == root_doc:
        trees = (_tree(title, f"{pages}\n", "glob") for title, pages in _PARTS.items())
        source[0] += "".join(trees) + _tree("More", "".join(f"{each}\n" for each in _OTHERS))


def _unlink_directories(_: Sphinx, name: str, source: list[str]) -> None:
    """Leave only the words of a link to a directory, of which a site has no page."""
    here = (ROOT / name).parent

    def words(found: re.Match[str]) -> str:
        return found[1] if (here / found[2]).is_dir() else found[0]

    source[0] = _LINK.sub(words, source[0])


def _tree(title: str, pages: str, *options: str) -> str:
    told = "".join(f":{each}:\n" for each in ("hidden", *options))
    return f"\n```{{toctree}}\n:caption: {title}\n{told}\n{pages}```\n"
