"""Fetches the wheels of a package into the cache: each once, checked by its hash."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from provisioning.builder.python import wheel_cache
from provisioning.builder.python.unpack import unpack
from provisioning.builder.python.wheel_cache import without_password
from provisioning.builder.workspace import output
from provisioning.errors import BuildError
from provisioning.spec.model.variant import Wheel
from provisioning.spec.python.lock import Missing, SourceArchive, best_wheel, missing_report
from provisioning.spec.python.target import Target
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from packaging.tags import Tag

    from provisioning.spec.model.variant import Environment, Pinned, Variant

    Say = Callable[[str], None]

OFFLINE = "PROVISIONING_OFFLINE"
"""The environment variable that forbids to ask the network, where it is set."""
_INDEX = "https://pypi.org/simple"
_SIMPLE = "application/vnd.pypi.simple.v1+json"  # PEP 691
_TEMPORARY = ".fetching-"
# In threads that end with the process: Python waits for those of an executor, and a signal would
# wait for a server that has stalled. (ThreadPool is documented in multiprocessing.pool.)
_AT_ONCE = 6
_TRIES = Retry(
    total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)
_ATTEMPTS = 3
_PATIENCE = (15, 60)  # seconds: for a connection, and for each piece of an answer
_BLOCK = 1 << 18
_LARGEST = 4 << 30  # bytes of one file: PyPI takes none above 1 GiB, whoever asks for more


def fetch(
    variant: Variant, environment: Environment, say: Say = lambda _: None, *, offline: bool = False
) -> list[Wheel]:
    """Have all wheels of an environment unpacked in the cache, and return them by name.

    What is there already is not asked for, and nothing is if it must stay `offline`. `say` gets a
    line for each that is fetched.

    Raises:
        BuildError: with a line for each wheel that cannot be had.
    """
    with _Session("--offline is given" if offline else "") as session:
        wheels = [*environment.wheels, *_found(variant, environment, session)]
        wanted = [each for each in wheels if not wheel_cache.is_unpacked(each)]
        with ThreadPool(_AT_ONCE) as pool:
            faults = [*filter(None, pool.map(lambda each: _bring(each, session, say), wanted))]
    if faults:
        raise BuildError("\n".join(faults))
    return sorted(wheels)


def _bring(wheel: Wheel, session: _Session, say: Say) -> str:
    """Unpack one wheel; return why that failed, or ""."""
    try:
        if wheel.path:
            unpack(wheel, _of_project(wheel))
        else:
            with _downloaded(wheel, session) as place:
                say(f"fetched {wheel.file}")
                unpack(wheel, place)
    except (requests.RequestException, BuildError) as error:
        told = _reason(error)
        return told if wheel.file in told else f"{wheel.file}: {told}"
    except OSError as error:
        return f"{error.filename or wheel.file}: {error.strerror or error}"
    return ""


def _of_project(file: Wheel | SourceArchive) -> Path:
    """Where a file of the project lies, which has the right content."""
    if leads_out(Path(), file.path):  # guard: wheel-out-of-the-project
        raise BuildError(f"{file.path} leads out of the project: copy it to where wheels: says")
    with open(file.path, "rb") as opened:
        digest = hashlib.sha256(opened.read()).hexdigest()
    if digest != file.digest:  # guard: digest-of-a-wheel-of-the-project
        raise BuildError(f"{file.path}: its SHA-256 is {digest}, and the lock says {file.digest}")
    return Path(file.path)


def fetch_source(source: SourceArchive, directory: Path) -> None:
    """Put what a wheel is built from into a directory, checked by its hash.

    Raises BuildError.
    """
    try:
        if source.path:
            content = _of_project(source).read_bytes()
        else:
            with _Session() as session, _downloaded(source, session) as place:
                content = place.read_bytes()
    except requests.RequestException as error:
        raise BuildError(f"{source.file}: {_reason(error)}") from None
    (directory / source.file).write_bytes(content)


@contextmanager
def _downloaded(wheel: Wheel | SourceArchive, session: _Session) -> Iterator[Path]:
    """The file of a wheel, with the right content, for as long as the block lasts."""
    directory = wheel_cache.cache()
    directory.mkdir(parents=True, exist_ok=True)
    wheel_cache.sweep(directory, _TEMPORARY)
    with tempfile.NamedTemporaryFile(dir=directory, prefix=_TEMPORARY, suffix=".whl") as file:
        digest = _download_again(wheel.url, session, file)
        if digest != wheel.digest:  # guard: digest-of-a-fetched-wheel
            raise BuildError(
                f"{wheel.file}: what {urlsplit(wheel.url).hostname} sent has the SHA-256 {digest},"
                f" and the lock says {wheel.digest}"
            )
        file.flush()
        yield Path(file.name)


def _download_again(url: str, session: _Session, file: Any) -> str:
    """The same as `_download`; where the connection breaks, from the beginning."""
    for attempt in range(1, _ATTEMPTS + 1):
        file.seek(0)
        file.truncate()
        try:
            return _download(url, session, file)
        except (requests.ConnectionError, requests.Timeout) as error:
            # One that breaks in the middle of an answer is not seen by `Retry`.
            if attempt == _ATTEMPTS or isinstance(error, _Refused):
                raise
    raise AssertionError


def _download(url: str, session: _Session, file: Any) -> str:
    """Write what a URL gives to a file; return its SHA-256."""
    summed = hashlib.sha256()
    with session.get(url, stream=True, timeout=_PATIENCE) as answer:
        answer.raise_for_status()
        try:
            for piece in answer.iter_content(_BLOCK):
                if file.tell() > _LARGEST:  # guard: endless-download
                    raise _Refused(f"{urlsplit(url).hostname} sends more than 4 GiB for it")
                summed.update(piece)
                file.write(piece)
        except requests.exceptions.ChunkedEncodingError as error:  # cut off
            raise _Broken(f"{urlsplit(url).hostname} stopped in the middle of it") from error
    return summed.hexdigest()


class _Broken(requests.ConnectionError):
    """An answer without its end."""


class _Refused(requests.ConnectionError):
    """What is not asked for."""


class _Session(requests.Session):
    """Asks servers, by way of proxies and with the certificates that the environment names."""

    def __init__(self, forbidden: str = "") -> None:
        """`forbidden` is why nothing may be asked, if that is so."""
        super().__init__()
        self._forbidden = forbidden or (f"{OFFLINE} is set" if os.environ.get(OFFLINE) else "")
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=_AT_ONCE, max_retries=_TRIES))

    def request(self, method: Any, url: Any, *args: Any, **settings: Any) -> requests.Response:
        """Ask for a URL, unless that is forbidden."""
        if self._forbidden:
            raise _Refused(f"it is not in the cache, and {self._forbidden}")
        return super().request(method, url, *args, **settings)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer leads; never from https to http, where others could see and change it."""
        target = super().get_redirect_target(resp)
        scheme = urlsplit(urljoin(resp.url, target)).scheme if target else ""
        if scheme == "http" and urlsplit(resp.url).scheme == "https":  # guard: redirection-to-http
            raise _Refused(f"{without_password(resp.url)} redirects from https to http")
        return target


