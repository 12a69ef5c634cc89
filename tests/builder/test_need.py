"""Which of what tasks leave is among what a spec names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioning.builder.plan.needs import CERTAIN, POSSIBLE, Wanted, places


def judged(source: str, target: str, *exclude: str) -> str:
    wanted = Wanted(source, exclude)
    return wanted.concerns(places(target), is_file=Path(target).is_file())


@pytest.mark.parametrize("source", ["build/site/", "build/site", "build/site/**/*", "build/site/*"])
@pytest.mark.parametrize(
    "target",
    [
        "build/site",
        "build/site/",
        "./build//x/../site",
        "build",
        "build/site/a",
        "{here}/build/site",
    ],
)
def test_what_lies_at_it_below_it_or_above_it_is(source: str, target: str) -> None:
    Path("build/site").mkdir(parents=True)
    Path("build/site/a").write_text("")
    assert judged(source, target.format(here=Path.cwd())) == CERTAIN


@pytest.mark.parametrize("source", ["build/site/", "build/site", "build/site/*", "x"])
@pytest.mark.parametrize("target", ["build/site2", "build/sit", "buildsite", "../build/site", "/x"])
def test_what_lies_beside_it_is_not(source: str, target: str) -> None:
    assert not judged(source, target)


@pytest.mark.parametrize(
    ("source", "target", "exclude", "how"),
    [
        ("*.md", "read.md", (), CERTAIN),
        ("*.md", "build/out", (), ""),
        ("**/*.js", "made.js", (), CERTAIN),
        ("**/*.js", "there.txt", (), ""),  # it is a file, and no directory of some
        ("**/*.js", "made.txt", (), POSSIBLE),
        ("out/*/*.js", "out/a", (), POSSIBLE),
        ("out/*/*.js", "out/a/b/c.js", (), ""),
        ("./", "artifacts.txt", (), CERTAIN),
        ("./", "log/x", ("log/",), ""),
        ("./", "log", ("log/",), ""),
        ("./", "log/x", ("/log/*", "!/log/x"), CERTAIN),
        ("out/", "out/__pycache__/x", (), ""),
        ("out/", "out/x.pyc", (), ""),
        ("out/", "out/x", ("[",), CERTAIN),  # no pattern, which is told elsewhere
        ("out/[id].js", "out/[id].js", (), CERTAIN),  # which will be what this name means
        ("out/[id].js", "out/[no].js", (), ""),
        ("out/[id]/", "out/[id]/a", (), CERTAIN),
        ("out/[id]/", "out/[id]/a", ("a",), ""),
        ("out/[id]/a", "out/[id]", (), CERTAIN),
    ],
)
def test_of_a_glob_it_is_what_matches_and_what_may_hold_such(
    source: str, target: str, exclude: tuple[str, ...], how: str
) -> None:
    Path("there.txt").write_text("")
    assert judged(source, target, *exclude) == how


def test_links_lead_to_it() -> None:
    Path("real/site").mkdir(parents=True)
    os.symlink("real/site", "site")
    os.symlink("real", "way")
    for source in ("site/", "real/site/", "way/site/"):
        for target in ("site", "real/site", "way/site", "way/site/new"):
            assert judged(source, target) == CERTAIN
