"""Lyapunov exponents: the mean growth per step of small changes of the state."""

import math

import torch
from torch import Tensor


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
    time, size = jacobians.shape[0], jacobians.shape[-1]
    if transient is None:
        transient = math.ceil(time / 10)
    # any frame will do, as long as it is the same at each call
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(size, size, generator=generator, dtype=torch.float64)
    frame = torch.linalg.qr(start[:, :count]).Q
    growth = []
    for jacobian in jacobians:
        frame, triangle = torch.linalg.qr(jacobian @ frame)
        growth.append(triangle.diagonal(dim1=-2, dim2=-1).abs().log())
    if transient >= time:
        shape = (*jacobians.shape[1:-2], min(count, size))
        return torch.full(shape, torch.nan, dtype=torch.float64)
    return torch.stack(growth[transient:]).mean(0)


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
