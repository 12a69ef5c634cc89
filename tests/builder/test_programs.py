"""What services are started by is in the package, or a fault at the line that names it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from provisioning.artifact.model import package
from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import CHECKS, Health, Service
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render.render import render_all
from provisioning.builder.workspace.paths import package_of
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.model.variant import ServiceSpec
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from tests.builder.conftest import HERE, content, variant, write
from tests.layouts import lay_out
from tests.spec.conftest import HEAD

CONTENTS = [
    content("src", "run.sh", "bin/run"),
    content("src", "run.sh", "bin/plain", mode=0o644, number=1),
    content("link", "run", "bin/link", number=2),
    content("link", "bin", "sbin", number=3),
    content("link", "round", "round", number=4, optional=True),
    content("src", "data", "share/data", number=5),
]


@pytest.fixture(autouse=True)
def files(project: object) -> None:
    write("run.sh", "#!/bin/sh\n", 0o755)
    write("data")


def service(**said: Any) -> ServiceSpec:
    usual = Service("app", "bin/run", "always", "", "", (), "", None)
    return ServiceSpec(usual._replace(**said), HERE, {})


def faults(**said: Any) -> list[str]:
    """What is told of a package with such a service: messages and advice."""
    try:
        lay_out([variant(*CONTENTS, services=(service(**said),))], Sources("artifacts"))
    except SpecError as error:
        return [f"{fault.message}; {fault.hint} [{fault.code}]" for fault in error.diagnostics]
    return []


@pytest.mark.parametrize("path", ["bin/run", "bin/link", "sbin/link", "'bin/run' x"])
def test_a_program_of_the_package_can_be_run_through_links_too(path: str) -> None:
    assert faults(exec=path) == []
    assert faults(health=Health("command", path, 30)) == []


def test_a_directory_of_state_is_empty_in_the_package() -> None:
    state = content("dir", "", "var/state", number=6)
    seed = content("src", "data", "var/state/seed", number=7)
    spec = service(exec="bin/run")._replace(state_directory="var/state")
    lay_out([variant(*CONTENTS, state, services=(spec,))], Sources("artifacts"))
    with pytest.raises(SpecError) as raised:
        lay_out([variant(*CONTENTS, state, seed, services=(spec,))], Sources("artifacts"))
    (fault,) = raised.value.diagnostics
    assert (fault.code, fault.message) == (
        "filled-state",
        "the package puts var/state/seed there, so it would be part of each release",
    )


SCRIPT = "to run a program of the system, add a script that runs it to the package"
MODE = 'executable, or write mode: "0755" where contents name it'


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("bin/rum", "the package has no bin/rum; did you mean bin/run?"),
        ("python3", f"the package has no python3; {SCRIPT}"),
        ("round", "round is a link to nothing in the package; "),
        ("bin", "bin is a directory; "),
        ("bin/plain", f"bin/plain is not executable; make run.sh {MODE}"),
        ("share/data", f"share/data is not executable; make data {MODE}"),
    ],
)
def test_what_cannot_be_run_is_told(path: str, told: str) -> None:
    assert faults(exec=path) == [f"{told} [no-program]"]
    assert faults(health=Health("command", path, 30)) == [f"{told} [no-program]"]


@pytest.mark.parametrize(
    ("begins", "told"),
    [
        (b"", "is empty"),
        (b"exit 0\n", "does not name its interpreter"),
        (b"#!bin/sh\n", "does not name its interpreter by"),
        (b"#!/usr/bin/env sh -e\n", "passes several words"),
        (b"#!/bin/sh\r\n", "has a Windows line end"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "begins with a byte order mark"),
    ],
)
def test_a_program_that_nothing_would_run_is_told(begins: bytes, told: str) -> None:
    Path("run.sh").write_bytes(begins)
    for said in ({"exec": "bin/link"}, {"health": Health("command", "sbin/link a", 30)}):
        name = str(said.get("exec", "sbin/link"))
        assert faults(**said)[-1].startswith(f"{name} (run.sh) {told}")
    Path("run.sh").write_bytes(b"\x7fELF\0")
    assert faults() == []


@pytest.mark.parametrize(
    "command", [{"exec": "bin/made"}, {"health": Health("command", "bin/made", 9)}]
)
def test_a_program_that_is_made_of_a_template_is_looked_at_once_it_is_made(
    command: dict[str, Any],
) -> None:
    write("made.j2", "{{ line }}\nexit 0\n", 0o755)
    made = variant(
        *CONTENTS,
        content("template", "made.j2", "bin/made", number=6),
        services=(service(**command),),
    )
    lay_out([made], Sources("artifacts"))
    with pytest.raises(SpecError) as caught:
        render_all(made._replace(variables={"line": "exit 1"}), {"bin/made": "made.j2"})
    (fault,) = caught.value.diagnostics
    assert fault.code == "not-runnable"
    assert fault.message.startswith("bin/made ")
    render_all(made._replace(variables={"line": "#!/bin/sh"}), {"bin/made": "made.j2"})


def test_a_service_starts_in_a_directory_of_the_package() -> None:
    assert faults(directory="share") == faults(directory="sbin") == []
    none = "the package has no directory"
    assert faults(directory="shar") == [f"{none} shar; did you mean share? [no-program]"]
    assert faults(directory="bin/run") == [f"{none} bin/run;  [no-program]"]


def test_the_fault_is_at_the_line_that_names_the_program() -> None:
    spec = "services:\n  app:\n    exec: bin/ap\ncontents: [{src: run.sh, dst: bin/app}]\n"
    write("specs/app.yaml", HEAD + spec)
    reading = read_project(Inputs(Path()))
    with pytest.raises(SpecError) as caught:
        lay_out(reading.variants, Sources("artifacts"), reading.diagnostics)
    assert (
        str(caught.value)
        == """\
