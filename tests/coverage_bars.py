"""How much of each wing the tests must reach; says which does not.

usage: python -m tests.coverage_bars REPORT    a report of coverage in JSON
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests import needs

BARS = {
    "artifact": 95,
    "spec": 95,
    "builder": 95,
    "installer": 90,
    "plugin": 90,
}  # percent, with branches


def main(report: Path) -> int:
    """Exit status 1 if a wing of the coverage.py JSON `report` is below its bar.

    What a machine cannot run reaches nothing: where tests were left out, the bars say nothing.
    """
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
    if needs.unmet(sweep=False):
        print("coverage is not judged: tests were left out")
        return 0
    return int(low)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
