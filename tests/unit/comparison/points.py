"""Points of a grid as the comparison gets them, made by hand."""

from bptt.comparison import ComparedPoint
from bptt.comparison.table import compare


def point(cell, seed, value, outcome="finished", better="higher", **values):
    result = {
        "outcome": outcome,
        "metric": "accuracy",
        "better": better,
        "baseline": 0.5,
        "step": 120,
        "divergence": {"step": 120, "tensor": "h"} if outcome == "diverged" else None,
        "metrics": {
            "eval/accuracy": value,
            "train/loss": 1 - value,
            "eval/loss": 2 - value,
            "grad/norm": 1.0,
        },
    }
    result["metrics"]["grad/norm"] = 1.0
    axes = {"cell": cell, **values, "seed": seed}
    config = " ".join(str(value) for path, value in axes.items() if path != "seed")
    return ComparedPoint(config, seed, "succeeded", result, run_id=f"g-{seed}", values=axes)


def row(cell, values, **kwargs):
    return [point(cell, seed, value, **kwargs) for seed, value in enumerate(values)]


def diverged(cell, seeds):
    return [point(cell, seed, 0.9, "diverged") for seed in seeds]


def by_config(points, **asked):
    (comparison,) = compare(points, **asked)
    return {group.config: group for group in comparison.groups}
