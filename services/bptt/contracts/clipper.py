"""`Clipper`: a clipping strategy as a pure function of the gradients of one run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Gradients = Mapping[str, Tensor]
"""Gradients (or parameters) of one run by parameter name: `embedding.weight`;
`stack.layers.<layer>.cells.<direction>.<name in the cell>`; `stack.carries.<layer>.weight` and
`.bias` of highway gates; `read_out.weight` and `.bias`."""


class FlatGradients(Mapping[str, Tensor]):
    """Gradients that lie side by side in one vector, so that one operation treats all alike.

    In training, gradients and parameters both do, in the same places.

    Args:
        flat: (elements,) all of them.
        places: where each lies and what shape it has.
    """

    def __init__(self, flat: Tensor, places: Mapping[str, tuple[slice, torch.Size]]) -> None:
        self.flat = flat
        self.places = places

    def __getitem__(self, name: str) -> Tensor:
        place, shape = self.places[name]
        return self.flat[place].view(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


ClipperState = Mapping[str, Tensor]
"""What a clipper remembers from step to step; saved in checkpoints."""


class ClipReport(NamedTuple):
    """What clipping did to one step; every field is a tensor without axes."""

    grad_norm: Tensor
    """2-norm of all gradients together before clipping, float64."""
    clipped_grad_norm: Tensor
    """The same after clipping, float64."""
    scale: Tensor
    """clipped_grad_norm / grad_norm; 1 where nothing changed."""
    clipped: Tensor
    """Whether any gradient changed, bool."""
    threshold: Tensor
    """The bound in force at this step; infinity where there is none."""


class Clipper(ABC):
    """A clipping strategy, applied after the backward pass and before the optimiser.

    `clip` is pure: it changes none of its arguments and branches on no tensor's value (use
    `torch.where`), so that the framework may apply it to many runs at once. Gradients are
    finite when it is called: the non-finite policy of the run comes first. The keyword-only
    arguments of the constructor are the options.
    """

    def initial_state(self, parameters: Gradients) -> ClipperState:
        """Return what is remembered before the first step."""
        return {}

    @abstractmethod
    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        """Return the clipped gradients, the next state and a report.

        Norms are accumulated in float64, because the squares of vanishing float32 gradients
        underflow to zero.
        """

    def scale_of_norm(self, norm: float) -> float | None:
        """Return the one factor that `clip` puts on all gradients of a joint norm.

        Worth the lines where that is all `clip` does: an update then clips in the same pass over
        the gradients in which the optimiser reads them. None, as here: `clip` does something else.

        Args:
            norm: 2-norm of all gradients together, finite.
        """
        return None


def side_by_side(gradients: Gradients) -> Tensor:
    """Return all gradients as one vector, (elements,)."""
    if isinstance(gradients, FlatGradients):
        return gradients.flat
    return torch.cat([gradient.reshape(-1) for gradient in gradients.values()])


def joint_norm(gradients: Gradients) -> Tensor:
    """Return the 2-norm of all gradients taken as one vector, in float64.

    float32 would return 0 for gradients below 1e-19, whose squares underflow.
    """
    # one norm of a copy, because a norm costs more than copying what small networks have
    joint: Tensor = torch.linalg.vector_norm(side_by_side(gradients), dtype=torch.float64)
    return joint


def elementwise(gradients: Gradients, function: Callable[[Tensor], Tensor]) -> Gradients:
    """Return what a function that works element by element makes of all gradients."""
    if isinstance(gradients, FlatGradients):
        return FlatGradients(function(gradients.flat), gradients.places)
    return {name: function(gradient) for name, gradient in gradients.items()}
