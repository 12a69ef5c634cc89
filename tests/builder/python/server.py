"""A server of wheels on this machine, which does as a test says."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.wheels import MadeWheel

    Answer = Callable[[BaseHTTPRequestHandler, bytes], None]

SIMPLE = "application/vnd.pypi.simple.v1+json"


class Server:
    """What it has, and what it was asked for."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.answers: list[Answer] = []
        """What it does to the first requests, instead of answering them."""
        self.asked: Counter[str] = Counter()

    def put(self, *wheels: MadeWheel) -> None:
        for each in wheels:
            self.files[f"/{each.file}"] = each.data

    def index(self, name: str, *wheels: MadeWheel) -> None:
        """Have an index name these wheels, which it has."""
        self.put(*wheels)
        files = [
            {"filename": each.file, "url": f"../../{each.file}", "hashes": {"sha256": each.digest}}
            for each in wheels
        ]
        document = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
        self.files[f"/simple/{name}/"] = json.dumps(document).encode()


def ordinary(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    if request.path.startswith("/simple/"):
        request.send_header("Content-Type", SIMPLE)
    request.end_headers()
    request.wfile.write(data)


def status(number: int) -> Answer:
    return lambda request, _: request.send_error(number)


def lying(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """Promise more than there is."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data) + 100))
    request.end_headers()
    request.wfile.write(data)


def short(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """Promise less than there is."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data) // 2))
    request.end_headers()
    request.wfile.write(data)


def cut_off(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """Stop in the middle."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data[: len(data) // 2])


def without_answer(request: BaseHTTPRequestHandler, _: bytes) -> None:
    request.close_connection = True


def redirecting(place: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.send_response(302)
        request.send_header("Location", place)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked[self.path] += 1
            data = server.files.get(self.path, b"")
            if server.answers:
                server.answers.pop(0)(self, data)
            elif data:
                ordinary(self, data)
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        server = Server(web.server_port)
        thread = threading.Thread(target=web.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield server
        web.shutdown()
        thread.join()
