"""Knows what was built of a package, and what of it last."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from provisioning.artifact.release import artifacts as artifacts_in


def releases(artifacts: str, name: str, platform: str) -> list[Path]:
    """What is called like a release of a package and holds artifacts; first what was built last.

    The version stands between the two names, and nothing tells where it begins: what is found may
    be of another package, `greenhouse-extra` for `greenhouse`.
    """
    named = Path(artifacts).glob(f"{escape(name)}-*-{escape(platform)}")
    found = [path for path in named if path.is_dir() and artifacts_in(path)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
