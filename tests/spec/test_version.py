"""What version a package has: as written, from a file, or from pyproject.toml."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.artifact.model.release import is_older
from provisioning.spec.resolve.version import debian_of, version_in
from tests.spec.conftest import load_variants, report, write

if TYPE_CHECKING:
    from pathlib import Path

SPEC = "name: app\nversion: {from: git}\nplatforms: {raspberry-pi: {}}\n"


def version(root: Path) -> str:
    (variant,) = load_variants(root)
    return variant.version


def written(root: Path, text: str, **files: str) -> str:
    spec = f"name: app\nversion: {text}\nplatforms: {{raspberry-pi: {{}}}}\n"
    write(root, {"specs/app.yaml": spec, **files})
    return version(root)


def test_a_version_is_written_as_text(tmp_path: Path) -> None:
    assert written(tmp_path, '"1.10"') == "1.10"


def test_a_version_may_use_variables(tmp_path: Path) -> None:
    assert written(tmp_path, '"{{ v }}.0"\nvariables: {v: 1.2}') == "1.2.0"


def test_a_version_comes_from_a_file(tmp_path: Path) -> None:
    assert written(tmp_path, "{file: VERSION}", VERSION="1.4.2\n") == "1.4.2"


def test_a_version_comes_from_pyproject(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nversion = "2.0"\n'}
    assert written(tmp_path, "{pyproject: pyproject.toml}", **files) == "2.0"


def test_an_empty_version_file_is_a_fault(tmp_path: Path) -> None:
    spec = SPEC.replace("from: git", "file: VERSION")
    text = report(tmp_path, {"specs/app.yaml": spec, "VERSION": "\n"})
    assert text.splitlines()[0] == (
        'specs/app.yaml:2:17: version.file: "" is not a valid version: begin with a digit, then '
        "use "
        "letters, digits and . + ~ _, as in 1.4.2~rc1 [bad-version]"
    )


def test_a_version_that_uses_itself_is_a_fault(tmp_path: Path) -> None:
    text = report(tmp_path, {"specs/app.yaml": SPEC.replace("from: git", 'file: "{{ version }}"')})
    assert "this uses itself" in text


PYTHON = [
    ("1.0.dev3", "1.0~~dev3"),
    ("1.0a1.dev1", "1.0~a1~dev1"),
    ("1.0-Alpha_1", "1.0~a1"),
    ("1.0a1.post2", "1.0~a1+.post2"),
    ("1.0a2", "1.0~a2"),
    ("1.0beta", "1.0~b0"),
    ("1.0c1", "1.0~rc1"),
    ("v1.0.RC2", "1.0~rc2"),
    ("1.0preview10", "1.0~rc10"),
    ("1.0", "1.0"),
    ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
    ("1.0.post1.dev2", "1.0+.post1~dev2"),
    ("1.0.post1", "1.0+.post1"),
    ("1.0.r2+zzz", "1.0+.post2+zzz"),
    ("1.0.1", "1.0.1"),
]
"""Versions of Python's packages in the order of PEP 440, and what they are called."""


@pytest.mark.parametrize(("python", "expected"), PYTHON)
def test_a_version_of_python_is_written_in_debians_order(
    tmp_path: Path, python: str, expected: str
) -> None:
    files = {"pyproject.toml": f'[project]\nversion = "{python}"\n'}
    assert written(tmp_path, "{pyproject: pyproject.toml}", **files) == expected


def test_versions_of_python_are_sorted_on_the_target_as_by_python() -> None:
    made = [debian_of(python) or "" for python, _ in PYTHON]
    for earlier, later in pairwise(made):
        assert is_older(earlier, later)
        subprocess.run(["dpkg", "--compare-versions", earlier, "lt", later], check=True)


PARTS = st.tuples(
    st.sampled_from([("a", 1), ("a", 10), ("b", 2), ("rc", 1), ("", 0)]),
    st.sampled_from([-1, 0, 1, 10]),
    st.sampled_from([0, 1, 10, 99]),
)


def spelled(parts: tuple[tuple[str, int], int, int]) -> str:
    (pre, number), post, dev = parts
    text = f"1.0{pre}{number}" if pre else "1.0"
    text += f".post{post}" if post >= 0 else ""
    return text if dev == 99 else f"{text}.dev{dev}"


def rank(parts: tuple[tuple[str, int], int, int]) -> tuple[object, ...]:
    """The order of PEP 440: what is developed comes before all candidates of its release."""
    (pre, number), post, dev = parts
    stage = (pre or "z", number)
    if not pre and post < 0 and dev != 99:
        stage = ("", 0)
    return stage, post, dev


@settings(max_examples=300, deadline=None)
@given(PARTS, PARTS)
def test_the_order_is_that_of_pep_440(one: object, other: object) -> None:
    versions = [debian_of(spelled(each)) or "" for each in (one, other)]  # type: ignore[arg-type]
    assert is_older(*versions) == (rank(one) < rank(other))  # type: ignore[arg-type]


