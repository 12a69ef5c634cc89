"""Where the greenhouse controller is installed, and its version."""

from __future__ import annotations

from pathlib import Path

# lib/greenhouse/ in the package, src/greenhouse/ in the sources: two levels up either way.
ROOT = Path(__file__).resolve().parents[2]


def version() -> str:
    """The installed version: a separate file, since an edited configuration survives upgrades."""
    return (ROOT / "VERSION").read_text(encoding="utf-8").strip()
