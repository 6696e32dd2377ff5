"""Optimisers: one class each, with its options and its step.

The steps are those of `torch.optim`, bit for bit, on one tensor: torch's own import its compiler,
`torch._dynamo`, before the first one, which takes as long as importing torch itself.

To add one that works element by element, write its class here and add it to `Optimizer`: run
files, memory and time estimates, the reference page and training need nothing else.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Gt, Lt

from bptt.bounds import Fraction, LearningRate, NonNegative, Positive
from bptt.section import Section

if TYPE_CHECKING:
    from torch import Tensor


class OptimizerSpec(Section):
    """An optimiser by name, with every option it takes; fields are named as in torch."""

    name: str
    moments: ClassVar[int] = 0
    """Numbers it keeps for each parameter."""
    squares: ClassVar[str] = ""
    """Which of its moments is a mean of squared gradients, if any; it must not overflow unseen."""
    is_compiled: ClassVar[bool] = False
    """Whether `kernels/compiled/update.c` has its step."""

    def group(self) -> dict[str, Any]:
        """Return the options as torch's optimiser has them in its `param_groups`."""
        return {name: value for name, value in self if name != "name"}

    def step(self, parameters: "Tensor", gradients: "Tensor", moments: "dict[str, Tensor]") -> None:
        """Do one step, in place.

        Args:
            parameters: of any shape, without a graph.
            gradients: of the same shape, left as they are.
            moments: what torch's optimiser keeps of a tensor, under its names; empty before the
                first step, which fills it.
        """
        raise NotImplementedError

    def _decayed(self, parameters: "Tensor", gradients: "Tensor") -> "Tensor":
        """Return the gradients with the decay added."""
        decay: float = self.group()["weight_decay"]
        return gradients.add(parameters, alpha=decay) if decay else gradients


class SGD(OptimizerSpec):
    """Plain stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    lr: LearningRate = 0.01
    """Learning rate."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""

    def group(self) -> dict[str, Any]:
        return {"momentum": 0, "dampening": 0} | super().group()

    def step(self, parameters: "Tensor", gradients: "Tensor", moments: "dict[str, Tensor]") -> None:
        parameters.add_(self._decayed(parameters, gradients), alpha=-self.lr)


class Momentum(OptimizerSpec):
    """SGD with momentum."""

    moments: ClassVar[int] = 1

    name: Literal["momentum"] = "momentum"
    lr: LearningRate = 0.01
    """Learning rate."""
    momentum: Annotated[float, Gt(0), Lt(1)] = 0.9
    """Share of the last update kept."""
    nesterov: bool = False
    """Look ahead along the momentum (Nesterov 1983)."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""

    def group(self) -> dict[str, Any]:
        return {"dampening": 0} | super().group()

    def step(self, parameters: "Tensor", gradients: "Tensor", moments: "dict[str, Tensor]") -> None:
        direction = self._decayed(parameters, gradients)
        if "momentum_buffer" in moments:
            moments["momentum_buffer"].mul_(self.momentum).add_(direction)
        else:
            moments["momentum_buffer"] = direction.clone()
        kept = moments["momentum_buffer"]
        direction = direction.add(kept, alpha=self.momentum) if self.nesterov else kept
        parameters.add_(direction, alpha=-self.lr)


class RMSprop(OptimizerSpec):
    """RMSprop (Tieleman & Hinton 2012)."""

    moments: ClassVar[int] = 1
    squares: ClassVar[str] = "square_avg"

    name: Literal["rmsprop"] = "rmsprop"
    lr: LearningRate = 1e-3
    """Learning rate."""
    alpha: Fraction = 0.9
    """Decay of the running mean of squared gradients."""
    eps: Positive = 1e-8
    """Added to the root of that mean."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""

    def step(self, parameters: "Tensor", gradients: "Tensor", moments: "dict[str, Tensor]") -> None:
        if not moments:
            moments |= _zeros(parameters, "square_avg")
        moments["step"].add_(1)
        direction = self._decayed(parameters, gradients)
        square = moments["square_avg"].mul_(self.alpha)
        square.addcmul_(direction, direction, value=1 - self.alpha)
        parameters.addcdiv_(direction, square.sqrt().add_(self.eps), value=-self.lr)


class Adam(OptimizerSpec):
    """Adam (Kingma & Ba 2015)."""

    moments: ClassVar[int] = 2
    squares: ClassVar[str] = "exp_avg_sq"
    is_compiled: ClassVar[bool] = True
    decoupled: ClassVar[bool] = False
    """Whether the weights decay apart from their gradients."""

    name: Literal["adam"] = "adam"
    lr: LearningRate = 1e-3
    """Learning rate."""
    beta1: Fraction = 0.9
    """Decay of the running mean of gradients."""
    beta2: Fraction = 0.999
    """Decay of the running mean of squared gradients."""
    eps: Positive = 1e-8
    """Added to the root of the squared mean."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""

    def group(self) -> dict[str, Any]:
        given = super().group()
        return {"betas": (given.pop("beta1"), given.pop("beta2")), **given, "fused": True}

    def rates(self) -> dict[str, float]:
        """Return the constants of its step, as torch's kernel and that of `update.c` name them."""
        return {name: value for name, value in self if name != "name"}

    def step(self, parameters: "Tensor", gradients: "Tensor", moments: "dict[str, Tensor]") -> None:
        import torch

        if not moments:
            moments |= _zeros(parameters, "exp_avg", "exp_avg_sq")
        moments["step"].add_(1)
        fused: Any = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        means = [moments["exp_avg"]], [moments["exp_avg_sq"]]
        fused(
            [parameters],
            [gradients],
            *means,
            [],
            [moments["step"]],
            **self.rates(),
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    decoupled: ClassVar[bool] = True

    name: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative = 0.01
    """Decay of the weights themselves, times the learning rate."""


def _zeros(parameters: "Tensor", *names: str) -> "dict[str, Tensor]":
    """Return moments before the first step: how many there have been, and means."""
    import torch

    means = {name: torch.zeros_like(parameters) for name in names}
    return {"step": torch.zeros((), dtype=torch.float32), **means}


Optimizer = SGD | Momentum | RMSprop | Adam | AdamW

OPTIMIZERS: Mapping[str, type[OptimizerSpec]] = {
    one.model_fields["name"].default: one for one in get_args(Optimizer)
}
"""Each by its name in a run file."""
