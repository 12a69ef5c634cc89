"""Health checks of services: over HTTP, by a TCP connection, by a command, by their uptime.

A probe asks once, within some seconds, and returns why the service is not healthy; "" if it is. No
proxy, redirect or name server can make it take longer, or let another server answer.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlsplit

from provisioning.artifact.model.entry import shown
from provisioning.artifact.model.package import words
from provisioning.installer.services.hooks import PATH
from provisioning.installer.services.managers import manager_of
from provisioning.installer.services.subprocesses import Program, run_program
from provisioning.installer.services.users import identity

if TYPE_CHECKING:
    import http.client
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from provisioning.artifact.model.package import Package
    from provisioning.artifact.model.service import Health, Service
    from provisioning.installer.services.subprocesses import System

Probe = Callable[[float], str]
"""Called with the seconds that it has."""

_GOOD = range(200, 300)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def http_probe(url: str) -> Probe:
    """Return a probe that requests a URL, and expects 2xx."""
    # Imported here: a fifth of the tool's start-up, and most packages do not need it.
    from http.client import HTTPException  # noqa: PLC0415

    def ask(seconds: float) -> str:
        asked = urlsplit(url)
        connection = _connection(asked.scheme, asked.hostname or "", asked.port, seconds)
        try:
            path = asked.path or "/"
            connection.request("GET", f"{path}?{asked.query}" if asked.query else path)
            status = connection.getresponse().status
        except HTTPException as error:
            return _named(error, url)
        finally:
            connection.close()
        return "" if status in _GOOD else f"{url} answers {status}"  # guard: health-answer

    return _bounded(ask, url)


def tcp_probe(address: str) -> Probe:
    """Return a probe that connects to HOST:PORT."""
    import socket  # noqa: PLC0415 - as above

    def ask(seconds: float) -> str:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
            return ""

    return _bounded(ask, address)


def command_probe(
    package: Package, service: Service, command: str, values: Mapping[str, str]
) -> Probe:
    """Return a probe that runs a command of the package as the service would, and expects 0."""
    home = f"{package.prefix}/current"
    program, *arguments = words(command)
    asked = Program(
        [f"{home}/{program}", *arguments],
        f"{home}/{service.directory}",
        {"PATH": PATH, "LC_ALL": "C.UTF-8", **dict(service.environment), **values},
        identity(service),
    )

    def ask(seconds: float) -> str:
        try:
            ended = run_program(asked, seconds)
        except OSError as error:
            return f"{command}: {error.strerror}"
        last = shown(ended.output.decode(errors="replace").rstrip().rpartition("\n")[2])
        said = f": {last}" if last else ""
        if ended.late:
            return f"{command} has not ended{said}"
        return f"{command} ended with {ended.status}{said}" if ended.status else ""

    return ask


def _connection(
    scheme: str, host: str, port: int | None, seconds: float
) -> http.client.HTTPConnection:
    import http.client  # noqa: PLC0415 - as above

    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=seconds)
    import ssl  # noqa: PLC0415 - a small Python may have none

    context = ssl.create_default_context()
    if host in _LOOPBACK:  # these addresses have no certificate that anybody has signed
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


def _bounded(ask: Probe, what: str) -> Probe:
    """Run a probe in a thread: the timeout of a socket is for each step, and not for names."""

    def bounded(seconds: float) -> str:
        answers: list[str] = []
        asking = threading.Thread(
            target=lambda: answers.append(_caught(ask, what, seconds)), daemon=True
        )
        asking.start()
        asking.join(seconds)
        return answers[0] if answers else f"{what} does not answer"

    return bounded


def _caught(ask: Probe, what: str, seconds: float) -> str:
    try:
        return ask(seconds)
    except TimeoutError:
        return f"{what} does not answer"
    except OSError as error:
        return f"{what}: {error.strerror or error}"
    except (ValueError, ImportError) as error:
        return _named(error, what)


def _named(error: Exception, what: str) -> str:
    return f"{what}: {type(error).__name__} {error}"


_SETTLED = 1  # seconds that a service has to run, whatever it answers
_FIRST, _LONGEST = 0.05, 1.0  # seconds between two probes
_LEAST, _MOST = 0.2, 10  # seconds that a probe has


def fault(
    system: System, package: Package, values: Mapping[str, str], resting: Collection[str] = ()
) -> str:
    """Return which services are not healthy within their time, and why; "" if all are, or rest.

    Raises TargetError if the service manager cannot be asked.
    """
    if not package.services or not system.runs or system.boots:
        return ""
    began = time.monotonic()
    name = manager_of(package).name
    asked = (each for each in package.services if name(package, each.name) not in resting)
    told = (_fault(package, service, values, began) for service in asked)
    return "; ".join(each for each in told if each)


def await_well(look: Probe, deadline: float) -> str:
    """Repeat a probe until it returns "" or the deadline has come; returns its last answer."""
    pause = _FIRST
    while True:
        left = deadline - time.monotonic()
        why = look(min(max(left, _LEAST), _MOST))
        left = deadline - time.monotonic()
        if not why or left <= 0:
            return why
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST)


def _fault(package: Package, service: Service, values: Mapping[str, str], began: float) -> str:
    manager = manager_of(package)
    name = manager.name(package, service.name)
    if service.health is None:
        time.sleep(max(0, began + _SETTLED - time.monotonic()))
        state = manager.state(name)
        why = "" if state.active in {"active", "inactive"} else f"is {state.told}"
    else:
        look = _look(package, service, service.health, values)
        why = await_well(look, began + service.health.within)
        why = why and f"is not healthy after {service.health.within} seconds: {why}"
    return why and f"{service.name} {why}{manager.last_words(name)}"


def _look(package: Package, service: Service, health: Health, values: Mapping[str, str]) -> Probe:
    manager = manager_of(package)
    name = manager.name(package, service.name)
    if health.check == "uptime":
        return _Uptime(manager, name, int(health.what))
    if health.check == "command":
        probe = command_probe(package, service, health.what, values)
    else:
        probe = {"http": http_probe, "tcp": tcp_probe}[health.check](health.what)

    settled = _Uptime(manager, name, _SETTLED)

    def look(seconds: float) -> str:
        # Another program may be the one that answers, while this one finds its port taken.
        running, why = settled(seconds), probe(seconds)
        return why or (running and f"{health.what}: healthy, but {running}")

    return look


class _Uptime:
    """A probe that expects one process of a service to run for some seconds."""

    def __init__(self, manager: ModuleType, name: str, seconds: int) -> None:
        self._manager, self._name, self._seconds = manager, name, seconds
        self._pid, self._since = 0, time.monotonic()

    def __call__(self, _: float) -> str:
        state, now = self._manager.state(self._name), time.monotonic()
        if state.active != "active" or state.pid != self._pid:
            self._pid, self._since = state.pid, now
        runs = now - self._since
        if state.active != "active" or runs < self._seconds:
            return (
                f"it is {state.told}, but has run for only {int(runs)} of {self._seconds} seconds"
            )
        return ""
