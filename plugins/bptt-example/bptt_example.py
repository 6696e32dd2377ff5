"""Two cells, a clipper and a task that bptt finds through the entry points of this distribution."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Generator, Tensor, relu, sigmoid, tanh
from torch.nn.functional import binary_cross_entropy_with_logits

from bptt.contracts import (
    Batch,
    Clipper,
    ClipperState,
    ClipReport,
    Extent,
    Features,
    Ge,
    Gradients,
    Gt,
    Lt,
    PointwiseCell,
    Task,
    joint_norm,
    rescaled,
)


class UpdateGateRNN(PointwiseCell):
    """h = g h + (1 - g) tanh(W x + U h + b), g = sigmoid(W' x + U' h + b'): one gate keeps.

    Update gate RNN, Collins, Sohl-Dickstein & Sussillo 2017, equations 12-14.
    """

    states = ("h",)
    preactivations = {"g": "x+h", "c": "x+h"}
    gates = {"g": "keep"}

    def step(self, g: Tensor, c: Tensor, h: Tensor) -> Tensor:
        return torch.lerp(tanh(c), h, sigmoid(g))


class IndependentRNN(PointwiseCell):
    """h = relu(W x + u * h + b): each unit sees only its own past. Li et al. 2018, equation 2.

    Over k steps back the gradient of a unit that stays positive is multiplied by u^k, so |u| alone
    decides whether it vanishes or explodes.
    """

    states = ("h",)
    preactivations = {"a": "x"}
    vectors = {"u": (0.0, 1.0)}

    def step(self, a: Tensor, u: Tensor, h: Tensor) -> Tensor:
        return relu(a + u * h)


class RunningNorm(Clipper):
    """Rescale gradients whose joint norm exceeds `factor` times the running mean of past norms.

    The mean is exponential and taken over norms after clipping, so a spike does not raise it much.
    The simplest form of ZClip (Kumar et al. 2025), which also tracks the variance. Nothing is
    clipped before the first nonzero gradient.

    Args:
        factor: how many times the mean is left untouched.
        decay: share of the old mean kept at each step.
    """

    def __init__(
        self,
        *,
        factor: Annotated[float, Gt(1)] = 2.0,
        decay: Annotated[float, Ge(0), Lt(1)] = 0.97,
    ) -> None:
        self.factor = factor
        self.decay = decay

    def initial_state(self, parameters: Gradients) -> ClipperState:
        return {"mean": torch.zeros((), dtype=torch.float64)}

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm, mean = joint_norm(gradients), state["mean"]
        # a mean of zero must not bound anything: all later gradients would be zero too
        threshold = torch.where(mean > 0, self.factor * mean, torch.inf)
        scale = torch.where(mean > 0, threshold / norm, 1.0).clamp(max=1.0)
        # not the product with `scale`, which may be too small for float32 even if the result is not
        clipped = rescaled(gradients, threshold, norm)
        after = joint_norm(clipped)
        kept = torch.where(mean > 0, self.decay * mean + (1 - self.decay) * after, after)
        return clipped, {"mean": kept}, ClipReport(norm, after, scale, scale < 1, threshold)


class DelayedXor(Task):
    """Say at the end of a sequence whether its first and its last value have different signs.

    Both are +1 or -1 at random; the `delay` - 1 values between are Gaussian noise. The last value
    alone says nothing, so the baseline error is 1/2. Solved: error below 1 %.

    Args:
        delay: steps from the first to the last value.
        noise: standard deviation of the values between.
    """

    causal = False
    reads = "last"
    metric = "error"
    better = "lower"

    def __init__(
        self, *, delay: Annotated[int, Ge(1)] = 20, noise: Annotated[float, Ge(0)] = 0.1
    ) -> None:
        self.delay = delay
        self.noise = noise
        self.inputs = Features(1)
        self.output_size = 1
        self.horizon = delay
        self.baseline = 0.5

    def extent(self, sequences: int) -> Extent:
        return Extent(self.delay + 1, sequences)

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        first, last = torch.randint(2, (2, batch_size), generator=generator)
        inputs = self.noise * torch.randn(self.delay + 1, batch_size, generator=generator)
        inputs[0], inputs[-1] = 2 * first - 1, 2 * last - 1
        return Batch(inputs.unsqueeze(-1), targets=first ^ last)

    def losses(self, outputs: Tensor, batch: Batch) -> Tensor:
        targets = batch.targets.to(outputs.dtype)
        return binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")

    def loss_gradients(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        # optional: autograd computes it too, at the cost of a kernel
        return self.losses(outputs, batch), outputs.sigmoid() - batch.targets.unsqueeze(1)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        signs = 2 * batch.targets - 1
        # counts right answers, so that NaN is wrong
        return {"error": 1 - (signs * outputs[:, 0] > 0).to(outputs.dtype).mean()}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return metrics["error"] < 0.01
