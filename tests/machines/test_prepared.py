"""A package that was installed on a card runs when the machine with that card starts first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.package import Health, Hook, Service
from provisioning.installer.cli.command_line import main
from provisioning.installer.services import subprocesses
from tests.artifact.making import PACKAGE, Item, directory, file
from tests.installer.making import conf, items, package
from tests.machines.virtual import boot, image, mounted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sweep

SERVER = b"""#!/usr/bin/env python3
import http.server, os, pathlib
pathlib.Path("/opt/greenhouse/var/own/ran").write_text(f"{os.getuid()}")
handler = http.server.SimpleHTTPRequestHandler
http.server.HTTPServer(("127.0.0.1", 8080), handler).serve_forever()
"""
HOOK = b"""#!/bin/sh
echo hook >/dev/console
sleep 3
echo "$PROVISIONING_ACTION" >>/var/lib/hooks
"""
URL = "http://127.0.0.1:8080/"
# Of the system, not of the package: what somebody would type who sits before it.
LOOKS = f"""#!/bin/sh
until provision status greenhouse | grep -q ': good'; do sleep 1; done
{{
    systemctl is-active greenhouse.service
    python3 -c "import urllib.request as r; print('HTTP', r.urlopen('{URL}').status)"
    getent passwd greenhouse
    stat -c '%U %n' /opt/greenhouse/var/own/ran /opt/greenhouse/etc/own.ini
    provision verify greenhouse
    cat /var/lib/hooks
    systemctl --failed --no-legend --plain
    sync
    echo ready
}} >/dev/console 2>&1
"""
UNIT = """[Service]
ExecStart=/usr/local/bin/looks
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk with a system, in which somebody looks what there is once it has started."""
    made = image(tmp_path)
    with mounted(made) as root:
        (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
        (root / "usr/local/bin/looks").write_text(LOOKS)
        (root / "usr/local/bin/looks").chmod(0o755)
        (root / "usr/local/bin/provision").symlink_to("/opt/greenhouse/state/tool")
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (root / "etc/systemd/system/looks.service").write_text(UNIT)
        (wants / "looks.service").symlink_to("/etc/systemd/system/looks.service")
    return made


def install(disk: Path, folder: Path) -> None:
    """Prepare the disk: nothing else is done to it before it starts."""
    theirs = (conf("etc/own.ini", b"a\n"), directory("var/own"))
    own = [Item(e._replace(owner="greenhouse", group="greenhouse"), c) for e, c in theirs]
    hooks = (
        directory(".provisioning/hooks"),
        file(".provisioning/hooks/post_install", HOOK, 0o755),
    )
    service = Service(
        "greenhouse", "bin/server", "always", "greenhouse", "", (), "", Health("http", URL, 60)
    )
    about = PACKAGE._replace(
        service_manager="systemd", services=(service,), hooks=(Hook("post_install", 60),)
    )
    holding = (*items("1.0"), *own, *hooks, file("bin/server", SERVER, 0o755))
    made = package(folder, "1.0", holding, about)
    with mounted(disk) as root:
        assert main(["install", str(made), "--root", str(root)]) == 0


def demand_that_it_runs(said: str) -> None:
    lines = said.replace("\r", "").splitlines()
    told = lines[lines.index("active") :]
    assert told[1] == "HTTP 200"
    assert told[2].startswith("greenhouse:x:")
    assert told[3:5] == [
        "greenhouse /opt/greenhouse/var/own/ran",
        "greenhouse /opt/greenhouse/etc/own.ini",
    ]
    assert told[5].endswith("entries, verified")
    assert told[-1] == "ready"
    assert {*told[6:-1]} == {"install"}  # the hook, and no unit that has failed


def test_the_service_runs_as_the_user_that_was_created_on_the_card(
    disk: Path, tmp_path: Path
) -> None:
    install(disk, tmp_path)
    with mounted(disk) as root:
        assert "greenhouse:x:" in (root / "etc/passwd").read_text()
    demand_that_it_runs(boot(disk, "ready"))


def test_the_first_start_goes_on_after_a_power_cut(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(subprocesses._ENVIRONMENT, "PATH", str(tmp_path / "none"))  # as a Mac has
    install(disk, tmp_path)
    with mounted(disk) as root:  # the first start has to create the user
        assert "greenhouse" not in (root / "etc/passwd").read_text()
    boot(disk, "hook")
    demand_that_it_runs(boot(disk, "ready"))
