"""Grids that are compared with each other, of runs that end with given values."""

import json
from pathlib import Path

import pytest

TASK = "task: {name: latch, length: 20}\n"
STOPPED = "training: {stop_when_solved: false}\n"


def result_of(value):
    """Return what a run ends with that has this accuracy."""
    return {
        "outcome": "finished",
        "step": 1000,
        "metric": "accuracy",
        "better": "higher",
        "baseline": 0.5,
        "metrics": {"eval/accuracy": value, "flow/slope": -0.02},
    }


@pytest.fixture
def grids(bptt, machine):
    """Return a function that queues a grid and ends its runs with the values of a function."""

    def queue(name, text, value=None, **options):
        Path(f"{name}.yaml").write_text(text)
        words = [f"--{option.replace('_', '-')}" for option in options]
        code, out, errors = bptt("submit", f"{name}.yaml", "--json", *words)
        assert code == 0, errors
        worker = machine()
        while value is not None and (run := worker.begin()) is not None:
            worker.succeed(run, result_of(value(run.spec)))
        return json.loads(out)["grid_id"]

    return queue


def by_cell(spec):
    cell, seed = spec["cell"]["name"], spec["seed"]
    return {"rnn": 0.5, "gru": 0.7, "lstm": 0.9, "mine": 0.8}[cell] + 0.01 * (7 * seed % 5)


def compared(bptt, *words):
    """Return the comparisons, without the one over all problems."""
    code, out, errors = bptt("compare", *words, "--json")
    assert code == 0, errors
    return [one for one in json.loads(out) if one["problems"] == 1]


def groups(comparison):
    return {one["config"]: one for one in comparison["groups"]}
