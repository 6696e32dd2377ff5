"""What a reader of a comparison has to know besides its verdict."""

from collections.abc import Sequence

from bptt.comparison.column import Column
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.comparison.slopes import of_earlier
from bptt.comparison.wording import listed, number_told, unfinished
from bptt.counted import counted
from bptt.records.comparison import Group

EVALUATION = ("training.evaluation_size", "training.evaluate_every")
"""Axes that change how well a value is known."""


def notes_of(
    points: Sequence[ComparedPoint], groups: Sequence[Group], decided: Column, own: Measure
) -> list[str]:
    """Return what else a reader of a table has to know.

    Args:
        points: of one problem.
        groups: its configurations.
        decided: the figure that decides.
        own: the metric that decides by the task itself.
    """
    said = _differing(points)
    if decided.ranking.adjusted:
        said.append("Means are adjusted for seeds that not all have.")
    first = decided.measure
    few = [g.config for g in groups if g.value and not g.standing and len(groups) > 1]
    if first.ranks and few:
        said.append(
            f"Not ranked: {listed(few)}: half or more of the ended runs have no value, or no seed "
            "is one that others have."
        )
    if nothing := [group.config for group in groups if group.learned is False]:
        said.append(
            f"Cannot be told from the baseline of {number_told(own.baseline or 0.0)} in "
            f"{own.short}, or worse: {listed(nothing)}."
        )
    said.append(unfinished([group.counts for group in groups]))
    said += _counted(decided)
    said.append(of_earlier(points))
    return said


def _counted(decided: Column) -> list[str]:
    """Return what runs count as that did not solve the task."""
    if not decided.measure.until_solved:
        return []
    unsolved = sum(one.value is not None and not one.step for row in decided.natural for one in row)
    mean = f"{decided.measure.short}: until the task was solved, geometric mean over seeds"
    if not unsolved:
        return [f"{mean}."]
    return [f"{mean}; {counted(unsolved, 'run')} did not solve it, counted as twice the budget."]


def _differing(points: Sequence[ComparedPoint]) -> list[str]:
    """Return what differs between configurations without being what they are compared for."""
    said = []
    budgets = sorted({point.budget for point in points})
    if len(budgets) > 1:
        said.append(f"Budgets differ: {listed([f'{one:,}' for one in budgets])} updates.")
    for path in EVALUATION:
        values = dict.fromkeys(p.values[path] for p in points if path in p.values)
        if len(values) > 1:
            told = listed([f"{one:,}" for one in sorted(values)])
            said.append(f"{path.partition('.')[2]} differs: {told}.")
    return said
