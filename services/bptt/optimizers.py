"""Optimisers: one class each, with its options and what torch makes of them.

To add one, write its class here and add it to `Optimizer`: run files, memory and time estimates,
the reference page and training need nothing else.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Gt, Lt

from bptt.bounds import Fraction, LearningRate, NonNegative, Positive
from bptt.section import Section


class OptimizerSpec(Section):
    """An optimiser by name, with every option it takes; fields are named as in torch."""

    name: str
    made_by: ClassVar[str]
    """Class of `torch.optim`; all work element by element, so that flat parameters are the same."""
    moments: ClassVar[int] = 0
    """Numbers it keeps for each parameter."""
    is_compiled: ClassVar[bool] = False
    """Whether `kernels/compiled/update.c` has its step."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the class of `torch.optim`, besides the parameters."""
        return {name: value for name, value in self if name != "name"}


class SGD(OptimizerSpec):
    """Plain stochastic gradient descent."""

    made_by: ClassVar[str] = "SGD"

    name: Literal["sgd"] = "sgd"
    lr: LearningRate = 0.01
    """Learning rate."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""


class Momentum(OptimizerSpec):
    """SGD with momentum."""

    made_by: ClassVar[str] = "SGD"
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


class RMSprop(OptimizerSpec):
    """RMSprop (Tieleman & Hinton 2012)."""

    made_by: ClassVar[str] = "RMSprop"
    moments: ClassVar[int] = 1

    name: Literal["rmsprop"] = "rmsprop"
    lr: LearningRate = 1e-3
    """Learning rate."""
    alpha: Fraction = 0.9
    """Decay of the running mean of squared gradients."""
    eps: Positive = 1e-8
    """Added to the root of that mean."""
    weight_decay: NonNegative = 0.0
    """Decay added to the gradient."""


class Adam(OptimizerSpec):
    """Adam (Kingma & Ba 2015)."""

    made_by: ClassVar[str] = "Adam"
    moments: ClassVar[int] = 2
    is_compiled: ClassVar[bool] = True

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

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return {"betas": (given.pop("beta1"), given.pop("beta2")), **given, "fused": True}


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    made_by: ClassVar[str] = "AdamW"

    name: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative = 0.01
    """Decay of the weights themselves, times the learning rate."""


Optimizer = SGD | Momentum | RMSprop | Adam | AdamW

OPTIMIZERS: Mapping[str, type[OptimizerSpec]] = {
    one.model_fields["name"].default: one for one in get_args(Optimizer)
}
"""Each by its name in a run file."""
