"""What a run was evaluated and tested on, set by set, and how much of it training had seen."""

from collections.abc import Iterator, Sequence

from bptt.cli.summary import Summary
from bptt.measuring.logged import BEST_TEST, EVAL_METRIC, TEST_METRIC
from bptt.measuring.other_options import OtherOptions, other_options

Pairs = list[tuple[str, float | None]]


def measured_rows(summary: Summary) -> Iterator[tuple[str, Pairs]]:
    """Yield the rows of `bptt show`: their names, and in each what was measured, by its name."""
    metric, metrics = summary.metric[0], summary.metrics
    options = other_options(summary.spec, metrics, metric)
    elsewhere = {key for one in options for key in one.keys}
    for name, section in (("evaluation", EVAL_METRIC.section), ("test", TEST_METRIC.section)):
        keys = sorted(key for key in metrics if key.startswith(section) and key not in elsewhere)
        pairs = [(key.removeprefix(section), metrics[key]) for key in keys]
        at_best = BEST_TEST.named(metric)
        if name == "test" and at_best in metrics:
            pairs.append((f"{metric} of the best weights", metrics[at_best]))
        yield name, pairs
    if options:
        yield f"test by {_names(options)}", [(one.words, one.value) for one in options]


def _names(options: Sequence[OtherOptions]) -> str:
    return " and ".join(options[0].options)


def told_seen(summary: Summary) -> str:
    """Return which share of the sets' sequences was drawn in training, in words."""
    result = summary.result
    if result is None:
        return ""
    told = []
    words = {"eval": "of the evaluation's sequences", "test": "of the test's"}
    for of, shares in result.seen.items():
        named = {name: share for name, share in shares.items() if name and share != shares[""]}
        more = ", ".join(f"{name} {_percent(share)}" for name, share in named.items())
        told.append(f"{_percent(shares[''])} {words.get(of, of)}" + (f" ({more})" if more else ""))
    text = ", ".join(told) + " had been drawn in training, too" if told else ""
    if result.tested is False and result.outcome != "diverged":
        text += "; " * bool(text) + "the task has no test set besides its evaluation set"
    return text


def _percent(share: float) -> str:
    # one sequence of many is not none, and all but one not all
    if 0 < share < 0.01:
        return "below 1 %"
    return "over 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def by_set(
    summaries: Sequence[Summary],
) -> Iterator[tuple[str, list[str], list[list[float | None]]]]:
    """Yield a heading, names of sets, and for each run the metric that decides on each of them."""
    metric = max(summary.metric[0] for summary in summaries)
    if not metric:
        return
    for words, of in (("", EVAL_METRIC), ("test ", TEST_METRIC)):
        prefix = f"{of.named(metric)}_"
        names = list(
            dict.fromkeys(
                key.removeprefix(prefix)
                for summary in summaries
                for key in summary.metrics
                if key.startswith(prefix)
            )
        )
        if not names:
            continue
        # attractors_0, attractors_1, ...: the common part appears once, in the heading
        common = _common_beginning(names)
        heading = f"{words}{metric} by {common.rstrip('_') or 'set'}"
        values = [
            [summary.metrics.get(f"{prefix}{name}") for name in names] for summary in summaries
        ]
        yield heading, [name.removeprefix(common) for name in names], values


def _common_beginning(names: Sequence[str]) -> str:
    """Return what all names begin with, up to an underscore; '' for a single name."""
    first, *others = names
    ends = [end for end in range(len(first)) if first[end - 1 : end] == "_"]
    shared = [first[:end] for end in ends if all(name.startswith(first[:end]) for name in others)]
    return max(shared, key=len, default="") if others else ""