FILES = [("1.0rc1", "1.0~rc1"), ("1.0~rc1", "1.0~rc1"), ("2024.01.05", "2024.01.05")]


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_version_in_a_file_of_its_own_is_sorted_alike(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert written(tmp_path, "{file: VERSION}", VERSION=text) == expected


SAME = [
    ("1.0rc1", "1.0~rc1"),
    ("1.0-rc1", "1.0~rc1"),
    ("v1.0-rc.1", "1.0~rc1"),
    ("1.0-rc.1+build-5", "1.0~rc1+build.5"),
    ("1.0.0-rc.1.2", "1.0.0~rc1.2"),
    ("1.0-SNAPSHOT", "1.0~SNAPSHOT"),
    ("1.0.0-nightly-7", "1.0.0~nightly.7"),
    ("1.0.post1", "1.0+.post1"),
    ("1.0.1w", "1.0.1w"),
    ("2024.1", "2024.1"),
]
"""Texts, and the version that each is wherever it stands."""
EITHER = [
    ("1.0-1", "1.0", "SemVer", "1.0.post1", "1.0-rc.1"),
    ("v1.0-post2", "1.0", "SemVer", "1.0.post2", "1.0-rc.2"),
    ("1.0-r3", "1.0", "SemVer", "1.0.post3", "1.0-rc.3"),
    ("1.0-1ubuntu2", "1.0", "SemVer", "1.0+1ubuntu2", "1.0-rc.1"),
    ("1.0-5-gabc", "1.0", "SemVer", "1.0+5.gabc", "1.0-rc.5"),
    ("1.0-final", "1.0", "SemVer", "1.0+final", "1.0-rc.1"),
    ("3.3a", "3.3", "PEP 440", "3.3+a", "3.3a0"),
]
"""Texts that are earlier than a release to some and later to others, and what is neither."""
PLACES = [
    ('"{}"', "", ""),
    ("{{file: VERSION}}", "VERSION", "{}\n"),
    ("{{pyproject: pyproject.toml}}", "pyproject.toml", '[project]\nversion = "{}"\n'),
    ("{{from: git, fallback: '{}'}}", "", ""),
]
"""How a spec says a version, the file that is in, and how that says it."""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@pytest.mark.parametrize(("text", "expected"), SAME)
def test_a_text_is_the_same_version_wherever_it_stands(
    tmp_path: Path, text: str, expected: str, place: tuple[str, str, str]
) -> None:
    said, name, holds = place
    files = {name: holds.format(text)} if name else {}
    assert written(tmp_path, said.format(text), **files) == expected
    assert version_in(expected) == expected


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@pytest.mark.parametrize("case", EITHER, ids=lambda case: case[0])
def test_what_comes_before_a_release_to_some_and_after_it_to_others_is_a_fault(
    tmp_path: Path, case: tuple[str, ...], place: tuple[str, ...]
) -> None:
    text, base, who, after, before = case
    said, name, holds = place
    spec = SPEC.replace("{from: git}", said.format(text))
    files = {"specs/app.yaml": spec, **({name: holds.format(text)} if name else {})}
    first, *_, advice = report(tmp_path, files).splitlines()
    assert first.endswith(
        f': "{text}" comes before {base} according to {who}, and after it according to others '
        "[doubtful-version]"
    )
    ways = f"write {after} if it comes after {base}, or write {before} if it comes before"
    assert advice == f"  help: {ways}"
    later, earlier = version_in(after), version_in(before)
    assert isinstance(later, str)
    assert isinstance(earlier, str)
    assert is_older(earlier, base)
    assert is_older(base, later)
    assert is_older(later, f"{base}.1")


SEMVER = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11"
SEMVERS = f"{SEMVER} 1.0.0-rc.1 1.0.0-rc.1.1 1.0.0-rc.2 1.0.0".split()


def test_versions_of_semver_are_sorted_on_the_target_as_by_semver() -> None:
    made = [str(version_in(text)) for text in SEMVERS]
    for earlier, later in pairwise(made):
        assert is_older(earlier, later)


@pytest.mark.parametrize(
    ("text", "why", "instead"),
    [
        ("1!2.0", "has an epoch, which the name of a package cannot contain", "2.0"),
        ("1:2.0", "has an epoch, which the name of a package cannot contain", "2.0"),
        (
            "2026-01-31",
            "has hyphens between its numbers; a version has dots there",
            "2026.01.31",
        ),
    ],
)
def test_what_no_version_has_is_told_with_what_to_write(
    tmp_path: Path, text: str, why: str, instead: str
) -> None:
    spec = SPEC.replace("from: git", "file: VERSION")
    told = report(tmp_path, {"specs/app.yaml": spec, "VERSION": text}).splitlines()
    assert told[0] == f'specs/app.yaml:2:17: version.file: "{text}" {why} [doubtful-version]'
    assert told[-1] == f"  help: write {instead}"


def faults(root: Path, version: str) -> list[str]:
    spec = SPEC.replace("{from: git}", version)
    lines = report(root, {"specs/app.yaml": spec}).splitlines()
    return [line for line in lines if line.startswith("specs/")]


IDLE = "20: version.tags: this is not allowed together with file; remove it [idle-key]"
NO_SOURCE = "10: version: give exactly one of file, pyproject, from [version-source]"
NO_STAR = "must contain one *, in the place of the version, as in greenhouse-v* [bad-tags]"
NO_VERSION = (
    "is not a valid version: begin with a digit, then use letters, digits and . + ~ _, as in "
    "1.4.2~rc1 "
    "[bad-version]"
)
BESIDE = [
    ("{file: V, tags: v*}", IDLE),
    ("{tags: v*}", NO_SOURCE),
    ("{from: git, tags: v}", f'28: version.tags: "v" {NO_STAR}'),
    ("{from: git, tags: 'v[0-9]*'}", f'28: version.tags: "v[0-9]*" {NO_STAR}'),
    ("{from: git, tags: '*v*'}", f'28: version.tags: "*v*" {NO_STAR}'),
    ("{from: git, fallback: x1}", f'32: version.fallback: "x1" {NO_VERSION}'),
]


@pytest.mark.parametrize(("version", "told"), BESIDE)
def test_what_is_said_beside_git_is_checked(tmp_path: Path, version: str, told: str) -> None:
    assert faults(tmp_path, version) == [f"specs/app.yaml:2:{told}"]
