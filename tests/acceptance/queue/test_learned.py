"""`bptt compare --at best` says who has learned nothing by values that nothing has chosen."""

from bptt.run_folder import RunFolder
from tests.acceptance.queue.several import STOPPED, TASK, compared, grids, groups, result_of

__all__ = ["grids"]


def test_the_best_evaluation_of_what_learned_nothing_is_no_learning(bptt, grids, machine, home):
    text = f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 5\n"

    def last(spec):
        return (0.9 if spec["cell"]["name"] == "gru" else 0.5) + 0.002 * (spec["seed"] - 2)

    grid = grids("one", text)
    worker = machine()
    while (run := worker.begin()) is not None:
        value = last(run.spec)
        folder = RunFolder.of_attempt(home / "runs", run.run_id, run.attempt)
        (folder.path / "result.json").write_text("{}")
        journal = folder.open_journal()
        for step, beyond in enumerate((0.001, 0.03, 0.0)):
            metrics = {"eval/accuracy": value + beyond}
            journal.append({"step": step, "time": 1, "metrics": metrics})
        journal.close()
        best = {"step": 1.0, "eval_accuracy": value + 0.03}
        worker.succeed(run, {**result_of(value), "step": 2, "best": best})

    (found,) = compared(bptt, grid, "--at", "best")
    (end,) = compared(bptt, grid)

    assert {name: one["learned"] for name, one in groups(end).items()} == {
        "rnn": False,
        "gru": True,
    }
    assert {name: one["learned"] for name, one in groups(found).items()} == {
        "rnn": False,
        "gru": True,
    }
    assert groups(found)["rnn"]["value"]["low"] > 0.52
    said = "Cannot be told from the baseline of 0.5 in accuracy (at the end), or worse: rnn."
    assert said in found["notes"]
