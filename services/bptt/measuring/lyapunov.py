"""Lyapunov exponents: the mean growth per step of small changes of the state."""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

RESOLVED = 1e-10
"""A diagonal element of R is accurate to six digits if its ratio to the largest is no smaller."""


def backward_exponents(
    triangles: Float64[Tensor, "steps size size"], time: int, count: int
) -> Float64[Tensor, "exponents"]:
    """Return the `count` leading Lyapunov exponents in natural log per step, float64.

    The Jacobians move an orthonormal frame along the sequence and a QR decomposition makes it
    orthonormal again at each step; the exponents are the means of log |diag R|. Below 0 changes
    die out and gradients vanish, with horizon -1 / exponent steps; above 0 they explode. Vogt,
    Puelma Touzel, Shlizerman & Lajoie 2022. The frame goes back in time, as a gradient does:
    transposed steps have the same exponents. While it aligns with its directions, for the last
    tenth of the steps, rounded up, nothing counts.

    Args:
        triangles: from `backward_triangles`.
        time: steps of the sequence; NaN if there is no triangle for some of them.
        count: how many exponents; at most `size` are returned.

    Returns:
        (count,) in descending order once the frame has aligned; -infinity for a direction that dies
        at once, NaN if an element is not finite or there is only one step.
    """
    sizes = triangles.diagonal(dim1=1, dim2=2).abs()
    # anything no larger than rounding is 0, as it would be in exact arithmetic
    rounding = sizes.shape[1] * torch.finfo(torch.float64).eps * sizes.amax(1, keepdim=True)
    growth = torch.where(sizes <= rounding, 0.0, sizes)[:, :count].log()
    turning = math.ceil(time / 10)
    if len(triangles) < time or turning == time:
        return torch.full(growth.shape[1:], torch.nan, dtype=torch.float64)
    return growth[turning:].mean(0)


def backward_sum(
    triangles: Float64[Tensor, "steps size size"], jacobians: Float[Tensor, "time size size"]
) -> Float64[Tensor, ""]:
    """Return `lyapunov_sum` of the Jacobians that the triangles are of.

    |det J_t| is the product of R's diagonal, but where J_t is singular to working precision: there
    rounding has hidden whether it is 0.
    """
    if len(triangles) == len(jacobians):
        growth = triangles.diagonal(dim1=1, dim2=2).abs()
        if bool((growth.amin(1) > RESOLVED * growth.amax(1)).all()):
            return growth.log().sum(1).mean()
    return lyapunov_sum(jacobians)


def lyapunov_sum(jacobians: Float[Tensor, "time size size"]) -> Float64[Tensor, ""]:
    """Return the sum of all Lyapunov exponents: the mean of log |det J_t|, without any QR.

    Natural log per step: how fast volumes of the state space shrink. `jacobians` is
    (time, size, size).
    """
    logarithms: Tensor = torch.linalg.slogdet(jacobians.double()).logabsdet
    return logarithms.mean(0)
