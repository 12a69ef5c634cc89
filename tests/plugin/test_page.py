"""The page of `provision report` in a real browser: what it draws, answers, and never asks for."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.plugin.page.document import page
from tests.browser import browser
from tests.plugin import pages
from tests.plugin.pages import COMMENT, HOSTILE
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser import Browser

pytestmark = pytest.mark.needs("chromium")

FAULT = "etc/<b>x</b>: in the archive, but not in the spec"
LARGE = 4 * 2**20  # bytes of a page: a few MB
AXE = "axe-core@4.14.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small page and a large one."""
    root = tmp_path_factory.mktemp("pages")
    (root / "small.html").write_bytes(page(pages.built(pages.small(), FAULT)))
    (root / "large.html").write_bytes(page(pages.built(pages.large())))
    return root


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def shown(chromium: Browser, folder: Path) -> Iterator[Browser]:
    """A browser that shows the small page; after the test it has neither asked nor complained."""
    chromium.prefer(prefers_color_scheme="light")
    chromium.resize(1280, 900)
    yield opened(chromium, folder / "small.html")
    quiet(chromium, folder / "small.html")


def opened(chromium: Browser, path: Path) -> Browser:
    chromium.open(path)
    return chromium


def quiet(chromium: Browser, path: Path) -> None:
    assert [*chromium.requests.values()] == [path.as_uri()]
    assert chromium.complaints == []


def tiles(shown: Browser) -> list[str]:
    names: list[str] = shown.evaluate(
        "[...document.querySelectorAll('.face')].map(each => each.ariaLabel.split(', ')[0])"
    )
    return [re.sub(r" [\d.,]+(K|M|G| bytes?)$", "", each) for each in names]


def focused(shown: Browser) -> str:
    told: str = shown.evaluate("document.activeElement.ariaLabel || document.activeElement.id")
    return told.partition(",")[0].partition(" ")[0]


def texts(shown: Browser, selector: str) -> list[str]:
    found: list[str] = shown.evaluate(
        f"[...document.querySelectorAll({json.dumps(selector)})].map(each => each.innerText)"
    )
    return found


def test_areas_are_as_large_as_what_they_show(shown: Browser) -> None:
    areas = shown.evaluate(
        "[...document.querySelectorAll('.tile')].map(each => each.offsetWidth * each.offsetHeight)"
    )
    assert tiles(shown) == ["python", "install", "share", "lib", "etc"]
    whole = shown.evaluate("document.getElementById('map').clientWidth")
    whole *= shown.evaluate("document.getElementById('map').clientHeight")
    total = sum(each.size for each in pages.small())
    python = sum(each.size for each in pages.small() if each.path.startswith("python/"))
    assert areas[0] / whole == pytest.approx(python / total, abs=0.01)
    assert sum(areas) / whole == pytest.approx(1, abs=0.02)


def test_a_click_looks_into_a_directory_and_the_trail_leads_back(shown: Browser) -> None:
    shown.click(".face")
    assert tiles(shown) == ["numpy", "pillow", "aiohttp"]
    assert texts(shown, "#crumbs li") == ["greenhouse", "python"]
    assert texts(shown, "#said") == ["python: 14.6M, 6 files"]
    shown.click("#crumbs button")
    assert tiles(shown)[0] == "python"


def test_the_keyboard_goes_everywhere(shown: Browser) -> None:
    shown.evaluate("document.querySelector('.face').focus()")
    shown.press("ArrowRight")
    assert focused(shown) == "install"
    shown.press("ArrowDown")
    assert focused(shown) == "share"
    shown.press("End", "ArrowUp", "Home", "Enter", "Enter")
    assert texts(shown, "#crumbs li") == ["greenhouse", "python", "numpy"]
    assert focused(shown) == "core"
    shown.press("Escape")
    assert focused(shown) == "numpy"
    shown.press("Escape", "Escape")  # the second has nowhere to go
    assert focused(shown) == "python"
    assert shown.evaluate("document.querySelectorAll('.face[tabindex=\"0\"]').length") == 1


def test_tab_comes_to_all_that_can_be_used_and_shows_where_it_is(shown: Browser) -> None:
    seen = []
    for _ in range(40):
        shown.press("Tab")
        seen.append(shown.evaluate("document.activeElement.id || document.activeElement.innerText"))
        outline = shown.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or seen[-1] == "main", seen[-1]
        if seen[-1] == "order":
            break
    assert seen[0] == "Skip to the report"
    assert {"Room", "Changes", "The same as a table", "query", "kind", "order"} <= {*seen}


def test_packages_of_python_have_a_map_of_their_own(shown: Browser) -> None:
    shown.click("input[value=dependency]")
    assert tiles(shown) == [
        "numpy 2.3.1", "pillow 11.3.0", "aiohttp 3.12.15", "the project itself"
    ]  # fmt: skip
    shown.click(".face")
    assert tiles(shown) == ["core", "linalg", "__init__.py"]


def test_a_file_leads_to_its_line_in_the_list(shown: Browser) -> None:
    shown.evaluate("document.querySelectorAll('.face')[1].focus()")
    shown.press("Enter")
    assert focused(shown) == "query"
    assert texts(shown, "#list tr") == ["install\t555.7K\t0644 root:root\t"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("vents", ["lib/greenhouse/vents.py"]),
        ("VENTS lib", ["lib/greenhouse/vents.py"]),
        ("*.ini", ["etc/greenhouse.ini configuration"]),
        ("python/*/*.py", ["python/numpy/__init__.py", "python/aiohttp/web.py"]),
        ("pillow 11", ["python/pillow/_imaging.so"]),
        ("yaml:14 .csv", ["share/plants.csv changed"]),
        ("bin/g", ["bin/greenhouse → ../lib/greenhouse/server.py"]),
        ("nothing(", []),
    ],
)
def test_the_list_is_searched_as_one_types(shown: Browser, typed: str, found: list[str]) -> None:
    shown.evaluate("document.getElementById('query').focus()")
    shown.type(typed)
    rows = [" ".join(each.split()) for each in texts(shown, "#list th")]
    assert rows == found
    assert texts(shown, "#found")[0].startswith(f"{len(found)} of 33 paths")


