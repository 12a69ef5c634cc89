"""What is inside a release: its bill of materials, its licences, and what is known of them."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from provisioning.artifact.verification import verify_release
from provisioning.builder.workspace import bill
from provisioning.plugin.commands import audit
from tests.wheels import lock, wheel

from .conftest import DODO, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = """
name: demo
version: "1.0"
license: MIT
maintainer: Team <team@example.org>
summary: A demo
platforms: {raspberry-pi: {}}
debian: {depends: ["python3:any (>= 3.9)", "aa | bb"]}
contents:
  - {python: pylock.toml, dst: lib/}
  - {src: src/, dst: app/}
"""
INTEGRITY = "sha512-" + "A" * 86 + "=="
NODE = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "app"},
        "node_modules/left": {
            "version": "1.2.3",
            "resolved": "https://example.org/left.tgz",
            "integrity": INTEGRITY,
            "license": "ISC",
        },
        "node_modules/@org/right": {"version": "2.0.0-rc.1", "license": "UNLICENSED"},
        "packages/ours": {"version": "3.0.0"},
        "node_modules/ours": {"resolved": "packages/ours", "link": True},
        "node_modules/absent": {"version": "1.0.0", "dev": True},
    },
}
PI = "demo:raspberry-pi"
OLD, NEW = {"License": "BSD"}, {"License-Expression": "MIT OR Apache-2.0"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with packages of Python and Node, and a name that has to be escaped."""
    monkeypatch.setenv("PROVISIONING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PROVISIONING_OFFLINE", "1")
    made = Project(tmp_path / "project", {"dodo.py": DODO, "specs/demo.yaml": SPEC})
    wheels = [
        wheel("greet", "1.0", metadata=OLD),
        wheel("zope_event", "5.0", metadata=NEW),
        wheel("plain", "2"),
    ]
    for each in wheels:
        each.put(made.path("wheels"))
    made.write("pylock.toml", lock(*wheels))
    made.write("src/package-lock.json", json.dumps(NODE))
    for place in ("node_modules/left", "node_modules/@org/right", "packages/ours"):
        made.write(f"src/{place}/package.json", "{}")
    made.write('src/a "quoted" näme', "x")
    return made


def bill_of(project: Project) -> dict[str, Any]:
    release = project.path("artifacts/demo-1.0-raspberry-pi")
    return dict(json.loads((release / f"{release.name}.cdx.json").read_bytes()))


def components(project: Project, kind: str = "library") -> dict[str, dict[str, Any]]:
    found = (each for each in bill_of(project)["components"] if each["type"] == kind)
    return {each.get("purl", each["name"]): each for each in found}


def test_it_is_valid_and_among_what_is_verified(project: Project) -> None:
    project.doit()
    release = project.path("artifacts/demo-1.0-raspberry-pi")
    path = release / f"{release.name}.cdx.json"
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(path.read_text(encoding="utf-8")) is None
    assert [each.findings for each in verify_release(release)] == [(), ()]
    path.write_bytes(path.read_bytes() + b"\n")
    assert {str(each)[: len(path.name)] for each in verify_release(release)[0].findings} == {
        path.name
    }


