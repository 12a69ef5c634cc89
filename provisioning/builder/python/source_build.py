"""Builds wheels from source, in a Debian of the target's release and processor.

mmdebstrap(1) makes the Debian, as root or in namespaces of an ordinary user, for another processor
under qemu(1); pip builds in it. Nothing of it is kept but the wheels.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from provisioning.builder.python.fetch import fetch_source
from provisioning.builder.workspace import output
from provisioning.errors import BuildError
from provisioning.spec.python.python_content import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from provisioning.spec.python.lock import Unbuilt

_TOOLS = (
    *("build-essential", "ca-certificates", "libffi-dev", "libssl-dev", "pkg-config"),
    *("python3-dev", "python3-pip", "python3-venv"),
)
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_PASSED_ON = ("PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_BUNDLE = "/etc/ssl/builder.pem"


def build(unbuilt: Unbuilt) -> list[Path]:
    """Build all that has no wheel for a platform, and put it where the project has its own wheels.

    Raises:
        BuildError: this machine cannot build for it, or something does not build.
        OSError: something cannot be written.
    """
    sources = [each.source for each in unbuilt.packages if each.source]
    without = [each.name for each in unbuilt.packages if not each.source]
    if without:
        raise BuildError(f"{', '.join(without)}: the lock names no source to build from")
    _demand_able(unbuilt)
    with TemporaryDirectory(prefix="provision-wheels-") as name:
        place = Path(name)
        place.chmod(0o755)  # in namespaces, root is another user
        (place / "sources").mkdir()
        for source in sources:
            fetch_source(source, place / "sources")
        done = subprocess.run(  # noqa: S603 - one fixed program, and paths
            [*_command(unbuilt, place)], stdout=sys.stderr, check=False
        )
        if done.returncode:
            told = f"mmdebstrap ended with {done.returncode}; what it said is above"
            raise BuildError(f"no wheel was built for {unbuilt.platform}: {told}")
        return _kept(sorted((place / "wheels").glob("*.whl")), Path(unbuilt.directory))


def _demand_able(unbuilt: Unbuilt) -> None:
    """Raise BuildError if this machine cannot build for a platform."""
    pinned = " ".join(f"{each.name}=={each.version}" for each in unbuilt.packages)
    way = f"on such a machine, run: pip wheel --no-deps -w {unbuilt.directory} {pinned}"
    if unbuilt.target.os != "linux" or not unbuilt.target.system.release:
        raise BuildError(f"{unbuilt.platform} does not name a release of Debian to build in; {way}")
    if shutil.which("mmdebstrap") is None:
        packages = "mmdebstrap" if _is_native(unbuilt) else "mmdebstrap qemu-user-static"
        raise BuildError(
            f"there is no mmdebstrap here; on Debian, run: sudo apt install {packages}; or {way}"
        )


def _is_native(unbuilt: Unbuilt) -> bool:
    return platform.machine() == unbuilt.target.machine


def _command(unbuilt: Unbuilt, place: Path) -> Iterator[str]:
    """What builds in a Debian that is not kept."""
    certificates = next(filter(None, map(os.environ.get, _CERTIFICATES)), "")
    passed = [f"{key}={os.environ[key]}" for key in _PASSED_ON if key in os.environ]
    pip = ["env", *passed]
    hooks = [f"copy-in {shlex.quote(str(place / 'sources'))} /"]
    if certificates:
        pip.append(f"PIP_CERT={_BUNDLE}")
        hooks.append(f"upload {shlex.quote(certificates)} {_BUNDLE}")
    pip += ["python3", "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "/wheels"]
    build = f"{shlex.join(pip)} /sources/*"
    hooks += [
        f'chroot "$1" sh -c {shlex.quote(build)}',
        f"copy-out /wheels {shlex.quote(str(place))}",
    ]
    yield from ("mmdebstrap", "--quiet", "--variant=apt", "--format=null")
    yield f"--architectures={unbuilt.target.arch}"
    yield f"--include={','.join(_TOOLS)}"
    yield from (f"--customize-hook={hook}" for hook in hooks)
    yield from (unbuilt.target.system.release, os.devnull)


def _kept(built: Sequence[Path], directory: Path) -> list[Path]:
    """Put wheels into the project, and write down which they are."""
    directory.mkdir(parents=True, exist_ok=True)
    kept = [directory / each.name for each in built]
    for wheel, place in zip(built, kept, strict=True):
        output.write(place, wheel.read_bytes())
    wheels = sorted(directory.glob("*.whl"))
    output.write(directory / LOCK, "".join(_lock(wheels)).encode())
    return kept


def _lock(wheels: Iterable[Path]) -> Iterator[str]:
    """A lock of wheels that lie beside it (PEP 751)."""
    from packaging.utils import parse_wheel_filename  # noqa: PLC0415 - as all that reads wheels

    yield '# Written by `provision wheels`.\nlock-version = "1.0"\ncreated-by = "provision"\n'
    for wheel in wheels:
        name, version, *_ = parse_wheel_filename(wheel.name)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        path, hashes = json.dumps(wheel.name), f'{{sha256 = "{digest}"}}'
        yield f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n'
        yield f"wheels = [{{path = {path}, hashes = {hashes}}}]\n"
