"""Numbers of a run as tables show them."""

from collections.abc import Mapping, Sequence

from bptt.measuring.earlier import is_of_earlier_estimator
from bptt.measuring.slopes import MIXED, MIXED_MEANS, is_mixed, slope_words
from bptt.measuring.table import SLOPE, SLOPE_HIGHEST, SLOPE_LOWEST

NOTE = (
    "slope: log10 of the gradient per step of lag; half-life: steps of lag in which it halves "
    "(-: it does not)"
)

EARLIER = " (by an earlier version; the arrays are not here)"


def number(value: float | None) -> str:
    """Return a number as a table shows it; a dash where it was not finite or never measured."""
    if value is not None and value > 1.797e308:
        # for norms, which may be larger than any float64
        return "over 1.797e+308"
    return "-" if value is None else f"{value:.4g}"


def slope(metrics: Mapping[str, float | None]) -> str:
    """Return a run's slope, marked if its single anchors differ in sign."""
    return MIXED * is_mixed(metrics) + number(metrics.get(SLOPE.key))


def slope_of_one(metrics: Mapping[str, float | None]) -> str:
    """Return what a run's slope is called, its value, and its range if it differs in sign."""
    told = f"{slope_words(metrics)} {slope(metrics)}{EARLIER * is_of_earlier_estimator(metrics)}"
    lowest, highest = (number(metrics.get(row.key)) for row in (SLOPE_LOWEST, SLOPE_HIGHEST))
    return f"{told} (of single losses {lowest} to {highest})" if is_mixed(metrics) else told


def note(runs: Sequence[Mapping[str, float | None]]) -> str:
    """Return what stands below a table of slopes.

    Args:
        runs: figures of each.
    """
    told = [NOTE]
    if any(map(is_mixed, runs)):
        told.append(MIXED_MEANS)
    if earlier := sum(map(is_of_earlier_estimator, runs)):
        told.append(
            f"of {earlier} run{'s' * (earlier > 1)} as an earlier version computed it, for the "
            "arrays are not here: another figure where a task reads every step or there are "
            "several layers"
        )
    return "; ".join(told)
