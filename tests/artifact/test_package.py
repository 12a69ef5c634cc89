"""What a package says besides its entries: what is spelt is read again, and nothing unsound is."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from provisioning.artifact.model.device import Value
from provisioning.artifact.model.package import Health, Hook, Package, Service, parse, plain

HEALTH = Health("http", "http://127.0.0.1:8080/health", 30)
SERVICE = Service(
    "greenhouse", "bin/greenhouse serve", "always", "greenhouse", "", (("A", "1"), ("B", "")),
    "lib", HEALTH,
)  # fmt: skip
FULL = Package(
    "greenhouse", "1.4.2", "raspberry-pi", "linux", "arm64", "/opt/greenhouse", "", "", "",
    "systemd", (SERVICE,), (Hook("post_install", 60),), (Value("PIN", "[0-9]+", True, "the pin"),),
    (("Depends", "python3"),), "",
    (("DEBIAN/postinst", "0" * 64), ("usr/x", "f" * 64)),
)  # fmt: skip


def test_what_is_spelt_is_read_again() -> None:
    assert parse(plain(FULL)) == FULL
    assert parse(plain(FULL._replace(services=(), hooks=(), device=()))).services == ()
    without = FULL._replace(debian_files=())
    assert "debian_files" not in plain(without)  # as it was before a manifest stated any
    assert parse(plain(without)) == without


LIMITED = SERVICE._replace(
    groups=("gpio", "video"), after=("a.service",), wants=("b.target",), memory_max="20%",
    cpu_quota="200%", nice=-20, extra=(("A", '["x","y"]'), ("B", '"z"')),
)  # fmt: skip


def test_what_is_said_of_groups_order_limits_and_settings_is_read_again() -> None:
    full = FULL._replace(services=(LIMITED,))
    assert parse(plain(full)) == full
    assert plain(full)["services"]["greenhouse"]["extra"] == {"A": ["x", "y"], "B": "z"}
    # As it was before there were any, so that older tools read it.
    assert {*plain(FULL)["services"]["greenhouse"]} == {
        "exec", "restart", "user", "group", "environment", "directory", "health",
    }  # fmt: skip
    mac = full._replace(
        service_manager="launchd",
        services=(SERVICE._replace(nice=5, memory_max="1G", extra=(("A", '{"b":[1,true]}'),)),),
    )
    assert parse(plain(mac)) == mac


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("groups", "gpio", "groups is not a list"),
        ("groups", [5], "groups is not text"),
        ("groups", ["a b"], "groups: is neither a name"),
        ("after", ["network-online"], "after: network-online is no unit"),
        ("after", ["a.service\nWants=b.service"], "is no unit"),
        ("wants", ["%i.service"], "wants: %i.service is no unit"),
        ("memory_max", "512", "memory_max: 512 is no amount of memory"),
        ("memory_max", 512, "memory_max is not text"),
        ("cpu_quota", "0%", "cpu_quota: 0% is no share of a processor"),
        ("nice", 20, "nice is not -20 to 19"),
        ("nice", True, "nice is not -20 to 19"),
        ("extra", [], "extra is not a map"),
        ("extra", {"A\n[Install]": "x"}, "is no key of systemd"),
        ("extra", {"a": "x"}, "a is no key of systemd"),
        ("extra", {"User": "root"}, "User is written by this tool: use the key user"),
        ("extra", {"Type": "simple"}, "Type is written by this tool, and cannot be changed"),
        ("extra", {"A": "x\nUser=root"}, "A is not one line of text"),
        ("extra", {"A": ["x", "y\r"]}, "A is not one line of text"),
        ("extra", {"A": "x\\"}, "A ends in a backslash"),
        ("extra", {"A": 5}, "A is neither a text nor a list of texts"),
        ("extra", {"A": []}, "A is a list of nothing"),
        ("extra", {"A": "x" * 5000}, "A is longer than 4096 characters"),
    ],
)
def test_what_no_unit_could_say_is_refused(key: str, value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(edited(f"services.greenhouse.{key}", value))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("groups", ["staff"], "groups: launchd gives a service its user's groups"),
        ("cpu_quota", "50%", "cpu_quota: launchd limits no share of a processor"),
        ("memory_max", "50%", "memory_max: launchd limits no share of the memory"),
        ("extra", {"Label": "x"}, "Label is written by this tool"),
        ("extra", {"A": None}, "A is no text, whole number, true, false, list or map"),
        ("extra", {"A": 1.5}, "A is no text, whole number, true, false, list or map"),
        ("extra", {"A": {"b": "x\n"}}, "A is not one line of text"),
        ("extra", {"A": {"b\n": "x"}}, "A is not one line of text"),
        ("extra", {"A": 1 << 64}, "A is a number of more than 64 bits"),
        ("extra", {"A": [[[[[1]]]]]}, "A has more than 4 levels"),
    ],
)
def test_what_no_property_list_could_say_is_refused(key: str, value: Any, told: str) -> None:
    fields = edited(f"services.greenhouse.{key}", value)
    with pytest.raises(ValueError, match=re.escape(told)):
        parse({**fields, "service_manager": "launchd"})


def edited(path: str, value: Any) -> dict[str, Any]:
    """FULL, with another value at a path such as `services.greenhouse.exec`."""
    fields = plain(FULL)
    *above, last = path.split(".")
    place = fields
    for key in above:
        place = place[key]
    place[last] = value
    return fields


FAULTS = {
    "name": ("../x", "../x is not a valid name, version, platform, os or arch"),
    "prefix": ("opt/x", "package.prefix: opt/x: is not absolute"),
    "services": ([], "package.services is not a map"),
    "services.greenhouse": (
        {},
        "package.services.greenhouse does not have exactly the fields it should",
    ),
    "services.a/b": (plain(FULL)["services"]["greenhouse"], "a/b: is not a valid service name"),
    "services.greenhouse.exec": ("x\nExecStart=y", "a text is not one line"),
    "services.greenhouse.restart": ("often", "restart often is not one of"),
    "services.greenhouse.user": ("a b", "is neither a name"),
    "services.greenhouse.directory": ("../x", "leaves the package (..)"),
    "services.greenhouse.environment": ({"A=B": "x"}, "A=B is not a valid variable name"),
    "services.greenhouse.environment.A": ("1\n2", "the value of A is not one line of text"),
    "services.greenhouse.health": ({}, "health does not have exactly the fields it should"),
    "services.greenhouse.health.check": ("hope", "hope is not a known check"),
    "services.greenhouse.health.within": (0, "its time is not 1 to 3600"),
    "hooks.later": ({"timeout": 1}, "later: is not one of"),
    "hooks.post_install.timeout": (True, "timeout is not 1 to 3600"),
    "device.a b": ({"pattern": "", "secret": False, "summary": ""}, "is not a valid variable name"),
    "device.PIN.pattern": ("(", "( is not a valid regular expression"),
    "device.PIN.secret": (1, "secret is neither true nor false"),
    "debian": ([], "package.debian is not a map"),
    "debian.Essential": ("yes", "package.debian: Essential is not a known field"),
    "debian.Depends": ("a\nEssential: yes", "package.debian.Depends is not one line of text"),
    "debian.Section": ("", "package.debian.Section is not one line of text"),
    "debian_files": ({}, "package.debian_files is not a map of files"),
    "debian_files.usr/x": ("F" * 64, "package.debian_files.usr/x is not a SHA-256 in hexadecimal"),
    "debian_files.a\nb": ("0" * 64, "package.debian_files: a name is not one line of text"),
    "service_manager": ("init", "package.service_manager is unknown"),
    "new": ("x", "does not have exactly the fields of a package"),
}


@pytest.mark.parametrize("path", FAULTS)
def test_what_is_not_sound_is_refused(path: str) -> None:
    value, told = FAULTS[path]
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(edited(path, value))


def test_patterns_that_take_long_to_be_read_are_refused_at_once() -> None:
    value = {"pattern": "(?i)" + "[ -\ufffd]" * 1000, "secret": False, "summary": ""}
    start = time.process_time()
    with pytest.raises(ValueError, match="its patterns have 70") as raised:
        parse(edited("device", {"A": value, "B": {**value, "pattern": "x"}}))
    assert time.process_time() - start < 0.5
    assert str(raised.value) == (
        "package.device: its patterns have 7005 bytes together; 500 are allowed"
    )


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("services.greenhouse.exec", "", "names no program"),
        ("services.greenhouse.exec", "bin/x 'y", "bin/x 'y has a quote that is not closed"),
        ("services.greenhouse.exec", "/bin/sh", "/bin/sh is absolute; paths are relative"),
        ("services.greenhouse.exec", "'bin/a*'", "bin/a* contains *, which the path of a service"),
        ("services.greenhouse.directory", "a{b", "a{b contains {, which the path of a service"),
        ("services.greenhouse.environment.A", "\ud800", "the value of A is not one line of text"),
        ("services.greenhouse.health.what", "ftp://x", "health.http: ftp://x is not a valid value"),
        ("prefix", "/opt/$x", "opt/$x contains $, which the path of a service cannot have"),
    ],
)
def test_what_no_service_manager_could_run_is_refused(path: str, value: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(edited(path, value))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("http", "https://localhost/x?y", "http://a b"),
        ("tcp", "[::1]:80", "80"),
        ("command", "bin/check 'a b'", "../check"),
        ("uptime", "10", "0"),
    ],
)
def test_a_check_is_something_that_can_be_asked(check: str, good: str, bad: str) -> None:
    health = {"check": check, "what": good, "within": 30}
    assert parse(edited("services.greenhouse.health", health)).services[0].health == (
        *health.values(),
    )
    with pytest.raises(ValueError, match=r"services\.greenhouse\.health\."):
        parse(edited("services.greenhouse.health", {**health, "what": bad}))
