"""Values come from outside as their page says, and secrets stay where it says."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from .page import DOC
from .reader import follow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("PyPI")

PAGE = DOC / "how-to" / "HowTo_003_Secrets_And_Values_From_Outside.md"
USER, *PASSWORDS = SECRETS = ("greenhouse-7", "correct-horse", "battery-staple")
RENDERED = "artifacts/.work/greenhouse/raspberry-pi/render/etc/mqtt.ini"
ARCHIVE = "artifacts/greenhouse-1.4.2-raspberry-pi/greenhouse-1.4.2-raspberry-pi.tar.gz"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The greenhouse after all that the page does to it; what it prints is compared."""
    root = tmp_path_factory.mktemp("how-to") / "greenhouse"
    follow(PAGE, root)
    return root


def tells(data: bytes) -> bool:
    """Whether a secret is in `data`, or a plain digest from which it could be found by trial."""
    return any(form in data for form in FORMS)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).hexdigest().encode()


MAPS = [
    json.dumps(each)
    for password in PASSWORDS
    for each in ({"user": USER, "password": password}, {"password": password, "user": USER})
]
FORMS = [
    *(secret.encode() for secret in SECRETS),
    *(base64.b64encode(secret.encode()).rstrip(b"=") for secret in SECRETS),
    *(digest(text) for secret in SECRETS for text in (secret, json.dumps(secret))),
    *map(digest, MAPS),
]


def test_no_secret_is_in_what_the_build_leaves_but_for_the_rendered_file(project: Path) -> None:
    files = [path for path in project.glob("artifacts/**/*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite", ".json", ".gz", ".ini"}
    telling = [path for path in files if tells(path.read_bytes())]
    assert telling == [project / RENDERED]


def test_in_the_archive_a_secret_is_in_the_rendered_file_alone(project: Path) -> None:
    with tarfile.open(project / ARCHIVE) as archive:
        files = [member for member in archive if member.isfile()]
        telling = [file for file in files if tells(archive.extractfile(file).read())]  # type: ignore[union-attr]
    assert [(file.name, oct(file.mode)) for file in telling] == [
        ("greenhouse/etc/mqtt.ini", "0o600")
    ]
