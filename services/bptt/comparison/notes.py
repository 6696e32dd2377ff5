"""What a reader of a comparison has to know besides its verdict."""

from collections.abc import Sequence

from bptt.comparison.axes import SEED
from bptt.comparison.column import Column
from bptt.comparison.interval import CONFIDENCE, LEAST
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.comparison.scores import represents
from bptt.comparison.several import unfinished_in
from bptt.comparison.slopes import of_earlier
from bptt.comparison.wording import listed, number_told
from bptt.counted import counted
from bptt.records.comparison import Group

EVALUATION = ("training.evaluation_size", "training.evaluate_every")
"""Axes that change how well a value is known."""


def notes_of(
    points: Sequence[ComparedPoint],
    groups: Sequence[Group],
    decided: Column,
    own: Measure,
    names: Sequence[str],
) -> list[str]:
    """Return what else a reader of a table has to know.

    Args:
        points: of one problem.
        groups: its configurations.
        decided: the figure that decides.
        own: the metric that decides by the task itself.
        names: of the configurations, in the order of `decided`.
    """
    said = [*_differing(points), _averaged(decided, names)]
    if decided.ranking.adjusted:
        said.append("Means are adjusted for seeds that not all have.")
    first = decided.measure
    if first.ranks and len(groups) > 1:
        said += _not_ranked(decided, names)
    if nothing := [group.config for group in groups if group.learned is False]:
        said.append(
            f"Cannot be told from the baseline of {number_told(own.baseline or 0.0)} in "
            f"{own.short}, or worse: {listed(nothing)}."
        )
    said.append(unfinished_in(points))
    said += _counted(decided)
    said.append(_alike(groups))
    said.append(of_earlier(points))
    return said


def _not_ranked(decided: Column, names: Sequence[str]) -> list[str]:
    """Return which configurations have values and no rank, a sentence for each cause."""
    causes: dict[str, list[str]] = {}
    for number in decided.ranking.apart:
        if not represents(decided.rows[number]):
            why = "half or more of the ended runs have no value"
        elif not decided.values[number]:
            why = "no seed has a value for all that the means are over"
        else:
            why = "no seed is one of the others', and only runs of one seed are paired"
        if decided.interval(number) is not None:
            causes.setdefault(why, []).append(names[number])
    return [f"Not ranked: {listed(which)}: {why}." for why, which in causes.items()]


def _counted(decided: Column) -> list[str]:
    """Return what runs count as that did not solve the task."""
    if not decided.measure.until_solved:
        return []
    unsolved = sum(one.value is not None and not one.step for row in decided.natural for one in row)
    mean = f"{decided.measure.short}: until the task was solved, geometric mean over seeds"
    if not unsolved:
        return [f"{mean}."]
    return [f"{mean}; {counted(unsolved, 'run')} did not solve it, counted as twice the budget."]


def _averaged(decided: Column, names: Sequence[str]) -> str:
    """Return over which other axes values are means, and whose seeds lack some of them."""
    paths: dict[str, None] = {}
    lack = {}
    for name, row, held in zip(names, decided.rows, decided.values, strict=True):
        for path in dict.fromkeys(path for one in row for path in one.point.values):
            values = {repr(one.point.values.get(path)) for one in row}
            paths |= {path: None} if path != SEED and len(values) > 1 else {}
        there = {one.point.seed for one in row if one.value is not None}
        if left := len(there - held.keys()):
            lack[name] = left
    if not paths:
        return ""
    said = f"Within each seed, values are means over {listed(list(paths))}"
    if not lack:
        return f"{said}."
    which = listed([f"{counted(left, 'seed')} of {name}" for name, left in lack.items()])
    return f"{said}; a seed that lacks some of them does not count: {which}."


def _alike(groups: Sequence[Group]) -> str:
    """Return what seeds that are all alike leave open; empty if each has a spread."""
    alike = [one for one in groups if one.value and one.value.n >= LEAST and one.value.low is None]
    if not alike:
        return ""
    n = min(one.value.n for one in alike if one.value)
    # 0.95 of experiments would have shown one that happens more often (Clopper & Pearson 1934)
    others = 1 - (1 - CONFIDENCE) ** (1 / n)
    return (
        f"No interval for {listed([one.config for one in alike])}: all seeds are alike, or no run "
        f"has a value of its own. {n} such seeds leave room for others in {100 * others:.0f} % of "
        "runs."
    )


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
