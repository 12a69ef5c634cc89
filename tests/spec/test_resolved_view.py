"""What `provision spec` shows of a variant: all that was written, resolved, and who wrote it."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from provisioning.spec.resolve.data_files import node_of
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from provisioning.spec.resolve.resolved_view import ResolvedView, resolved_view, write
from provisioning.spec.yaml.node import Origin
from tests.repository import commit, git
from tests.spec import conftest
from tests.spec.conftest import HEAD

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.spec.yaml.node import Mapping

PLATFORM = "platform: {}\nos: macos\narch: arm64\nprefix: /opt/x\nformats: [tar.gz]\n"
DEFAULTS = 'defaults: {owner: root, group: wheel, file_mode: "0644", dir_mode: "0755"}\n'


def shown(root: Path, spec: str, given: dict[str, str] | None = None, **files: str) -> ResolvedView:
    """The outline of the package `app` on the Mac."""
    conftest.write(root, {"specs/app.yaml": HEAD + spec, **files})
    reading = read_project(Inputs(root, given))
    assert reading.diagnostics == ()
    mac, _ = map(resolved_view, reading.resolved)
    assert (mac.name, mac.platform) == ("app", "mac-mini")
    return mac


def values(found: ResolvedView) -> Any:
    return found.as_json()["values"]


def origin(found: ResolvedView, path: str) -> str:
    return str(found.as_json()["origins"][path])


def test_everything_stands_in_one_order_each_value_with_its_origin(tmp_path: Path) -> None:
    spec = """\
contents: [{src: a, dst: 'lib/{{ num }}', mode: '0640', exclude: [b], optional: true}]
hooks: {post_install: {run: b.sh, only: mac}, pre_install: {run: c.sh, timeout: 9}}
device: {KEY: , CODE: {pattern: '[{{ num }}-9]', secret: true}}
services:
  z: {exec: bin/z, except: linux}
  a: {exec: 'bin/a {{ num }}', environment: {NUM: '{{ num }}'}, health: {tcp: '{{ num }}'}}
variables: {num: 5, nothing: {}}
license: MIT
service_manager: launchd
summary: An app
"""
    platform = PLATFORM.format("mac") + DEFAULTS
    files = {"specs/app.yaml": HEAD.replace("raspberry-pi: {}, mac-mini", "mac") + spec}
    conftest.write(tmp_path, {**files, "specs/platforms/mac.yaml": platform})
    (resolved,) = read_project(Inputs(tmp_path)).resolved
    assert (
        write(resolved_view(resolved).node)
        == """\
name: app                 # specs/app.yaml:1
version: "1.0"            # specs/app.yaml:2
platform: mac             # specs/platforms/mac.yaml:1
os: macos                 # specs/platforms/mac.yaml:2
arch: arm64               # specs/platforms/mac.yaml:3
prefix: /opt/x            # specs/platforms/mac.yaml:4
service_manager: launchd  # specs/app.yaml:12
summary: An app           # specs/app.yaml:13
license: MIT              # specs/app.yaml:11
formats:
  - tar.gz                # specs/platforms/mac.yaml:5
defaults:
  owner: root             # specs/platforms/mac.yaml:6
  group: wheel            # specs/platforms/mac.yaml:6
  file_mode: "0644"       # specs/platforms/mac.yaml:6
  dir_mode: "0755"        # specs/platforms/mac.yaml:6
variables:
  num: 5                  # specs/app.yaml:10
  nothing: {}             # specs/app.yaml:10
services:
  a:
    exec: bin/a 5         # specs/app.yaml:9
    environment:
      NUM: "5"            # specs/app.yaml:10
    health:
      tcp: "5"            # specs/app.yaml:10
  z:
    exec: bin/z           # specs/app.yaml:8
hooks:
  post_install: b.sh      # specs/app.yaml:5
  pre_install:
    run: c.sh             # specs/app.yaml:5
    timeout: 9            # specs/app.yaml:5
device:
  KEY: {}                 # specs/app.yaml:6
  CODE:
    pattern: "[5-9]"      # specs/app.yaml:6
    secret: true          # specs/app.yaml:6
contents:
  - src: a                # specs/app.yaml:4
    dst: lib/5            # specs/app.yaml:4
    mode: "0640"          # specs/app.yaml:4
    exclude:
      - b                 # specs/app.yaml:4
    optional: true        # specs/app.yaml:4
