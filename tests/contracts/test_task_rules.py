"""Each rule for tasks, broken by a task that keeps all the others."""

import random
import re

import pytest
import torch
from torch.nn.functional import mse_loss

from bptt.conformance import check_task
from bptt.contracts import Batch, Features, Task
from bptt.errors import ContractViolation


class First(Task):
    """Recall the first value; read at the end."""

    causal = False
    reads = "last"
    metric = "mse"
    better = "lower"

    def __init__(self):
        self.inputs, self.output_size, self.horizon, self.baseline = Features(1), 1, 4, 1 / 12

    def sample(self, generator, batch_size):
        inputs = torch.rand(5, batch_size, 1, generator=generator)
        return Batch(inputs, inputs[0, :, 0])

    def losses(self, outputs, batch):
        return mse_loss(outputs[:, 0], batch.targets.to(outputs.dtype), reduction="none")

    def metrics(self, outputs, batch):
        return {"mse": self.losses(outputs, batch).mean()}

    def solved(self, metrics):
        return metrics["mse"] < 0.01


class LacksBaseline(First):
    def __init__(self):
        super().__init__()
        del self.baseline


class HasNanBaseline(First):
    def __init__(self):
        super().__init__()
        self.baseline = float("nan")


class ReadsElsewhere(First):
    reads = "middle"


class ImprovesSomehow(First):
    better = "smaller"


class HasNoOutputs(First):
    def __init__(self):
        super().__init__()
        self.output_size = 0


class HasNoInputs(First):
    def __init__(self):
        super().__init__()
        self.inputs = 1


class DrawsFromTorch(First):
    def sample(self, generator, batch_size):
        return super().sample(None, batch_size)


class SeedsTorch(First):
    def sample(self, generator, batch_size):
        torch.manual_seed(0)
        return super().sample(generator, batch_size)


class DrawsFromPython(First):
    def sample(self, generator, batch_size):
        return super().sample(generator.manual_seed(random.getrandbits(32)), batch_size)


class DrawsOnce(First):
    def sample(self, generator, batch_size):
        return super().sample(generator.manual_seed(0), batch_size)


class FailsToDraw(First):
    def sample(self, generator, batch_size):
        raise OSError("no such file")


class AveragesLosses(First):
    def losses(self, outputs, batch):
        return super().losses(outputs, batch).mean()


class RoundsLosses(First):
    def losses(self, outputs, batch):
        return super().losses(outputs.float(), batch)


class NeedsFloat32(First):
    def losses(self, outputs, batch):
        return super().losses(outputs @ torch.ones(1, 1), batch)


class HasInfiniteLoss(First):
    def losses(self, outputs, batch):
        return -(super().losses(outputs, batch) * 0).log()


class DetachesLosses(First):
    def losses(self, outputs, batch):
        return super().losses(outputs.detach(), batch)


class IgnoresOutputs(First):
    def losses(self, outputs, batch):
        return super().losses(0 * outputs, batch)


class ComparesSequences(First):
    def losses(self, outputs, batch):
        losses = super().losses(outputs, batch)
        return losses / losses.max()


class NeedsWholeBatch(First):
    def metrics(self, outputs, batch):
        return {"mse": self.losses(outputs, batch)[:6].view(6).mean()}


class LacksMainSet(First):
    def evaluation_sets(self, generator, size):
        return {"longer": self.sample(generator, size)}


class NamesSetBadly(First):
    def evaluation_sets(self, generator, size):
        return {"": self.sample(generator, size), "Longer ones": self.sample(generator, size)}


class EvaluatesTooMuch(First):
    def evaluation_sets(self, generator, size):
        return {"": self.sample(generator, 2 * size)}


class EvaluatesDifferently(First):
    def evaluation_sets(self, generator, size):
        generator.manual_seed(random.getrandbits(32))
        return {"": self.sample(generator, size)}


class IsTestedOnTheSame(First):
    def evaluation_sets(self, generator, size):
        return {"": self.sample(torch.Generator().manual_seed(1), size)}


class IsTestedOnWhatEvaluates(First):
    def evaluation_sets(self, generator, size):
        return {"": self.sample(generator.manual_seed(1), size)}

    def test_sets(self, generator, size):
        return {"": self.sample(generator.manual_seed(1), size)}


class IsTestedDifferently(First):
    def test_sets(self, generator, size):
        generator.manual_seed(random.getrandbits(32))
        return {"": self.sample(generator, size)}


class LacksItsMetric(First):
    def metrics(self, outputs, batch):
        return {"error": self.losses(outputs, batch).mean()}


