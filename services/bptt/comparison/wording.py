"""A comparison in words: what terminal, report, CSV and MLflow say, in one place."""

import math
from collections.abc import Mapping, Sequence

from bptt.counted import counted
from bptt.measuring.slopes import ALL_LAYERS, MIXED, MIXED_MEANS
from bptt.measuring.table import SLOPE
from bptt.records.comparison import Comparison, Group, Interval, Lacking

ENDED = ("solved", "finished", "time_limit")
THOUSAND, MILLION = 1e3, 1e6
LISTED = 6
"""How many configurations a sentence names."""
LACKING = 10
"""How many runs without a value are named below a table."""
AT_MOST = "<= "
BEST_COLUMN, LEAD_COLUMN = "best?", "lead of best"
TIMES_AS_MANY, TIMES_AS_LONG = "times as many", "times as long"
EXPLAINED = (
    "n: seeds that count, diverged runs included. Mean [95 % interval of this mean alone]; lead of "
    "best, or times as much as the best: [interval that holds for all rows together], in pairs of "
    "one seed, over the seeds that both have (their n, where they differ); solved: share of ended "
    "runs [Wilson, over seeds]; slope: of log10 gradient norm per step of lag."
)


def interval_told(interval: Interval | None) -> str:
    """Return `0.91 [0.88, 0.94]`, or only the estimate if there are too few seeds for a spread."""
    if interval is None:
        return "-"
    if interval.low is None or interval.high is None:
        return number_told(interval.estimate)
    low, high = number_told(interval.low), number_told(interval.high)
    return f"{number_told(interval.estimate)} [{low}, {high}]"


def number_told(value: float) -> str:
    """Return three digits of a figure, or all before the point."""
    return f"{value:,.0f}" if THOUSAND - 0.5 <= abs(value) < MILLION else f"{value:.3g}"


def ratio_told(log: float) -> str:
    """Return how many times as many a difference of logarithms is."""
    return f"{number_told(math.exp(log))} {TIMES_AS_MANY}"


def time_ratio_told(log: float) -> str:
    """Return how many times as long a difference of logarithms is."""
    return f"{number_told(math.exp(log))} {TIMES_AS_LONG}"


def counts_told(counts: Mapping[str, int]) -> str:
    """Return `3 solved, 1 diverged`."""
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in sorted(counts.items()))


def listed(names: Sequence[str]) -> str:
    """Return `a, b and c`, or the first six and how many more there are."""
    if len(names) > LISTED + 1:
        return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def columns(comparison: Comparison) -> list[str]:
    """Return the heads of the table's columns."""
    metrics = [metric or "metric" for metric in comparison.metrics]
    median = ["median"] if comparison.budget else []
    lead = LEAD_COLUMN
    if comparison.ratio:
        lead = TIMES_AS_LONG if comparison.metric == "seconds" else TIMES_AS_MANY
    tuned = ["tuned to"] if _is_tuned(comparison) else []
    named = [BEST_COLUMN, "configuration", *tuned, "n", *metrics, lead]
    grids = ["grids"] if len(comparison.grids) > 1 else []
    return [*named, *median, "solved", _slope_column(comparison), "runs", *grids]


def cells(comparison: Comparison, group: Group) -> list[str]:
    """Return what stands under each of `columns`."""
    _, *others = group.metrics.values()
    median = [_median_told(comparison, group)] if comparison.budget else []
    return [
        group.standing or "-",
        group.config,
        *([group.tuned_to or "-"] if _is_tuned(comparison) else []),
        str(group.value.n if group.value else 0),
        _value_told(group),
        *(interval_told(interval) for interval in others),
        _lead_told(comparison, group),
        *median,
        interval_told(group.solved),
        _slope_told(group),
        counts_told(group.counts),
        *([" ".join(group.grids)] if len(comparison.grids) > 1 else []),
    ]


def tested_heading(comparison: Comparison) -> str:
    """Return what stands over the table of `tested_columns`."""
    counted = ""
    if any(group.diverged for group in comparison.groups):
        counted = "; a diverged run counts as the worst of the others"
    return (
        f"{comparison.task_metric} with further options of the task (evaluation), measured once, "
        f"at the end: mean [95 % interval of this mean alone]{counted}"
    )


def tested_columns(comparison: Comparison) -> list[str]:
    """Return the heads of the table of other options of the task; empty: there are none."""
    return ["configuration", *comparison.tested] if comparison.tested else []


