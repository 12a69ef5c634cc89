#!/usr/bin/env python3
"""Knows where the installed tool keeps its modules: ../lib, seen from bin/provision."""

from __future__ import annotations

import sys
from pathlib import Path

# The real path: a link from /usr/local/bin leads here too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
# Byte code beside the modules would be files that no manifest lists.
sys.dont_write_bytecode = True

from provisioning.target.cli import main  # noqa: E402  found through the line above

if __name__ == "__main__":
    sys.exit(main())