class NamesMetricBadly(First):
    def metrics(self, outputs, batch):
        return super().metrics(outputs, batch) | {"max error": outputs.max()}


class HasWideMetric(First):
    def metrics(self, outputs, batch):
        return {"mse": self.losses(outputs, batch)}


class AnswersWithTensor(First):
    def solved(self, metrics):
        return torch.tensor(metrics["mse"]) < 0.01


class CountsNanAsSuccess(First):
    metric = "error"

    def metrics(self, outputs, batch):
        return {"error": (self.losses(outputs, batch) > 0.01).float().mean()}

    def solved(self, metrics):
        return metrics["error"] == 0


class TakesNanForSolved(First):
    def metrics(self, outputs, batch):
        return {"mse": self.losses(outputs, batch).mean().nan_to_num(1.0)}

    def solved(self, metrics):
        return not metrics["mse"] >= 0.01


class IsSolvedTheWrongWay(First):
    def solved(self, metrics):
        return metrics["mse"] > 100


class IsSolvedByItsBaseline(First):
    def solved(self, metrics):
        return metrics["mse"] < 0.1


class IsNeverSolved(First):
    def solved(self, metrics):
        return False


FAULTS = {
    LacksBaseline: "baseline must be set: a finite number.",
    HasNanBaseline: "baseline must be a finite number, got nan.",
    ReadsElsewhere: "reads must be 'last' or 'every', got 'middle'.",
    ImprovesSomehow: "better must be 'lower' or 'higher', got 'smaller'.",
    HasNoOutputs: "output_size must be an integer >= 1, got 0.",
    HasNoInputs: "inputs must be Tokens(size) or Features(size) of at least 1, got 1.",
    DrawsFromTorch: "must draw from the generator it is given, not from torch's global one.",
    SeedsTorch: "must draw from the generator it is given, not from torch's global one.",
    DrawsFromPython: "sample must return the same batch for the same seed.",
    DrawsOnce: "sample must depend on the generator it is given: four seeds give one batch.",
    FailsToDraw: "FailsToDraw.sample raised OSError: no such file (",
    AveragesLosses: "AveragesLosses.losses must have the shape (6,), got ().",
    RoundsLosses: "RoundsLosses.losses must be torch.float64, got torch.float32.",
    NeedsFloat32: "NeedsFloat32.losses in torch.float64 raised RuntimeError",
    HasInfiniteLoss: "losses must be finite for finite predictions.",
    DetachesLosses: "Back-propagation through DetachesLosses.losses raised RuntimeError",
    IgnoresOutputs: "losses must have finite gradients that are not all zero.",
    ComparesSequences: "losses must treat every sequence alone",
    NeedsWholeBatch: "NeedsWholeBatch.losses on a part of a batch raised RuntimeError",
    LacksMainSet: "evaluation_sets must contain the main set, named ''.",
    NamesSetBadly: "must name its sets in small letters, digits and _, got 'Longer ones'.",
    EvaluatesTooMuch: "evaluation_sets must hold at most 6 sequences, got 12.",
    EvaluatesDifferently: "evaluation_sets must return the same sets for the same seed.",
    IsTestedOnTheSame: "test_sets must return other sequences than evaluation_sets: what chooses",
    IsTestedOnWhatEvaluates: "test_sets must return other sequences than evaluation_sets",
    IsTestedDifferently: "test_sets must return the same sets for the same seed.",
    LacksItsMetric: "metrics must contain 'mse', the one that decides, got error.",
    NamesMetricBadly: "must use small letters, digits and _ for names, got 'max error'.",
    HasWideMetric: "'mse' of HasWideMetric.metrics must have the shape (), got (6,).",
    AnswersWithTensor: "solved must return True or False, got tensor(False).",
    CountsNanAsSuccess: "solved must be False for NaN predictions.",
    TakesNanForSolved: "solved must be False for metrics that are all NaN.",
    IsSolvedTheWrongWay: "solved must be False for mse = 1e+09.",
    IsSolvedByItsBaseline: "solved must be False for its baseline, mse = 0.0833333.",
    IsNeverSolved: "solved must be True for a perfect mse (0) in every set.",
}


def test_task_the_broken_ones_derive_from_keeps_every_rule():
    check_task(First)


@pytest.mark.parametrize(
    ("task_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_task_that_breaks_a_rule_is_told_which(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check_task(task_class)

    assert task_class.__name__ in str(raised.value)
    assert "\n" not in str(raised.value)
