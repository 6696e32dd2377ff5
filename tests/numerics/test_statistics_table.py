"""The table says of every statistic what its function returns, and of every key what it is."""

from itertools import combinations
from pathlib import Path

import pytest

from bptt.measuring.probe import TAKEN, Frozen
from bptt.measuring.rows import JACOBIAN_PROBES
from bptt.measuring.table import (
    ARRAYS,
    GATE_MEAN,
    LAG,
    SCALARS,
    SLOPE_HIGHEST,
    SLOPE_LOWEST,
    scalar_of,
)
from bptt.training import TrainingRun, train

MODEL = {"layers": 2, "bidirectional": True}
OF_SEVERAL_ANCHORS = {SLOPE_LOWEST.key, SLOPE_HIGHEST.key}


@pytest.fixture
def probed(make_spec):
    """Return a function: task, cell -> what the statistics of a new run are taken of."""

    def build(task, cell):
        run = TrainingRun(make_spec(task, cell, model=MODEL, statistics={"interval": 1}))
        return Frozen(run.model, run.task, run.spec.statistics).probed(run.probe._batch)

    return build


@pytest.mark.parametrize("task", ["adding", "copy_memory"])
@pytest.mark.parametrize("cell", ["lstm", "gru_cho"])
def test_statistic_returns_exactly_what_its_row_says(probed, task, cell):
    moment = probed(task, cell)

    for row, take in TAKEN:
        scalars, arrays = take(moment)

        for found, rows in ((scalars, row.scalars), (arrays, row.arrays)):
            assert {k for k in found if not any(r.fits(k) for r in rows)} == set(), row.taken_by
            missing = {r.key for r in rows if not any(r.fits(k) for k in found)}
            # the loss of adding is read at one position
            assert missing <= (OF_SEVERAL_ANCHORS if task == "adding" else set()), row.taken_by
        axes = {k: r.axes.strip("()").split(",") for k in arrays for r in row.arrays if r.fits(k)}
        assert {k: v.dim() for k, v in arrays.items()} == {
            k: len([axis for axis in a if axis.strip()]) for k, a in axes.items()
        }


def test_statistics_of_jacobians_alone_wait_for_their_own_probes(make_spec):
    spec = make_spec(statistics={"interval": 1, "jacobian_interval": 0})

    found = {key for report in train(TrainingRun(spec)) for key in report.metrics | report.probe}

    rows = [row for row, _ in TAKEN if row.when == JACOBIAN_PROBES]
    assert rows
    names = [named for row in rows for named in (*row.scalars, *row.arrays)]
    assert [key for key in found if any(named.fits(key) for named in names)] == []


@pytest.mark.parametrize("rows", [ARRAYS, SCALARS], ids=["arrays", "scalars"])
def test_no_key_is_listed_twice(rows):
    assert [(a.key, b.key) for a, b in combinations(rows, 2) if a.key == b.key] == []


def test_no_other_file_repeats_a_key_of_the_table():
    services = Path(__file__).parents[2] / "services"
    quoted = {f'"{row.key}"' for row in (*ARRAYS, *SCALARS)}
    quoted |= {f'"{row.beginning}' for row in (*ARRAYS, *SCALARS) if row.beginning.endswith("/")}
    quoted -= {'"flow/', '"sys/'}  # pictures by name; a folder of Linux

    texts = {path: path.read_text() for path in services.rglob("*.py")}

    repeating = {path.name for path, text in texts.items() if any(key in text for key in quoted)}
    assert repeating == {"table.py", "logged.py"}


def test_key_is_named_by_what_it_is_of():
    assert LAG.named(1, "forward", "h") == "lag/1/forward/h"
    assert LAG.beginning == LAG.section == "lag/"
    assert LAG.fits("lag/1/forward/h")
    assert not LAG.fits("lag/1/forward")
    assert GATE_MEAN.ending == "_mean"


@pytest.mark.parametrize(
    ("key", "better"),
    [("eval/loss", "lower"), ("train/loss", "lower"), ("eval/accuracy", ""), ("gate/f_mean", "")],
)
def test_table_says_of_losses_alone_that_lower_is_better(key, better):
    assert scalar_of(key).better == better


def test_table_knows_nothing_of_what_no_run_measures():
    assert scalar_of("seconds") is None