def tested_cells(group: Group) -> list[str]:
    """Return what stands under each of `tested_columns`."""
    return [group.config, *(interval_told(one) for one in group.tested.values())]


def lacking_told(comparison: Comparison, one: Lacking) -> str:
    """Return the run of a point without a value; of one that was deleted, the grid it is of."""
    if one.run_id or len(comparison.grids) < 2:
        return one.run_id or "deleted"
    return f"deleted from {' and '.join(one.grids)}"


def without_value(comparison: Comparison) -> list[str]:
    """Return a line for each run that has no value of its own, the first ten of them."""
    lines = [
        f"No value: {lacking_told(comparison, one)}, {one.config} seed={one.seed}: {one.why}"
        for one in comparison.lacking[:LACKING]
    ]
    if (more := len(comparison.lacking) - LACKING) > 0:
        lines.append(f"No value: {more:,} more; all of them: bptt compare ... --json")
    return lines


def _is_tuned(comparison: Comparison) -> bool:
    return any(group.tuned_to is not None for group in comparison.groups)


def _median_told(comparison: Comparison, group: Group) -> str:
    if group.median is not None:
        return AT_MOST * group.at_first_evaluation + number_told(group.median)
    if not group.value or group.unsolved_until is None or comparison.metric == "seconds":
        return "-"
    return f"> {number_told(group.unsolved_until)}"


def _value_told(group: Group) -> str:
    told = AT_MOST * group.at_first_evaluation + interval_told(group.value)
    if not group.diverged or group.counted_as is None:
        return told
    ended = group.diverged + sum(group.counts.get(name, 0) for name in ENDED)
    counted_as = number_told(group.counted_as)
    return f"{told} ({group.diverged:,} of {ended:,} diverged, counted as {counted_as})"


def _lead_told(comparison: Comparison, group: Group) -> str:
    """Return a lead, and over how many seeds it is where these are not the same for all."""
    if group.lead is None:
        return group.too_few or "-"
    told = interval_told(group.lead)
    if group.too_few:
        return f"{told} ({group.too_few}: too few)"
    leads = [one.lead.n for one in comparison.groups if one.lead]
    own = [one.value.n for one in comparison.groups if one.value and one.standing]
    return told if len({*leads, *own}) == 1 else f"{told} (n {group.lead.n})"


def _slope_column(comparison: Comparison) -> str:
    several = any("1" in group.layer_slopes for group in comparison.groups)
    return ALL_LAYERS if several else SLOPE.words


def _slope_told(group: Group) -> str:
    told = MIXED * group.slope_mixed + interval_told(group.slope)
    if group.slope and group.value and group.slope.n != group.value.n:
        return f"{told} (n {group.slope.n})"
    return told


def conclusions(comparison: Comparison) -> list[str]:
    """Return the sentences below the table, the verdict first."""
    return [line for line in (comparison.verdict, *notes(comparison)) if line]


def notes(comparison: Comparison) -> list[str]:
    """Return what else there is to say: the procedure, what it lacks, the best run."""
    lines = list(comparison.notes)
    if any(group.slope_mixed for group in comparison.groups):
        lines.append(f"{MIXED_MEANS}.")
    if (best := comparison.best_run) is not None:
        told = f"{best.run_id}, {best.config} seed={best.seed}, {number_told(best.value)}"
        same = f"; {counted(best.others, 'other run')} as good" if best.others else ""
        lines.append(f"Best single run: {told}{same}.")
    return lines


def with_commands(sentence: str) -> tuple[str, list[str]]:
    """Return a sentence and the commands that it ends with, each on a line of its own."""
    lines = sentence.splitlines()
    commands = [line for line in lines if line.startswith("bptt ")]
    return " ".join(line for line in lines if line not in commands), commands


def heading(comparison: Comparison) -> str:
    """Return what decides, which way it is better, the baseline, and what all have in common.

    Empty: there is no result yet.
    """
    if not comparison.metric:
        return ""
    better = f", {comparison.better} is better" if comparison.better else ""
    baseline = ""
    if comparison.baseline is not None:
        baseline = f", baseline {number_told(comparison.baseline)}"
    common = f"; all with {comparison.common}" if comparison.common else ""
    return f"{comparison.metric}{better}{baseline}{common}"