def test_it_names_wheels_npm_packages_and_what_the_deb_needs(project: Project) -> None:
    project.doit()
    found = components(project)
    assert {*found} == {
        "pkg:pypi/greet@1.0",
        "pkg:pypi/zope-event@5.0",
        "pkg:pypi/plain@2",
        "pkg:npm/left@1.2.3",
        "pkg:npm/%40org/right@2.0.0-rc.1",
        "pkg:deb/debian/python3",
        "pkg:deb/debian/aa",
    }
    assert found["pkg:pypi/greet@1.0"]["licenses"] == [{"license": {"name": "BSD"}}]
    assert found["pkg:pypi/zope-event@5.0"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert "licenses" not in found["pkg:pypi/plain@2"]
    left = found["pkg:npm/left@1.2.3"]
    assert left["hashes"] == [{"alg": "SHA-512", "content": "0" * 128}]
    assert left["externalReferences"][0]["url"] == "https://example.org/left.tgz"
    right = found["pkg:npm/%40org/right@2.0.0-rc.1"]
    assert right["licenses"] == [{"license": {"name": "UNLICENSED"}}]
    (application,) = bill_of(project)["dependencies"]
    assert {*application["dependsOn"]} == {*found}


def test_it_lists_every_file_with_its_digest(project: Project) -> None:
    project.doit()
    release = project.path("artifacts/demo-1.0-raspberry-pi")
    entries = json.loads((release / f"{release.name}.manifest.json").read_text())["entries"]
    listed = {
        path: each["hashes"][0]["content"] for path, each in components(project, "file").items()
    }
    assert listed == {each["path"]: each["digest"] for each in entries if each["type"] == "file"}
    assert 'app/a "quoted" näme' in listed


def test_a_lock_that_is_none_says_nothing(project: Project) -> None:
    project.write("src/package-lock.json", "[1")
    project.doit()
    assert not [purl for purl in components(project) if purl.startswith("pkg:npm")]


def test_the_licence_of_what_a_wheel_has_copied_is_not_its_own(project: Project) -> None:
    copied = "greet/_vendor/zed-9.dist-info/METADATA"
    files = {"greet/__init__.py": "", copied: "Name: zed\nLicense-Expression: GPL-3.0-only\n"}
    made = wheel("greet", "1.0", files, metadata=NEW)
    made.put(project.path("wheels"))
    project.write("pylock.toml", lock(made))
    project.doit()
    licenses = components(project)["pkg:pypi/greet@1.0"]["licenses"]
    assert licenses == [{"expression": "MIT OR Apache-2.0"}]


def test_what_is_no_spdx_expression_is_a_name(project: Project) -> None:
    made = wheel("greet", "1.0", metadata={"License-Expression": "Our own"})
    made.put(project.path("wheels"))
    project.write("pylock.toml", lock(made))
    project.doit()
    licenses = components(project)["pkg:pypi/greet@1.0"]["licenses"]
    assert licenses == [{"license": {"name": "Our own"}}]


def test_a_wheel_from_elsewhere_is_told_as_in_a_clean_build(project: Project) -> None:
    project.doit()
    same = wheel("greet", "1.0", metadata=OLD)  # in the cache by now
    project.write("pylock.toml", lock(same, base="https://a.example.org"))
    project.doit()
    project.write("pylock.toml", lock(same, base="https://b.example.org"))
    project.doit()
    incremental = bill_of(project)
    assert "https://b.example.org" in json.dumps(incremental)
    shutil.rmtree(project.path("artifacts"))
    project.doit()
    assert bill_of(project) == incremental


def test_licences_are_listed(project: Project) -> None:
    assert "`doit package` writes it" in project.provision("show", "--licenses", PI, status=2)
    project.doit()
    told = project.provision("show", "--licenses", PI)
    assert told.splitlines() == [
        "demo 1.0 for raspberry-pi: MIT",
        "  @org/right 2.0.0-rc.1  UNLICENSED",
        "  left 1.2.3             ISC",
        "  greet 1.0              BSD",
        "  plain 2                ?",
        "  zope-event 5.0         MIT OR Apache-2.0",
        "  aa                     of Debian",
        "  python3                of Debian",
    ]
    archive = str(project.archive())
    assert project.provision("show", "--licenses", archive) == told
    document = json.loads(project.provision("show", "--licenses", "--json", PI))
    assert document["packages"][0]["ingredients"][0]["kind"] == "npm"


def record(name: str, ecosystem: str = "PyPI", **affected: Any) -> dict[str, Any]:
    package = {"package": {"ecosystem": ecosystem, "name": name}, **affected}
    return {
        "id": f"OSV-{name}",
        "aliases": ["CVE-2026-1"],
        "summary": "It\nis bad",
        "affected": [package],
    }


def events(*told: tuple[str, str], kind: str = "ECOSYSTEM") -> list[dict[str, Any]]:
    return [{"type": kind, "events": [{what: at} for what, at in told]}]


def put(database: Path, *records: Any) -> str:
    database.mkdir(exist_ok=True)
    for number, each in enumerate(records):
        text = each if isinstance(each, str) else json.dumps(each)
        (database / f"{number}.json").write_text(text)
    return str(database)


CASES = {
    "a range": (record("greet", ranges=events(("introduced", "0"), ("fixed", "1.0.1"))), True),
    "before it": (record("greet", ranges=events(("introduced", "1.1"))), False),
    "after it": (record("greet", ranges=events(("introduced", "0"), ("fixed", "1.0"))), False),
    "its end": (
        record("greet", ranges=events(("introduced", "0"), ("last_affected", "1.0"))),
        True,
    ),
    "behind its end": (
        record("greet", ranges=events(("introduced", "0"), ("last_affected", "0.9"))),
        False,
    ),
    "again": (
        record(
            "greet",
            ranges=events(("introduced", "0"), ("fixed", "0.5"), ("introduced", "0.9")),
        ),
        True,
    ),
    "in any order": (
        record("greet", ranges=events(("fixed", "0.5"), ("introduced", "0"))),
        False,
    ),
    "a list": (record("greet", versions=["0.9", "1.0"]), True),
    "spelt otherwise": (record("Zope_Event", versions=["5.0"]), True),
    "a list, spelt otherwise": (record("greet", versions=["v1.0.0"]), True),
    "without an order": (record("greet", ranges=events(("introduced", "2004d"))), True),
    "without an order, but with a list": (
        record("greet", ranges=events(("introduced", "2004d")), versions=["0.9"]),
        False,
    ),
    "commits": (record("greet", ranges=events(("introduced", "0"), kind="GIT")), False),
    "of npm": (
        record("left", "npm", ranges=events(("introduced", "1.0.0-0"), kind="SEMVER")),
        True,
    ),
    "of npm, mended before": (
        record("left", "npm", ranges=events(("introduced", "0"), ("fixed", "1.2.3"))),
        False,
    ),
    "of another ecosystem": (record("greet", "npm", versions=["1.0"]), False),
    "withdrawn": ({**record("greet", versions=["1.0"]), "withdrawn": "2026-01-01"}, False),
}


@pytest.fixture
def built(project: Project) -> Project:
    project.doit()
    return project


def test_records_of_a_database_are_held_against_what_is_inside(
    built: Project, tmp_path: Path
) -> None:
    for case, (said, is_known) in CASES.items():
        database = tmp_path / "database"
        put(database, said, *(record("no", each, versions=["1"]) for each in ("PyPI", "npm")))
        status = 1 if is_known else 0
        told = built.provision("audit", "--database", str(database), PI, status=status)
        assert ("CVE-2026-1" in told) is is_known, case
        assert told.endswith("; 2 others were not asked about\n"), case


ORDERS = (
    ("1.0.0", "1.0.0-0", True),
    ("1.0.0-1", "1.0.0", False),
    ("1.0.0-rc.2", "1.0.0-rc.10", False),
    ("1.0.0-rc.1.1", "1.0.0-rc.1", True),
    ("1.0.0-beta", "1.0.0-1", True),
    ("1.0.0-alpha.beta", "1.0.0-alpha.1", True),
    ("1.0.0-0", "0", True),
    ("1.10.0+build", "1.9.0", True),
)


def test_versions_of_npm_have_the_order_of_semantic_versioning() -> None:
    for mine, introduced, is_known in ORDERS:
        said = record("left", "npm", ranges=events(("introduced", introduced), kind="SEMVER"))
        inside = {("npm", "left"): [bill.Ingredient("npm", "left", mine)]}
        assert bool([*audit._affecting(said, inside)]) is is_known, (mine, introduced)


def test_what_was_built_of_a_version_has_its_faults() -> None:
    said = record("greet", ranges=events(("introduced", "0"), ("last_affected", "2.1.0")))
    inside = {("PyPI", "greet"): [bill.Ingredient("pypi", "greet", "2.1.0+cpu")]}
    assert [*audit._affecting(said, inside)]


def test_a_database_of_another_ecosystem_is_no_good_answer(built: Project, tmp_path: Path) -> None:
    database = put(tmp_path / "database", record("greet", "Go", versions=["1.0"]))
    assert built.provision("audit", "--database", database, status=2).endswith(
        "database: holds no records about packages of PyPI or npm, only of Go; take the database"
        " of PyPI or npm\n"
    )
    database = put(tmp_path / "database", record("no", "npm", versions=["1.0"]))
    told = built.provision("audit", "--database", database)
    assert told == "2 packages asked about: none known; 5 others were not asked about\n"


@pytest.mark.parametrize("damaged", ["{", record("greet", ranges=[{"type": "ECOSYSTEM"}])])
def test_a_damaged_record_hides_no_other_and_is_no_good_answer(
    built: Project, tmp_path: Path, damaged: Any
) -> None:
    database = put(tmp_path / "database", damaged, record("plain", versions=["3"]))
    told = built.provision("audit", "--database", database, status=2)
    assert told.endswith("\n1 record could not be read: get the database anew\n")
    put(tmp_path / "database", damaged, record("plain", versions=["2"]))
    told = built.provision("audit", "--database", database, "--json", status=1)
    assert json.loads(told)["unread"] == 1


def test_what_is_known_is_told_with_the_way_out(built: Project, tmp_path: Path) -> None:
    commits = events(("introduced", "0"), ("fixed", "5d4f"), kind="GIT")
    fixed = [*commits, *events(("introduced", "0"), ("fixed", "1.0.1"))]
    database = put(tmp_path / "database", record("greet", ranges=fixed))
    assert built.provision("audit", "--database", database, status=1) == (
        "greet 1.0: OSV-greet, CVE-2026-1: It\\nis bad; mended in 1.0.1\n"
        "    in demo 1.0 for raspberry-pi\n"
        "3 packages asked about: 1 vulnerability; 4 others were not asked about\n"
    )
    told = json.loads(built.provision("audit", "--database", database, "--json", PI, status=1))
    (known,) = told["packages"][0]["vulnerabilities"]
    assert (known["id"], known["fixed"], told["not_asked"]) == ("OSV-greet", ["1.0.1"], 4)


def test_a_zip_archive_of_records_is_a_database(built: Project, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("GHSA-1.json", json.dumps(record("greet", versions=["1.0"])))
    archive_name = str(built.archive())
    database = str(tmp_path / "all.zip")
    assert "OSV-greet" in built.provision("audit", "--database", database, archive_name, status=1)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("nowhere", None, "nowhere: No such file"),
        ("text", "text", "not a zip file"),
        ("empty", {}, "holds no records of OSV"),
    ],
)
def test_what_is_no_database_is_told(
    built: Project, tmp_path: Path, name: str, data: object, says: str
) -> None:
    path = tmp_path / name
    if data == {}:
        path.mkdir()
    elif data:
        path.write_text(str(data))
    assert says in built.provision("audit", "--database", str(path), status=2)


