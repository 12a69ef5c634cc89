"""The HTTP interface: /health, /readings. Between requests, the vents follow the temperature."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from aiohttp import web

from greenhouse import version
from greenhouse.motor import find_motor
from greenhouse.sensor import find_sensor
from greenhouse.vents import Vents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenhouse.config import Config

INTERVAL = 60  # seconds: air is slow


class Controller:
    """The sensor, the vents and their motor, behind the answers to requests."""

    def __init__(self, config: Config) -> None:
        self._read = find_sensor(config.driver)
        self._vents = Vents(config.open_above, config.close_below)
        self._motor = find_motor(config.pin)

    async def follow(self) -> float:
        """Read the temperature in degrees Celsius, and move the vents if they need it."""
        temperature = await asyncio.to_thread(self._read)  # a DS18B20 takes most of a second
        self._motor.value = self._vents.follow(temperature)
        return temperature

    async def readings(self, _: web.Request) -> web.Response:
        """The current temperature in degrees Celsius, and the state of the vents."""
        try:
            temperature = await self.follow()
        except OSError as fault:
            return reply({"error": f"the sensor does not answer: {fault}"}, status=503)
        vents = "open" if self._motor.value else "closed"
        return reply({"temperature": temperature, "vents": vents})

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Follow the temperature for as long as the application runs."""
        task = asyncio.create_task(self._keep_following())
        yield
        task.cancel()
        self._motor.close()

    async def _keep_following(self) -> None:
        while True:
            try:
                await self.follow()
            except OSError as fault:
                print(f"greenhouse: the sensor does not answer: {fault}", file=sys.stderr)
            await asyncio.sleep(INTERVAL)


def reply(body: dict[str, object], status: int = 200) -> web.Response:
    """JSON, with the end of line that a terminal needs."""
    return web.json_response(text=json.dumps(body) + "\n", status=status)


async def health(_: web.Request) -> web.Response:
    """The answer for a load balancer or an installer."""
    return reply({"status": "ok", "version": version()})


def make_application(config: Config) -> web.Application:
    """All answers to requests; raises `ConfigError` if the machine lacks what is configured."""
    controller = Controller(config)
    answers = {"/health": health, "/readings": controller.readings}

    async def unknown(request: web.Request) -> web.Response:
        told = f"{request.path} is unknown; try {' or '.join(answers)}"
        return reply({"error": told}, status=404)

    application = web.Application()
    application.cleanup_ctx.append(controller.run)
    for path, answer in answers.items():
        application.router.add_get(path, answer)
    application.router.add_get("/{path:.*}", unknown)
    return application