def test_names_of_files_are_text_and_nothing_else(shown: Browser) -> None:
    shown.evaluate("document.getElementById('query').focus()")
    shown.type("lib/")
    listed = texts(shown, "#list th .path")
    assert {HOSTILE, COMMENT} <= {*listed}
    assert "lib/'\\u202eevil & ünïcode.txt'" in listed
    shown.evaluate("document.querySelectorAll('.face')[3].click()")
    assert tiles(shown) == ["greenhouse", "<", "<!--<script>", "'\\u202eevil & ünïcode.txt'"]
    assert shown.evaluate("document.images.length + document.scripts.length") == 2
    assert shown.evaluate("document.title") == "greenhouse 1.4.2 for raspberry-pi"
    assert FAULT in texts(shown, "#faults li")


@pytest.mark.parametrize(
    "attack",
    [
        "fetch('URL').catch(() => 0)",
        "document.body.append(Object.assign(new Image(), {src: 'URL'}))",
        "document.body.append(Object.assign(document.createElement('iframe'), {src: 'URL'}))",
        "document.body.setAttribute('style', 'background: url(URL)')",
    ],
)
def test_nothing_is_asked_for_even_if_something_got_in(
    chromium: Browser, folder: Path, attack: str
) -> None:
    page_itself = folder / "small.html"
    opened(chromium, page_itself)
    tried = attack.replace("URL", "http://127.0.0.1:9/x")
    chromium.evaluate(f"Promise.resolve({tried}).then(() => new Promise(requestAnimationFrame))")

    def is_refused() -> bool:
        chromium.evaluate("0")  # takes in what the browser has told meanwhile
        told = any("Content Security Policy" in each for each in chromium.complaints)
        return told and [*chromium.requests.values()] == [page_itself.as_uri()]

    wait_until(is_refused)


def test_no_text_becomes_html_even_if_somebody_tries(shown: Browser) -> None:
    tried = "try { document.body.innerHTML = '<p>'; 'done' } catch (error) { error.name }"
    assert shown.evaluate(tried) == "TypeError"
    shown.complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_a_light_and_a_dark_look(shown: Browser, scheme: str) -> None:
    shown.prefer(prefers_color_scheme=scheme)
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(247, 247, 245)", "dark": "rgb(19, 22, 25)"}[scheme]


@pytest.mark.parametrize(("motion", "names"), [("reduce", "none"), ("no-preference", "enter")])
def test_nothing_moves_for_who_does_not_want_it(shown: Browser, motion: str, names: str) -> None:
    shown.prefer(prefers_reduced_motion=motion)
    shown.click(".face")
    style = "getComputedStyle(document.querySelector('.tile')).animationName"
    assert shown.evaluate(style) == names


@pytest.mark.parametrize("width", [320, 760, 1280])
def test_no_window_is_too_narrow(shown: Browser, width: int) -> None:
    shown.resize(width, 900)
    wide = "document.documentElement.scrollWidth"
    assert shown.evaluate(wide) <= width
    assert shown.evaluate("document.getElementById('map').clientWidth") > width / 2
    least = "Math.min(...[...document.querySelectorAll('SELECTOR')].map(each =>"
    for selector, side, pixels in (("#list th", "width", 150), (".plot text", "height", 9)):
        found = least.replace("SELECTOR", selector)
        assert shown.evaluate(f"{found} each.getBoundingClientRect().{side}))") >= pixels


def test_36487_files_are_a_small_page_that_opens_at_once(chromium: Browser, folder: Path) -> None:
    path = folder / "large.html"
    assert path.stat().st_size < LARGE
    before = chromium.cost()
    opened(chromium, path)
    assert texts(chromium, "#found")[0].startswith("36,487 of 46,348 paths")
    chromium.evaluate("document.getElementById('query').focus()")
    chromium.type("module_7")
    chromium.click("#more")
    assert chromium.evaluate("document.querySelectorAll('#list tr').length") == 200
    chromium.click("input[value=dependency]")
    assert len(tiles(chromium)) == 4
    assert chromium.cost() - before < 2  # seconds of the processor, for all of this
    quiet(chromium, path)


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, which judges by the rules of WCAG."""
    root = tmp_path_factory.mktemp("axe")
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", root, AXE],
        check=True,
        timeout=300,
    )
    return (root / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.sweep  # with npm's registry
@pytest.mark.needs("npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["small", "large"])
def test_axe_finds_no_barrier(
    chromium: Browser, folder: Path, axe: str, name: str, scheme: str
) -> None:
    chromium.resize(1280, 900)
    chromium.prefer(prefers_color_scheme=scheme)
    opened(chromium, folder / f"{name}.html")
    chromium.evaluate(f"{axe}; document.querySelectorAll('details').forEach(it => it.open = true)")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = chromium.evaluate(
        f"axe.run({{runOnly: {rules}}}).then(all => all.violations.map(each =>"
        " [each.id, each.nodes.slice(0, 3).map(node => node.html + node.failureSummary)]))"
    )
    assert found == []
