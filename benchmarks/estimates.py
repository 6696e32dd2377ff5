"""What `bptt submit --dry-run` says a grid takes, compared with what it took."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import digits
from benchmarks.part import Found, Part

GRIDS = {
    "smoke": "task: {name: latch, length: 10}\ncell: [rnn, lstm]\nseeds: 2\nSTEPS 50",
    "after_smoke": "task: {name: latch, length: 50}\ncell: lstm\nseeds: 2\n"
    "statistics: {interval: 0}\nSTEPS 16000",
    "adding": "task: {name: adding, length: 100}\ncell: gru\nmodel: {hidden_size: 32}\n"
    "seeds: 3\nSTEPS 3000",
    "copy": "task: {name: copy_memory, delay: 50}\ncell: lstm\nmodel: {hidden_size: 64}\n"
    "seeds: 2\nSTEPS 1600",
    "order": "task: {name: temporal_order, length: 60}\ncell: rnn\nmodel: {hidden_size: 32}\n"
    "seeds: 4\nSTEPS 5000",
    "digits": "task: digits\ncell: [rnn, gru]\nmodel: {hidden_size: 64}\nseeds: 2\nSTEPS 3000",
    "layers": "task: {name: adding, length: 50}\ncell: lstm\n"
    "model: {hidden_size: 128, layers: 2}\nseeds: 2\nSTEPS 600",
    "double": "task: {name: latch, length: 50}\ncell: gru\nseeds: 2\ndtype: float64\nSTEPS 5000",
    "recurrence": "task: {name: adding, length: 100}\ncell: [lru, mingru]\nseeds: 2\nSTEPS 3000",
    "words": "task: agreement\ncell: lstm\nmodel: {hidden_size: 64, embedding_size: 32}\n"
    "seeds: 2\nSTEPS 1600",
    "clippers": "task: {name: adding, length: 40}\ncell: [rnn, lstm, gru]\n"
    "clipper: [none, {name: global_norm, max_norm: 0.5}, {name: value, clip_value: 0.05}]\n"
    "statistics: {interval: 50}\nseeds: 2\nSTEPS 600",
    "jacobians": "task: {name: latch, length: 50}\ncell: [rnn, gru]\nmodel: {hidden_size: 32}\n"
    "statistics: {interval: 20, jacobian_interval: 20}\nseeds: 2\nSTEPS 1200",
}
"""Cells, lengths, tasks and sizes as far apart as people's."""


@dataclass(frozen=True)
class Plan:
    slots: int = 1
    grids: tuple[str, ...] = tuple(GRIDS)
    """Trained in this order, so that each has those before it to learn from."""
    percent: int = 100
    """Of the updates of each grid but `smoke`."""


def text_of(name: str, percent: int) -> str:
    """Return a grid file; no run of it may stop before its last update."""
    text, _, steps = GRIDS[name].rpartition("STEPS ")
    updates = int(steps) if name == "smoke" else max(1, int(steps) * percent // 100)
    dtype = ", dtype: float64" if "dtype: float64\n" in text else ""
    return (
        text.replace("dtype: float64\n", "")
        + f"training: {{steps: {updates}, stop_when_solved: false{dtype}}}\n"
    )


def measure(plan: Plan) -> Found:
    """Return, by grid, the estimates in a new home and just before, and what it took: seconds."""
    with Embedded(plan.slots) as stack:
        new = {name: _estimate(stack, text_of(name, plan.percent)) for name in plan.grids}
        found = {}
        for name in plan.grids:
            text = text_of(name, plan.percent)
            before, trained = _estimate(stack, text), stack.seconds_of_runs()
            stack.submit(text)
            stack.wait()
            trained = stack.seconds_of_runs() - trained
            ((took,),) = stack.query(
                "SELECT max(finished_at) - min(created_at) FROM runs WHERE grid_id = "
                "(SELECT id FROM grids ORDER BY created_at DESC LIMIT 1)"
            )
            print(name, new[name], before, took, trained, flush=True)
            found[name] = {"new": new[name], "before": before, "took": took, "trained": trained}
            # what is sent and drawn is no part of the next grid
            stack.rest()
    return found


def _estimate(stack: Embedded, text: str) -> list[float]:
    """Return what a grid would take, least and most."""
    file = stack.folder / "asked.yaml"
    file.write_text(text)
    told = json.loads(stack.bptt("submit", str(file), "--dry-run", "--json"))
    return [told["seconds"], told["least"], told["most"]]


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Estimates\n"
    yield (
        "Seconds that `bptt submit --dry-run` gives: for each grid in a new home, where nothing "
        "has been trained, and again after the grids above it were trained; and seconds from the "
        f"commit of the grid to the end of its last run, on {plan.slots} of the machine's slots. "
        "Runs that may stop when they are solved are left out. The given range is in brackets.\n"
    )
    yield head(
        "grid", "in a new home", "just before", "took", "took / new home", "took / just before"
    )
    for name, grid in found.items():
        cells = [f"{digits(e)} [{digits(a)}, {digits(b)}]" for e, a, b in _told(grid)]
        cells += [digits(grid["took"])]
        cells += [digits(grid["took"] / e) for e, _, _ in _told(grid)]
        yield table_row(name, *cells)
    yield ""
    for place, when in enumerate(("in a new home", "just before")):
        off = [_off(grid["took"] / _told(grid)[place][0]) for grid in found.values()]
        within = sum(
            _told(grid)[place][1] <= grid["took"] <= _told(grid)[place][2]
            for grid in found.values()
        )
        yield (
            f"- {when}: {sum(o <= 2 for o in off)} of {len(off)} within a factor of 2 (median "
            f"{digits(statistics.median(off))}, largest {digits(max(off))}; aims: 9 of 10, and 5); "
            f"{within} within the range."
        )


def _told(grid: dict[str, list[float]]) -> list[list[float]]:
    return [grid["new"], grid["before"]]


def _off(ratio: float) -> float:
    return max(ratio, 1 / ratio)


PART = Part("estimates", "performance", Plan(), measure, lines)