@contextmanager
def osv(answer: dict[str, Any], asked: list[Any]) -> Iterator[str]:
    """A server as api.osv.dev, which says the same of every package that is called greet."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(said)
            body = json.dumps(answer if said["package"]["name"] == "greet" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def test_pip_audit_asks_osv(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = events(("introduced", "0"), ("fixed", "1.0.1"))
    asked: list[Any] = []
    with osv({"vulns": [record("greet", ranges=fixed)]}, asked) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        told = built.provision("audit", PI, status=1)
    assert "greet 1.0: " in told
    assert "CVE-2026-1" in told
    assert "mended in 1.0.1" in told
    assert {each["package"]["name"] for each in asked} == {"greet", "plain", "zope-event"}
    with osv({}, asked) as url:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        assert "3 packages asked about: none known; 4 others" in built.provision("audit", PI)


def test_no_answer_is_not_taken_for_a_good_one(
    built: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/v1/query")
    told = built.provision("audit", PI, status=2)
    assert "pip-audit could not ask OSV" in told
    assert "--database PATH needs no network" in told


def test_what_was_not_built_has_no_bill(project: Project) -> None:
    assert "`doit package` writes it" in project.provision("audit", PI, status=2)
    project.write("x.cdx.json", "{}")
    assert "is not a bill of materials" in project.provision("audit", "x.cdx.json", status=2)
