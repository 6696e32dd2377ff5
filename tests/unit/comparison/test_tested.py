"""A metric against options of the task that runs were tested with, and not only trained on."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bptt import figures
from bptt.cli.comparison_formats import as_csv, as_latex, as_markdown
from bptt.comparison import wording
from bptt.comparison.curves import band
from bptt.comparison.judged import judged
from bptt.comparison.pictures import draw_pictures
from bptt.comparison.point import points_of
from bptt.comparison.report import report
from bptt.comparison.table import compare
from bptt.comparison.tested_pictures import band_of, varied
from bptt.records.comparison import GridCompared
from bptt.spec import EvaluationSpec
from tests.unit.comparison.points import diverged, point

LENGTHS = EvaluationSpec(options={"length": (64, 256)}).sets()


def measured(cell, seed, short, long):
    one = point(cell, seed, 0.9)
    one.result["metrics"] |= {
        "test/accuracy_length_64": short,
        "test/accuracy_length_256": long,
    }
    return replace(one, tested=LENGTHS, task_options={"length": 50}, task="latch")


GRU = [measured("gru", seed, 0.9 + seed / 100, 0.7) for seed in range(3)]
RNN = [measured("rnn", seed, 0.8, 0.5 + seed / 10) for seed in range(3)]


def test_each_set_has_a_column_with_students_interval_over_seeds():
    (found,) = compare(GRU + RNN)

    assert found.tested == ["length=64", "length=256"]
    gru = next(group for group in found.groups if group.config == "gru")
    low, high = stats.t.interval(0.95, 2, 0.91, stats.sem([0.90, 0.91, 0.92]))
    shown = gru.tested["length=64"]
    assert (shown.estimate, shown.low, shown.high) == pytest.approx((0.91, low, high))
    assert wording.tested_columns(found) == ["configuration", "length=64", "length=256"]
    rows = [wording.tested_cells(group) for group in found.groups]
    assert [row[0] for row in rows] == [group.config for group in found.groups]
    assert ["gru", "0.91 [0.885, 0.935]", "0.7"] in rows


def test_a_diverged_run_counts_as_the_worst_on_every_set():
    held = [replace(one, tested=LENGTHS, task="latch") for one in diverged("gru", [3])]

    (found,) = compare([*GRU, *RNN, measured("rnn", 3, 0.8, 0.9), *held])

    gru = next(group for group in found.groups if group.config == "gru")
    assert gru.tested["length=256"].estimate == pytest.approx((3 * 0.7 + 0.5) / 4)
    assert "a diverged run counts as the worst" in wording.tested_heading(found)


def test_every_format_has_them_and_comparisons_without_any_are_as_they_were():
    found = compare(GRU + RNN)

    row, _ = csv.DictReader(io.StringIO(as_csv(found)))
    assert (
        float(row["test/accuracy length=256 estimate"])
        == found[0].groups[0].tested["length=256"].estimate
    )
    assert as_latex(found).count(r"\begin{tabular}") == 2
    assert r"configuration & length=64 & length=256" in as_latex(found)
    assert "| configuration | length=64 | length=256 |" in as_markdown(found)
    grids = [GridCompared("g", "g", "ada", 6)]
    page = report([replace(found[0], grids=grids)], [], title="g", sources=["x"], at=0.0)
    assert "<th>length=256</th>" in page

    # they are measured at the end alone
    assert not compare([replace(one, moment="best") for one in GRU + RNN])[0].tested
    plain = compare([replace(one, tested={}) for one in GRU + RNN])
    assert plain[0].tested == []
    assert wording.tested_columns(plain[0]) == []
    assert as_latex(plain).count(r"\begin{tabular}") == 1
    assert "length=" not in as_csv(plain)


def test_points_know_what_they_were_tested_with_and_trained_on():
    class Run:
        run_id, name, config, seed = "g-0", "g-0", "gru", 0
        values = {"task.noise": "none", "seed": 0}
        status, result, failure = "succeeded", None, None

    spec = {
        "task": {"name": "latch", "options": {"length": 50, "noise": "random"}},
        "training": {"steps": 10, "evaluate_every": 5},
        "optimizer": {},
        "evaluation": {"options": {"length": (64, 256)}},
    }

    (one,) = points_of([Run()], spec, "g")
    (without,) = points_of([Run()], {k: v for k, v in spec.items() if k != "evaluation"}, "g")

    assert one.tested == {"length_64": {"length": 64}, "length_256": {"length": 256}}
    assert one.task_options == {"length": 50, "noise": "none"}
    assert without.tested == {}


def test_each_option_has_a_picture_for_every_combination_of_the_others():
    sets = EvaluationSpec(options={"length": (256, 64), "noise": ("a", "b")}).sets()

    found = varied(sets)

    assert {option: [rest for rest, _ in rows] for option, rows in found.items()} == {
        "length": ["noise=a", "noise=b"],
        "noise": ["length=256", "length=64"],
    }
    (_, row), _ = found["length"]
    # numbers ascend, whatever the file's order
    assert row == {64: "length_64_noise_a", 256: "length_256_noise_a"}
    assert varied({"length_64": {"length": 64}}) == {}


def test_a_line_is_of_the_runs_that_have_every_value_and_did_not_diverge():
    names = ["test/accuracy_length_64", "test/accuracy_length_256"]
    half = point("gru", 9, 0.9)
    half.result["metrics"] |= {names[0]: 0.1}

    found = band_of([*GRU, *diverged("gru", [7]), half], names)

    assert found.n == 3
    assert found.mean.tolist() == pytest.approx([0.91, 0.7])
    assert band_of([half], names) is None


def test_pictures_of_a_grid_draw_the_metric_by_the_option(tmp_path):
    drawn = {one.name: one for one in draw_pictures(judged(GRU + RNN), tmp_path, title="g")}

    picture = drawn["accuracy_by_length"]
    assert picture.alt == "accuracy by length. Lines: gru, rnn."
    assert "Measured once, at the end of training" in picture.caption


@pytest.mark.parametrize(
    ("values", "scale"), [([64, 256, 1024], "log"), ([40, 60], "linear"), (["a", "b"], "linear")]
)
def test_the_trained_value_is_marked_and_values_over_decades_are_on_a_logarithmic_scale(
    values, scale
):
    one = band(np.arange(len(values), dtype=float), np.ones((3, len(values))))
    figure = figures.curves_by_value(
        [figures.Panel("", {"gru": one})],
        figures.Words("accuracy by length", "g"),
        [one],
        metric="accuracy",
        option="length",
        values=values,
        trained=values[0],
    )

    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(one) for one in values]
    assert f"trained on length={values[0]}" in axes.get_legend_handles_labels()[1]
