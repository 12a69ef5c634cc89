"""Knows how much of each wing the tests must reach, and says which does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

BARS = {
    "artifact": 95,
    "spec": 95,
    "build": 95,
    "target": 90,
    "plugin": 90,
}  # percent, with branches


def main(report: Path) -> int:
    """Exit status 1 if a wing of the coverage.py JSON `report` is below its bar."""
    files = json.loads(report.read_text())["files"]
    low = False
    for wing, bar in BARS.items():
        parts = [
            file["summary"]
            for name, file in files.items()
            if name.startswith(f"provisioning/{wing}/")
        ]
        reached = sum(part["covered_lines"] + part["covered_branches"] for part in parts)
        whole = sum(part["num_statements"] + part["num_branches"] for part in parts)
        percent = 100 * reached / max(whole, 1)
        print(f"{wing:10} {percent:6.2f} % (bar {bar} %)")
        low = low or percent < bar or not parts
    return int(low)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