"""
    )


def test_contents_are_those_that_are_packed(tmp_path: Path) -> None:
    spec = """\
contents:
  - include: shared.yaml
  - remove: a
  - {src: b, dst: b, only: linux}
  - include: shared.yaml
hooks: {pre_remove: {run: x, except: macos}}
services: {s: {exec: x, only: linux}}
"""
    shared = "contents: [{src: a, dst: a}, {src: c, dst: c/, only: [macos]}]\n"
    found = shown(tmp_path, spec, **{"shared.yaml": shared})
    first, second, third = values(found)["contents"]
    assert (first, third) == ({"src": "c", "dst": "c/"}, {"src": "c", "dst": "c/"})
    assert second == {"src": "a", "dst": "a"}
    assert origin(found, "contents[1].src") == "shared.yaml:1:18"
    assert not values(found).keys() & {"hooks", "services"}


def test_a_text_stays_a_text_and_a_variable_what_it_is(tmp_path: Path) -> None:
    spec = "variables: {n: 1.5, m: '{{ n }}'}\ncontents: [{src: '{{ n }}', dst: a}]\n"
    found = values(shown(tmp_path, spec))
    assert found["variables"] == {"n": 1.5, "m": 1.5}
    assert found["contents"][0]["src"] == "1.5"


def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_TEST_PASSWORD", "hunter2")
    spec = """\
secrets_from: [.env]
secrets: {db: {password: "{{ env.PROVISIONING_TEST_PASSWORD }}"}}
variables: {url: "db://me:{{ db.password }}@host", all: "{{ db }}", port: 1}
"""
    found = shown(tmp_path, spec, **{".env": "KEY=hunter2\n"})
    hidden = "(secret)"
    assert values(found)["variables"] == {
        "url": hidden,
        "all": {"password": hidden},
        "port": 1,
        "KEY": hidden,
        "db": {"password": hidden},
    }
    assert "hunter2" not in write(found.node) + json.dumps(found.as_json()) + repr(found)
    assert "\n  KEY: (secret)" in write(found.node)


def test_values_from_outside_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_TEST_PASSWORD", "x")
    spec = """\
