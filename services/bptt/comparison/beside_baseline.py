"""What is said of means beside the baseline: the best answer without memory."""

from collections.abc import Sequence

from bptt.comparison.column import Column
from bptt.comparison.interval import LEAST
from bptt.comparison.metrics import TOLD_BY_THE_TASK, Measure
from bptt.comparison.point import RESULTS
from bptt.comparison.wording import listed, number_told
from bptt.counted import counted
from bptt.records.comparison import Group


def baseline_notes(
    groups: Sequence[Group], decided: Column, beside: Column, names: Sequence[str]
) -> list[str]:
    """Return whose mean cannot be told from the baseline, and of whom that cannot be said.

    A mean is that of all runs: some of them may have solved the task.

    Args:
        groups: configurations of one problem.
        decided: the figure that decides.
        beside: what has the baseline that configurations are judged by.
        names: of the configurations, in the order of both.
    """
    if beside.measure.baseline is None:
        return []
    of = f"baseline of {number_told(beside.measure.baseline)} in "
    of += _figure(beside.measure, decided.measure)
    numbers = {name: number for number, name in enumerate(names)}
    nothing, some, few, n = [], [], [], 0
    for group in groups:
        row = decided.natural[numbers[group.config]]
        solved = sum(one.point.solved for one in row)
        value = beside.interval(numbers[group.config])
        if group.learned is False and solved:
            ended = sum(one.point.outcome in RESULTS for one in row)
            some.append(f"{group.config} ({solved:,} of {ended:,} runs)")
        elif group.learned is False:
            nothing.append(group.config)
        elif value and value.n < LEAST and not any(one.point.untrained for one in row):
            few.append(f"{group.config} (n {value.n})")
            n = max(n, value.n)
    said = [f"Cannot be told from the {of}, or worse: {listed(nothing)}."] if nothing else []
    if some:
        said.append(
            f"The mean cannot be told from the {of}, or is worse, though runs solved the task: "
            f"{listed(some)}."
        )
    if few and len(few) == len(groups):
        said.append(f"Too few seeds to say who is better than the {of}: {counted(n, 'seed')}.")
    elif few:
        said.append(f"Too few seeds to say whether better than the {of}: {listed(few)}.")
    return said


def _figure(beside: Measure, first: Measure) -> str:
    """Return a figure's name; in full where another figure of the task decides."""
    other = beside.name != first.name and first.name.startswith(TOLD_BY_THE_TASK)
    return beside.name if other else beside.short
