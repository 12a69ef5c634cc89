"""Starts and stops the controller."""

from __future__ import annotations

import signal
import sys
import threading

from greenhouse import ROOT
from greenhouse.config import Config, ConfigError, load
from greenhouse.sensor import find
from greenhouse.server import Server
from greenhouse.vents import Vents


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; return 0 after a clean stop, 2 if it cannot start."""
    try:
        server = start(load(ROOT / "etc" / "greenhouse.ini"))
    except (ConfigError, OSError) as fault:
        print(f"greenhouse: {fault}", file=sys.stderr)
        return 2
    run_until_told(server)
    return 0


def start(config: Config) -> Server:
    """A server that has its port and does not answer yet; raises `OSError` if the port is taken."""
    vents = Vents(config.open_above, config.close_below)
    return Server((config.host, config.port), find(config.driver), vents)


def run_until_told(server: Server) -> None:
    """Serve in a thread, so that the signal handler never waits for the loop that it ends."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        print(f"greenhouse {server.version} listens on port {server.server_port}", flush=True)
        told.wait()
        server.shutdown()
        thread.join()
    print("greenhouse stopped", flush=True)


if __name__ == "__main__":
    sys.exit(main())
