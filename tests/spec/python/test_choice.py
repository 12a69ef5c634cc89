"""What a lock holds for a target, whatever machine asks."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import pytest

from provisioning.spec.model.variant import OperatingSystem
from provisioning.spec.python.target import Target
from tests.spec.conftest import load_variants, report, write
from tests.wheels import HEAD, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.model.variant import Environment

BOOKWORM = "raspberry-pi-bookworm"
PLATFORMS = (BOOKWORM, "raspberry-pi-trixie", "raspberry-pi-32-bookworm", "pc", "mac")
SPEC = """\
name: app
version: "1.0"
platforms: {%s}
contents: [{python: %s, dst: lib/%s}]
"""
PC = """\
platform: pc
extends: linux
arch: amd64
system: {release: bookworm}
"""
MAC = "platform: mac\nextends: macos\narch: arm64\nsystem: {release: '14.0', python: '3.13'}\n"
TAGS = (
    "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64",
    "cp311-cp311-manylinux_2_28_aarch64",
    "cp311-cp311-manylinux_2_39_aarch64",
    "cp311-cp311-musllinux_1_2_aarch64",
    "cp313-cp313-manylinux_2_28_aarch64",
    "cp313-cp313-manylinux_2_41_aarch64",
    "cp313-cp313t-manylinux_2_41_aarch64",
    "cp311-cp311-linux_armv7l",
    "cp311-cp311-linux_armv6l",
    "cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64",
    "cp311-cp311-win_amd64",
    "cp39-abi3-macosx_11_0_arm64",
    "cp313-cp313-macosx_99_0_arm64",
    "cp313-cp313-macosx_10_13_x86_64",
)
SUM = "a" * 64


def package(name: str = "pkg", tags: tuple[str, ...] = ("py3-none-any",), more: str = "") -> str:
    files = "".join(
        f'  {{url = "https://e.org/{name}-1.0-{tag}.whl", hashes = {{sha256 = "{SUM}"}}}},\n'
        for tag in tags
    )
    text = f'[[packages]]\nname = "{name}"\nversion = "1.0"\n{more}\n'
    return f"{text}wheels = [\n{files}]\n" if tags else text


def files(
    *platforms: str, lock: str = "", file: str = "pylock.toml", more: str = "", **others: str
) -> dict[str, str]:
    named = ", ".join(f"{each}: {{}}" for each in platforms)
    spec = SPEC % (named, file, f", {more}" if more else "")
    return {
        "specs/app.yaml": spec,
        "specs/platforms/pc.yaml": PC,
        "specs/platforms/mac.yaml": MAC,
        file: lock,
        **others,
    }


def chosen(root: Path, *platforms: str, **given: str) -> dict[str, Environment]:
    write(root, files(*platforms, **given))
    found = {}
    for variant in load_variants(root):
        (content,) = variant.environments
        assert content.environment
        found[variant.platform] = content.environment
    return found


def names(root: Path, *platforms: str, **given: str) -> list[str]:
    (environment,) = chosen(root, *(platforms or (BOOKWORM,)), **given).values()
    return [each.name for each in environment.wheels]


EXPECTED = {
    BOOKWORM: "cp311-cp311-manylinux_2_28_aarch64",
    "raspberry-pi-trixie": "cp313-cp313-manylinux_2_41_aarch64",
    "raspberry-pi-32-bookworm": "cp311-cp311-linux_armv7l",
    "pc": "cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64",
    "mac": "cp39-abi3-macosx_11_0_arm64",
}


def test_the_best_wheel_for_each_target(tmp_path: Path) -> None:
    found = chosen(tmp_path, *PLATFORMS, lock=HEAD + package(tags=TAGS))
    tags = {name: each.wheels[0].file[len("pkg-1.0-") : -4] for name, each in found.items()}
    assert tags == EXPECTED


def test_the_machine_that_builds_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = "marker = \"platform_machine == 'aarch64' and python_full_version < '3.12'\""
    lock = HEAD + package(tags=TAGS) + package("more", more=marker)
    before = chosen(tmp_path / "a", *PLATFORMS, lock=lock)
    for name, said in (
        ("machine", "riscv64"),
        ("system", "Darwin"),
        ("release", "9"),
        ("version", "x"),
    ):
        monkeypatch.setattr(platform, name, lambda said=said: said)
    monkeypatch.setattr(platform, "libc_ver", lambda *_: ("glibc", "2.5"))
    monkeypatch.setattr(platform, "mac_ver", lambda: ("10.9", ("", "", ""), "x86_64"))
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.5", raising=False)
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert chosen(tmp_path / "b", *PLATFORMS, lock=lock) == before


@pytest.mark.parametrize(
    ("marker", "wanted"),
    [
        ("platform_machine == 'aarch64'", {BOOKWORM}),
        ("platform_machine == 'arm64'", {"mac"}),
        ("sys_platform == 'darwin'", {"mac"}),
        ("platform_system == 'Linux'", {BOOKWORM}),
        ("python_version < '3.12'", {BOOKWORM}),
        ("os_name == 'nt'", set()),
        ("implementation_name == 'pypy'", set()),
        ("platform_release >= '1'", set()),
        ("python_full_version >= '3.11.2'", {BOOKWORM, "mac"}),
    ],
)
def test_markers(tmp_path: Path, marker: str, wanted: set[str]) -> None:
    lock = HEAD + package(more=f'marker = "{marker}"') + package("always")
    found = chosen(tmp_path, BOOKWORM, "mac", lock=lock)
    assert {name for name, each in found.items() if len(each.wheels) > 1} == wanted
    lines = f"pkg==1.0; {marker} --hash=sha256:{SUM}\nalways==1.0 --hash=sha256:{SUM}\n"
    found = chosen(tmp_path / "r", BOOKWORM, "mac", file="r.txt", lock=lines)
    assert {name for name, each in found.items() if len(each.pinned) > 1} == wanted


CHOICE = 'extras = ["mqtt"]\ndependency-groups = ["dev", "test"]\ndefault-groups = ["test"]\n'


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["test"]),
        ("extras: [mqtt]", ["mqtt", "test"]),
        ("extras: [MQTT], groups: []", ["mqtt"]),
        ("groups: [Dev]", ["dev"]),
        ("groups: [dev, test]", ["dev", "test"]),
    ],
)
def test_extras_and_groups(tmp_path: Path, more: str, expected: list[str]) -> None:
    lock = HEAD + CHOICE
    lock += package("mqtt", more="marker = \"'mqtt' in extras\"")
    lock += package("dev", more="marker = \"'dev' in dependency_groups\"")
    lock += package("test", more="marker = \"'test' in dependency_groups\"")
    assert names(tmp_path, lock=lock, more=more) == expected


@pytest.mark.parametrize("marker", ["python_version < '3'", "os_name == 'nt'"])
def test_a_lock_whose_packages_no_platform_takes_is_a_fault(tmp_path: Path, marker: str) -> None:
    lock = HEAD + package(more=f'marker = "{marker}"')
    told = report(tmp_path, files(BOOKWORM, "mac", lock=lock))
    fault = f"no package of pylock.toml is for mac, {BOOKWORM}, by their markers"
    assert f"specs/app.yaml:4:21: contents[0].python: {fault} [lock-for-another]" in told
    line = f"pkg==1.0; {marker} --hash=sha256:{SUM}\n"
    told = report(tmp_path / "r", files(BOOKWORM, "mac", file="r.txt", lock=line))
    assert f"no package of r.txt is for mac, {BOOKWORM}" in told


def test_a_wheel_of_ones_own(tmp_path: Path) -> None:
    sdist = f'sdist = {{url = "https://e.org/pkg-1.0.tar.gz", hashes = {{sha256 = "{SUM}"}}}}'
    made = wheel("pkg", tag="cp311-cp311-linux_aarch64")
    others = [
        wheel("pkg", tag="cp313-cp313-linux_aarch64"),
        wheel("pkg", "2.0", tag="cp311-cp311-linux_aarch64"),
        wheel("other", tag="py3-none-any"),
    ]
    for each in (made, *others):
        each.put(tmp_path / "wheels")
    locks = (package(tags=(), more=sdist), package(), package(tags=("cp39-cp39-win32",)))
    for lock in locks:
        found = chosen(tmp_path, BOOKWORM, lock=HEAD + lock, more="wheels: wheels/")
        (mine,) = found[BOOKWORM].wheels
        assert (mine.path, mine.digest) == (f"wheels/{made.file}", made.digest)
    line = f"pkg==1.0 --hash=sha256:{SUM}\n"
    environment = chosen(tmp_path, BOOKWORM, file="r.txt", lock=line, more="wheels: wheels/")
    assert [each.digest for each in environment[BOOKWORM].wheels] == [made.digest]
    assert environment[BOOKWORM].pinned == ()


def test_a_path_is_relative_to_its_lock(tmp_path: Path) -> None:
    lock = HEAD + package().replace('url = "https://e.org/', 'path = "../wheels/')
    found = chosen(tmp_path, BOOKWORM, file="locks/pylock.toml", lock=lock)
    assert [each.path for each in found[BOOKWORM].wheels] == ["wheels/pkg-1.0-py3-none-any.whl"]
    for outside in ("../../wheels/", "/wheels/"):
        told = report(
            tmp_path,
            files(BOOKWORM, file="locks/pylock.toml", lock=lock.replace("../wheels/", outside)),
        )
        assert "lies outside of the project" in told


def test_the_project_itself_is_left_out(tmp_path: Path) -> None:
    for path in (".", "./"):
        lock = HEAD + f'[[packages]]\nname = "app"\ndirectory = {{path = "{path}"}}\n' + package()
        assert names(tmp_path, lock=lock) == ["pkg"]


def test_an_archive_that_is_a_wheel(tmp_path: Path) -> None:
    lock = f'[[packages]]\nname = "pkg"\narchive = {{url = "%s", hashes = {{sha256 = "{SUM}"}}}}\n'
    sound = HEAD + lock % "https://e.org/pkg-1.0-py3-none-any.whl"
    (made,) = chosen(tmp_path, BOOKWORM, lock=sound)[BOOKWORM].wheels
    assert (made.version, made.digest) == ("1.0", SUM)
    for file in ("x.whl", "pkg-1.0.tar.gz", ""):
        told = report(tmp_path, files(BOOKWORM, lock=HEAD + lock % f"https://e.org/{file}"))
        assert "no wheel of pkg in pylock.toml runs there" in told


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        (
            f'{HEAD}requires-python = ">=3.12"\npackages = []',
            "pylock.toml is for Python >=3.12, and",
        ),
        (f"{HEAD}environments = [\"os_name == 'nt'\"]\npackages = []", "pylock.toml is not for"),
        (HEAD + package(more='requires-python = "<3.10"'), "pkg 1.0 is for Python <3.10, and"),
        (HEAD + package() * 2, "the lock has two versions of pkg"),
        (HEAD + package().replace("sha256", "sha512"), "pkg 1.0 has no SHA-256"),
        (HEAD + package().replace(SUM, "../.."), "bad-lock"),
        (HEAD + package().replace("-any.whl", ".whl"), "invalid lock"),
        (HEAD + package(more='marker = "nonsense"'), "invalid lock"),
        (HEAD + package(more="marker = \"python_version < 'x'\""), ""),
        (HEAD + package().replace("pkg-1.0-", "other-1.0-"), "invalid lock"),
        (HEAD.replace("1.0", "9.0") + "packages = []", "unknown version of a lock"),
        ("packages = 1\n", ""),
        ("[[package]]\nname = 'x'\n", "uv export"),
        ("lock-version = \n", "invalid TOML"),
        ("", "invalid lock"),
    ],
)
def test_a_lock_that_cannot_be_taken(tmp_path: Path, lock: str, told: str) -> None:
    try:
        text = report(tmp_path, files(BOOKWORM, lock=lock))
    except AssertionError:
        assert not told  # a marker that compares texts is none of our faults
    else:
        assert told in text


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        ("pkg\n", "pkg has no exact version"),
        (f"pkg>=1 --hash=sha256:{SUM}\n", "pkg has no exact version"),
        (f"pkg==1.* --hash=sha256:{SUM}\n", "pkg has no exact version"),
        ("pkg==1\n", "pkg has no hash"),
        ("pkg==1 --hash=md5:12 --hash=sha256:short\n", "pkg has no hash"),
        (f"pkg==1 --hash=sha256:{SUM}\npkg==2 --hash=sha256:{SUM}\n", "pkg is required twice"),
        ("-r other.txt\n", "-r is not read here"),
        ("-e .\n", "-e is not read here"),
        ("--extra-index-url https://e.org\n", "--extra-index-url is not read here"),
        ("./pkg\n", "invalid requirement"),
    ],
)
def test_requirements_that_cannot_be_taken(tmp_path: Path, lock: str, told: str) -> None:
    assert told in report(tmp_path, files(BOOKWORM, file="r.txt", lock=lock))


def test_requirements_as_tools_write_them(tmp_path: Path) -> None:
    lock = f"""# made by a tool
