"""Ranks, ties and differences: what may be said of two configurations, and what not."""

from dataclasses import replace

import pytest
from scipy import stats

from bptt.comparison import ComparedPoint, compare
from bptt.errors import InvalidSpec


def point(cell, seed, value, outcome="finished", better="higher", **values):
    result = {
        "outcome": outcome,
        "metric": "accuracy",
        "better": better,
        "baseline": 0.5,
        "step": 120,
        "divergence": {"step": 120, "tensor": "h"} if outcome == "diverged" else None,
        "metrics": {"eval/accuracy": value, "train/loss": 1 - value, "eval/loss": 2 - value},
    }
    axes = {"cell": cell, **values, "seed": seed}
    config = " ".join(str(value) for path, value in axes.items() if path != "seed")
    return ComparedPoint(config, seed, "succeeded", result, run_id=f"g-{seed}", values=axes)


def row(cell, values, **kwargs):
    return [point(cell, seed, value, **kwargs) for seed, value in enumerate(values)]


def by_config(points, **asked):
    (comparison,) = compare(points, **asked)
    return {group.config: group for group in comparison.groups}


def test_difference_is_paired_by_seed():
    # seeds differ by far more than the two cells do, and by the same in both
    good, bad = [0.2, 0.5, 0.8], [0.19, 0.488, 0.791]

    groups = by_config(row("a", good) + row("b", bad))

    assert (groups["a"].rank, groups["b"].rank) == (1, 2)
    difference = groups["b"].difference
    expected = stats.ttest_rel(bad, good).confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))
    assert difference.n == 3
    # unpaired, nobody could tell them apart
    assert groups["b"].value.high > groups["a"].value.low


def test_what_may_as_well_be_the_best_ties_with_it():
    groups = by_config(row("a", [0.9, 0.8, 0.7]) + row("b", [0.7, 0.9, 0.7]) + row("c", [0.1] * 3))

    assert [(g.rank, g.tied) for g in groups.values()] == [(1, False), (1, True), (3, False)]


def test_one_seed_tells_nobody_apart():
    groups = by_config(row("a", [0.9]) + row("b", [0.1]))

    assert [(g.rank, g.tied) for g in groups.values()] == [(1, False), (1, True)]


def test_lower_is_better_where_the_task_says_so():
    groups = by_config(
        row("a", [0.9, 0.91], better="lower") + row("b", [0.1, 0.11], better="lower")
    )

    assert list(groups) == ["b", "a"]
    assert groups["a"].difference.estimate == pytest.approx(0.8)


def test_a_mean_over_few_survivors_is_not_ranked():
    survivors = [point("a", 0, 0.99), *(point("a", s, 0.0, "diverged") for s in (1, 2))]

    (comparison,) = compare(survivors + row("b", [0.6, 0.61, 0.6]))

    assert [group.config for group in comparison.best] == ["b"]
    assert [(g.config, g.rank) for g in comparison.groups] == [("b", 1), ("a", None)]
    assert comparison.best_run.config == "a"


def test_every_point_without_a_value_is_named_with_its_reason():
    points = [
        point("a", 0, 0.9),
        point("a", 1, 0.0, "diverged"),
        ComparedPoint("a", 2, "failed", None, run_id="g-2", failure={"cause": "plugin_error"}),
        ComparedPoint("a", 3, "queued", None, run_id="g-3"),
        ComparedPoint("a", 4, "missing", None),
    ]

    (comparison,) = compare(points)

    assert [(one.run_id, one.seed, one.why) for one in comparison.lacking] == [
        ("g-1", 1, "diverged at step 120 in h"),
        ("g-2", 2, "failed: plugin_error"),
        ("g-3", 3, "queued"),
        ("", 4, "missing"),
    ]


CLIPPED = [
    point(cell, seed, value + bonus, clipper=clipper)
    for cell, value in (("a", 0.5), ("b", 0.3))
    for clipper, bonus in (("none", 0.0), ("norm", 0.2))
    for seed in range(3)
]


