import json
import sys

import numpy as np
import pytest
from rich.console import Console

from bptt.cli.summary import finite, labels, summarize
from bptt.cli.tables import one_run, several_runs
from bptt.errors import RunNotFound
from bptt.run_folder import RunFolder


@pytest.fixture
def make_run(tmp_path, make_spec):
    def make(name="run-1", **sections):
        folder = RunFolder(tmp_path / name)
        spec = make_spec(**sections).model_dump(mode="json")
        folder.create({"run_id": name, "name": name, "project": "p", "spec": spec})
        return folder

    return make


def append(folder, *records):
    journal = folder.open_journal()
    for record in records:
        journal.append(record)
    journal.close()


def save_probe(folder, step, norms):
    folder.probes.mkdir(exist_ok=True)
    arrays = {"anchors": np.array([len(norms) - 1.0]), "lag/0/forward/h": np.array([norms])}
    np.savez(folder.probes / f"{step:08d}.npz", **arrays)


def test_metrics_are_the_last_value_of_each(make_run):
    folder = make_run()
    append(
        folder,
        {"step": 1, "time": 1, "metrics": {"train/loss": 2.0, "eval/loss": 3.0}},
        {"step": 2, "time": 2, "metrics": {"train/loss": 1.0}},
        {"step": 3, "time": 3, "tags": {"a": "b"}},
    )

    summary = summarize(folder)

    assert summary.metrics == {"train/loss": 1.0, "eval/loss": 3.0}
    assert (summary.step, summary.outcome) == (3, "unfinished")
    assert summary.told_outcome == "unfinished at step 3 of 6"


@pytest.mark.parametrize(
    ("outcome", "divergence", "told"),
    [
        ("solved", None, "solved at step 4"),
        ("finished", None, "finished at step 4"),
        ("time_limit", None, "stopped by its time limit at step 4"),
        (
            "diverged",
            {"step": 4, "tensor": "gradient of recurrent_weight"},
            "diverged at step 4: gradient of recurrent_weight is not finite",
        ),
    ],
)
def test_outcome_is_told_with_its_step(make_run, outcome, divergence, told):
    folder = make_run()
    folder.write("result", {"outcome": outcome, "step": 4, "divergence": divergence})

    assert summarize(folder).told_outcome == told


def test_gradients_are_those_of_the_first_and_the_last_probe(make_run):
    folder = make_run()
    for step, norm in ((0, 1.0), (100, 0.5), (200, 0.1)):
        save_probe(folder, step, [norm, norm / 100, 0.0])

    gradients = summarize(folder).gradients

    assert list(gradients) == [0, 200]
    assert gradients[200]["h"] == pytest.approx([-1.0, -3.0, -30.0])


def test_folder_without_a_run_is_not_found(tmp_path):
    with pytest.raises(RunNotFound, match="holds no run"):
        summarize(RunFolder(tmp_path / "none"))


def test_json_has_null_for_what_is_not_finite():
    content = {"a": [float("nan"), 1.0, (float("inf"), 2)], "b": "x"}

    assert json.dumps(finite(content), allow_nan=False) == '{"a": [null, 1.0, [null, 2]], "b": "x"}'


def test_label_of_a_run_names_only_what_differs(make_run):
    summaries = [
        summarize(make_run("a", cell={"name": "lstm", "forget_bias": 3})),
        summarize(make_run("b", cell="lstm", seed=1)),
        summarize(make_run("c", cell="gru", optimizer={"name": "adam", "lr": 0.5})),
    ]

    assert labels(summaries) == [
        "lstm forget_bias=3 lr=0.001 seed=0",
        "lstm lr=0.001 seed=1",
        "gru lr=0.5 seed=0",
    ]


def test_label_leaves_out_options_that_one_plugin_alone_has(make_run):
    summaries = [summarize(make_run("a", cell="rnn")), summarize(make_run("b", cell="gru"))]

    assert labels(summaries) == ["rnn", "gru"]


