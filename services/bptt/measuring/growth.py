"""How small changes of the state grow along the sequence: exponents, products of Jacobians."""

import torch
from torch import Tensor

from bptt.measuring.cell_at_work import CellAtWork
from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.lyapunov import backward_exponents, backward_sum
from bptt.measuring.probed import Probed, Taken
from bptt.measuring.product import backward_triangles, product_spectrum
from bptt.measuring.table import (
    JACOBIAN,
    JACOBIAN_LAGS,
    LARGEST_EXPONENT,
    LYAPUNOV,
    LYAPUNOV_SUM,
    SUM_OF_EXPONENTS,
)
from bptt.spec import JACOBIAN_BYTES

PRODUCT_LAGS = 12
"""Lags at which the product of Jacobians is measured, spread evenly over their logarithm."""


def growth(probed: Probed) -> Taken:
    """Return Lyapunov exponents and the spectrum of the product of step Jacobians of each cell.

    Exponents (exponents,), their sum (1,), lags (lags,) and singular values (lags, 3), of the last
    steps of the first sequence that fit into memory; as scalars those of the top.
    """
    arrays: dict[str, Tensor] = {}
    for cell in probed.cells:
        arrays |= _of(cell, probed.spec.lyapunov_exponents)
    top = probed.top
    return {
        LARGEST_EXPONENT.key: float(arrays[top.key(LYAPUNOV)][0]),
        SUM_OF_EXPONENTS.key: float(arrays[top.key(LYAPUNOV_SUM)]),
    }, arrays


def _of(cell: CellAtWork, exponents: int) -> dict[str, Tensor]:
    states = cell.states_before
    size = sum(s.shape[-1] for s in states)
    step_bytes = 8 * size**2
    time = max(1, min(len(states[0]), JACOBIAN_BYTES // step_bytes))
    x, last = cell.unrolled.inputs[-time:, 0], tuple(s[-time:, 0] for s in states)
    t = torch.arange(len(states[0]))[-time:]
    with cell.drawing(t, torch.zeros_like(t)):
        found = step_jacobians(cell.cell, x, last)
    triangles = backward_triangles(found)
    spread = torch.logspace(0, torch.tensor(time).log10().item(), PRODUCT_LAGS)
    lags = spread.round().long().clamp(1, time).unique()
    return {
        cell.key(LYAPUNOV): backward_exponents(triangles, time, exponents),
        cell.key(LYAPUNOV_SUM): backward_sum(triangles, found).reshape(1),
        cell.key(JACOBIAN): product_spectrum(found, lags.tolist(), triangles),
        cell.key(JACOBIAN_LAGS): lags.double(),
    }
