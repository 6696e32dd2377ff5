"""What a reader of a comparison has to know besides its verdict."""

from collections.abc import Sequence

from bptt.comparison.axes import SEED
from bptt.comparison.beside_baseline import baseline_notes
from bptt.comparison.column import Column
from bptt.comparison.interval import CONFIDENCE, LEAST
from bptt.comparison.metrics import OF_THE_RUN, SECONDS, TOLD_BY_THE_TASK, Measure
from bptt.comparison.point import ComparedPoint, budget_of
from bptt.comparison.scores import represents
from bptt.comparison.seeds_in_common import own_and_common
from bptt.comparison.several import unfinished_in
from bptt.comparison.slopes import of_earlier
from bptt.comparison.trained_alike import EVALUATION
from bptt.comparison.wording import listed, number_told
from bptt.counted import counted
from bptt.records.comparison import Comparison, Group


def notes_of(
    points: Sequence[ComparedPoint],
    groups: Sequence[Group],
    decided: Column,
    beside: Column,
    names: Sequence[str],
) -> list[str]:
    """Return what else a reader of a table has to know.

    Args:
        points: of one problem.
        groups: its configurations.
        decided: the figure that decides.
        beside: what has the baseline that configurations are judged by.
        names: of the configurations, in the order of `decided`.
    """
    said = [*_differing(points), _averaged(decided, names)]
    said.append(own_and_common(decided, names))
    first = decided.measure
    if first.ranks and len(groups) > 1:
        said += _not_ranked(decided, names)
    said += baseline_notes(groups, decided, beside, names)
    # without results nothing says which metric decides
    if first.short and first.baseline is None and first.name.startswith(TOLD_BY_THE_TASK):
        said.append(f"No baseline of {first.short} is known.")
    said.append(unfinished_in(points))
    said += _counted(decided, names)
    said.append(_on_machines(first))
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


def _counted(decided: Column, names: Sequence[str]) -> list[str]:
    """Return what runs count as that did not solve the task, and how well times are known."""
    if not decided.measure.until_solved:
        return []
    held = [one for row in decided.natural for one in row if one.value is not None]
    points = [one.point for row in decided.natural for one in row]
    late = sum(one.stands_in and one.point.solved for one in held)
    unsolved = sum(one.stands_in for one in held) - late
    budget = budget_of(points)
    several = len({point.budget for point in points if point.budget}) > 1
    smallest = f"{budget:,} updates, the smallest budget here" if several else "the budget"
    said = f"{decided.measure.short}: until the task was solved, geometric mean over seeds"
    longer = [f"{counted(unsolved, 'run')} did not solve it"] if unsolved else []
    longer += [f"{counted(late, 'run')} solved it only after {smallest}"] if late else []
    if longer:
        value = next((one.value for one in held if one.stands_in), None) or 0.0
        as_long = "twice that" if late else f"twice {smallest}"
        if decided.measure.name == SECONDS:
            as_long = f"twice the longest that any run took for {budget:,} updates"
        each = "it counts" if unsolved + late == 1 else "each counts"
        # nobody has longer than others
        said += f"; {listed(longer)}: {each} as {number_told(value)}, {as_long}, whatever it takes"
    return [f"{said}.", _known_to(decided, names)]


def _on_machines(measure: Measure) -> str:
    """Return what seconds are; empty if the figure is none of them."""
    if measure.name not in (SECONDS, *OF_THE_RUN):
        return ""
    return (
        "Seconds pass on the clock of the machine that a run had, beside whatever else ran there: "
        "from its first update on (building kernels is nobody's), evaluations and statistics "
        "included."
    )


def _known_to(decided: Column, names: Sequence[str]) -> str:
    """Return to how many updates times are known; empty if to one."""
    every = sorted({one.point.evaluate_every for row in decided.natural for one in row if one.step})
    if not every or every[-1] <= 1:
        return ""
    each = f"{every[0]:,}" if len(every) == 1 else f"{every[0]:,} to {every[-1]:,}"
    said = f"Times are those of the evaluation that found the task solved, one every {each} updates"
    first = [name for number, name in enumerate(names) if decided.is_at_first(number)]
    if not first:
        return f"{said}."
    apart = " Evaluate more often to tell them apart." if len(first) > 1 and every[0] > 1 else ""
    most = f"{said}; all runs of {listed(first)} solved it by the first, so it took at most that."
    return most + apart


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
        f"has a value of its own. {counted(n, 'such seed')} do not rule out that up to "
        f"{100 * others:.0f} % of runs are otherwise (one-sided, 95 %)."
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


def lacking_metrics(
    found: Sequence[Measure], asked: Sequence[str], comparison: Comparison
) -> list[str]:
    """Return what is said where a problem has none of the metrics that were asked for."""
    if found or not asked:
        return []
    return [f"No run of it has {listed(list(asked))}: it is compared by {comparison.metric}."]