def test_label_is_cut_after_four_differences(make_run):
    first = make_run("a", training={"steps": 1, "batch_size": 1, "truncation": 1}, seed=1)
    second = make_run("b", training={"steps": 2, "batch_size": 2, "truncation": 2}, seed=2)
    third = make_run("c", model={"hidden_size": 4, "layers": 2}, seed=3)

    assert labels([summarize(folder) for folder in (first, second, third)])[0].endswith(" ...")


def told_table(summary):
    console = Console(width=1000)
    with console.capture() as captured:
        console.print(one_run(summary, 1000, None))
    return captured.get()


def test_a_run_that_an_optimizer_no_longer_follows_is_told_so(make_run):
    folder = make_run()
    append(folder, {"step": 1, "time": 1, "metrics": {"grad/norm": sys.float_info.max}})
    result = {"outcome": "finished", "step": 4, "seconds": 1.0, "steps_per_second": 4.0}
    result |= {
        "backend": "compiled",
        "metric": "loss",
        "better": "lower",
        "baseline": None,
        "metrics": {},
    }
    folder.write("result", result | {"overflowed": 1200, "idle_since": None})
    printed = told_table(summarize(folder))

    assert "1,200 parameters had a gradient whose square is too large for float32" in printed
    assert "gradient norm over 1.797e+308" in printed
    assert "no logged update" not in printed

    folder.write("result", result | {"idle_since": 3})
    assert "since step 3 or earlier no logged update changed" in told_table(summarize(folder))


def test_the_test_and_what_training_had_seen_are_told_set_by_set(make_run):
    folder = make_run(
        training={"steps": 4}, evaluation={"options": {"length": [60, 9], "noise": ["blank"]}}
    )
    metrics = {
        "eval/accuracy": 0.5,
        "test/accuracy": 0.75,
        "test/loss": 0.5,
        "best/test_accuracy": 0.8,
        "test/accuracy_length_60_noise_blank": 0.6,
        "test/loss_length_60_noise_blank": 0.7,
        "test/accuracy_length_9_noise_blank": 0.9,
    }
    append(folder, {"step": 4, "time": 1, "metrics": metrics})
    seen = {"eval": {"": 0.8, "short": 1.0, "long": 0.8}, "test": {"": 0.001}}
    result = {"outcome": "finished", "step": 4, "metric": "accuracy", "seen": seen}
    folder.write("result", result | {"tested": True})

    told = told_table(summarize(folder))

    assert "test  " in told
    assert "accuracy 0.75, loss 0.5, accuracy of the best weights 0.8" in told
    assert "test by length and noise" in told
    assert "length=60 noise=blank 0.6, length=9 noise=blank 0.9" in told
    assert (
        "80 % of the evaluation's sequences (short 100 %), below 1 % of the test's had been drawn "
        "in training, too" in told
    )
    assert summarize(folder).as_json()["result"]["seen"] == seen


def test_a_run_without_a_test_says_why(make_run):
    folder = make_run()
    result = {"outcome": "finished", "step": 4, "metric": "accuracy", "seen": {}, "tested": False}
    folder.write("result", result)

    assert "the task has no test set besides its evaluation set" in told_table(summarize(folder))


def test_several_runs_have_a_table_of_the_metric_by_the_other_option(make_run):
    folders = [make_run(name, cell=name) for name in ("rnn", "gru")]
    for folder, value in zip(folders, (0.5, 0.25), strict=True):
        metrics = {"test/accuracy_length_60": value, "test/accuracy_length_9": 1.0}
        append(folder, {"step": 4, "time": 1, "metrics": metrics})
        folder.write("result", {"outcome": "finished", "step": 4, "metric": "accuracy"})
    console = Console(width=1000)

    with console.capture() as captured:
        console.print(several_runs([summarize(folder) for folder in folders], 1000, None))

    lines = [line.split() for line in captured.get().splitlines()]
    assert ["test", "accuracy", "by", "length", "60", "9"] in lines
    assert ["rnn", "0.5", "1"] in lines
    assert ["gru", "0.25", "1"] in lines
