"""What a spec says of a service besides what it runs: groups, order, limits, state, settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.service_files import systemd_unit
from provisioning.builder.collect.layout import draft
from provisioning.builder.collect.sources import Sources
from provisioning.builder.workspace.paths import package_of
from tests.spec.conftest import report

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.artifact.model.package import Service
    from provisioning.spec.model.variant import Variant
    from tests.spec.conftest import Variants

PI = 'name: app\nversion: "1.0"\nplatforms: {raspberry-pi: {}}\n'
MAC = 'name: app\nversion: "1.0"\nplatforms: {mac-mini: {}}\n'
BOTH = """\
name: app
version: "1.0"
platforms: {raspberry-pi: {services: {app: %s}}, mac-mini: {services: {app: %s}}}
"""


def on_pi(variants: Variants, said: str, head: str = PI) -> Variant:
    return variants(f"services: {{app: {{exec: bin/app, {said}}}}}\n", head)["raspberry-pi"]


def service(variant: Variant) -> Service:
    (spec,) = (each for each in variant.services if each.service.name == "app")
    return spec.service


def test_all_of_it_is_read(variants: Variants) -> None:
    said = "groups: [gpio, video, gpio], after: [time-sync, a.service], wants: [a.service],"
    said += " memory_max: '{{ size }}', cpu_quota: 150%, nice: -5"
    head = f"{PI}variables: {{size: 512M}}\n"
    found = service(on_pi(variants, said, head))
    assert found.groups == ("gpio", "video")
    assert (found.after, found.wants) == (("time-sync.target", "a.service"), ("a.service",))
    assert (found.memory_max, found.cpu_quota, found.nice) == ("512M", "150%", -5)


def test_nothing_is_said_where_nothing_is_written(variants: Variants) -> None:
    variant = on_pi(variants, "restart: always")
    assert service(variant)[8:] == ((), (), (), "", "", 0, ())
    assert variant.contents == ()


def test_a_service_of_the_package_is_a_unit_by_its_name(variants: Variants) -> None:
    text = "services: {app: {exec: bin/app, after: [db, network]}, db: {exec: bin/db},"
    text += " network: {exec: bin/net}}\n"
    assert service(variants(text, PI)["raspberry-pi"]).after == (
        "app-db.service",
        "app-network.service",
    )


@pytest.mark.parametrize(
    ("said", "removed", "left"),
    [
        ("groups: [gpio]", "groups:", ()),
        ("after: [a.service]", "after:", ()),
        ("memory_max: 1G", "memory_max:", ""),
        ("nice: 5", "nice:", 0),
        ("groups: [gpio]", "groups: [video]", ("video",)),
        ("extra: {systemd: {A: b}}", "extra:", ()),
        ("extra: {systemd: {A: b}}", "extra: {systemd: {A: }}", ()),
        ("extra: {systemd: {A: b}}", "extra: {systemd: {B: 1}}", (("A", '"b"'), ("B", '"1"'))),
    ],
)
def test_an_overlay_replaces_and_removes_each(
    variants: Variants, said: str, removed: str, left: object
) -> None:
    overlay = PI.replace("{}", f"{{services: {{app: {{{removed} }}}}}}")
    found = service(on_pi(variants, said, overlay))
    assert getattr(found, said.partition(":")[0]) == left


def test_an_overlay_takes_from_a_mac_what_launchd_has_not(variants: Variants) -> None:
    head = BOTH % ("{}", "{groups: , cpu_quota: }")
    text = "services: {app: {exec: bin/app, groups: [gpio], cpu_quota: 5%, memory_max: 1G}}\n"
    found = {name: service(variant) for name, variant in variants(text, head).items()}
    assert found["raspberry-pi"].groups == ("gpio",)
    assert (found["mac-mini"].groups, found["mac-mini"].memory_max) == ((), "1G")


STATE = "state_directory: var/lib/app/"


def test_state_has_an_empty_directory_of_who_runs_the_service(variants: Variants) -> None:
    variant = on_pi(variants, STATE)
    (content,) = variant.contents
    assert (content.kind, content.dst, content.owner, content.mode) == (
        "dir", "var/lib/app", "app", 0o700,
    )  # fmt: skip
    assert content.where == "services.app.state_directory"
    assert service(variant).environment == (("STATE_DIRECTORY", "/opt/app/var/lib/app"),)


def test_on_a_mac_it_is_root_s_where_nobody_is_named(variants: Variants) -> None:
    text = f"services: {{app: {{exec: bin/app, {STATE}}}}}\n"
    mac = variants(text, MAC)["mac-mini"]
    assert mac.contents[0].owner == "root"
    assert dict(service(mac).environment)["STATE_DIRECTORY"] == f"{mac.prefix}/var/lib/app"


def test_contents_may_give_that_directory_another_mode(variants: Variants) -> None:
    head = f"{PI}contents: [{{dir: var/lib/app, owner: app, mode: '0750'}}]\n"
    (content,) = on_pi(variants, STATE, head).contents
    assert content.mode == 0o750


def test_two_services_of_one_user_share_it(variants: Variants) -> None:
    text = f"services: {{app: {{exec: bin/app, {STATE}}}, db: {{exec: bin/db, {STATE}}}}}\n"
    variant = variants(text, PI)["raspberry-pi"]
    assert len(variant.contents) == 1
    assert [dict(each.service.environment) for each in variant.services] == [
        {"STATE_DIRECTORY": "/opt/app/var/lib/app"}
    ] * 2


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("TimeoutStartSec: 90", {"TimeoutStartSec": "90"}),
        ("RemainAfterExit: true", {"RemainAfterExit": "yes"}),
        ("SendSIGHUP: false", {"SendSIGHUP": "no"}),
        ("DeviceAllow: ['a b', 3]", {"DeviceAllow": ["a b", "3"]}),
        ("OOMPolicy: '{{ name }}'", {"OOMPolicy": "app"}),
        ("IPAddressAllow: ''", {"IPAddressAllow": ""}),
    ],
)
def test_systemd_is_told_in_its_own_words(
    variants: Variants, said: str, expected: dict[str, Any]
) -> None:
    extra = f"extra: {{systemd: {{{said}}}, launchd: {{Label: x}}}}"
    found = service(on_pi(variants, extra)).extra
    assert {key: json.loads(value) for key, value in found} == expected


def test_launchd_is_told_in_json_s(variants: Variants) -> None:
    said = "SoftResourceLimits: {NumberOfFiles: '{{ most }}'}, LowPriorityIO: true, Sockets: [a, 1]"
    text = f"services: {{app: {{exec: bin/app, extra: {{launchd: {{{said}}}}}}}}}\n"
    found = variants(f"variables: {{most: 4096}}\n{text}", MAC)["mac-mini"]
    assert {key: json.loads(value) for key, value in service(found).extra} == {
        "LowPriorityIO": True,
        "Sockets": ["a", 1],
        "SoftResourceLimits": {"NumberOfFiles": 4096},
    }


def test_what_cannot_be_laid_out_is_told_at_that_key(variants: Variants) -> None:
    variant = on_pi(variants, "state_directory: state/app")
    (doubt,) = draft(variant._replace(services=()), Sources("artifacts"))[1]
    assert (doubt.fault.where, doubt.fault.message) == (
        "services.app.state_directory",
        "state/app lies in state, where releases are kept",
    )


def test_the_unit_says_what_the_spec_says(variants: Variants) -> None:
    said = "groups: [gpio], after: [db], wants: [db.service], memory_max: 20%, cpu_quota: 5%,"
    said += f" nice: 7, {STATE}, extra: {{systemd: {{TasksMax: 9, PartOf: db.service}}}}"
    text = f"services: {{app: {{exec: bin/app, {said}}}, db: {{exec: bin/db}}}}\n"
    package = package_of(variants(text, PI)["raspberry-pi"])
    unit = systemd_unit(package, package.services[0], "/opt/app/current", [])
    head, body = unit.split("[Service]\n")
    assert {"After=app-db.service", "Wants=db.service", "PartOf=db.service"} <= {*head.split()}
    assert {
        "SupplementaryGroups=gpio", "MemoryMax=20%", "CPUQuota=5%", "Nice=7", "TasksMax=9",
        "Environment=STATE_DIRECTORY=/opt/app/var/lib/app",
    } <= {*body.split()}  # fmt: skip


def test_a_secret_is_in_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    text = f"{MAC}secrets: {{token: '{{{{ env.TOKEN }}}}'}}\n"
    text += "services: {app: {exec: bin/app, extra: {launchd: {A: {b: ['{{ token }}']}}}}}\n"
    told = report(tmp_path, {"specs/app.yaml": text})
    assert "[exposed-secret]" in told
    assert "hunter2" not in told
