"""What a page may have to tell: packages small and large, that were never built."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from provisioning.artifact.difference import compare
from provisioning.artifact.model.entry import DIR, FILE, LINK, Entry
from provisioning.artifact.model.manifest import Manifest
from provisioning.artifact.model.package import Package
from provisioning.builder.plan.inventory import Held, Inventory, of_manifest
from provisioning.plugin.page.facts import BuiltRelease, BuiltSizes, Facts, StageRun
from provisioning.plugin.task_graph import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTILE = "lib/</script><img src=x onerror=document.title='owned'>"
COMMENT = "lib/<!--<script>"  # what would keep </script> from ending an element of HTML
DISTRIBUTIONS = {"aiohttp": "aiohttp 3.12.15", "numpy": "numpy 2.3.1", "pillow": "pillow 11.3.0"}
PLACE = "artifacts/greenhouse-{}-raspberry-pi"


def package(version: str = "1.4.2") -> Package:
    return Package(
        "greenhouse", version, "raspberry-pi", "linux", "arm64", "/opt/greenhouse", "", "MIT", ""
    )


def entries(sizes: Iterable[tuple[str, int]]) -> list[Entry]:
    """Files of these sizes, in their directories."""
    found = {
        path: Entry(path, FILE, 0o644, "root", "root", size, f"{size:064x}") for path, size in sizes
    }
    for path in [*found]:
        while path := path.rpartition("/")[0]:
            found[path] = Entry(path, DIR, 0o755, "root", "root")
    return [found[path] for path in sorted(found)]


def small(*, before: bool = False) -> list[Entry]:
    """A package with a bit of everything; or what it was before."""
    sizes = {
        "install": 569_000, "lib/greenhouse/server.py": 24_100, "lib/greenhouse/vents.py": 3_200,
        "lib/greenhouse/__init__.py": 0, "share/plants.csv": 48_500, "share/static/app.css": 9_100,
        "share/static/app.js": 31_700, "share/static/logo.png": 64_400, HOSTILE: 1_200,
        COMMENT: 800, "lib/\u202eevil & ünïcode.txt": 700, "etc/greenhouse.ini": 410,
        "python/aiohttp/web.py": 18_700, "python/aiohttp/_http_parser.so": 2_804_000,
        "python/numpy/core/_multiarray.so": 8_100_000, "python/numpy/linalg/_umath.so": 1_220_000,
        "python/numpy/__init__.py": 22_000, "python/pillow/_imaging.so": 3_120_000,
    }  # fmt: skip
    if before:
        sizes |= {"share/plants.csv": 47_000, "share/old.csv": 300}
        del sizes["share/static/app.js"]
    made = [
        *entries(sizes.items()),
        Entry("bin", DIR, 0o755, "root", "root"),
        Entry("bin/evil", LINK, 0o777, "root", "root", link=f"../{HOSTILE}"),
        Entry("bin/greenhouse", LINK, 0o777, "root", "root", link="../lib/greenhouse/server.py"),
    ]
    return sorted(each._replace(conffile=each.path.endswith(".ini")) for each in made)


def large() -> list[Entry]:
    """36,487 files, as deep and as unequal as those of a real tree."""
    dice = random.Random(36487)
    words = [f"{name}{number}" for name in ("core", "data", "net") for number in range(5)]
    tops = ("lib", "share", "python/numpy", "python/aiohttp", "python/pillow")
    sizes: dict[str, int] = {}
    while len(sizes) < 36_487:
        below = "/".join(dice.choices(words, k=dice.randint(1, 3)))
        path = f"{dice.choice(tops)}/{below}/module_{len(sizes)}.py"
        sizes[path] = int(dice.lognormvariate(7.5, 1.8))
    return entries(sizes.items())


def inventory(made: list[Entry]) -> Inventory:
    """The same, with origins, and wheels for what lies below python/."""

    def held(each: Held) -> Held:
        if each.path.startswith("python/"):
            named = DISTRIBUTIONS.get(each.path.split("/")[1], "")
            return each._replace(origin="specs/greenhouse.yaml:31", distribution=named)
        return each._replace(origin="" if each.path == "install" else "specs/greenhouse.yaml:14")

    found = of_manifest(Manifest(package(), tuple(made)))
    return found._replace(entries=tuple(map(held, found.entries)))


def stages() -> tuple[StageRun, ...]:
    """What doit has recorded of each stage."""
    made = {
        "format": "tar.gz", "first": HOSTILE, "last": "lib/x", "members": 7, "bytes_in": 1 << 20,
        "bytes_out": 300_000,
    }  # fmt: skip
    values: dict[str, dict[str, Any]] = {
        "fetch": {"seconds": 0.31, "because": [["content", "pylock.toml", "", ""]]},
        "collect": {
            "seconds": 0.22, "changed": 3, "because": [["content", "", "", ""]],
            "changes": [["share/plants.csv", "data/plants.csv", ["content"]]],
        },
        "render": {"seconds": 0.05, "because": [["variable", "port", "8080", "9090"]]},
        "archive": {
            "seconds": 0.46, "because": [["fact", "version", '"1.4.1"', '"1.4.2"']],
            "cost": {"chunks_reused": 14, "chunks_rebuilt": 3, "bytes_in": 3 << 20,
                     "bytes_out": 900_000, "bytes_reused": 5 << 20, "made": [made]},
        },
        "hash": {"seconds": 0.03, "because": []},
    }  # fmt: skip
    return tuple(StageRun(name, purpose, values.get(name, {})) for name, purpose in STAGES.items())


def history() -> tuple[BuiltSizes, ...]:
    """Seven builds in two formats."""
    sizes = [(5.2, 4.6), (5.3, 4.6), (5.3, 4.7), (5.9, 5.1), (6.0, 5.2), (5.6, 4.9), (5.7, 4.9)]
    return tuple(
        BuiltSizes(f"1.{number}.0", {"tar.gz": int(one * 2**20), "deb": int(other * 2**20)})
        for number, (one, other) in enumerate(sizes)
    )


def built(made: list[Entry], *faults: str) -> Facts:
    """What a page tells of a package that was built, after another release."""
    now = Manifest(package(), tuple(made))
    before = Manifest(package("1.4.1"), tuple(small(before=True)))
    sizes = history()
    return Facts(
        inventory=inventory(made),
        is_built=True,
        release=BuiltRelease(PLACE.format("1.4.2"), "1.4.2", now, sizes[-1].bytes),
        previous=BuiltRelease(PLACE.format("1.4.1"), "1.4.1", before, sizes[-2].bytes),
        difference=compare(before, now),
        faults=faults,
        stages=stages(),
        history=sizes,
    )
