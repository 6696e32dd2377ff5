"""Axes and metrics of choice: what is averaged over, and what is refused."""

from dataclasses import replace

import pytest

from bptt.comparison import ComparedPoint
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec
from tests.unit.comparison.points import by_config, point, row

CLIPPED = [
    point(cell, seed, value + bonus, clipper=clipper)
    for cell, value in (("a", 0.5), ("b", 0.3))
    for clipper, bonus in (("none", 0.0), ("norm", 0.2))
    for seed in range(3)
]
BEST_OF_B = ("b", "norm", 2)


def test_other_axes_are_averaged_within_each_seed():
    groups = by_config(CLIPPED, by=["cell"])

    assert list(groups) == ["a", "b"]
    # six runs, but three independent seeds
    assert (groups["a"].points, groups["a"].value.n) == (6, 3)
    assert groups["a"].value.estimate == pytest.approx(0.6)
    assert groups["a"].solved.n == 3
    assert groups["b"].lead.estimate == pytest.approx(0.2)


def test_a_mean_over_other_axes_is_over_those_values_that_all_have():
    # b lacks the run where clipping helps most; a's mean over both would not compare with it
    without = [p for p in CLIPPED if (p.values["cell"], p.values["clipper"], p.seed) != BEST_OF_B]

    groups = by_config(without, by=["cell"])

    # nor would b's third seed with its first two
    assert groups["b"].value.estimate == pytest.approx(0.4)
    assert groups["a"].value.estimate == pytest.approx(0.6)
    assert groups["b"].lead.estimate == pytest.approx(0.2)
    assert (groups["a"].value.n, groups["b"].value.n) == (3, 2)
    assert (groups["a"].solved.n, groups["b"].solved.n) == (3, 2)


def test_a_seed_that_lacks_some_of_the_other_axes_is_said_not_to_count():
    lacking = [p for p in CLIPPED if (p.values["cell"], p.values["clipper"], p.seed) != BEST_OF_B]

    (whole,), (holed,) = compare(CLIPPED, by=["cell"]), compare(lacking, by=["cell"])
    (alone,) = compare(CLIPPED)

    assert "Within each seed, values are means over clipper." in whole.notes
    assert "Within each seed, values are means over clipper." in holed.notes
    assert holed.notes[0] == (
        "Seeds that have no run with some of the values are left out of all figures: 1 seed of b."
    )
    assert not [note for note in alone.notes if note.startswith("Within each seed")]


def test_a_value_that_one_configuration_has_in_no_seed_counts_for_none():
    without = [p for p in CLIPPED if p.values["cell"] == "a" or p.values["clipper"] == "none"]

    groups = by_config(without, by=["cell"])

    assert (groups["a"].value.estimate, groups["b"].value.estimate) == pytest.approx((0.5, 0.3))
    assert (groups["a"].value.n, groups["b"].value.n) == (3, 3)


def test_slopes_are_means_over_seeds_that_have_all_other_values():
    points = [point("a", s, 0.5, clipper=c) for c in ("none", "norm") for s in range(3)]
    for one, slope in zip(points, (-1, -2, -3, -5, -6, -7), strict=True):
        one.result["metrics"]["flow/slope"] = slope
    del points[5].result["metrics"]["flow/slope"]

    (group,) = by_config(points, by=["cell"]).values()

    assert (group.slope.estimate, group.slope.n) == (pytest.approx((-3 - 4) / 2), 2)


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

    assert groups["norm"].lead.estimate == pytest.approx(0.6 - 0.45)
    assert groups["norm"].lead.n == 3


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


@pytest.mark.parametrize("name", ["test/accuracy", "best/test_accuracy", "best/eval_accuracy"])
def test_a_metric_of_another_set_improves_as_that_of_the_evaluation(name):
    points = row("a", [0.6, 0.7, 0.65]) + row("b", [0.9, 0.95, 0.92])
    for one in points:
        one.result["metrics"][name] = one.result["metrics"]["eval/accuracy"]

    (found,) = compare(points, metrics=[name])

    assert found.better == "higher"
    assert [group.config for group in found.groups] == ["b", "a"]


def test_a_metric_of_choice_decides_the_order_where_its_direction_is_known():
    points = row("a", [0.9, 0.9]) + row("b", [0.1, 0.1])

    (by_loss,) = compare(points, metrics=["loss", "accuracy"])
    (by_step,) = compare(points, metrics=["step"])
    (by_norm,) = compare(points, metrics=["grad/norm"])

    assert (by_loss.metric, by_loss.better) == ("eval/loss", "lower")
    assert [group.config for group in by_loss.groups] == ["a", "b"]
    assert set(by_loss.groups[0].metrics) == {"eval/loss", "accuracy"}
    assert (by_step.metric, by_step.better) == ("updates", "lower")
    assert by_step.verdict == "Not ranked: none solved the task."
    assert by_norm.better == ""
    assert [group.standing for group in by_norm.groups] == ["", ""]
    assert by_norm.best_run is None
    assert by_norm.verdict == "Not ranked: neither a higher nor a lower grad/norm is better."


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