def test_other_axes_are_averaged_within_each_seed():
    groups = by_config(CLIPPED, by=["cell"])

    assert list(groups) == ["a", "b"]
    # six runs, but three independent seeds
    assert (groups["a"].points, groups["a"].value.n) == (6, 3)
    assert groups["a"].value.estimate == pytest.approx(0.6)
    assert groups["a"].solved.n == 3
    assert groups["b"].difference.estimate == pytest.approx(-0.2)


def test_options_that_the_other_plugin_does_not_know_do_not_hinder_the_pairing():
    points = [
        *row("a", [0.5, 0.6, 0.7], clipper="none"),
        *(
            point("a", seed, 0.3 + threshold, clipper="norm", **{"clipper.max_norm": threshold})
            for threshold in (0.1, 0.2)
            for seed in range(3)
        ),
    ]

    groups = by_config(points, by=["clipper"])

    assert groups["norm"].difference.estimate == pytest.approx(0.45 - 0.6)
    assert groups["norm"].difference.n == 3


def test_an_axis_may_be_named_by_its_last_word():
    points = [point("a", s, 0.5, **{"optimizer.lr": lr}) for lr in (0.1, 0.2) for s in range(2)]

    assert list(by_config(points, by=["lr"])) == ["lr=0.1", "lr=0.2"]


def test_unknown_axes_are_refused_all_at_once():
    with pytest.raises(InvalidSpec) as refused:
        compare(CLIPPED, by=["clip", "lr"])

    assert str(refused.value).splitlines() == [
        "--by 'clip' is no axis of this grid; did you mean clipper? It has: cell, clipper.",
        "--by 'lr' is no axis of this grid; it has: cell, clipper.",
    ]


def test_a_section_is_no_axis_but_what_lies_below_it():
    points = [
        replace(one, values={"optimizer.lr": rate, "seed": one.seed})
        for rate in (0.1, 0.2)
        for one in row(f"lr={rate}", [0.5])
    ]

    with pytest.raises(InvalidSpec) as refused:
        compare(points, by=["optimizer"])

    assert str(refused.value) == (
        "--by 'optimizer' is no axis of this grid; did you mean optimizer.lr? It has: optimizer.lr."
    )


def test_an_unknown_metric_is_refused_with_those_that_are_like_it():
    with pytest.raises(InvalidSpec) as refused:
        compare(row("a", [0.9]), metrics=["acuracy"])

    assert str(refused.value).startswith(
        "--metric 'acuracy' is in no result of this grid; did you mean eval/accuracy? There are: "
    )


def test_a_metric_of_choice_decides_the_order_where_its_direction_is_known():
    points = row("a", [0.9, 0.9]) + row("b", [0.1, 0.1])

    (by_loss,) = compare(points, metrics=["loss", "accuracy"])
    (by_step,) = compare(points, metrics=["step"])

    assert (by_loss.metric, by_loss.better) == ("eval/loss", "lower")
    assert [group.config for group in by_loss.groups] == ["a", "b"]
    assert set(by_loss.groups[0].metrics) == {"eval/loss", "accuracy"}
    assert by_step.better == ""
    assert [group.rank for group in by_step.groups] == [None, None]
    assert by_step.best_run is None


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(InvalidSpec, match=r"'speed' is in no result .* eval/accuracy, eval/loss"):
        compare(CLIPPED, metrics=["speed"])
    with pytest.raises(InvalidSpec, match="no run has a result yet"):
        compare([ComparedPoint("a", 0, "queued", None)], metrics=["loss"])


def test_a_metric_of_one_task_alone_is_shown_for_that_one():
    other = point("a", 0, 0.5, task="adding")
    result = {**other.result, "metric": "mse", "metrics": {"eval/mse": 0.3}}
    adding = ComparedPoint("a", 0, "succeeded", result, "adding", "g-9", other.values)

    latch, added = compare([*row("a", [0.9, 0.8]), adding], metrics=["mse"])

    assert (latch.metric, added.metric) == ("accuracy", "mse")
    with pytest.raises(InvalidSpec, match="eval/mse"):
        compare([*row("a", [0.9, 0.8]), adding], metrics=["speed"])
