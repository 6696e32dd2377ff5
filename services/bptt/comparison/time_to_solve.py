"""The share of runs that have solved their task, over updates (Kaplan & Meier 1958)."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.interval import CLOSE, CONFIDENCE
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.figures.rates import Solving

Array = NDArray[np.float64]


def solving(points: Sequence[ComparedPoint], farthest: float) -> Solving | None:
    """Return the share solved over updates; None if none of the points has a result.

    A run that ended unsolved counts until it ended, and one that diverged to the last update: it
    never solves the task, however long it is given. The curve ends at the largest budget of these
    runs: nothing is known of them beyond. Runs of one seed are not independent, so the
    width of the interval depends on the seeds.

    Args:
        points: of one configuration.
        farthest: the most updates that any run of the problem made; nothing is shown beyond.
    """
    ended = [point for point in points if point.outcome in RESULTS and point.result]
    if not ended:
        return None
    made = max(_last(point, 0.0) for point in ended)
    end = max(made, min(float(max(point.budget for point in ended)), farthest))
    times = np.array([_last(point, end) for point in ended])
    solved = np.array([point.solved for point in ended])
    seeds = len({point.seed for point in ended})
    updates, share, low, high = share_over_time(times, solved, seeds / len(ended))
    left = times[~solved & (times < end)]
    share, low, high = (np.append(values, values[-1]) for values in (share, low, high))
    return Solving(np.append(updates, end), share, low, high, np.unique(left), seeds)


def _last(point: ComparedPoint, end: float) -> float:
    if point.solved_at is not None:
        return point.solved_at
    return end if point.diverged else float((point.result or {}).get("step", 0))


def share_over_time(
    times: Array, happened: NDArray[np.bool_], independent: float = 1.0
) -> tuple[Array, Array, Array, Array]:
    """Return 1 minus the product-limit estimate, with Rothman's interval (1978).

    That is Wilson's interval for as many trials as would have Greenwood's variance: without
    censoring exactly Wilson's, and not of width zero where all or none have happened.

    Args:
        times: (runs,) when it happened, or until when it had not.
        happened: (runs,) whether it did.
        independent: share of the runs that are independent of each other.

    Returns:
        Times from 0 on at which the estimate changes, and from each to the next one: the estimate,
        its lower and its upper limit.
    """
    changes = np.unique(times[happened])
    at_risk = np.array([(times >= t).sum() for t in changes], dtype=float)
    events = np.array([((times == t) & happened).sum() for t in changes], dtype=float)
    remaining = np.concatenate([[1.0], np.cumprod(1.0 - events / at_risk)])
    # Greenwood's sum; infinite once nobody is left, where the trials of the step before count
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.concatenate([[0.0], np.cumsum(events / (at_risk * (at_risk - events)))])
        trials = (1.0 - remaining) / (remaining * spread)
    trials[0] = len(times)
    for place in np.flatnonzero(~np.isfinite(trials)):
        trials[place] = trials[place - 1]
    low, high = _wilson(1.0 - remaining, trials * independent)
    return np.concatenate([[0.0], changes]), 1.0 - remaining, low, high


def median_time(times: Array, happened: NDArray[np.bool_]) -> float | None:
    """Return Kaplan and Meier's median (1958); None: it had happened to half or fewer of them.

    Where it had happened to just half for some time, the middle of that.

    Args:
        times: (runs,) when it happened, or until when it had not.
        happened: (runs,) whether it did.
    """
    changes, share, _, _ = share_over_time(times, happened)
    above = np.flatnonzero(share > 0.5 + CLOSE)
    if not len(above):
        return None
    half = np.flatnonzero(np.abs(share - 0.5) <= CLOSE)
    first = half[0] if len(half) else above[0]
    return float(changes[first] + changes[above[0]]) / 2


def _wilson(share: Array, n: Array) -> tuple[Array, Array]:
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # at the ends exactly these, but for rounding
    low, high = np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0)
    return np.where(share > 0, low, 0.0), np.where(share < 1, high, 1.0)
