"""Which figures of the results are compared, and which direction is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from bptt.comparison.held_out import only_at_end, with_best_weights
from bptt.comparison.point import ComparedPoint, budget_of, whose
from bptt.comparison.speed import why_no_speed
from bptt.errors import InvalidSpec
from bptt.measuring.logged import (
    BEST,
    BEST_TEST,
    EVAL_LOSS,
    EVAL_METRIC,
    TEST_METRIC,
    TRAIN_METRIC,
)
from bptt.measuring.rows import Scalar
from bptt.measuring.table import scalar_of

LOOKED_FOR = (EVAL_METRIC.section, TRAIN_METRIC.section)
LOSS = EVAL_LOSS.key.removeprefix(EVAL_LOSS.section)
TOLD_BY_THE_TASK = (
    EVAL_METRIC.section,
    TRAIN_METRIC.section,
    TEST_METRIC.section,
    BEST.beginning,
    BEST_TEST.beginning,
)
"""Beginnings of figures whose direction is that of the task's metric of the same name."""
UPDATES, SECONDS = "updates", "seconds"
OF_THE_RUN = {"steps_per_second": "higher"}
"""Which way the figures of a run as a whole are better."""
OF_TRAINING = (UPDATES, "step", SECONDS, *OF_THE_RUN)
"""What an untrained network does not have."""
NAMED = 8
"""How many metrics are listed when an unknown one is requested."""


@dataclass(frozen=True)
class Measure:
    """One figure that runs are compared by."""

    name: str
    """In `result.json`: eval/accuracy, train/loss, seconds, ..."""
    short: str
    """In tables."""
    better: str = ""
    """`higher` or `lower`; empty: neither, or unknown."""
    baseline: float | None = None
    unranked: str = ""
    """Why nobody is ranked by it, where that is so."""
    ratio: bool = False
    """Whether values are compared by their ratio: times, of which twice as much is twice as bad."""
    until_solved: bool = False
    """Whether it counts until the task was solved, and twice the budget if it was not."""

    @property
    def ranks(self) -> bool:
        return bool(self.better) and not self.unranked


def deciding_metric(points: Sequence[ComparedPoint]) -> Measure:
    """Return the deciding metric of the points' task; without a name where no run has a result."""
    result = next((point.result for point in points if point.result), None)
    return _deciding(result) if result else Measure(EVAL_METRIC.section, "")


def _deciding(result: Mapping[str, Any]) -> Measure:
    metric = str(result.get("metric", ""))
    better = str(result.get("better", "higher"))
    return Measure(EVAL_METRIC.named(metric), metric, better, result.get("baseline"))


def _directions(points: Sequence[ComparedPoint]) -> Mapping[str, str]:
    """Return which way each metric of a task improves, as far as its results say."""
    found: dict[str, str] = {LOSS: "lower"}
    for point in points:
        # an earlier version recorded that of the deciding metric alone
        if point.result and point.result.get("metric"):
            found[point.result["metric"]] = point.result.get("better", "higher")
        found |= (point.result or {}).get("directions") or {}
    return found


def _way(name: str, directions: Mapping[str, str]) -> str:
    """Return which way a figure of a task improves, also that of a named evaluation set."""
    for beginning in TOLD_BY_THE_TASK:
        word = name.removeprefix(beginning)
        keys = [key for key in directions if word == key or word.startswith(f"{key}_")]
        if word != name and keys:
            return directions[max(keys, key=len)]
    return ""


def names_of(points: Sequence[ComparedPoint]) -> list[str]:
    """Return the names of all figures that any result has."""
    return list(dict.fromkeys(name for point in points for name in point.figures))


def find_metrics(
    asked: Sequence[str], points: Sequence[ComparedPoint], known: Sequence[str]
) -> list[Measure]:
    """Return the requested metrics, given by full name or by its last word.

    If the last word fits several, the evaluation's is meant.

    Args:
        asked: names.
        points: of one task.
        known: figures that results of the whole grid have; those that this task lacks are
            not returned.

    Raises:
        InvalidSpec: no result has such a metric, or it fits several.
    """
    own = deciding_metric(points)
    there = names_of(points)
    directions = _directions(points)
    found: dict[str, Measure] = {}
    faults = []
    for text in [with_best_weights(one, points, known) for one in asked]:
        if text in OF_TRAINING and any(point.untrained for point in points):
            faults.append(f"--metric {text!r} has no value before the first update (--at init).")
            continue
        if there and (timed := _timed(text, points)):
            found[timed.name] = timed
            continue
        fits = [name for name in there if name == text]
        fits = fits or [name for name in there if name == EVAL_METRIC.named(text)]
        fits = fits or [name for name in there if name.rpartition("/")[2] == text]
        if not fits and any(text in (name, name.rpartition("/")[2]) for name in known):
            continue
        if len(fits) != 1:
            what = f"may be {' or '.join(fits)}" if fits else only_at_end(text, points)
            what = what or _unknown(text, known, whose(points))
            faults.append(f"--metric {text!r} {what}.")
            continue
        (name,) = fits
        measured = scalar_of(name)
        better = (measured.better if measured else "") or _way(name, directions)
        better = better or OF_THE_RUN.get(name, "")
        unranked = _told_by_chance(name, points) if better else _neither(name, measured)
        other = Measure(name, name, better, baseline_of(name, own, points), unranked=unranked)
        found[name] = replace(own, unranked=unranked) if name == own.name else other
    if faults:
        raise InvalidSpec(faults)
    return list(found.values())


