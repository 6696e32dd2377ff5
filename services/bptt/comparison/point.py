"""`ComparedPoint`: one point of a grid and what became of it, as the comparison needs it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from bptt.measuring.logged import BEST, EVAL_METRIC, TRAIN_METRIC
from bptt.records.choices import MadeChoice
from bptt.spec import EvaluationSpec

Moment = Literal["init", "best", "end"]
"""When the figures of a run were measured."""
RESULTS = ("solved", "finished", "time_limit", "diverged")
"""Outcomes of runs that succeeded."""
LIVE = ("held", "queued", "running")
"""Statuses of runs that may still end in any way."""
OF_THE_END = tuple(row.section for row in (TRAIN_METRIC, EVAL_METRIC, BEST))
"""Sections of figures that say how well a run learned; a run that diverged has none of them."""


class Listed(Protocol):
    """A run as the store lists it."""

    @property
    def run_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def config(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def values(self) -> Mapping[str, Any]: ...
    @property
    def status(self) -> str: ...
    @property
    def result(self) -> Mapping[str, Any] | None: ...
    @property
    def failure(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class ComparedPoint:
    """What the comparison needs of one point of a grid."""

    config: str
    """What points that differ only in their seed have in common."""
    seed: int
    status: str
    """Of its run; `missing` if there is none."""
    result: Mapping[str, Any] | None
    """`result.json` of a run that succeeded."""
    task: str = ""
    """Its name."""
    run_id: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The point's value on each axis, by the axis' path; axes that do not apply are left out."""
    failure: Mapping[str, Any] | None = None
    budget: int = 1000
    """`training.steps`: updates that it may make."""
    evaluate_every: int = 1
    """Updates between two evaluations: when it solved its task is known no better."""
    lr: float | None = None
    """`optimizer.lr`."""
    grids: tuple[str, ...] = ()
    """Ids of the grids that it is a point of."""
    measured: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """What was measured otherwise than of other points, by path, as of `statistics`: values in
    words, each with its grid; several of a training that was executed several times."""
    choices: tuple[MadeChoice, ...] = ()
    """Of values on tuned axes, that it was added to judge."""
    result_at_end: Mapping[str, Any] | None = None
    """Of another moment than the end: its result."""
    moment: Moment = "end"
    """Of its figures; its outcome is always that of the whole run."""
    tested: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The sets with other options of the task that it is measured with: these, by its name."""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the task that it is trained with."""

    @property
    def outcome(self) -> str:
        """What became of it: the outcome of its result, otherwise the status of its run."""
        return str(self.result["outcome"]) if self.result else self.status

    @property
    def at_end(self) -> "ComparedPoint":
        """The same point with the figures of its end: what became of its run, whenever measured."""
        if self.moment == "end":
            return self
        return replace(self, result=self.result_at_end, moment="end")

    @property
    def is_live(self) -> bool:
        return self.outcome in LIVE

    @property
    def untrained(self) -> bool:
        """Whether its figures are those before the first update, whatever came of it later."""
        return self.moment == "init"

    @property
    def diverged(self) -> bool:
        return self.outcome == "diverged" and not self.untrained

    @property
    def stopped(self) -> bool:
        """Whether it stopped when it had solved its task: its values are those at the threshold."""
        return self.outcome == "solved" and not self.untrained

    @property
    def solved(self) -> bool:
        """Whether an evaluation met the rule, even if training continued; False if diverged."""
        return not self.untrained and solved(self.result or {})

    @property
    def solved_at(self) -> float | None:
        """Updates until an evaluation met the rule, at least 1; None if none did."""
        if not self.solved or self.result is None:
            return None
        at = self.result.get("solved_at")
        made = (self.at_end.result or self.result).get("step", 0)
        return max(float(made if at is None else at), 1.0)

    @cached_property
    def figures(self) -> Mapping[str, float]:
        """Every finite figure of the result by its name.

        Of a run that diverged: the statistics taken before it did, and what it cost.
        """
        if self.result is None:
            return {}
        found = dict(self.result["metrics"])
        if self.diverged:
            found = {n: v for n, v in found.items() if not n.startswith(OF_THE_END)}
        # what it cost, however it ended
        taken = self.training_seconds
        found |= {"step": self.result.get("step"), "seconds": taken, "steps_per_second": None}
        if taken:
            found["steps_per_second"] = self.result.get("step", 0) / taken
        return {n: v for n, v in found.items() if isinstance(v, int | float) and math.isfinite(v)}

    @property
    def training_seconds(self) -> float | None:
        """Seconds from the first update on, evaluations and statistics included.

        What passes before is not a configuration's: kernels are built by whichever run comes first.
        """
        taken = (self.result or {}).get("seconds")
        if taken is None:
            return None
        return max(float(taken) - float((self.result or {}).get("preparation_seconds", 0.0)), 0.0)

    @property
    def baselines(self) -> Mapping[str, float]:
        """The baseline of each set with other options of the task, as far as its result says."""
        return (self.result or {}).get("baselines") or {}

    @property
    def training_only(self) -> Sequence[str]:
        """Options of the task that make no other problem, as far as its result says."""
        return (self.result or {}).get("training_only") or ()

    def why_without(self) -> str:
        """Return why it has no value to compare, in words; empty: it has one."""
        if self.diverged and self.result:
            where = self.result.get("divergence") or {}
            tensor = f" in {where['tensor']}" if where.get("tensor") else ""
            step = (self.at_end.result or self.result).get("step", 0)
            return f"diverged at step {step:,}{tensor}"
        if self.failure:
            said = str(self.failure.get("message", "")).partition("\n")[0]
            cause = str(self.failure.get("cause", "unknown"))
            return f"failed: {cause} ({said})" if said else f"failed: {cause}"
        return "" if self.result else self.status


