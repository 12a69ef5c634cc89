"""Starts and stops the controller."""

from __future__ import annotations

import asyncio
import signal
import sys

from aiohttp import web

from greenhouse import ROOT, version
from greenhouse.config import ConfigError, load
from greenhouse.server import make_application


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; return 0 after a clean stop, 2 if it cannot start."""
    try:
        config = load(ROOT / "etc" / "greenhouse.ini")
        asyncio.run(serve(make_application(config), config.host, config.port))
    except (ConfigError, OSError) as fault:
        print(f"greenhouse: {fault}", file=sys.stderr)
        return 2
    return 0


async def serve(application: web.Application, host: str, port: int) -> None:
    """Answer requests until a signal says to stop; raises `OSError` if the port is taken."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        listens = runner.addresses[0][1]  # port 0 is any free one
        print(f"greenhouse {version()} listens on port {listens}", flush=True)
        await told.wait()
    finally:
        await runner.cleanup()
    print("greenhouse stopped", flush=True)


if __name__ == "__main__":
    sys.exit(main())
