from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.spec.diagnostics import Diagnostics
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.platforms import Platforms
from provisioning.spec.yaml.node import Origin, plain
from tests.spec.conftest import report, write

HERE = Origin(file="a.yaml", line=1, column=1)


def platform(root: Path, name: str, **files: str) -> dict[str, object]:
    write(root, {f"platforms/{file}.yaml": text for file, text in files.items()})
    faults = Diagnostics()
    found = Platforms(Inputs(root), "platforms", faults).find(name, HERE)
    assert found is not None
    assert not faults
    data = plain(found.node)
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize(
    ("name", "os", "arch", "group"),
    [
        ("linux", "linux", "all", "root"),
        ("macos", "macos", "all", "wheel"),
        ("raspberry-pi", "linux", "arm64", "root"),
        ("raspberry-pi-32", "linux", "armhf", "root"),
        ("mac-mini", "macos", "arm64", "wheel"),
    ],
)
def test_a_platform_is_built_in(tmp_path: Path, name: str, os: str, arch: str, group: str) -> None:
    found = platform(tmp_path, name)
    assert (found["platform"], found["os"], found["arch"]) == (name, os, arch)
    modes = {"file_mode": "0644", "dir_mode": "0755"}
    assert found["defaults"] == {"owner": "root", "group": group, **modes}
    assert found["formats"] == ["tar.gz", "deb"][: 1 + name.startswith("raspberry")]


def test_every_built_in_file_opens_with_a_comment() -> None:
    import provisioning  # noqa: PLC0415 - for its place alone

    files = sorted((Path(provisioning.__path__[0]) / "platforms").glob("*.yaml"))
    assert len(files) == 9
    assert all(file.read_text().startswith("# ") for file in files)


def test_a_new_platform_is_a_few_lines(tmp_path: Path) -> None:
    kiosk = "platform: kiosk\nextends: raspberry-pi\nvariables: {screen: true}\n"
    found = platform(tmp_path, "kiosk", kiosk=kiosk)
    assert (found["arch"], found["prefix"]) == ("arm64", "/opt/{{ name }}")
    assert found["variables"] == {"screen": True}


def test_the_nearest_ancestor_wins(tmp_path: Path) -> None:
    a = "platform: a\nextends: linux\narch: arm64\nvariables: {x: {p: 1, q: 1}}\n"
    b = "platform: b\nextends: a\narch: riscv64\nvariables: {x: {q: 2}}\n"
    found = platform(tmp_path, "b", a=a, b=b)
    assert (found["arch"], found["variables"]) == ("riscv64", {"x": {"p": 1, "q": 2}})


def test_a_projects_platform_replaces_the_built_in_one(tmp_path: Path) -> None:
    linux = "platform: linux\nos: linux\narch: armhf\n"
    assert platform(tmp_path, "linux", linux=linux) == {
        "platform": "linux",
        "os": "linux",
        "arch": "armhf",
    }


def test_what_extends_a_replaced_platform_follows(tmp_path: Path) -> None:
    linux = "platform: linux\nos: linux\nprefix: /srv\n"
    assert platform(tmp_path, "raspberry-pi", linux=linux)["prefix"] == "/srv"


def test_a_platform_with_faults_is_not_unknown_as_well(tmp_path: Path) -> None:
    spec = 'name: app\nversion: "1"\nplatforms: {kiosk: {}, b: {}}\n'
    files = {
        "specs/app.yaml": spec,
        "specs/platforms/kiosk.yaml": "- kiosk\n",
        "specs/platforms/b.yaml": "platform: b\nextends: kiosk\n",
    }
    fault, *rest = report(tmp_path, files).splitlines()
    assert fault.startswith("specs/platforms/kiosk.yaml:1:1: ")
    assert fault.endswith("[not-a-map]")
    assert rest == [
        "    1 | - kiosk",
        "      | ^^^^^^^",
        "  help: write key: value, without a dash",
    ]


def test_a_platforms_place_that_is_no_directory_is_told(tmp_path: Path) -> None:
    faults = Diagnostics()
    (tmp_path / "platforms").touch()
    Platforms(Inputs(tmp_path), "platforms", faults)
    assert [(str(each.origin), each.message) for each in faults] == [
        ("platforms", "Not a directory")
    ]


def test_what_was_refused_in_a_platform_is_not_missing_as_well(tmp_path: Path) -> None:
    spec = 'name: app\nversion: "1"\nplatforms: {pi: {}}\n'
    files = {"specs/app.yaml": spec, "specs/platforms/pi.yaml": "platform: pi\nos: 1\narch: 64\n"}
    text = report(tmp_path, files)
    assert text.count("[unquoted-text]") == 2
    assert "incomplete-platform" not in text