def budget_of(points: Sequence[ComparedPoint]) -> int:
    """Return the updates after which a run counts as unsolved: the fewest that one may make."""
    # a run without updates only measures
    return min((point.budget for point in points if point.budget), default=1)


def whose(points: Iterable[ComparedPoint]) -> str:
    """Return `this grid` or `these grids`, for messages."""
    grids = {grid for point in points for grid in point.grids}
    return "these grids" if len(grids) > 1 else "this grid"


def has_told(points: Iterable[ComparedPoint]) -> str:
    """Return `it has` or `they have`, for messages that go on about these grids."""
    return "it has" if whose(points) == "this grid" else "they have"


def solved(result: Mapping[str, Any]) -> bool:
    """Say whether a run met its task's rule, by its `result.json`; one that diverged did not."""
    outcome = result.get("outcome")
    return outcome == "solved" or (
        outcome in ("finished", "time_limit") and result.get("solved_at") is not None
    )


def points_of(runs: Sequence[Listed], spec: Mapping[str, Any], grid_id: str) -> list[ComparedPoint]:
    """Return the points that the runs of a grid serve.

    Args:
        runs: of all points.
        spec: of the first of them; what no axis determines is that of all.
        grid_id: of the grid.
    """
    training = spec["training"]
    tested = EvaluationSpec(**(spec.get("evaluation") or {})).sets()
    return [
        ComparedPoint(
            # if the seed is the only axis, the configuration has no name of its own
            config=run.config or run.name.removesuffix(f"-s{run.seed}"),
            seed=run.seed,
            status=run.status,
            result=run.result,
            task=str(run.values.get("task", spec["task"]["name"])),
            run_id=run.run_id,
            values=run.values,
            failure=run.failure,
            budget=int(run.values.get("training.steps", training["steps"])),
            evaluate_every=int(
                run.values.get("training.evaluate_every", training["evaluate_every"])
            ),
            lr=run.values.get("optimizer.lr", spec["optimizer"].get("lr")),
            grids=(grid_id,),
            tested=tested,
            task_options=_task_options(run, spec["task"]),
        )
        for run in runs
    ]


def _task_options(run: Listed, task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of a point's task, as far as the grid's first point and its axes tell."""
    common = task.get("options") or {}
    own = common if run.values.get("task", task["name"]) == task["name"] else {}
    return {
        **own,
        **{
            path.removeprefix("task."): value
            for path, value in run.values.items()
            if path.startswith("task.")
        },
    }
