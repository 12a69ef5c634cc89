"""Who runs a service reaches it, or the package does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.package import Service
from tests.artifact.deb.making import spelt
from tests.artifact.making import PACKAGE, directory, file
from tests.machines.copied import copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.machines.copied import Copied

pytestmark = pytest.mark.needs("Linux", "root", "dpkg", "busybox")

SERVICE = Service("greenhouse", "bin/run", "always", "2345", "", (), "", None)
PREFIX = "/srv/green house/here"
ABOUT = PACKAGE._replace(
    arch="all", prefix=PREFIX, service_manager="systemd", services=(SERVICE,), version="1"
)
ITEMS = (directory("bin"), file("bin/run", b"#!/bin/sh\n", mode=0o755))


@pytest.fixture(params=["dash", "bash", "busybox"])
def pi(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Copied]:
    with copied(tmp_path) as made:
        made.path("/usr/bin/sh").unlink()
        made.path("/usr/bin/sh").symlink_to(request.param)
        yield made


def _installs(pi: Copied, user: str = "2345", status: int = 0) -> str:
    package = ABOUT._replace(services=(SERVICE._replace(user=user),))
    pi.path("/tmp/x.deb").write_bytes(spelt(package, ITEMS))
    return pi.run("dpkg", "-i", "/tmp/x.deb", status=status)


@pytest.mark.parametrize("closed", ["/srv/green house", PREFIX])
def test_a_prefix_that_is_closed_to_who_runs_a_service_is_told(pi: Copied, closed: str) -> None:
    pi.path(PREFIX).mkdir(parents=True)
    pi.path(closed).chmod(0o700)
    told = _installs(pi, status=1)
    why = "its mode keeps out the user 2345, who runs a service; `chmod a+x` it"
    assert f"greenhouse: {closed}: {why}\n" in told
    assert list(pi.path(PREFIX).iterdir()) == []
    _installs(pi, user="0")  # who goes everywhere
    told = _installs(pi, status=1)  # an upgrade, too
    assert why in told
    pi.path(closed).chmod(0o711)
    _installs(pi)


def test_a_group_that_may_enter_is_enough(pi: Copied) -> None:
    pi.path(PREFIX).mkdir(parents=True)
    pi.run("chmod", "750", PREFIX)
    pi.run("chgrp", "1234", PREFIX)
    _installs(pi, status=1)
    passwd, group = pi.path("/etc/passwd"), pi.path("/etc/group")
    passwd.write_text(f"{passwd.read_text()}gardener:x:2345:2345::/:/bin/sh\n")
    _installs(pi, status=1)
    group.write_text(f"{group.read_text()}staff2:x:1234:gardener\n")
    _installs(pi)


def test_what_is_not_there_yet_will_be_open(pi: Copied) -> None:
    _installs(pi)
    assert pi.path(PREFIX).stat().st_mode & 0o777 == 0o755


def test_where_nobody_can_become_another_nobody_is_asked(pi: Copied) -> None:
    pi.path(PREFIX).mkdir(parents=True)
    pi.path(PREFIX).chmod(0o700)
    pi.path("/usr/bin/setpriv").unlink()
    _installs(pi)


def test_a_group_that_is_missing_is_told_before_anything_is_changed(pi: Copied) -> None:
    named = SERVICE._replace(group="video", groups=("dialout", "gpio-x", "1234"))
    pi.path("/tmp/x.deb").write_bytes(spelt(ABOUT._replace(services=(named,)), ITEMS))
    told = pi.run("dpkg", "-i", "/tmp/x.deb", status=1)
    assert "greenhouse: there is no group gpio-x on this machine; create it first\n" in told
    assert not pi.path(PREFIX).exists()
    group = pi.path("/etc/group")
    group.write_text(f"{group.read_text()}gpio-x:x:1234:\n")
    pi.run("dpkg", "-i", "/tmp/x.deb")
