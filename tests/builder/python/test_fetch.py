"""Wheels that are fetched: each once, and nothing half in the cache after a fault."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import requests

from provisioning.builder.python import fetch as fetching
from provisioning.builder.python import wheel_cache
from provisioning.builder.python.fetch import fetch
from provisioning.errors import BuildError
from provisioning.spec.model.variant import Environment, OperatingSystem, Pinned, Wheel
from provisioning.spec.python.lock import SourceArchive
from tests.builder.conftest import variant
from tests.conftest import soon
from tests.wheels import MadeWheel, wheel

from . import server as servers
from .server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PI = variant(system=OperatingSystem("bookworm", "2.36", "3.11"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PROVISIONING_OFFLINE", raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    with serving() as found, soon(60):
        yield found


def locked(server: Server, *wheels: MadeWheel) -> Environment:
    """What a lock says of wheels that the server has."""
    server.put(*wheels)
    found = [
        Wheel(each.name, each.version, each.file, each.digest, f"{server.url}/{each.file}", "")
        for each in wheels
    ]
    return Environment("pylock.toml", tuple(found))


def pinned(*wheels: MadeWheel, index: str = "") -> Environment:
    """What a requirements.txt says."""
    digests = tuple(sorted(each.digest for each in wheels))
    return Environment("r.txt", (), (Pinned("greet", "1.0", digests),), index)


def refusal(environment: Environment) -> str:
    """Why something cannot be had, of which nothing is in the cache then."""
    with pytest.raises(BuildError) as fault:
        fetch(PI, environment)
    cache = wheel_cache.cache()
    left = [path.name for path in cache.rglob("*") if path.name != "wheels"]
    assert left == []
    return str(fault.value)


def test_each_is_fetched_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = locked(server, wheel(), wheel("other"))
    told: list[str] = []
    found = fetch(PI, environment, told.append)
    assert [each.name for each in found] == ["greet", "other"]
    assert sorted(told) == [
        "fetched greet-1.0-py3-none-any.whl",
        "fetched other-1.0-py3-none-any.whl",
    ]
    monkeypatch.setenv("PROVISIONING_OFFLINE", "1")  # another project, of the same cache
    assert fetch(PI, environment) == found
    assert set(server.asked.values()) == {1}


def test_offline_what_is_not_there_is_told_all_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_OFFLINE", "1")
    text = refusal(locked(server, wheel(), wheel("other")))
    for name in ("greet", "other"):
        assert (
            f"{name}-1.0-py3-none-any.whl: it is not in the cache, and PROVISIONING_OFFLINE" in text
        )
    assert not server.asked


def test_another_content_than_the_lock_says(server: Server) -> None:
    environment = locked(server, wheel())
    server.files["/greet-1.0-py3-none-any.whl"] = b"evil"
    digest = hashlib.sha256(b"evil").hexdigest()
    assert f"what 127.0.0.1 sent has the SHA-256 {digest}" in refusal(environment)


def test_a_server_that_sends_without_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_BLOCK", 100)
    monkeypatch.setattr(fetching, "_LARGEST", 200)
    assert "127.0.0.1 sends more than" in refusal(locked(server, wheel()))


@pytest.mark.parametrize("path", ["{outside}/spidev.tar.gz", "link", "../spidev.tar.gz"])
def test_a_source_archive_is_of_the_project_too(server: Server, tmp_path: Path, path: str) -> None:
    (tmp_path / "spidev.tar.gz").write_bytes(b"source")
    (tmp_path / "project/link").symlink_to("../spidev.tar.gz")
    digest = hashlib.sha256(b"source").hexdigest()
    source = SourceArchive("spidev.tar.gz", digest, "", path.format(outside=tmp_path))
    with pytest.raises(BuildError, match="leads out of the project"):
        fetching.fetch_source(source, tmp_path / "project")


def test_a_file_of_the_project_with_another_content(server: Server, tmp_path: Path) -> None:
    made = wheel()
    environment = Environment(
        "l.toml", (Wheel("greet", "1.0", made.file, "0" * 64, "", made.file),)
    )
    assert refusal(environment) == f"{made.file}: No such file or directory"
    made.put(tmp_path / "project")
    assert f"its SHA-256 is {made.digest}, and the lock says 000" in refusal(environment)


def test_a_file_that_leads_out_of_the_project(server: Server, tmp_path: Path) -> None:
    made = wheel()
    (tmp_path / "project/link.whl").symlink_to(made.put(tmp_path))
    for path in ("link.whl", f"../{made.file}", f"{tmp_path}/{made.file}"):
        told = Wheel("greet", "1.0", made.file, made.digest, "", path)
        assert f"{path} leads out of the project" in refusal(Environment("l.toml", (told,)))


@pytest.mark.parametrize(
    "answers",
    [
        [servers.status(503)],
        [servers.status(429)],
        [servers.cut_off, servers.cut_off],
        [servers.lying],
        [servers.without_answer],
        [servers.redirecting("/other.whl")],
    ],
)
def test_a_server_that_fails_for_a_while(server: Server, answers: list[servers.Answer]) -> None:
    environment = locked(server, wheel())
    server.files["/other.whl"] = wheel().data
    server.answers = answers
    (found,) = fetch(PI, environment)
    assert wheel_cache.is_unpacked(found)


@pytest.mark.parametrize(
    ("answer", "times", "reason"),
    [
        (servers.cut_off, 3, "127.0.0.1 stopped in the middle of it"),
        (servers.lying, 3, "127.0.0.1 stopped in the middle of it"),
        (servers.short, 1, "127.0.0.1 sent has the SHA-256"),
        (servers.status(404), 1, "/greet-1.0-py3-none-any.whl answers 404"),
        (servers.status(403), 1, "/greet-1.0-py3-none-any.whl answers 403"),
        (servers.redirecting("/greet-1.0-py3-none-any.whl"), 40, "redirects"),
        (servers.redirecting("ftp://127.0.0.1/x.whl"), 1, "ftp://127.0.0.1/x.whl"),
    ],
)
def test_a_server_that_fails_for_good(
    server: Server, answer: servers.Answer, times: int, reason: str
) -> None:
    environment = locked(server, wheel())
    server.answers = [answer] * times
    text = refusal(environment)
    assert reason in text
    assert text.count("greet-1.0-py3-none-any.whl") == 1
    assert "\n" not in text


def test_a_server_that_is_not_there(server: Server) -> None:
    environment = locked(server, wheel())
    gone = environment.wheels[0]._replace(url="http://user:secret@127.0.0.1:9/a.whl")
    fetching._TRIES.total, before = 0, fetching._TRIES.total
    try:
        text = refusal(environment._replace(wheels=(gone,)))
    finally:
        fetching._TRIES.total = before
    assert "127.0.0.1 cannot be asked: " in text
    assert "secret" not in text
    assert " at 0x" not in text


@pytest.mark.parametrize(
    ("there", "to", "is_refused"),
    [
        ("https://a.example/w.whl", "http://a.example/w.whl", True),
        ("https://a.example/w.whl", "//b.example/w.whl", False),
        ("https://a.example/w.whl", "other.whl", False),
        ("http://a.example/w.whl", "https://a.example/w.whl", False),
        ("https://user:secret@a.example/w.whl", "HTTP://a.example/w.whl", True),
    ],
)
def test_no_way_from_https_to_http(there: str, to: str, is_refused: bool) -> None:
    answer = requests.Response()
    answer.status_code, answer.url, answer.headers["Location"] = 302, there, to
    session = fetching._Session()
    if not is_refused:
        assert session.get_redirect_target(answer) == to
        return
    with pytest.raises(requests.ConnectionError) as fault:
        session.get_redirect_target(answer)
    told = fetching._reason(fault.value)
    assert told == "https://a.example/w.whl redirects from https to http"


def test_an_index_tells_which_file_fits(server: Server) -> None:
    compiled = wheel(tag="cp311-cp311-manylinux_2_17_aarch64", files={"b.py": ""})
    other = wheel(tag="cp311-cp311-manylinux_2_17_x86_64", files={"a.py": ""})
    plain = wheel()
    server.index("greet", plain, other, compiled)
    index = f"{server.url}/simple"
    (found,) = fetch(PI, pinned(plain, other, compiled, index=index))
    assert found.file == compiled.file
    (found,) = fetch(PI, pinned(plain, other, index=f"{index}/"))  # what is not pinned is not taken
    assert found.file == plain.file


def test_the_index_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.index("greet", wheel())
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    assert fetch(PI, pinned(wheel()))[0].digest == wheel().digest


def test_what_an_index_has_told_is_known_without_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.index("greet", wheel())
    environment = pinned(wheel(), index=f"{server.url}/simple")
    found = fetch(PI, environment)
    monkeypatch.setenv("PROVISIONING_OFFLINE", "1")
    assert fetch(PI, environment) == found
    assert server.asked["/simple/greet/"] == 1


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"files": [{}]}', '{"files": [{"hashes": []}]}', "no json", '{"files": 1}'],
)
def test_an_index_that_nobody_can_read(server: Server, text: str) -> None:
    server.files["/simple/greet/"] = text.encode()
    told = refusal(pinned(wheel(), index=f"{server.url}/simple"))
    assert told.startswith(("greet: ", "no wheel of greet in r.txt"))


def test_an_index_of_html(server: Server) -> None:
    server.files["/simple/greet/"] = b"<a>"

    def html(request: object, _: bytes) -> None:
        request.send_response(200)  # type: ignore[attr-defined]
        request.send_header("Content-Type", "text/html")  # type: ignore[attr-defined]
        request.send_header("Content-Length", "0")  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]

    server.answers = [html]
    text = refusal(pinned(wheel(), index=f"{server.url}/simple"))
    assert "does not speak the JSON of PEP 691" in text


def test_an_index_without_a_file_that_fits(server: Server) -> None:
    other = wheel(tag="cp311-cp311-manylinux_2_17_x86_64")
    server.index("greet", other)
    text = refusal(pinned(other, index=f"{server.url}/simple"))
    assert "no wheel of greet in r.txt runs there" in text
    assert "greet 1.0 has wheels for cp311-cp311-manylinux_2_17_x86_64" in text


def test_all_faults_at_once(server: Server) -> None:
    environment = locked(server, wheel(), wheel("other"))
    server.files.clear()
    assert len(refusal(environment).splitlines()) == 2


def test_a_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "file/cache"))
    assert refusal(locked(server, wheel())).startswith(f"{tmp_path}/file/cache: Not a directory")
