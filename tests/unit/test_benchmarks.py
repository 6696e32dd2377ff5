"""Measurements: what the command line changes, what is kept, and what a page says of it."""

import json
from dataclasses import dataclass

import pytest
import torch
from benchmarks import gpu, gpu_updates, page
from benchmarks.__main__ import PARTS, understand
from benchmarks.interleaving import digits, processor_times, ratios, spread
from benchmarks.part import BadWord, Part
from benchmarks.queue_scale import text_of

from bptt.figures import style
from bptt.run_file import read_grid_text


@dataclass(frozen=True)
class Plan:
    rounds: int = 2
    sizes: tuple[int, ...] = (1, 2)


def draw(plan, found):
    figure = style.new_figure(2, 2)
    figure.subplots().plot(found["seconds"])
    return figure


def make_part(name="waiting", word="seconds"):
    def lines(plan, found):
        yield f"## {name}\n"
        yield f"{plan.rounds} rounds of {len(plan.sizes)} sizes: {spread(found[word])}"

    def measure(plan):
        return {"seconds": [plan.rounds / size for size in plan.sizes]}

    return Part(name, "performance", Plan(), measure, lines, draw)


def test_words_change_the_plan_and_the_page_says_how_to_repeat_it():
    part = make_part()

    plan = part.changed({"sizes": "3,4", "of_another_part": "7"})

    assert plan == Plan(sizes=(3, 4))
    assert part.command(plan) == "python -m benchmarks waiting sizes=3,4"
    assert part.command(Plan()) == "python -m benchmarks waiting"


@pytest.mark.parametrize("word", ["0", "-1", "two", "1,", "1.5"])
def test_a_value_that_a_plan_cannot_have_is_refused(word):
    with pytest.raises(BadWord, match="sizes takes whole numbers above 0, for example 1, got"):
        make_part().changed({"sizes": word})


def test_every_part_can_be_named_and_all_are_measured_if_none_is():
    assert understand([]) == (list(PARTS), {})
    assert understand(["memory", "cell=gru"]) == (["memory"], {"cell": "gru"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["memmory"], "no part is called 'memmory'; there are agreement"),
        (["memory", "cells=gru"], "memory cannot change 'cells', but at_hidden"),
    ],
)
def test_words_that_no_part_understands_are_refused(words, said):
    with pytest.raises(BadWord, match=said):
        understand(words)


def test_one_part_is_measured_again_and_the_others_stay(tmp_path):
    first, second = make_part("first"), make_part("second")
    for part in (first, second):
        page.measure(part, part.plan, tmp_path)

    page.measure(second, Plan(rounds=8), tmp_path)
    old = page.write([first, second], tmp_path)

    text = (tmp_path / "performance.md").read_text()
    assert old == []
    assert "2 rounds of 2 sizes: 1.50 [1.00, 2.00]" in text
    assert "8 rounds of 2 sizes: 6.00 [4.00, 8.00]" in text
    assert "`python -m benchmarks second rounds=8`" in text
    assert (tmp_path / "performance" / "first.png").exists()
    assert not (tmp_path / "measurements.md").exists()


def test_a_page_is_written_twice_with_the_same_bytes(tmp_path):
    part = make_part()
    page.measure(part, part.plan, tmp_path)

    def written():
        page.write([part], tmp_path)
        return [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]

    assert written() == written()


def test_a_part_that_was_kept_in_another_form_is_told_and_left_out(tmp_path):
    good, old = make_part("good"), make_part("old")
    for part in (good, old):
        page.measure(part, part.plan, tmp_path)

    told = page.write([good, make_part("old", word="minutes")], tmp_path)

    text = (tmp_path / "performance.md").read_text()
    assert told == ["old"]
    assert "## good" in text
    assert "## old" not in text


def test_what_is_kept_says_what_was_measured_and_on_what(tmp_path):
    part = make_part()

    page.measure(part, Plan(sizes=(3,)), tmp_path)

    kept = json.loads((tmp_path / "performance" / "waiting.json").read_text())
    assert kept["plan"] == {"rounds": 2, "sizes": [3]}
    assert kept["found"] == {"seconds": [0.666667]}
    assert {"commit", "cores", "load", "processor", "torch"} <= set(kept["measured"])
    assert part.planned(kept["plan"]) == Plan(sizes=(3,))


def test_variants_run_there_and_back():
    order = []
    variants = {name: lambda name=name: order.append(name) for name in "abc"}

    found = processor_times(variants, rounds=2, seconds=1e-12)

    # two calls of each before, to see how long they take
    assert "".join(order[6:]) == "abccba"
    assert {name: len(times) for name, times in found.items()} == dict.fromkeys("abc", 2)


def test_a_ratio_is_of_what_ran_together():
    assert ratios([2.0, 30.0], [1.0, 10.0]) == [2.0, 3.0]
    assert spread([3.0, 1.0, 2.0]) == "2.00 [1.00, 3.00]"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123456, "0.0123"), (1.5, "1.50"), (99.94, "99.9"), (12345.6, "12,346")],
)
def test_a_figure_has_three_digits_that_count(value, text):
    assert digits(value) == text


@pytest.mark.parametrize("points", [100, 1000, 3000])
def test_the_grid_of_the_queue_has_as_many_points_as_it_says(points):
    assert len(read_grid_text(text_of(points), "scale.yaml")) == points


def test_the_grid_of_the_queue_has_no_size_in_between():
    with pytest.raises(ValueError, match="100 points or some thousands, not 150"):
        text_of(150)


def test_without_a_gpu_all_that_needs_none_is_measured_and_the_rest_is_said_not_to_be():
    sizes = ("lstm_4_5", "rnn_4_5", "gru_4_5")
    plan = gpu.Plan(device="cpu", rounds=1, seconds=1e-6, sizes=sizes, runs=(2,))

    found = gpu.measure(plan)

    assert [one["failed"] for one in found["rows"]] == [{}, {}, {}]
    for row in list(gpu.lines(plan, found))[-3:]:
        measured, graphs = row.split(" | ")[2:5], row.removesuffix(" |").split(" | ")[5:]
        assert all("[" in cell for cell in measured)
        assert graphs == ["not measured"] * 3


def test_a_size_for_which_no_time_was_left_is_said_not_to_be_measured():
    sizes = ("rnn_4_5", "gru_4_5")
    plan = gpu.Plan(device="cpu", rounds=1, seconds=1e-6, minutes=1e-9, sizes=sizes, runs=(2,))

    found = gpu.measure(plan)

    assert [one["size"] for one in found["rows"]] == ["rnn_4_5"]
    assert list(gpu.lines(plan, found))[-1] == f"| gru 4 5 |{' not measured |' * 7}"


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_runs_trained_at_once_do_what_one_does_by_itself(cell):
    torch.manual_seed(0)
    together = gpu_updates.together(cell, 8, 6, "cpu", runs=1)
    losses = [float(together()) for _ in range(4)]

    torch.manual_seed(0)
    network = gpu_updates.OneCell(cell, 8)

    def loss():
        inputs, targets = gpu_updates.on("cpu", 6)
        return torch.nn.functional.mse_loss(network(inputs).squeeze(1), targets)

    alone = gpu_updates.updating(list(network.parameters()), loss)
    assert losses == pytest.approx([float(alone()) for _ in range(4)], rel=1e-5)