def _found(variant: Variant, environment: Environment, session: _Session) -> list[Wheel]:
    """The wheels of what is pinned without a file: an index tells which there are.

    Raises BuildError.
    """
    if not environment.pinned:
        return []
    target = Target(variant.os, variant.arch, variant.system)
    tags = tuple(target.tags())
    index = (environment.index_url or os.environ.get("PIP_INDEX_URL") or _INDEX).rstrip("/")

    def best(pinned: Pinned) -> Wheel | Missing | str:
        try:
            files = _told_before(pinned, index, tags) or [*_files_of(pinned, index, session)]
        except (KeyError, TypeError, AttributeError):
            return f"{pinned.name}: what {without_password(index)} answers is not as in PEP 691"
        except (requests.RequestException, ValueError) as error:
            return f"{pinned.name}: {_reason(error)}"
        fitting = best_wheel(files, tags)
        names = tuple(each.file for each in files if each.file.endswith(".whl"))
        others = (each for each in files if not each.file.endswith(".whl"))
        sources = (SourceArchive(each.file, each.digest, each.url, "") for each in others)
        missing = Missing(pinned.name, pinned.version, names, next(sources, None))
        if fitting is None:
            return missing
        _remember(pinned, index, files)
        return fitting

    with ThreadPool(_AT_ONCE) as pool:
        found = [*pool.map(best, environment.pinned)]
    faults = [each for each in found if isinstance(each, str)]
    if missing := [each for each in found if isinstance(each, Missing)]:
        faults += missing_report(missing, environment.lock, variant.platform, target)
    if faults:
        raise BuildError("\n".join(faults))
    return [each for each in found if isinstance(each, Wheel)]


def _told_before(pinned: Pinned, index: str, tags: Sequence[Tag]) -> list[Wheel]:
    """The files that an index has named, if the best of them is in the cache; else none."""
    try:
        told = json.loads(_note(pinned, index).read_bytes())
        files = [Wheel(*each) for each in told]
    except (OSError, ValueError, TypeError):
        return []
    fitting = best_wheel(files, tags)
    return files if fitting and wheel_cache.is_unpacked(fitting) else []


def _remember(pinned: Pinned, index: str, files: list[Wheel]) -> None:
    """Keep what an index has named: with the same digests it is the same files."""
    note = _note(pinned, index)
    if not note.exists():
        output.write(note, json.dumps(files).encode())
        note.chmod(0o600)  # a URL may have a password in it


def _note(pinned: Pinned, index: str) -> Path:
    told = hashlib.sha256(repr((index, pinned)).encode()).hexdigest()
    return wheel_cache.cache() / "indexes" / f"{told}.json"


def _files_of(pinned: Pinned, index: str, session: _Session) -> Iterator[Wheel]:
    """The files of a version that have one of the pinned digests (PEP 503, PEP 691)."""
    url = f"{index}/{pinned.name}/"
    with session.get(url, headers={"Accept": _SIMPLE}, timeout=_PATIENCE) as answer:
        answer.raise_for_status()
        if _SIMPLE not in answer.headers.get("Content-Type", ""):
            raise ValueError(f"{without_password(url)} does not speak the JSON of PEP 691")
        document = answer.json()
    for each in document["files"]:
        digest = each.get("hashes", {}).get("sha256", "")
        if digest in pinned.digests:  # guard: file-that-is-not-pinned
            where = urljoin(answer.url, each["url"])
            file = unquote(urlsplit(where).path.rpartition("/")[2])
            yield Wheel(pinned.name, pinned.version, file, digest, where, "")


def _reason(error: Exception) -> str:
    """What went wrong, in short."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        answer = error.response
        return f"{without_password(answer.url)} answers {answer.status_code} {answer.reason}"
    if isinstance(error, (_Refused, _Broken, BuildError, ValueError)):
        return str(error)
    request = getattr(error, "request", None)
    host = urlsplit(str(request.url)).hostname if request else "the server"
    inner = error.args[0] if error.args else error
    return f"{host} cannot be asked: {getattr(inner, 'reason', inner)!s}"