-i https://e.org/simple
--only-binary :all:
Pkg.Name[extra]==1.0 ; python_version >= "3" \\
    --hash=sha256:{SUM} \\
    --hash=sha256:{"b" * 64}
    # via nothing
"""
    environment = chosen(tmp_path, BOOKWORM, file="r.txt", lock=lock)[BOOKWORM]
    assert environment.index_url == "https://e.org/simple"
    (found,) = environment.pinned
    assert (found.name, found.version) == ("pkg-name", "1.0")
    assert found.digests == (SUM, "b" * 64)


@pytest.mark.parametrize("end", ["\\", "\\\n", " \\\n", "\\\n# the end", "\\\n\n"])
def test_a_last_line_that_seems_to_go_on_is_read(tmp_path: Path, end: str) -> None:
    lock = f"first==1.0 --hash=sha256:{SUM}\nlast==1.0 --hash=sha256:{SUM}{end}"
    (found,) = chosen(tmp_path, BOOKWORM, file="r.txt", lock=lock).values()
    assert [each.name for each in found.pinned] == ["first", "last"]


def test_a_32_bit_system_says_what_it_is() -> None:
    target = Target("linux", "armhf", OperatingSystem("bookworm", "2.36", "3.11"))
    assert target.markers["platform_machine"] == "armv7l"
    platforms = {tag.platform for tag in target.tags()}
    assert not [each for each in platforms if "aarch64" in each]


def test_no_glibc_later_than_the_system_s() -> None:
    target = Target("linux", "arm64", OperatingSystem("bookworm", "2.36", "3.11"))
    platforms = {tag.platform for tag in target.tags()}
    assert "manylinux_2_36_aarch64" in platforms
    assert "manylinux_2_37_aarch64" not in platforms
    assert "manylinux_2_16_aarch64" not in platforms
    assert not [each for each in platforms if "musl" in each]


def test_a_second_environment(tmp_path: Path) -> None:
    given = files(BOOKWORM, lock=HEAD + package())
    second = "contents: [{python: pylock.toml, dst: a}, "
    given["specs/app.yaml"] = given["specs/app.yaml"].replace("contents: [", second)
    text = report(tmp_path, given)
    assert text.count("a package has one Python environment, and this is a second one") == 1
    assert "specs/app.yaml:4:52: " in text
