"""Services are asked whether they are well, each question within its time."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from provisioning.errors import TargetError
from provisioning.installer.services import health
from provisioning.installer.services.health import command_probe, http_probe, tcp_probe
from provisioning.installer.services.users import identity
from tests.artifact.test_unit import package, service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = int(self.path.split("?")[0].strip("/") or 200)
        self.send_response(status)
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that answers with the status of the path: its port."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Handler.asked.clear()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 204, 299])
def test_an_answer_of_success_is_well(status: int) -> None:
    with serving() as port:
        assert http_probe(f"http://localhost:{port}/{status}?a=b")(5) == ""
    assert Handler.asked == [f"/{status}?a=b"]


@pytest.mark.parametrize("status", [302, 404, 503])
def test_any_other_answer_is_not_and_no_redirection_is_followed(status: int) -> None:
    with serving() as port:
        url = f"http://localhost:{port}/{status}"
        assert http_probe(url)(5) == f"{url} answers {status}"
    assert len(Handler.asked) == 1


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving() as port:
        assert http_probe(f"http://127.0.0.1:{port}")(5) == ""


def test_of_this_machine_no_certificate_is_asked_for(tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=x -days 2"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with serving(context) as port:
        assert http_probe(f"https://localhost:{port}/")(5) == ""


@contextmanager
def listening(backlog: int = 1) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        yield listener.getsockname()[1]


def test_a_port_that_accepts_is_well() -> None:
    with listening() as port:
        assert tcp_probe(f"localhost:{port}")(5) == ""
    assert tcp_probe(f"127.0.0.1:{port}")(5) == f"127.0.0.1:{port}: Connection refused"


def test_one_that_accepts_and_says_nothing_takes_no_longer_than_it_may() -> None:
    with listening() as port:
        began = time.monotonic()
        url = f"http://127.0.0.1:{port}/"
        assert http_probe(url)(0.3) == f"{url} does not answer"
        assert time.monotonic() - began < 3


def test_one_that_says_nonsense_is_told() -> None:
    with listening() as port, socket.socket():
        pass
    url = f"http://127.0.0.1:{port}/"
    assert http_probe(url)(5) == f"{url}: Connection refused"
    assert "nowhere.invalid" in tcp_probe("nowhere.invalid:80")(5)


def probed(prefix: Path, script: str, seconds: float = 20, user: str = "") -> str:
    path = prefix / "current" / "bin" / "check"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    given = service(environment=(("A", "1"), ("B", "2")), user=user)
    asked = command_probe(package(prefix=str(prefix)), given, "bin/check 'a b'", {"B": "3"})
    return asked(seconds)


def test_a_command_is_well_if_it_ends_with_0_and_has_what_the_service_has(tmp_path: Path) -> None:
    script = f'[ "$A $B $1 $PWD" = "1 3 a b {tmp_path}/current" ]'
    assert probed(tmp_path, script) == ""


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    assert probed(tmp_path, "echo no water; exit 1") == "bin/check 'a b' ended with 1: no water"


def test_a_command_has_its_time(tmp_path: Path) -> None:
    assert probed(tmp_path, "echo so; sleep 60", 0.2) == "bin/check 'a b' has not ended: so"


@pytest.mark.needs("root")
def test_a_command_is_run_by_who_runs_the_service(open_path: Path) -> None:
    assert probed(open_path, '[ "$(id -un) $(id -G)" = "nobody 65534" ]', user="nobody") == ""


@pytest.mark.needs("root")
def test_who_runs_a_service_is_a_user_a_number_or_nobody_else() -> None:
    assert identity(service(user="", group="")) == {}
    assert identity(service(user="4711", group="1")) == {
        "user": 4711, "group": 1, "extra_groups": [],
    }  # fmt: skip
    assert identity(service(user="root", group="daemon"))["group"] == 1
    with pytest.raises(TargetError, match="there is no user nobody-at-all"):
        identity(service(user="nobody-at-all"))
    with pytest.raises(TargetError, match="there is no group nobody-at-all"):
        identity(service(user="root", group="nobody-at-all"))
    assert os.geteuid() == 0


def test_one_looks_again_until_all_is_well() -> None:
    answers = ["no", "no", "", "no"]
    looks: list[float] = []

    def look(seconds: float) -> str:
        looks.append(seconds)
        return answers.pop(0)

    assert health.await_well(look, time.monotonic() + 60) == ""
    assert answers == ["no"]
    assert all(0 < seconds <= 10 for seconds in looks)


def test_one_looks_at_least_once_and_not_after_the_deadline() -> None:
    looks: list[float] = []
    began = time.monotonic()
    assert health.await_well(lambda seconds: looks.append(seconds) or "no", began + 0.3) == "no"
    assert 0.3 <= time.monotonic() - began < 3
    assert len(looks) > 2
    assert health.await_well(lambda _: "late", began) == "late"
