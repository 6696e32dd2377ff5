"""What a run's folder says, as plain data for tables, plots and JSON."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bptt.content import with_file_names
from bptt.damage import Damage, find_damage
from bptt.errors import DocumentDamaged, RunNotFound
from bptt.measuring.earlier import is_of_earlier_estimator
from bptt.measuring.logged import EVAL_METRIC
from bptt.records.documents import ResultDocument, RunDocument
from bptt.run_folder import RunFolder
from bptt.strict_json import finite

SECTIONS = ("cell", "clipper", "task", "optimizer", "model", "training")
"""Sections that decide a run's result, those that people vary most first."""

DIFFERENCES_AT_MOST = 4


@dataclass(frozen=True)
class Summary:
    """A run as far as it has got."""

    run: RunDocument
    """Content of `run.json`."""
    result: ResultDocument | None
    """Content of `result.json`; None while the run has not ended."""
    metrics: Mapping[str, float | None]
    """Last value of each metric; None where it was not finite."""
    step: int
    window: int | None
    """Largest lag the gradient reaches under truncated backpropagation, if it cuts the curves."""
    gradients: Mapping[int, Mapping[str, Sequence[float]]]
    """Step of the first and the last probe -> state, or `s` for all of them together -> log10 of
    the gradient's norm by lag."""
    damage: Sequence[Damage] = ()
    """Damaged files of its folder; everything else is reported without them."""

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def spec(self) -> Mapping[str, Any]:
        """With the names of files beside the hashes of their content."""
        return with_file_names(self.run.spec, self.run.files)

    @property
    def outcome(self) -> str:
        if self.result is None and self.is_damaged("result.json"):
            return "unknown"
        return self.result.outcome if self.result else "unfinished"

    def is_damaged(self, *names: str) -> bool:
        """Say whether a file of one of these names, or in such a folder, is damaged."""
        paths = [one.path for one in self.damage]
        return any({path.name, path.parent.name} & set(names) for path in paths)

    @cached_property
    def told_outcome(self) -> str:
        """How the run ended, in a few words."""
        result = self.result
        if self.outcome == "unknown":
            return f"unknown, after step {self.step} at least"
        if result is None:
            steps = self.spec["training"]["steps"]
            return f"unfinished at step {self.step} of {steps}"
        if self.outcome == "finished" and self.spec["training"]["steps"] == 0:
            return "measured as it was initialised, not trained"
        match self.outcome:
            case "solved":
                return f"solved at step {self.step}"
            case "diverged":
                tensor = (result.divergence and result.divergence.tensor) or "a tensor"
                return f"diverged at step {self.step}: {tensor} is not finite"
            case "time_limit":
                return f"stopped by its time limit at step {self.step}"
        return f"{self.outcome} at step {self.step}"

    @property
    def metric(self) -> tuple[str, float | None, float | None]:
        """Name, last value and baseline of the metric that decides; no name if unfinished."""
        if self.result is None:
            return "", None, None
        name = self.result.metric
        return name, self.metrics.get(EVAL_METRIC.named(name)), self.result.baseline

    def as_json(self) -> dict[str, Any]:
        """Return everything, with None for numbers that JSON lacks."""
        gradients = {str(step): states for step, states in self.gradients.items()}
        content: dict[str, Any] = finite(
            {
                "run": self.run.as_json(),
                "outcome": self.outcome,
                "step": self.step,
                "metrics": self.metrics,
                "result": self.result and self.result.as_json(),
                "log10_gradient_by_lag": gradients,
                "damage": [str(one) for one in self.damage],
            }
        )
        return content


def summarize(folder: RunFolder, succeeded: bool = False) -> Summary:
    """Return what the folder of a run says, and what in it is damaged.

    Args:
        folder: of a run, or of one attempt at it.
        succeeded: it is known that the run has its result.

    Raises:
        RunNotFound: there is no run in it.
        DocumentDamaged: the file that identifies the run cannot be read.
    """
    run = folder.read_run()
    if run is None and succeeded:
        raise DocumentDamaged(f"{folder.path / 'run.json'} is missing.")
    if run is None:
        raise RunNotFound(f"{folder.path} holds no run: run.json is missing.")
    damage = find_damage(folder, succeeded)
    names = {one.name for one in damage}
    if "run.json" in names:
        raise DocumentDamaged(str(damage[0]))
    result = None if "result.json" in names else folder.read_result()
    metrics: dict[str, float | None] = {}
    step = 0
    # its damage is reported with the rest
    with suppress(OSError):
        for _, record in folder.readable_records():
            metrics |= record.get("metrics", {})
            step = max(step, record["step"])
    if result is not None:
        step = result.step
        if "journal.jsonl" in names:
            # the last value of each, which the journal may lack
            metrics |= result.metrics
    metrics = _renewed(metrics, folder)
    gradients = _gradients(folder, run.spec["training"])
    return Summary(run, result, metrics, step, *gradients, damage)


def _renewed(metrics: dict[str, float | None], folder: RunFolder) -> dict[str, float | None]:
    if not is_of_earlier_estimator(metrics):
        return metrics
    from bptt.measuring.stored import renewed

    return renewed(metrics, folder)


def _gradients(
    folder: RunFolder, training: Mapping[str, Any]
) -> tuple[int | None, dict[int, dict[str, list[float]]]]:
    from bptt.measuring.flow_history import TOGETHER, read_flow
    from bptt.measuring.stored import LAG_ARRAYS, load_first_and_last

    # one that cannot be read says nothing about the others
    probes = load_first_and_last(folder, LAG_ARRAYS)
    history = read_flow(probes, training.get("truncation_every"))
    if history is None:
        return None, {}
    edge = history.window_edge(training["truncation"])
    window = None if edge is None else int(edge)
    return window, {
        int(step): {
            state or "s": history.log10(state)[row].tolist()
            for state in (*history.states, TOGETHER)
        }
        for row, step in enumerate(history.steps)
    }


def labels(summaries: Sequence[Summary]) -> list[str]:
    """Return for each run its cell and the options in which it differs from the others."""
    flat = [_flat(summary.spec) for summary in summaries]
    differing = []
    for name in dict.fromkeys(name for spec in flat for name in spec):
        # an option that only one plugin has says nothing that the plugin's name does not
        values = [spec[name] for spec in flat if name in spec]
        if not name.startswith("training.evaluat") and any(v != values[0] for v in values):
            differing.append(name)
    return [_label(spec, differing) for spec in flat]


def option(value: Any) -> str:
    """Return the value of an option as written in a run file, numbers in short form."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _label(spec: Mapping[str, Any], differing: Sequence[str]) -> str:
    parts = [
        f"{name.rpartition('.')[2]}={option(spec[name])}"
        for name in differing
        if name != "cell" and spec.get(name) is not None
    ]
    more = ["..."] if len(parts) > DIFFERENCES_AT_MOST else []
    return " ".join([spec["cell"], *parts[:DIFFERENCES_AT_MOST], *more])


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what determines a run's result by flat names: cell, cell.forget_bias, ..., seed."""
    flat: dict[str, Any] = {}
    for section in SECTIONS:
        content = spec[section]
        if "options" in content:
            content = {"name": content["name"], **content["options"]}
        for name, value in content.items():
            flat[section if name == "name" else f"{section}.{name}"] = value
    return {**flat, "seed": spec["seed"]}
