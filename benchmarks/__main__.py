"""Measures and writes docs/measurements.md and docs/performance.md.

`python -m benchmarks` measures everything. `python -m benchmarks step_time rounds=3 cells=gru`
measures one part with these settings and leaves the others as they were. Rivals are measured if
they are installed: torchrecurrent, jax, ray, joblib (which comes with MLflow), wandb.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks import (
    agreement,
    choices,
    commands,
    compare_scale,
    configurations,
    disk,
    estimates,
    floor_per_run,
    gpu,
    grid_throughput,
    growth,
    inference,
    lengths,
    limit,
    looks,
    memory,
    one_run,
    page,
    queue_commands,
    queue_overhead,
    queue_scale,
    scan_cells,
    staged_cells,
    statistics_cost,
    step_time,
    tiny_grid,
    unequal_seeds,
    whole_updates,
)
from benchmarks.part import BadWord, Part

PARTS: dict[str, Part] = {
    module.PART.name: module.PART
    for module in (
        agreement,
        inference,
        unequal_seeds,
        looks,
        choices,
        step_time,
        configurations,
        limit,
        whole_updates,
        gpu,
        growth,
        lengths,
        staged_cells,
        scan_cells,
        memory,
        statistics_cost,
        one_run,
        grid_throughput,
        tiny_grid,
        queue_overhead,
        queue_scale,
        queue_commands,
        commands,
        floor_per_run,
        disk,
        compare_scale,
        estimates,
    )
}
DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Measure the parts that the command line names, and write the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures, and writes docs/measurements.md and docs/performance.md.",
        epilog="Parts, and what can be changed of each:\n"
        + "\n".join(f"  {name}: {', '.join(part.fields)}" for name, part in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="PART|FIELD=VALUE", help="default: all parts")
    parser.add_argument("--into", type=Path, default=DOCS, metavar="FOLDER", help="default: docs")
    parser.add_argument(
        "--draw", action="store_true", help="only write the pages from what is kept"
    )
    given = parser.parse_intermixed_args()
    try:
        chosen, words = understand(given.words)
        plans = {name: PARTS[name].changed(words) for name in chosen}
    except BadWord as bad:
        parser.error(str(bad))
    failed = [] if given.draw else measure(plans, given.into)
    old = page.write(list(PARTS.values()), given.into)
    if failed or old:
        told = {"not measured": failed, "kept in another form, to be measured again": old}
        sys.exit("; ".join(f"{why}: {', '.join(names)}" for why, names in told.items() if names))


def understand(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the parts and the `field=value` words among the words of the command line.

    Raises:
        BadWord: one is neither, or no part that is to be measured has the field.
    """
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    named = [word for word in words if "=" not in word]
    if unknown := [name for name in named if name not in PARTS]:
        raise BadWord(f"no part is called {unknown[0]!r}; there are {', '.join(PARTS)}")
    chosen = named or list(PARTS)
    known = {field for name in chosen for field in PARTS[name].fields}
    if strange := [field for field in fields if field not in known]:
        allowed = ", ".join(sorted(known))
        raise BadWord(f"{' and '.join(chosen)} cannot change {strange[0]!r}, but {allowed}")
    return chosen, fields


def measure(plans: dict[str, object], docs: Path) -> list[str]:
    """Measure part after part, each in a separate process; return those that failed."""
    failed = []
    for name, plan in plans.items():
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        # a part may flush denormals, or load what another one times loading
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                pool.submit(page.measure, PARTS[name], plan, docs).result()
            except Exception:
                traceback.print_exc()
                failed.append(name)
        page.write(list(PARTS.values()), docs)
    return failed


if __name__ == "__main__":
    main()
