"""`Clipper`: a clipping strategy as a pure function of the gradients of one run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Shaped
from torch import Tensor

SMALLEST, LARGEST = 1e-140, 1e140
"""Norms whose squares are normal float64, as are those of elements 1e-13 as large."""

PART = 2.0**-64
"""If the norm of gradients exceeds float64, the norm of this fraction of them does not."""

Gradients = Mapping[str, Float[Tensor, "..."]]
"""Gradients (or parameters) of one run by parameter name: `embedding.weight`;
`stack.layers.<layer>.cells.<direction>.<name in the cell>`; `stack.carries.<layer>.weight` and
`.bias` of highway gates; `read_out.weight` and `.bias`."""


class FlatGradients(Mapping[str, Float[Tensor, "..."]]):
    """Gradients stored side by side in one vector, so that one operation can treat them all.

    In training both gradients and parameters are stored so, in the same places.

    Args:
        flat: (elements,) all of them.
        places: position and shape of each.
    """

    def __init__(
        self,
        flat: Float[Tensor, "elements"],
        places: Mapping[str, tuple[slice, torch.Size]],
    ) -> None:
        self.flat = flat
        self.places = places

    def __getitem__(self, name: str) -> Float[Tensor, "..."]:
        place, shape = self.places[name]
        return self.flat[place].view(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


ClipperState = Mapping[str, Shaped[Tensor, "..."]]
"""What a clipper remembers from step to step; saved in checkpoints."""


class ClipReport(NamedTuple):
    """What clipping did to one step; every field is a tensor without axes."""

    grad_norm: Float64[Tensor, ""]
    """2-norm of all gradients together before clipping, float64."""
    clipped_grad_norm: Float64[Tensor, ""]
    """The same after clipping, float64."""
    scale: Float[Tensor, ""]
    """clipped_grad_norm / grad_norm; 1 if nothing changed."""
    clipped: Bool[Tensor, ""]
    """Whether any gradient changed, bool."""
    threshold: Float[Tensor, ""]
    """The bound in force at this step; infinity if there is none."""


class Clipper(ABC):
    """A clipping strategy, applied after the backward pass and before the optimiser.

    `clip` is pure: it changes none of its arguments, and what it returns follows from them alone,
    so that a resumed run repeats it exactly. It branches on no tensor's value (use `torch.where`):
    conformance applies it to many runs at once. Gradients are finite when it is called: the
    non-finite policy of the run comes first. The keyword-only
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
        underflow to zero; `joint_norm` also handles squares beyond float64. Shorten with
        `rescaled`, and report the norm measured afterwards.
        """

    def scale_of_norm(self, norm: float) -> float | None:
        """Return the one factor by which `clip` multiplies all gradients of this joint norm.

        Worth implementing if that is all `clip` does: an update then clips in the same pass over
        the gradients in which the optimiser reads them. None, as here: `clip` does something else.
        If the factor, or what it would leave, is not a normal number of the gradients' type,
        `clip` is called anyway.

        Args:
            norm: 2-norm of all gradients together, finite.
        """
        return None


def side_by_side(gradients: Gradients) -> Float[Tensor, "elements"]:
    """Return all gradients as one vector, (elements,)."""
    if isinstance(gradients, FlatGradients):
        return gradients.flat
    return torch.cat([gradient.reshape(-1) for gradient in gradients.values()])


def joint_norm(gradients: Gradients) -> Float64[Tensor, ""]:
    """Return the 2-norm of all gradients taken as one vector, in float64.

    float32 would return 0 for gradients below 1e-19, whose squares underflow. Where the square
    would exceed float64, all are divided by the largest before they are squared (Blue 1978).
    Infinity only if an element is infinite, or the norm itself exceeds float64.
    """
    vector = side_by_side(gradients)
    # one norm of a copy, because a norm costs more than copying the gradients of a small network
    plain: Tensor = torch.linalg.vector_norm(vector, dtype=torch.float64)
    if vector.dtype != torch.float64 or len(vector) == 0 or lie_within(SMALLEST, LARGEST, plain):
        return plain
    extreme = (plain <= SMALLEST) | (plain >= LARGEST)
    peak = vector.abs().amax()
    by = torch.where((peak > 0) & peak.isfinite(), peak, 1.0)
    return torch.where(extreme, by * torch.linalg.vector_norm(vector / by), plain)


def rescaled(
    gradients: Gradients, numerator: Float[Tensor, ""], denominator: Float[Tensor, ""]
) -> Gradients:
    """Return all gradients times numerator / denominator, or unchanged if that is above 1.

    If the quotient is too small for the gradients' type (1.2e-38 in float32), for example with a
    bound of 1e-5 and a norm of 1e35, they are divided first and then multiplied: the result may
    well be an ordinary number.

    Args:
        gradients: finite.
        numerator: the norm they should have, float64 without axes; infinity: any.
        denominator: the norm they have, or a little more; infinity means that it exceeds
            float64, and `joint_norm` of a fraction of the gradients is used instead.
    """
    scale = torch.where(numerator.isinf(), 1.0, denominator.reciprocal() * numerator).clamp(max=1.0)
    vector = side_by_side(gradients)
    tiny = torch.finfo(vector.dtype).tiny
    if lie_within(tiny, 1.0, scale):
        return elementwise(gradients, lambda g: g * scale.type_as(g))
    small = scale < tiny
    beyond = denominator.isinf()
    part = torch.where(beyond, PART, 1.0).double()
    by = torch.where(beyond, joint_norm({"": vector.double() * PART}), denominator)
    return elementwise(
        gradients,
        lambda g: torch.where(
            small, (g.double() * part / by * numerator).type_as(g), g * scale.type_as(g)
        ),
    )


def lie_within(least: float, most: float, *values: Float[Tensor, ""]) -> bool:
    """Say whether values are known to be in least .. most; False under `torch.func.vmap`.

    For skipping work that is costly and rarely needed; the result must be the same either way.

    Args:
        least: smallest allowed value.
        most: largest allowed value.
        values: without axes.
    """
    try:
        return all(least <= value.item() <= most for value in values)
    except RuntimeError:
        return False


def elementwise(
    gradients: Gradients,
    function: Callable[[Float[Tensor, "*axes"]], Float[Tensor, "*axes"]],
) -> Gradients:
    """Apply an elementwise function to all gradients."""
    if isinstance(gradients, FlatGradients):
        return FlatGradients(function(gradients.flat), gradients.places)
    return {name: function(gradient) for name, gradient in gradients.items()}
