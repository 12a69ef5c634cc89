"""Knows how a service is asked whether it is well: over HTTP, by a connection, by a command.

Each asks once, within some seconds, and tells why the service is not well, "" if it is. No proxy,
no redirection and no name server can make it take longer, or another one answer.
"""

from __future__ import annotations

import grp
import os
import pwd
import threading
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit

from provisioning.artifact.package import words
from provisioning.artifact.path import shown
from provisioning.errors import TargetError
from provisioning.target.hooks import PATH
from provisioning.target.program import Program, run

if TYPE_CHECKING:
    import http.client
    from collections.abc import Mapping

    from provisioning.artifact.package import Package, Service

Probe = Callable[[float], str]
"""Takes how many seconds it has."""

_GOOD = range(200, 300)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def http_probe(url: str) -> Probe:
    """Ask for a URL, which has to be answered with 2xx."""
    # A fifth of what it takes to start the tool, and most packages need none of it.
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
        return "" if status in _GOOD else f"{url} answers {status}"

    return _bounded(ask, url)


def tcp_probe(address: str) -> Probe:
    """Connect to HOST:PORT, which has to accept."""
    import socket  # noqa: PLC0415 - as above

    def ask(seconds: float) -> str:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
            return ""

    return _bounded(ask, address)


def command_probe(
    package: Package, service: Service, command: str, values: Mapping[str, str]
) -> Probe:
    """Run a command of the package as the service would, which has to end with 0."""
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
            ended = run(asked, seconds)
        except OSError as error:
            return f"{command}: {error.strerror}"
        last = shown(ended.output.decode(errors="replace").rstrip().rpartition("\n")[2])
        said = f": {last}" if last else ""
        if ended.late:
            return f"{command} has not ended{said}"
        return f"{command} ended with {ended.status}{said}" if ended.status else ""

    return ask


def identity(service: Service) -> dict[str, Any]:
    """Who runs a service, as arguments of Popen; nothing if it is whoever runs this."""
    if os.geteuid() != 0 or not (service.user or service.group):
        return {}
    user, group, groups = 0, 0, list[int]()
    if service.user:
        name, user, group = _user(service.user)
        groups = os.getgrouplist(name, group) if name else []
    if service.group:
        group = _group(service.group)
    return {"user": user, "group": group, "extra_groups": groups}


def _user(name: str) -> tuple[str, int, int]:
    try:
        known = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        if name.isdigit():
            return "", int(name), int(name)
        raise TargetError(f"there is no user {name}") from None
    return known.pw_name, known.pw_uid, known.pw_gid


def _group(name: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise TargetError(f"there is no group {name}") from None


def _connection(
    scheme: str, host: str, port: int | None, seconds: float
) -> http.client.HTTPConnection:
    import http.client  # noqa: PLC0415 - as above

    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=seconds)
    import ssl  # noqa: PLC0415 - a small Python may have none

    context = ssl.create_default_context()
    if host in _LOOPBACK:  # nobody has a certificate for these that anybody has signed
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


def _bounded(ask: Probe, what: str) -> Probe:
    """The same, in a thread: a timeout of a socket is one of each step, and not of a name's."""

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
