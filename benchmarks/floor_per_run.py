"""What every run of the queue costs, however short: processor time beside its updates."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import spread
from benchmarks.part import Found, Part


@dataclass(frozen=True)
class Plan:
    runs: int = 32
    rounds: int = 3


def measure(plan: Plan) -> Found:
    """Return processor seconds per run: until all have ended, and until MLflow has everything."""
    found: dict[str, list[float]] = {"trained": [], "shipped": [], "wall": []}
    with Embedded() as stack:
        # kernels are built, and MLflow has its database
        _grid(stack, plan, 0)
        for number in range(1, plan.rounds + 1):
            trained, shipped, wall = _grid(stack, plan, number)
            found["trained"].append(trained / plan.runs)
            found["shipped"].append(shipped / plan.runs)
            found["wall"].append(wall / plan.runs)
    return found


def _grid(stack: Embedded, plan: Plan, number: int) -> tuple[float, float, float]:
    stack.rest()
    before, began = stack.processor_seconds(), time.perf_counter()
    seeds = ", ".join(str(number * plan.runs + seed) for seed in range(plan.runs))
    stack.submit(
        f"name: floor{number}\ntask: {{name: adding, length: 50}}\ncell: rnn\n"
        "model: {hidden_size: 32}\ntraining: {steps: 1}\n"
        f"statistics: {{interval: 0, jacobian_interval: 0}}\nseeds: [{seeds}]\n"
    )
    stack.wait()
    trained, wall = stack.processor_seconds() - before, time.perf_counter() - began
    stack.wait_for_shipping()
    stack.rest()
    return trained, stack.processor_seconds() - before, wall


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## The floor per run\n"
    yield (
        f"Seconds per run of a grid of {plan.runs} runs of one update each, without statistics "
        f"(rnn, adding problem, T = 50, hidden 32), on 2 slots; {plan.rounds} rounds. Processor "
        "time is that of everything that is up; MLflow is sent to while the runs train, too.\n"
    )
    yield head("", "s")
    yield table_row("processor, until the last run has ended", spread(found["trained"]))
    yield table_row("processor, until MLflow has everything", spread(found["shipped"]))
    yield table_row(
        "wall clock, from the command to the end of the last run", spread(found["wall"])
    )


PART = Part("floor_per_run", "performance", Plan(), measure, lines)
