"""The HTTP interface: /health, /readings."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from greenhouse import version

if TYPE_CHECKING:
    from greenhouse.sensor import Read
    from greenhouse.vents import Vents


class Server(ThreadingHTTPServer):
    """The controller's HTTP server: one thread per request, one state of the vents."""

    def __init__(self, address: tuple[str, int], read: Read, vents: Vents) -> None:
        self.version = version()
        self._read = read
        self._vents = vents
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def health(self) -> dict[str, object]:
        """The answer for a load balancer or an installer."""
        return {"status": "ok", "version": self.version}

    def readings(self) -> dict[str, object]:
        """The current temperature in degrees Celsius, and the state of the vents."""
        with self._lock:  # the vents have one state, whichever thread looks first
            temperature = self._read()
            return {
                "temperature": temperature,
                "vents": "open" if self._vents.follow(temperature) else "closed",
            }


class Handler(BaseHTTPRequestHandler):
    """One request, answered with JSON."""

    server: Server

    def do_GET(self) -> None:
        """Answer /health and /readings; a silent sensor is 503, any other path 404."""
        answers = {"/health": self.server.health, "/readings": self.server.readings}
        if self.path not in answers:
            self.reply(404, {"error": f"{self.path} is unknown; try {' or '.join(answers)}"})
            return
        try:
            self.reply(200, answers[self.path]())
        except OSError as fault:
            self.reply(503, {"error": f"the sensor does not answer: {fault}"})

    def reply(self, status: int, body: dict[str, object]) -> None:
        """Send JSON with its length, which lets clients keep the connection."""
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
