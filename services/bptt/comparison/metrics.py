"""Which figures of the results are compared, and which direction is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bptt.comparison.point import ComparedPoint
from bptt.errors import InvalidSpec
from bptt.measuring.logged import EVAL_METRIC, TRAIN_METRIC
from bptt.measuring.rows import Scalar
from bptt.measuring.table import scalar_of

LOOKED_FOR = (EVAL_METRIC.section, TRAIN_METRIC.section)
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
    neither: str = ""
    """Why nothing is better, where that is so."""


def deciding_metric(points: Sequence[ComparedPoint]) -> Measure:
    """Return the deciding metric of the points' task."""
    result = next((point.result for point in points if point.result), None)
    return _deciding(result or {})


def _deciding(result: Mapping[str, Any]) -> Measure:
    metric = str(result.get("metric", ""))
    better = str(result.get("better", "higher"))
    return Measure(EVAL_METRIC.named(metric), metric, better, result.get("baseline"))


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
    found: dict[str, Measure] = {}
    faults = []
    for text in asked:
        fits = [name for name in there if name == text]
        fits = fits or [name for name in there if name == EVAL_METRIC.named(text)]
        fits = fits or [name for name in there if name.rpartition("/")[2] == text]
        if not fits and any(text in (name, name.rpartition("/")[2]) for name in known):
            continue
        if len(fits) != 1:
            what = f"may be {' or '.join(fits)}" if fits else _unknown(text, known)
            faults.append(f"--metric {text!r} {what}.")
            continue
        (name,) = fits
        measured = scalar_of(name)
        better = measured.better if measured else ""
        other = Measure(name, name, better, neither=_neither(name, measured))
        found[name] = own if name == own.name else other
    if faults:
        raise InvalidSpec(faults)
    return list(found.values())


def _neither(name: str, measured: Scalar | None) -> str:
    if measured is None or measured.section in LOOKED_FOR:
        return f"nothing says which way {name} is better"
    return f"neither way is {name} better"


def _unknown(text: str, there: Sequence[str]) -> str:
    if not there:
        return "cannot be looked up: no run has a result yet"
    words = {name.rpartition("/")[2]: name for name in sorted(there)}
    close = dict.fromkeys(get_close_matches(text, there, cutoff=0.7))
    close |= dict.fromkeys(words[word] for word in get_close_matches(text, words, cutoff=0.7))
    # dozens of names: those of the layers are the last ones anybody looks for
    shown = sorted(there, key=lambda name: (not name.startswith(LOOKED_FOR), name))
    more = f" and {len(shown) - NAMED} more, see bptt show RUN --json" * (len(shown) > NAMED)
    meant = f"; did you mean {' or '.join(close)}? There are" if close else "; there are"
    return f"is in no result of this grid{meant}: {', '.join(shown[:NAMED])}{more}"
