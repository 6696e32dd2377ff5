"""Adaptive gradient clipping."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, NamedTuple

import torch
from torch import Size, Tensor
from torch.linalg import vector_norm

from bptt.contracts import (
    Clipper,
    ClipperState,
    ClipReport,
    FlatGradients,
    Ge,
    Gradients,
    joint_norm,
    lie_within,
    side_by_side,
)

SMALLEST, LARGEST = 1e-140, 1e140
"""Norms whose squares are normal float64, as are those of elements 1e-13 as large."""
READ_OUT = "read_out."
# the name within the cell has no dot if there is no module in between
OF_A_CELL = re.compile(r"stack\.layers\.\d+\.cells\.\d+\.[^.]+")
ONE = torch.ones((), dtype=torch.float64)


class AdaptiveGradientClipping(Clipper):
    """Rescale the gradient of each unit that is large compared with the unit's own weights.

    g_i <- g_i min(1, clipping max(norm(w_i), eps) / norm(g_i)) for each unit i of each matrix.
    Brock, De, Smith & Simonyan 2021 (arXiv 2102.06171), section 4. With plain gradient descent no
    update changes a unit by more than lr * clipping times its weights. Each unit keeps the
    direction of its gradient; that of all gradients together changes.

    A unit is one output of a linear map: a column of a matrix that a cell holds itself and uses as
    `x @ W` (one gate of one hidden unit), or a row of one held by a module of torch, such as an
    `nn.Linear` in a cell of your own. An embedding has a unit per token. A vector, such as a
    bias, has one norm, as in the paper's code: a single bias that starts at 0 would hardly learn.
    Nor would a unit whose weights all start at 0, unless `eps` is larger.

    Deviation: the paper's code divides by at least 1e-6, so if `clipping * eps` is smaller
    than that, it shrinks gradients further than the equation says.

    The reported threshold is the norm of the bounds of all units: the largest norm that what is
    clipped can have afterwards.

    Args:
        clipping: largest norm of a unit's gradient left untouched, as a share of the norm of its
            weights.
        eps: least norm assumed for the weights of a unit.
        clip_read_out: clip the read-out too; the paper leaves the last linear layer out.
    """

    def __init__(
        self,
        *,
        clipping: Annotated[float, Ge(1e-12)] = 0.01,
        eps: Annotated[float, Ge(1e-12)] = 1e-3,
        clip_read_out: bool = False,
    ) -> None:
        self.clipping = clipping
        self.eps = torch.tensor(eps, dtype=torch.float64)
        self.clip_read_out = clip_read_out

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        joint = side_by_side(gradients)
        units = units_of(shapes_of(gradients), self.clipping, self.clip_read_out)
        values = torch.stack((joint, weights_beside(gradients, parameters))).double()
        peaks, ratios = units.lengths(values, joint.dtype)
        norms, weight_norms = (ratios if peaks is None else peaks * ratios).unbind()
        bounds = torch.maximum(weight_norms, self.eps).mul_(units.clipping)
        # a bound is never 0, so there is no 0 / 0; in factors, because a norm may exceed float64
        shares = bounds / norms if peaks is None else bounds / peaks[0] / ratios[0]
        exact = torch.minimum(shares, ONE)
        factors = exact.type_as(joint)
        least = factors.amin()
        clipped = factors.index_select(0, units.places).mul_(joint)
        before, after = vector_norm(norms), vector_norm(norms * factors)
        threshold = vector_norm(bounds[units.left_out :])
        tiny = torch.finfo(joint.dtype).tiny
        if not (
            lie_within(tiny, 1.0, least) and lie_within(SMALLEST, LARGEST, before, after, threshold)
        ):
            # a factor too small for the type, although its product with the gradient may not be
            low = exact < tiny
            parts = [low, ratios[0], bounds] + ([] if peaks is None else [peaks[0]])
            is_low, ratio, bound, *peak = (part.index_select(0, units.places) for part in parts)
            unit = (joint.double() / peak[0] if peak else joint.double()) / ratio
            clipped = torch.where(is_low, (unit * bound).type_as(joint), clipped)
            measured = joint_norm({"": clipped})
            after = torch.where(low.any() | ~after.isfinite(), measured, after)
            before = joint_norm({"": norms})
            threshold = joint_norm({"": bounds[units.left_out :]})
        report = ClipReport(
            grad_norm=before,
            clipped_grad_norm=after,
            # fmin gives 1 where 0 is divided by 0
            scale=torch.fmin(after / before, ONE),
            clipped=least < ONE,
            threshold=threshold,
        )
        return laid_out(gradients, clipped), state, report


def shapes_of(gradients: Gradients) -> tuple[tuple[str, Size], ...]:
    """Return name and shape of each parameter."""
    if isinstance(gradients, FlatGradients):
        return tuple([(name, shape) for name, (_, shape) in gradients.places.items()])
    return tuple([(name, gradient.shape) for name, gradient in gradients.items()])


def weights_beside(gradients: Gradients, parameters: Gradients) -> Tensor:
    """Return all parameters as one vector, (elements,), in the order of the gradients."""
    if (
        isinstance(gradients, FlatGradients)
        and isinstance(parameters, FlatGradients)
        and gradients.places is parameters.places
    ):
        return parameters.flat
    return side_by_side({name: parameters[name].detach() for name in gradients})


def laid_out(gradients: Gradients, vector: Tensor) -> Gradients:
    """Return (elements,) as tensors with the names and shapes of the gradients."""
    if isinstance(gradients, FlatGradients):
        return FlatGradients(vector, gradients.places)
    parts = vector.split([gradient.numel() for gradient in gradients.values()])
    pairs = zip(gradients.items(), parts, strict=True)
    return {name: part.view(gradient.shape) for (name, gradient), part in pairs}


class Block(NamedTuple):
    """Neighbouring elements as a matrix, one axis of which counts units."""

    start: int
    rows: int
    columns: int
    summed: int
    """The other axis."""
    clipped: bool


@dataclass(frozen=True)
class Units:
    """Where the units of a run are among its parameters; first those that are left out."""

    views: list[tuple[tuple[int, int, int], tuple[int, int, int], int, int]]
    """Shape, strides and start of each block of gradients and weights, and the axis to sum."""
    places: Tensor
    """(elements,) the unit of each element."""
    clipping: Tensor
    """(units,) bounds as shares of the weights; infinity for those left out."""
    left_out: int
    """Units without a bound."""

    def lengths(self, values: Tensor, dtype: torch.dtype) -> tuple[Tensor | None, Tensor]:
        """Return two factors of the norm of each unit, (2, units) each; None stands for 1.

        If a square would overflow, these are the largest element and the unit's norm divided by it.

        Args:
            values: (2, elements), of gradients and weights; overwritten unless their type is
                float64.
            dtype: of the gradients; the square of any float32 fits in float64.
        """
        if dtype != torch.float64:
            # in place, because allocating costs more than computing
            return None, self.add(values.mul_(values)).sqrt_()
        norms = self.add(values * values).sqrt_()
        if values.shape[1] == 0 or lie_within(SMALLEST, LARGEST, *norms.aminmax()):
            return None, norms
        extreme = (norms < SMALLEST) | (norms > LARGEST)
        peaks = self.largest(values.abs())
        peaks = torch.where(extreme & (peaks > 0), peaks, 1.0)
        scaled = values / peaks.index_select(1, self.places)
        return peaks, torch.where(extreme, self.add(scaled * scaled).sqrt_(), norms)

    def largest(self, values: Tensor) -> Tensor:
        """Return the largest of (2, elements), of gradients and weights, in each unit."""
        view = values.as_strided
        blocks = [(view(at, strides, start), axis) for at, strides, start, axis in self.views]
        # the sum of no elements is 0, and there is no largest
        found = [b.amax(axis) if b.shape[axis] else b.sum(axis) for b, axis in blocks]
        return torch.cat(found, 1)

    def add(self, values: Tensor) -> Tensor:
        """Sum (2, elements), of gradients and weights, within each unit: (2, units)."""
        # one call each, where splitting and reshaping would take two
        view = values.as_strided
        sums = [view(shape, strides, start).sum(axis) for shape, strides, start, axis in self.views]
        return torch.cat(sums, 1)


@lru_cache(maxsize=16)
def units_of(shapes: tuple[tuple[str, Size], ...], clipping: float, read_out: bool) -> Units:
    """Return the units of parameters by their names and shapes.

    Args:
        shapes: name in the run's model, and shape, of each parameter.
        clipping: bound of a unit as a share of its weights.
        read_out: whether the read-out is clipped.
    """
    blocks: list[Block] = []
    elements = 0
    for name, shape in shapes:
        clipped = shape.numel() > 0 and (read_out or not name.startswith(READ_OUT))
        matrices = matrices_of(name, shape) if clipped else [(1, shape.numel(), 1)]
        for rows, columns, summed in matrices:
            block = Block(elements, rows, columns, summed, clipped)
            if blocks and not (clipped or blocks[-1].clipped):
                # neighbours that are left out are one
                last = blocks.pop()
                block = last._replace(columns=last.columns + columns)
            blocks.append(block)
            elements += rows * columns
    blocks.sort(key=lambda block: block.clipped)
    views = []
    places = torch.empty(elements, dtype=torch.int32)
    shares: list[float] = []
    for start, rows, columns, summed, clipped in blocks:
        views.append(((2, rows, columns), (elements, columns, 1), start, 1 + summed))
        count = rows if summed else columns
        units = torch.arange(len(shares), len(shares) + count, dtype=torch.int32)
        own = units.unsqueeze(summed).expand(rows, columns)
        places[start : start + rows * columns] = own.flatten()
        shares += [clipping if clipped else math.inf] * count
    left_out = shares.count(math.inf)
    return Units(views, places, torch.tensor(shares, dtype=torch.float64), left_out)


def matrices_of(name: str, shape: Size) -> list[tuple[int, int, int]]:
    """Return rows, columns and the axis along which a unit lies, for each matrix of a parameter."""
    if len(shape) < 2:
        return [(1, shape.numel(), 1)]
    if OF_A_CELL.fullmatch(name):
        # with more than two axes the first ones count matrices, as for `@`
        return [(shape[-2], shape[-1], 0)] * math.prod(shape[:-2])
    return [(shape[0], shape.numel() // shape[0], 1)]