variables_from: [a.json]
variables: {port: 1, here: "{{ env.PROVISIONING_TEST_PASSWORD }}", both: "{{ a }}"}
"""
    found = shown(tmp_path, spec, {"port": "2"}, **{"a.json": '{"a": [1, {"b": 2}]}'})
    assert origin(found, "variables.port") == "(command line)"
    assert origin(found, "variables.here") == "(environment)"
    assert origin(found, "variables.a[1].b") == "a.json"
    assert origin(found, "variables.both[0]") == "a.json"
    assert re.search(r"\n  port: 2 +# \(command line\)\n", write(found.node))


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("{file: V}", ("1.2", "V")),
        ("{pyproject: p/pyproject.toml}", ("1.3", "p/pyproject.toml")),
        ("'1.{{ n }}'", ("1.4", "specs/app.yaml:4:10")),
        ("'{{ whole }}'", ("2", "specs/app.yaml:5:28")),
    ],
)
def test_a_version_comes_from_where_it_is(
    tmp_path: Path, version: str, found: tuple[str, str]
) -> None:
    files = {"V": "1.2\n", "p/pyproject.toml": "[project]\nversion = '1.3'\n"}
    spec = f"name: app\n\n\nversion: {version}\nvariables: {{n: '4', whole: '2'}}\n"
    spec += "platforms: {mac-mini: {prefix: '/{{ version }}'}}\n"
    conftest.write(tmp_path, {"specs/app.yaml": spec, **files})
    (resolved,) = read_project(Inputs(tmp_path)).resolved
    shown_ = resolved_view(resolved)
    assert (values(shown_)["version"], origin(shown_, "version")) == found
    assert origin(shown_, "prefix") == "specs/app.yaml:6:32"


def test_a_version_of_git_comes_from_git(tmp_path: Path) -> None:
    spec = "name: app\nversion: {from: git}\nplatforms: {mac-mini: {}}\n"
    conftest.write(tmp_path, {"specs/app.yaml": spec})
    git(tmp_path, "init")
    commit(tmp_path)
    git(tmp_path, "tag", "v1.4.2")
    (resolved,) = read_project(Inputs(tmp_path)).resolved
    assert origin(resolved_view(resolved), "version") == "(git)"


def test_a_variant_at_the_limit_of_values_is_shown_whole(tmp_path: Path) -> None:
    spec = "variables: {a: [" + "1," * 19_000 + "], b: '{{ a }}'}\n"
    found = values(shown(tmp_path, spec))
    assert len(found["variables"]["a"]) == len(found["variables"]["b"]) == 19_000


ODD = [
    "", " ", "yes", "no", "on", "y", "N", "null", "~", "true", "1.10", "0644", "0o17", "1_000",
    "1:30", "0x1F", "1e3", ".5", "-", "- a", "? a", "=", "<<", "*a", "&a", "!a", "%a", "@a", "`a",
    "|", ">", "{a}", "[a]", "a: b", "a:", ":a", "a #b", "#a", "a ", " a", "'", '"', "\\", "a\\n",
    "---", "...", "2001-01-01", "a\nb", "a\n\nb\n", "\n", "\t", "a\tb", "\r\n", "😀", "\U0001fae8",
    "\x85", "\u2028", "\ufeff", "\xa0", "\x00\x1b[31m", "\x7f", "\ue000", "é", "{{ x }}",
    "x" * 9999, "Null", ".inf", ".NaN", "..", "...x", "NO", "(secret)",
    "/a/**", "a, b", "a]", "~/x", "K\u030a",
]  # fmt: skip


def as_yaml(data: Any) -> str:
    return write(node_of(data, Origin(file="a.json", line=7, column=1), literal=True))


def rereads(data: Any) -> None:
    text = as_yaml(data)
    assert yaml.safe_load(text) == data
    assert YAML(typ="safe", pure=True).load(StringIO(text)) == data


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_reads_back_as_it_is(text: str) -> None:
    rereads({"a": text, "b": [text, [text]], "c": {text: text}})


@pytest.mark.parametrize("number", [0, -1, 10**30, 0.0, -0.5, 1e16, 1e-7, -1.5e300, 5e-324])
def test_a_number_reads_back_as_it_is(number: float) -> None:
    rereads({"a": number, "b": [number]})


@pytest.mark.parametrize("text", ["y", "N", "1.4.2", "2001-01-01", "0o17"])
def test_what_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert as_yaml({"a": text}) == f'a: "{text}"  # a.json:7\n'


def test_long_and_odd_keys_read_back() -> None:
    deep = {"a" * 2000: {"b" * 2000: [1, {"é" * 1100: {}}], "c": 1}}
    rereads({**deep, **dict.fromkeys(ODD, "x"), "d": [[deep], [[]], {}]})


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(ODD)


@given(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text() | st.sampled_from(ODD), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_any_value_reads_back_as_it_is(value: Any) -> None:
    rereads({"a": value})


def test_what_needs_no_quotes_has_none() -> None:
    texts = [
        "src/**/*.py",
        "/opt/greenhouse",
        "../lib",
        "Reads it",
        "MIT",
        "a, b",
        "team <t@example.org>",
    ]
    assert re.findall(r"- (.*?)  ", as_yaml({"a": texts})) == texts


def test_a_long_line_does_not_push_the_comments_of_others_away() -> None:
    short, long = "y" * 5, "x" * 70
    assert as_yaml({"a": long, "b": 1, "c": short}) == (
        f"a: {long}  # a.json:7\nb: 1      # a.json:7\nc: {short}  # a.json:7\n"
    )


def test_a_name_of_a_file_cannot_end_its_comment() -> None:
    node = node_of({"a": 1}, Origin(file="a\nb\u2028: c.json", line=0, column=1), literal=True)
    assert write(node) == "a: 1  # a b : c.json\n"


def test_colours_are_all_that_a_terminal_sees_more() -> None:
    node: Mapping = node_of({"a": {"b": [1]}}, Origin(file="x", line=0, column=1), literal=True)
    assert write(node, colour=True) == (
        "\x1b[36ma\x1b[0m:\n  \x1b[36mb\x1b[0m:\n    - 1  \x1b[2m# x\x1b[0m\n"
    )
    assert re.sub(r"\x1b\[\d+m", "", write(node, colour=True)) == write(node)
