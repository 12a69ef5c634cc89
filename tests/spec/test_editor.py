"""What an editor shows of a spec, as yaml-language-server tells it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.spec.schema import schema
from tests.conftest import soon
from tests.spec.test_json_schema import COMMITTED, SHIPPED
from tests.waiting import ending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.sweep, pytest.mark.needs("npm")]  # with npm's registry

SERVER = "yaml-language-server@1.25.0"
SPEC = """\
name: app
version: "1"
platforms: {linux: {}}
services:
  app:
    exec: bin/app
    health:
      tcp: 80
contents:
  - src: lib/
    dst: lib/
"""


class Editor:
    """Speaks the Language Server Protocol with a server, over its standard input and output."""

    def __init__(self, server: subprocess.Popen[bytes], root: Path) -> None:
        """Begin as editors do: what this can, and which settings its user has."""
        assert server.stdin
        assert server.stdout
        self._to, self._from = server.stdin, server.stdout
        self._asked = 0
        self._opened = 0
        self._root = root
        formats = {"contentFormat": ["plaintext"]}
        abilities = {"textDocument": {"hover": formats, "completion": {"completionItem": {}}}}
        self.ask("initialize", processId=None, rootUri=root.as_uri(), capabilities=abilities)
        self._say("initialized", {})
        settings = {"hover": True, "completion": True, "validate": True}
        store = {"schemaStore": {"enable": False}}
        self._say("workspace/didChangeConfiguration", {"settings": {"yaml": settings | store}})

    def ask(self, method: str, **parameters: Any) -> Any:
        """The server's answer."""
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": parameters})
        while True:
            told = self._receive()
            if "method" not in told and told.get("id") == self._asked:
                assert "error" not in told, told
                return told["result"]

    def open(self, text: str, beside: Path = COMMITTED) -> tuple[str, list[str]]:
        """The name of a new file with this text, and what the server underlines in it."""
        self._opened += 1
        uri = (beside.parent / f"{self._opened}.yaml").as_uri()
        told = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._say("textDocument/didOpen", {"textDocument": told})
        while True:
            told = self._receive()
            about = told.get("params", {})
            if told.get("method", "").endswith("publishDiagnostics") and about["uri"] == uri:
                lines = text.split("\n")
                return uri, [_text(lines, each["range"]) for each in about["diagnostics"]]

    def at(self, method: str, text: str, cursor: str) -> Any:
        """The answer to a question about the place of `|` in `cursor`, which is in the text."""
        before, _, behind = cursor.partition("|")
        head = text[: text.index(before + behind)] + before
        uri, _ = self.open(f"# yaml-language-server: $schema={COMMITTED.as_uri()}\n{text}")
        *above, line = head.split("\n")
        position = {"line": len(above) + 1, "character": len(line)}
        return self.ask(f"textDocument/{method}", textDocument={"uri": uri}, position=position)

    def _say(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._to.flush()

    def _receive(self) -> dict[str, Any]:
        with soon(60):
            length = 0
            while line := self._from.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            told: dict[str, Any] = json.loads(self._from.read(length))
        if "method" in told and "id" in told:  # the server asks; this editor has no more to say
            self._send({"id": told["id"], "result": None})
        return told


def _text(lines: list[str], place: dict[str, Any]) -> str:
    start, end = place["start"], place["end"]
    assert start["line"] == end["line"]
    return lines[start["line"]][start["character"] : end["character"]]


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    root = tmp_path_factory.mktemp("editor")
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", root, SERVER],
        check=True,
        timeout=300,
    )
    program = root / "node_modules" / ".bin" / "yaml-language-server"
    with ending(
        subprocess.Popen(
            [program, "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_OPTIONS": ""},
        )
    ) as server:
        yield Editor(server, root)


def completed(editor: Editor, text: str, cursor: str) -> set[str]:
    found = editor.at("completion", text, cursor)
    return {each["label"] for each in (found["items"] if isinstance(found, dict) else found)}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_nothing_but_a_typo_is_underlined_in_a_shipped_file(editor: Editor, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert editor.open(text, beside=path)[1] == []
    assert editor.open(f"{text}sumary: x\n", beside=path)[1] == ["sumary"]


@pytest.mark.parametrize("wrong", ["sumary", "serivces"])
def test_a_misspelt_key_is_underlined(editor: Editor, wrong: str) -> None:
    head = f"# yaml-language-server: $schema={COMMITTED.as_uri()}\n"
    _, underlined = editor.open(f"{head}{SPEC}{wrong}: x\n")
    assert underlined == [wrong]
    _, underlined = editor.open(head + SPEC.replace("    dst: lib/", "    dst: a\n    mod: x"))
    assert underlined == ["mod"]


def test_the_keys_of_a_file_are_proposed(editor: Editor) -> None:
    proposed = completed(editor, SPEC + "s", "lib/\ns|")
    assert {"summary", "hooks", "debian", "system"} <= proposed


def test_the_keys_of_a_content_are_proposed(editor: Editor) -> None:
    found = completed(editor, SPEC + "    e\n", "    e|\n")
    assert {"mode", "owner", "exclude", "conffile", "only"} <= found
    assert set(schema.KINDS) <= completed(editor, SPEC + "  - s\n", "  - s|\n")


@pytest.mark.parametrize(
    ("cursor", "keys"),
    [
        ("    ex|ec: bin/app", {"restart", "user", "environment", "memory_max"}),
        ("      t|cp: 80", {"http", "command", "within"}),
    ],
)
def test_the_keys_of_what_is_nested_are_proposed(
    editor: Editor, cursor: str, keys: set[str]
) -> None:
    assert keys <= completed(editor, SPEC, cursor)


def test_examples_are_proposed_as_values(editor: Editor) -> None:
    text = SPEC.replace("    exec: bin/app", "    exec: bin/app\n    memory_max: ")
    assert set(schema._KEYS["memory_max"][1]) <= completed(editor, text, "memory_max: |")


@pytest.mark.parametrize(
    ("cursor", "key"),
    [
        ("na|me: app", "name"),
        ("s|rc: lib/", "src"),
        ("ex|ec: bin/app", "exec"),
        ("t|cp: 80", "tcp"),
    ],
)
def test_a_key_is_explained_under_the_cursor(editor: Editor, cursor: str, key: str) -> None:
    shown = editor.at("hover", SPEC, cursor)["contents"]
    meaning, examples = schema._KEYS[key]
    text = shown["value"] if isinstance(shown, dict) else shown
    assert meaning in text.replace("\\", "")
    assert str(examples[0]) in text
