"""Whatever the bytes, specs are read and laid out, or refused with a report, and nothing else."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs, PythonSpec
from provisioning.spec.resolve.project import read_project
from provisioning.spec.yaml.node import Origin
from tests.spec.fuzz.mutation import CORPUS, GOLDEN, ROOT, mutated, seeds, words
from tests.spec.fuzz.project import Files, judge, planted, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHOLE = unpack(ROOT.joinpath("tests/spec/fuzz/corpus/whole.txt").read_bytes())
"""A project without a fault that uses all of the language, and each kind of file."""
RUNS = 12_000  # some two minutes on one core
# Where a wheel of atheris exists, the sweep must run; pyproject.toml says the same.
HAS_ATHERIS = (sys.platform, platform.machine()) == ("linux", "x86_64") and (
    (3, 11) <= sys.version_info < (3, 14)
)

# A secret in each kind of place, what may use it, and what breaks the file.
MARK = "s3cr3t"
VARIABLE = "PROVISIONING_TEST_SECRET"
IN_ENVIRONMENT = f"secrets: {{token: '{{{{ env.{VARIABLE} }}}}'}}"
SECRETS = (
    "", f'token.env token="{MARK}"', f"token.yaml token: {MARK}", f"token.yml token: {{a: {MARK}}}",
    f'token.json {{"token": "{MARK}"}}', f'token.toml token = "{MARK}"',
    f"token.ini [token]\na = {MARK}",
)  # fmt: skip
USES = (
    "summary: 'T'", "version: 'T'", "prefix: '/T'", "defaults: {owner: 'T'}", "license: '{T}'",
    "variables: {v: 'T'}\nlicense: '{{ v }}'", "variables: {token: [a]}", "formats: ['T']",
    "contents: [{dir: 'T'}]", "contents: [{src: 'T', dst: a}]", "contents: [{dir: a, mode: 'T'}]",
    "contents: [{template: a, dst: 'T'}]", "contents: [{link: 'T', dst: a}]",
    "contents: [{include: 'T'}]", "contents: [{dir: a}, {remove: 'T'}]",
    "contents: [{dir: a, only: 'T'}]", "contents: [{src: src, dst: a, exclude: ['T']}]",
    "services: {a: {exec: 'T'}}", "services: {a: {exec: a, environment: {A: 'T'}}}",
    "services: {a: {exec: a, restart: 'T'}}", "hooks: {pre_install: 'T'}", "service_manager: 'T'",
    "secrets: {v: 'a T'}\nlicense: '{{ v }}'", "variables_from: ['T.yaml']", "token: 'T'",
)  # fmt: skip
GARBAGE = ("\n- a", '"', "\n[", "}", ": x", "\x00", "\ntoken: 1", "\ntoken = 1", "\n[token]")
HEAD = 'name: app\nversion: "1.0"\nplatforms: {linux: {}}\n'

often = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
files = st.sampled_from(sorted(WHOLE))
randoms = st.integers(0, 2**32).map(Random)
keys = st.one_of(st.sampled_from(words()), st.text(max_size=8))
values = st.recursive(
    st.one_of(keys, st.none(), st.booleans(), st.integers(), st.floats(), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)
maps = st.dictionaries(keys, values, max_size=6)


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, MARK)
        yield


def test_the_whole_project_has_no_fault() -> None:
    with planted(WHOLE) as root:
        reading = read_project(Inputs(root))
        assert not reading.diagnostics, str(SpecError(reading.diagnostics, root))
    assert [variant.platform for variant in reading.variants] == ["mac-mini", "own", "raspberry-pi"]


@pytest.mark.parametrize("path", [*CORPUS, *GOLDEN], ids=lambda path: path.stem)
def test_each_input_of_the_corpus_is_judged_soon(path: Path) -> None:
    start = time.process_time()
    judge(unpack(path.read_bytes()))
    assert time.process_time() - start < 10  # far above a second: coverage, a busy machine


@often
@given(files, st.binary())
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    judge({**WHOLE, name: data})


@often
@given(files, st.text())
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    judge({**WHOLE, name: text.encode()})


@settings(often, max_examples=300)
@given(st.sampled_from(seeds()), randoms)
def test_any_mistake_in_a_project_is_read_or_refused(project: Files, random: Random) -> None:
    judge(mutated(project, random))


@often
@given(files, maps)
def test_any_data_in_a_file_is_read_or_refused(name: str, data: dict[str, Any]) -> None:
    judge({**WHOLE, name: _dumped(name, data)})


@often
@given(maps, st.booleans())
def test_any_data_below_the_keys_of_a_spec_is_read_or_refused(
    data: dict[str, Any], contents: bool
) -> None:
    spec = {"name": "app", "version": "1", "platforms": {"linux": {}}, **data}
    if contents:
        spec["contents"] = [data]
    judge({**WHOLE, "specs/app.yaml": _dumped("specs/app.yaml", spec)})


@often
@given(st.dictionaries(keys, st.one_of(values, st.binary(), st.just({1: 2})), max_size=6))
def test_any_data_of_python_is_read_or_refused(data: dict[str, Any]) -> None:
    origin = Origin(file="dodo.py", line=1, column=1)
    spec = {"name": "app", "version": "1", "platforms": {"linux": {}}, **data}
    reading = read_project(
        Inputs(ROOT / "tests", python_specs=[PythonSpec(values=spec, origin=origin)])
    )
    assert reading.variants or reading.diagnostics
    str(SpecError(reading.diagnostics, ROOT))


@often
@given(st.sampled_from(SECRETS), st.sampled_from(USES), st.sampled_from(["", *GARBAGE]), randoms)
def test_no_mistake_shows_a_secret(secret: str, use: str, garbage: str, random: Random) -> None:
    name, _, body = secret.partition(" ")
    where = f"secrets_from: [{name}]" if name else IN_ENVIRONMENT
    used = random.choice(["{{ token }}", "{{ token.a }}", "{{ tokn }}", "x{{ token }}"])
    spec = f"{HEAD}{where}\n{use.replace('T', used)}\n".encode()
    project = mutated({"specs/app.yaml": spec}, random)
    lines = project["specs/app.yaml"].split(b"\n")
    # A line that names the file or the variable elsewhere may show what it holds.
    assume([line for line in lines if (name or VARIABLE).encode() in line] == [where.encode()])
    with planted({**project, name or "unused": f"{body}{garbage}\n".encode()}) as root:
        reading = read_project(Inputs(root))
        assert MARK not in str(SpecError(reading.diagnostics, root))
    for variant in reading.variants:
        assert MARK not in repr(variant._replace(variables={}))


@pytest.mark.sweep
@pytest.mark.skipif(not HAS_ATHERIS, reason="atheris has no wheel for this machine")
def test_fuzzing_with_coverage_as_the_guide_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.spec.fuzz", f"-runs={RUNS}", "-seed=1"]
    done = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    found = [path.read_bytes() for path in tmp_path.iterdir()]
    assert (done.returncode, found) == (0, []), said[-8_000:]
    assert f"Done {RUNS} in" in said


def _dumped(name: str, data: dict[str, Any]) -> bytes:
    """`data` as the file `name` spells it, where it can; as YAML otherwise."""
    if name.endswith(".json"):
        return json.dumps(data, default=str).encode()
    if name.endswith((".env", ".ini", "given")):
        lines = "".join(f"{key}={value}\n" for key, value in data.items())
        return f"{'[a]' if name.endswith('.ini') else ''}\n{lines}".encode()
    return yaml.safe_dump(data, allow_unicode=True).encode()