specs/app.yaml:6:11: services.app.exec: the package has no bin/ap [no-program]
    6 |     exec: bin/ap
      |           ^^^^^^
  help: did you mean bin/app?"""
    )


def test_the_machine_s_own_values_are_in_no_package() -> None:
    asks = variant(content("src", "data", "etc/device.env"), device=(Value("A", "", False, ""),))
    with pytest.raises(SpecError) as caught:
        lay_out([asks], Sources("artifacts"))
    assert [fault.message for fault in caught.value.diagnostics] == [
        "data: as a path in the package, this is where the machine keeps its own values"
    ]
    lay_out([asks._replace(device=())], Sources("artifacts"))


ODD = st.sampled_from(
    [
        "", "a", "bin/x", "/x", "../x", "./a", "a/", "a b", "'a b' c", "'", '"a', "\\", "a\tb",
        "a\nb", "$X", "%n", "[a", "{a}", "*", "é", "80", "0", "65536", "x:80", "[::1]:80", "http://a/b",
        "http://a b", "https://a:99999/", "root", "1000", "9999999", "x" * 40, "A", "A-B", "1A",
        "3600", "3601", "9" * 30, "[a-z]+", "a++", "(?>a)", "always", "\x85", "\ud800",
    ]
)  # fmt: skip


def odd(*good: str) -> st.SearchStrategy[str]:
    """Texts, of which most are good ones."""
    return st.sampled_from(good) | st.sampled_from(good) | ODD | st.text(max_size=4)


HEALTH = st.one_of(
    st.fixed_dictionaries({check: odd(good)}, optional={"within": odd("40") | st.integers()})
    for check, good in zip(CHECKS, ("http://a:1/b", "a:1", "bin/a b", "9"), strict=True)
)
SERVICES = st.fixed_dictionaries(
    {"exec": odd("bin/a", "bin/a 'b $c'")},
    optional={
        "user": odd("root", "a"),
        "group": odd("a"),
        "directory": odd("lib", "a b"),
        "environment": st.dictionaries(odd("A", "B"), odd("a"), max_size=2),
        "health": HEALTH,
    },
)
HOOKS = {"pre_install": st.fixed_dictionaries({"run": odd("a.sh"), "timeout": odd("9")})}
VALUES = st.fixed_dictionaries({}, optional={"pattern": odd("[a-z]+"), "summary": odd("Of a")})
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "services": st.dictionaries(odd("app", "a+b"), SERVICES, max_size=1),
        "hooks": st.fixed_dictionaries({}, optional=HOOKS),
        "device": st.dictionaries(odd("A"), VALUES, max_size=1),
        "prefix": odd("a", "a b").map(lambda text: f"/opt/{text}"),
        "summary": odd("a"),
    },
)


@given(SPECS)
def test_what_a_spec_may_say_a_package_may(said: dict[str, Any]) -> None:
    head = {"name": "app", "version": "1", "platforms": {"raspberry-pi": {}}}
    with TemporaryDirectory() as root:
        (Path(root) / "specs").mkdir()
        (Path(root) / "specs" / "app.yaml").write_text(json.dumps({**head, **said}))
        reading = read_project(Inputs(Path(root)))
    event("sound" if reading.variants else "faulty")
    for each in reading.variants:
        made = package_of(each)
        assert package.parse(package.plain(made)) == made
