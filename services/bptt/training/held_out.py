"""What a run is measured on once, at its end: it chooses nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bptt import registry
from bptt.batches.seen import Seen
from bptt.batches.sets import MAIN, Sets, draw_test_sets
from bptt.contracts import StreamTask, Task
from bptt.measuring.logged import BEST_STEP, BEST_TEST, SEEN, TEST_METRIC
from bptt.network.model import Model
from bptt.spec import RunSpec
from bptt.training.best_weights import BestWeights
from bptt.training.evaluation import score


@dataclass(frozen=True)
class Split:
    """Whether a run was tested on what it had never been measured on."""

    seen: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By `eval` and `test`, then by set: the share of its sequences that training drew, too."""
    tested: bool = False
    """Whether there was a test: the task has another set for it than for its evaluation."""


class HeldOut:
    """The test sets of a run, those with other options of its task, and what training saw of them.

    Args:
        spec: of the run.
        task: of the run.
        evaluated: the sets that choose.
    """

    def __init__(self, spec: RunSpec, task: Task, evaluated: Sets) -> None:
        self._task = task
        self._spec = spec
        self._evaluated = evaluated
        self._others: Mapping[str, Task] = {
            name: registry.construct("task", spec.task.name, {**spec.task.options, **options})
            for name, options in spec.evaluation.sets().items()
        }
        # a text is too long to be kept, and split by position
        self._kept = None if isinstance(task, StreamTask) else self._drawn()
        self.seen: Seen | None = None
        if self._kept is not None:
            sets = {f"eval{name and '_'}{name}": batch for name, batch in evaluated.items()}
            sets |= {f"test{name and '_'}{name}": batch for name, batch in self._kept.items()}
            self.seen = Seen(sets)
        self._from_the_start = True
        self.split = Split()

    @property
    def baselines(self) -> Mapping[str, float]:
        """What the best answer without memory achieves with the other options of the task."""
        return {name: task.baseline for name, task in self._others.items()}

    def measure(
        self, model: Model, best_weights: BestWeights, best: Mapping[str, float], step: int
    ) -> dict[str, float]:
        """Return `test/...` of the last weights, `best/test_...` of the best, and `seen/...`.

        Args:
            model: with the last weights.
            best_weights: those of the best evaluation.
            best: value and step of that evaluation; empty: there was none.
            step: updates done.
        """
        sets = self._drawn() if self._kept is None else self._kept
        reported: dict[str, float] = {}
        same = torch.equal(sets[MAIN].inputs, self._evaluated[MAIN].inputs)
        if not same:
            metrics = score(model, self._task, sets, "test_sets")
            reported = {TEST_METRIC.named(name): value for name, value in metrics.items()}
            if best:
                at_best = metrics
                if best[BEST_STEP.key] != step:
                    with best_weights.applied():
                        at_best = score(model, self._task, {MAIN: sets[MAIN]}, "test_sets")
                reported[BEST_TEST.named(self._task.metric)] = at_best[self._task.metric]
        for number, (name, task) in enumerate(self._others.items(), start=1):
            drawn = draw_test_sets(task, self._spec.seed, self._size, number)
            main = {name: drawn[MAIN]}
            metrics = score(model, task, main, "test_sets")
            reported |= {TEST_METRIC.named(key): value for key, value in metrics.items()}
        self.split = Split(self._shares(step), not same)
        reported |= {SEEN.named(of): shares[MAIN] for of, shares in self.split.seen.items()}
        return reported

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint stores."""
        return {} if self.seen is None else self.seen.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor] | None) -> None:
        """Restore what a checkpoint stored; None: an earlier version, which took no note."""
        if self.seen is not None and state is not None:
            self.seen.load_state_dict(state)
        self._from_the_start = state is not None

    @property
    def _size(self) -> int:
        return self._spec.training.evaluation_size

    def _drawn(self) -> Sets:
        return draw_test_sets(self._task, self._spec.seed, self._size)

    def _shares(self, step: int) -> dict[str, dict[str, float]]:
        if self.seen is None or self._kept is None or not self._from_the_start:
            return {}
        return {
            of: {name: self.seen.share(f"{of}{name and '_'}{name}", step) for name in sets}
            for of, sets in (("eval", self._evaluated), ("test", self._kept))
        }
