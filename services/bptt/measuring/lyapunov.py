"""Lyapunov exponents: the mean growth per step of small changes of the state."""

import math

import torch
from torch import Tensor

RESOLVED = 1e-10
"""A diagonal element of R is right to six digits if it is no smaller beside the largest."""


def lyapunov_exponents(jacobians: Tensor, count: int, transient: int | None = None) -> Tensor:
    """Return the `count` leading Lyapunov exponents in natural log per step, float64.

    The Jacobians move an orthonormal frame along the sequence and a QR decomposition makes it
    orthonormal again at each step; the exponents are the means of log |diag R|. Below 0 changes
    die out and gradients vanish, with horizon -1 / exponent steps; above 0 they explode. Vogt,
    Puelma Touzel, Shlizerman & Lajoie 2022. Mean over sequences: the caller's.

    Args:
        jacobians: (time, size, size) as from `step_jacobians`; axes between are batched.
        count: how many exponents; at most `size` are returned.
        transient: steps left out of the mean while the frame turns into its directions; a tenth
            of the steps, rounded up, if not given.

    Returns:
        (count,) in descending order once the transient suffices; -infinity for a direction that
        dies at once, NaN if an element is not finite or the transient leaves no step.
    """
    jacobians = jacobians.double()
    size = jacobians.shape[-1]
    # any frame will do, as long as it is the same at each call
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(size, size, generator=generator, dtype=torch.float64)
    frame = torch.linalg.qr(start[:, :count]).Q
    growth = []
    for jacobian in jacobians:
        frame, triangle = torch.linalg.qr(jacobian @ frame)
        growth.append(triangle.diagonal(dim1=-2, dim2=-1).abs().log())
    return _mean(torch.stack(growth), transient)


def backward_exponents(triangles: Tensor, time: int, count: int) -> Tensor:
    """Return the `count` leading Lyapunov exponents from the frame that goes back in time.

    Transposed steps have the same exponents, and this is how a gradient goes. The transient, a
    tenth of the steps, lies at the end of the sequence.

    Args:
        triangles: from `backward_triangles`.
        time: steps of the sequence; NaN if there is no triangle for some of them.
        count: how many exponents; at most `size` are returned.
    """
    sizes = triangles.diagonal(dim1=1, dim2=2).abs()
    # what is no larger than rounding is 0, which is what it would be in exact arithmetic
    rounding = sizes.shape[1] * torch.finfo(torch.float64).eps * sizes.amax(1, keepdim=True)
    growth = torch.where(sizes <= rounding, 0.0, sizes)[:, :count].log()
    return _mean(growth, time if len(triangles) < time else None)


def backward_sum(triangles: Tensor, jacobians: Tensor) -> Tensor:
    """Return `lyapunov_sum` of the Jacobians that the triangles are of.

    |det J_t| is the product of R's diagonal, but where J_t is singular to working precision: there
    rounding has hidden whether it is 0.
    """
    if len(triangles) == len(jacobians):
        growth = triangles.diagonal(dim1=1, dim2=2).abs()
        if bool((growth.amin(1) > RESOLVED * growth.amax(1)).all()):
            return growth.log().sum(1).mean()
    return lyapunov_sum(jacobians)


def _mean(growth: Tensor, transient: int | None) -> Tensor:
    """Return the mean of (time, ..., exponents) after the transient."""
    time = len(growth)
    transient = math.ceil(time / 10) if transient is None else transient
    if transient >= time:
        return torch.full(growth.shape[1:], torch.nan, dtype=torch.float64)
    return growth[transient:].mean(0)


def lyapunov_sum(jacobians: Tensor, transient: int = 0) -> Tensor:
    """Return the sum of all Lyapunov exponents: the mean of log |det J_t|, without any QR.

    Natural log per step: how fast volumes of the state space shrink. `jacobians` is
    (time, size, size); axes between are batched.
    """
    logarithms: Tensor = torch.linalg.slogdet(jacobians[transient:].double()).logabsdet
    return logarithms.mean(0)


def kaplan_yorke_dimension(exponents: Tensor) -> float:
    """Return the Kaplan-Yorke dimension of the attractor: 0 for a fixed point.

    k + (l_1 + ... + l_k) / |l_{k+1}|, with k the most exponents whose sum is not negative. Kaplan
    & Yorke 1979. If even the sum of all of `exponents` (count,) is not negative, their number is
    returned, which is a lower bound when there are more.
    """
    if exponents.isnan().any():
        return math.nan
    descending = exponents.double().sort(descending=True).values
    sums = descending.cumsum(0)
    k = int((sums >= 0).sum())
    if k == 0 or k == len(sums):
        return float(k)
    return k + float(sums[k - 1] / descending[k].abs())
