"""Node-RED: from `npm ci` for another processor to flows that outlive its releases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.applications.application import Application
from tests.machines.booted import BOOTS, booted
from tests.machines.root import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.booted import Booted

pytestmark = [pytest.mark.sweep, pytest.mark.needs("npm")]

PORT = 1880  # in a network of the Pi's own
PLUGIN = "node-red-node-random"
IDENTITY = "opt/node-red/var/flows/.config.runtime.json"  # made at the first start of all
COMPILED = """
const {hashSync, compareSync} = require("/opt/node-red/current/node_modules/@node-rs/bcrypt")
compareSync("vents", hashSync("vents", 4))
"""


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    kind = Kind("arm64", more=(*BOOTS, "nodejs"))
    with booted(tmp_path_factory.mktemp("pi"), kind) as machine:
        yield machine


def test_it_answers_is_upgraded_and_goes_back(pi: Booted, tmp_path: Path) -> None:
    node_red = Application("node-red", PORT, tmp_path, pi)
    node_red.say("npm", "install", "--package-lock-only")
    node_red.install("1.0.0")
    assert "<title>Node-RED</title>" in node_red.get("/")
    assert plugin(node_red) == "0.4.0"
    assert pi.run("node", "-p", COMPILED) == "true\n"
    identity = (pi.root / IDENTITY).read_text("utf-8")

    node_red.write("package.json", '"0.4.0"', '"0.4.1"')
    node_red.say("npm", "install", "--package-lock-only")
    node_red.install("1.1.0")
    assert plugin(node_red) == "0.4.1"

    node_red.provision("rollback")
    assert plugin(node_red) == "0.4.0"
    assert node_red.provision("verify").endswith("entries, verified\n")
    assert (pi.root / IDENTITY).read_text("utf-8") == identity


def plugin(node_red: Application) -> str:
    """The version of the plugin that runs."""
    known = json.loads(node_red.get("/nodes", "application/json"))
    (found,) = {each["version"] for each in known if each["module"] == PLUGIN}
    return str(found)