def baseline_of(name: str, own: Measure, points: Sequence[ComparedPoint]) -> float | None:
    """Return what the best answer without memory achieves in a figure; None: nothing says it.

    Args:
        name: of the figure.
        own: the deciding metric of the task.
        points: of one task.
    """
    metric = own.short
    if name in {row.named(metric) for row in (EVAL_METRIC, TEST_METRIC, BEST, BEST_TEST)}:
        return own.baseline
    of = name.removeprefix(TEST_METRIC.named(f"{metric}_"))
    found = {point.baselines[of] for point in points if of != name and of in point.baselines}
    return found.pop() if len(found) == 1 else None


def default_measure(points: Sequence[ComparedPoint]) -> Measure:
    """Return what decides if nobody says: updates to solve where runs stop there.

    Such runs all end just beyond the threshold, and their last value says how far; their best one
    is asked for by name (`--at best`), so it is shown and ranks nobody.
    """
    stopped = [point for point in points if point.stopped]
    own = deciding_metric(points)
    if not stopped:
        return replace(own, unranked=_unequal(own.name, points))
    if any(point.moment == "best" for point in stopped):
        return replace(own, unranked=_stopped(own.name, points))
    return Measure(UPDATES, UPDATES, "lower", ratio=True, until_solved=True)


def _timed(text: str, points: Sequence[ComparedPoint]) -> Measure | None:
    name = {"step": UPDATES}.get(text, text)
    if name not in (UPDATES, SECONDS):
        return None
    return unless_none_solved(Measure(name, name, "lower", ratio=True, until_solved=True), points)


def unless_none_solved(measure: Measure, points: Sequence[ComparedPoint]) -> Measure:
    """Return a time to solve; as one that ranks nobody if every run ended without solving."""
    made = [int(point.result.get("step", 0)) for point in points if point.result]
    budget = budget_of(points)
    if not made or any((point.solved_at or budget + 1) <= budget for point in points):
        return measure
    none = "none solved the task"
    if any(point.solved for point in points):
        none += f" within {budget:,} updates, the smallest budget here"
    if measure.name != SECONDS:
        return replace(measure, unranked=none)
    updates = f"{min(made):,}" if min(made) == max(made) else f"{min(made):,} to {max(made):,}"
    cost = (
        f"{none}, so these are seconds for {updates} updates: what they cost on the "
        "machine that each run had, whatever came of it (as a speed: --metric steps_per_second)"
    )
    return replace(measure, until_solved=False, unranked=cost)


def if_anything(measure: Measure, points: Sequence[ComparedPoint]) -> Measure:
    """Return a measure, unranked where no run has a value of its own."""
    ended = [point for point in points if point.result]
    if measure.ranks and ended and all(point.diverged for point in ended):
        return replace(measure, unranked="every run diverged")
    return unless_none_solved(measure, ended) if measure.ranks and measure.until_solved else measure


def refuse_unranked(measure: Measure) -> None:
    """Refuse to choose values by a figure that ranks nobody.

    Raises:
        InvalidSpec: says why it does not.
    """
    if measure.unranked and measure.name not in (UPDATES, SECONDS):
        raise InvalidSpec([f"--tune cannot choose by {measure.short}: {measure.unranked}."])


def _told_by_chance(name: str, points: Sequence[ComparedPoint]) -> str:
    if name in OF_THE_RUN:
        return why_no_speed(points)
    return _stopped(name, points) or _unequal(name, points)


def _unequal(name: str, points: Sequence[ComparedPoint]) -> str:
    """Return why best evaluations rank nobody where some runs had more of them than others."""
    ended = [point for point in points if point.result]
    at_best = any(point.moment == "best" for point in ended) and name.startswith(
        EVAL_METRIC.section
    )
    if not at_best and not name.startswith(BEST.beginning):
        return ""
    if name.startswith(BEST_TEST.beginning):
        return ""
    counts = {point.budget // point.evaluate_every for point in ended}
    if len(counts) < 2:
        return ""
    return (
        f"the best of {max(counts):,} evaluations is better than the best of {min(counts):,} "
        "though nothing was learned. Compare values of the end (--at end), or runs of equal "
        "training.steps and training.evaluate_every"
    )


def _stopped(name: str, points: Sequence[ComparedPoint]) -> str:
    """Return why values of runs that stopped when they had solved their task rank nobody.

    Whichever set they are of: when training ended was decided by the threshold.
    """
    ended = [point for point in points if point.result]
    stopped = sum(point.stopped for point in ended)
    if not stopped or not name.startswith(TOLD_BY_THE_TASK):
        return ""
    at_best = any(point.moment == "best" for point in ended)
    best = at_best or name.startswith((BEST.beginning, BEST_TEST.beginning))
    return (
        f"{stopped:,} of {len(ended):,} runs stopped at the threshold, so the "
        f"{'best' if best else 'last'} value says how far beyond it they stopped. Ranked are "
        "updates to solve (--metric updates); for final values: training.stop_when_solved: false"
    )


def _neither(name: str, measured: Scalar | None) -> str:
    if measured is None or measured.section in LOOKED_FOR:
        return f"nothing says which way {name} is better"
    return f"neither a higher nor a lower {name} is better"


def _unknown(text: str, there: Sequence[str], of: str) -> str:
    if not there:
        return "cannot be looked up: no run has a result yet"
    words = {name.rpartition("/")[2]: name for name in sorted(there)}
    close = dict.fromkeys(get_close_matches(text, there, cutoff=0.7))
    close |= dict.fromkeys(words[word] for word in get_close_matches(text, words, cutoff=0.7))
    # dozens of names: those of the layers are the last ones anybody looks for
    shown = sorted(there, key=lambda name: (not name.startswith(LOOKED_FOR), name))
    more = f" and {len(shown) - NAMED} more, see bptt show RUN --json" * (len(shown) > NAMED)
    meant = f"; did you mean {' or '.join(close)}? There are" if close else "; there are"
    return f"is in no result of {of}{meant}: {', '.join(shown[:NAMED])}{more}"
