"""Runs that stop when they have solved their task, made by hand."""

from bptt.comparison import ComparedPoint

BUDGET, EVERY = 1000, 50


def run(cell, seed, solved_at, *, outcome="solved", seconds_per_update=0.01, ended=None):
    step = ended or solved_at or BUDGET
    result = {
        "outcome": outcome if solved_at else "finished",
        "metric": "mse",
        "better": "lower",
        "baseline": 0.167,
        "step": step,
        "solved_at": solved_at,
        "seconds": step * seconds_per_update,
        # the last value says how far below the threshold a run stopped: lstm looks better
        "metrics": {"eval/mse": {"gru": 0.0095, "lstm": 0.004}.get(cell, 0.16)},
    }
    values = {"cell": cell, "seed": seed}
    return ComparedPoint(
        *(cell, seed, "succeeded", result),
        values=values,
        run_id=f"g-{cell}-{seed}",
        budget=BUDGET,
        evaluate_every=EVERY,
    )


def runs(cell, solved, **kwargs):
    return [run(cell, seed, at, **kwargs) for seed, at in enumerate(solved)]
