"""`bptt ship` where no worker is left to send what it trained."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.trained import train_claimed

GRID = """
name: left
task: {name: latch, length: 12}
cell: rnn
model: {hidden_size: 4}
training: {steps: 20, batch_size: 8, evaluate_every: 10, evaluation_size: 16}
seeds: 3
"""


def test_runs_of_the_queue_are_sent_too(bptt, machine):
    Path("left.yaml").write_text(GRID)
    assert bptt("submit", "left.yaml")[0] == 0
    worker = machine()
    for _ in range(2):
        run = worker.begin()
        worker.succeed(run, train_claimed(worker.settings, run))

    code, out, _ = bptt("ship", "--json")
    again = bptt("ship")

    lines = json.loads(out)
    assert code == 0
    assert [line["shipped"] for line in lines] == [True, True]
    assert again[1].strip() == "Everything is in MLflow."
    with closing(sqlite3.connect(worker.settings.home / "mlflow.db")) as connection:
        ids = {row[0] for row in connection.execute("SELECT run_uuid FROM runs")}
    # and their grid, which is a run for MLflow
    assert {line["mlflow_run_id"] for line in lines} < ids
    assert len(ids) == 3
