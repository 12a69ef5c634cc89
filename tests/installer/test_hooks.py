"""Hooks are told what is going on, and what they say is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.model.package import Hook
from provisioning.errors import TargetError
from provisioning.installer.services.hooks import Occasion, run_hook
from tests.artifact.test_unit import package
from tests.doc.page import DOC, first_column, section

if TYPE_CHECKING:
    from pathlib import Path


ENVIRONMENT = """#!/usr/bin/env python3
import os
for item in os.environ.items():
    print(*item, sep="=")
"""


def hooked(release: Path, script: str, timeout: int = 20) -> tuple[str, str]:
    """What a post_install hook has said, and why it has failed."""
    path = release / ".provisioning" / "hooks" / "post_install"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    path.chmod(0o755)
    occasion = Occasion(package(), str(release), "1.4.1", "upgrade", "/cache")
    output, fault = run_hook(Hook("post_install", timeout), occasion)
    return output.decode(), fault


def test_a_hook_knows_what_the_reference_says_and_nothing_else(tmp_path: Path) -> None:
    said, fault = hooked(tmp_path, ENVIRONMENT)
    assert fault == ""
    assert dict(line.split("=", 1) for line in said.splitlines()) == {
        "PROVISIONING_NAME": "greenhouse",
        "PROVISIONING_VERSION": "1.4.2",
        "PROVISIONING_PLATFORM": "pi",
        "PROVISIONING_PREFIX": "/opt/greenhouse",
        "PROVISIONING_RELEASE": str(tmp_path),
        "PROVISIONING_OLD_VERSION": "1.4.1",
        "PROVISIONING_ACTION": "upgrade",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPYCACHEPREFIX": "/cache",
    }
    page = section(DOC / "reference" / "Reference_001_Spec_Keys.md", "### Hooks")
    names = {line.split("=")[0] for line in said.splitlines()}
    assert names == {name for name in first_column(page) if name.isupper()}


def test_a_hook_runs_in_its_release_without_input(tmp_path: Path) -> None:
    assert hooked(tmp_path, "#!/bin/sh\npwd; cat; echo end\n") == (f"{tmp_path}\nend\n", "")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("exit 3", "post_install ended with 3"),
        ("echo one; echo 'no disk'; exit 1", "post_install ended with 1: no disk"),
        ("kill -9 $$", "post_install was killed by signal 9"),
        ("printf '\\033[31m'; exit 1", "post_install ended with 1: '\\x1b[31m'"),
        (
            "echo waiting; sleep 60",
            "post_install did not end within 1 seconds, and was killed: waiting",
        ),
    ],
)
def test_why_a_hook_has_failed_is_told(tmp_path: Path, script: str, fault: str) -> None:
    assert hooked(tmp_path, f"#!/bin/sh\n{script}\n", timeout=1)[1] == fault


def test_a_hook_that_says_not_what_runs_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        hooked(tmp_path, "echo\n")
    script = f"{tmp_path}/.provisioning/hooks/post_install"
    assert str(caught.value) == (
        f"post_install: {script}: Exec format error; does its first line name an interpreter,"
        " as #!/bin/sh does?"
    )
