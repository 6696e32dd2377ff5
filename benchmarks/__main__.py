"""Measures everything and writes docs/measurements.md: `python -m benchmarks`."""

import platform
from pathlib import Path

import torch

from benchmarks import (
    agreement,
    compare_scale,
    queue_commands,
    queue_overhead,
    queue_scale,
    scan_cells,
    statistics_cost,
    step_time,
)

MEASUREMENTS = (
    agreement,
    step_time,
    scan_cells,
    statistics_cost,
    queue_overhead,
    queue_scale,
    queue_commands,
    compare_scale,
)
PAGE = Path(__file__).parent.parent / "docs" / "measurements.md"


def main() -> None:
    """Run each measurement and write the page."""
    lines = [
        "# Measurements\n",
        f"Written by `make bench`: torch {torch.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, one thread per run, two runs at a time at most.\n",
    ]
    for measurement in MEASUREMENTS:
        for line in measurement.table():
            print(line, flush=True)
            lines.append(line)
        lines.append("")
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
