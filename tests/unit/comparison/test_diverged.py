"""What a run counts as that diverged, and what becomes of those without a value."""

import pytest

from bptt.comparison import ComparedPoint, wording
from bptt.comparison.table import compare
from tests.unit.comparison.points import by_config, diverged, point, row


def test_a_run_that_diverged_counts_as_the_worse_of_baseline_and_worst_run():
    # case 11 of the specification
    good = [*row("A", [0.02] * 3, better="lower"), *diverged("A", (3, 4))]
    other = row("B", [0.05, 0.051, 0.05, 0.05, 0.051], better="lower")
    for one in good + other:
        one.result["baseline"] = 0.17

    (comparison,) = compare(good + other)

    best, with_diverged = comparison.groups
    assert (best.config, with_diverged.config) == ("B", "A")
    assert (with_diverged.value.estimate, with_diverged.value.n) == (pytest.approx(0.08), 5)
    assert with_diverged.survivors.estimate == pytest.approx(0.02)
    assert (with_diverged.diverged, with_diverged.counted_as) == (2, 0.17)
    assert with_diverged.lead.estimate == pytest.approx(0.0296)
    assert with_diverged.standing == "may be best"
    assert wording.cells(comparison, with_diverged)[3].endswith(
        "(2 of 5 diverged, counted as 0.17)"
    )
    assert wording.cells(comparison, with_diverged)[3].startswith("0.08 [")


def test_a_run_that_diverged_counts_as_the_worst_run_where_that_is_worse_than_the_baseline():
    held = row("a", [0.6, 0.7]) + diverged("a", (2,)) + row("b", [0.3, 0.8, 0.8])

    groups = by_config(held)

    assert groups["a"].counted_as == 0.3
    assert groups["a"].value.estimate == pytest.approx((0.6 + 0.7 + 0.3) / 3)


def test_statistics_taken_before_a_run_diverged_are_shown():
    held = row("a", [0.6, 0.7, 0.65]) + diverged("a", (3,))
    for one, slope in zip(held, (-0.1, -0.2, -0.3, -0.6), strict=True):
        one.result["metrics"]["flow/slope"] = slope
    held[0].result["metrics"].pop("flow/slope")

    (comparison,) = compare(held)
    (group,) = comparison.groups

    assert group.slope.estimate == pytest.approx((-0.2 - 0.3 - 0.6) / 3)
    assert wording.cells(comparison, group)[6].endswith("(n 3)")


def test_a_configuration_whose_runs_mostly_failed_is_not_ranked():
    failed = [ComparedPoint("a", s, "failed", None, values={"cell": "a"}) for s in (1, 2, 3)]

    (comparison,) = compare([point("a", 0, 0.99), *failed, *row("b", [0.6, 0.61, 0.6])])

    assert [(g.config, g.standing) for g in comparison.groups] == [("b", "best so far"), ("a", "")]
    assert "Not ranked: a: half or more of the ended runs have no value." in comparison.notes


def test_a_configuration_on_seeds_of_its_own_is_not_ranked_and_changes_no_order():
    ranked = row("a", [0.9, 0.91, 0.9]) + row("b", [0.6, 0.62, 0.61])

    (comparison,) = compare(ranked + [point("c", seed, 0.7) for seed in (7, 8, 9)])

    alone = "no seed is one of the others', and only runs of one seed are paired."
    assert f"Not ranked: c: {alone}" in comparison.notes
    assert not any(note.startswith("Not the same seeds") for note in comparison.notes)


def test_who_learned_nothing_is_named():
    (comparison,) = compare(
        row("a", [0.9, 0.91, 0.92]) + row("b", [0.51, 0.48, 0.5]) + row("c", [0.2, 0.21, 0.2])
    )

    assert [group.learned for group in comparison.groups] == [True, False, False]
    assert "Cannot be told from the baseline of 0.5 in accuracy, or worse: b and c." in (
        comparison.notes
    )


def test_every_point_without_a_value_of_its_own_is_named_with_its_reason():
    points = [
        point("a", 0, 0.9),
        point("a", 1, 0.0, "diverged"),
        ComparedPoint("a", 2, "failed", None, run_id="g-2", failure={"cause": "plugin_error"}),
        ComparedPoint("a", 3, "queued", None, run_id="g-3"),
        ComparedPoint("a", 4, "missing", None),
    ]

    (comparison,) = compare(points)

    assert [(one.run_id, one.seed, one.why) for one in comparison.lacking] == [
        ("g-1", 1, "diverged at step 120 in h, counted as 0.5"),
        ("g-2", 2, "failed: plugin_error"),
        ("g-3", 3, "queued"),
        ("", 4, "missing"),
    ]


def test_where_every_run_diverged_there_is_nothing_to_rank():
    (comparison,) = compare(diverged("a", range(5)) + diverged("b", range(5)))

    assert comparison.verdict == "Not ranked: every run diverged."
    assert [group.standing for group in comparison.groups] == ["", ""]
    assert comparison.best_run is None
