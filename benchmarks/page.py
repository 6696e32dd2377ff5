"""What was measured, kept as JSON, and the pages written from it.

Next to `docs/PAGE.md` is the folder `docs/PAGE/` with a file of raw figures and a picture for each
part. A page is written from these alone, so that one part can be measured again without the rest.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.part import Part
from bptt.figures import style

HEADS = {
    "measurements": (
        "# Measurements\n",
        "What networks do, and how far a comparison of them can be relied upon, measured by "
        "`make bench`. What it costs: [performance](performance.md).",
    ),
    "performance": (
        "# Performance\n",
        "What training and queueing cost, measured by `make bench`, next to the "
        "alternatives. All raw figures are kept in `docs/performance/`.\n",
        "**A ratio** compares two things that ran alternately on one machine, so that a busy "
        "moment affects both: `median [least, largest]` of the pairwise ratios. Above 1 means that "
        "bptt is faster, or takes less, unless a table says otherwise. Absolute times only give "
        "the scale. Every run trains on one thread. Rivals are measured if they are installed. "
        "`make .venv/.test` installs what the commands below need.",
    ),
}


def measure(part: Part, plan: Any, docs: Path) -> None:
    """Measure a part and keep what was found."""
    load, began = os.getloadavg()[0], time.perf_counter()
    found = part.measure(plan)
    kept = {
        "plan": asdict(plan),
        "found": found,
        "measured": {
            "at": datetime.now(UTC).isoformat(timespec="minutes"),
            "seconds": round(time.perf_counter() - began),
            "load": round(load, 1),
            "commit": _commit(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    path = _kept(part, docs)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(_rounded(kept), indent=1) + "\n")
    temporary.replace(path)


def write(parts: Sequence[Part], docs: Path) -> list[str]:
    """Write each page of which a part has been measured.

    Returns:
        Parts that are left out, because their figures were measured by code that is gone.
    """
    old = []
    for page, head in HEADS.items():
        sections = []
        for part in parts:
            if part.page != page or not _kept(part, docs).exists():
                continue
            try:
                sections.append("\n".join(_section(part, docs)))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                old.append(part.name)
        if sections:
            text = "\n\n".join(["\n".join(head), *sections])
            (docs / f"{page}.md").write_text(text + "\n")
    return old


def _section(part: Part, docs: Path) -> Iterator[str]:
    kept = json.loads(_kept(part, docs).read_text())
    plan, found = part.planned(kept["plan"]), kept["found"]
    yield from part.lines(plan, found)
    if part.picture:
        path = style.save(part.picture(plan, found), docs / part.page / f"{part.name}.png")
        yield f"\n![{part.name}]({part.page}/{path.name})"
    measured = kept["measured"]
    yield (
        f"\n`{part.command(plan)}`; {measured['at'][:10]}, commit {measured['commit']}, "
        f"{measured['cores']} cores of {measured['processor']}, load {measured['load']} before, "
        f"torch {measured['torch']}, Python {measured['python']}; {measured['seconds']} s."
    )


def _kept(part: Part, docs: Path) -> Path:
    return docs / part.page / f"{part.name}.json"


def _rounded(value: Any) -> Any:
    """Return JSON with six significant digits: more are noise, and clutter every diff."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _commit() -> str:
    """Return the commit that was measured; `+` if code differs from it."""
    with suppress(OSError, subprocess.SubprocessError):
        changes = _git("status", "--porcelain", "--", "services", "plugins", "benchmarks")
        return _git("rev-parse", "--short=10", "HEAD") + ("+" if changes else "")
    return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
