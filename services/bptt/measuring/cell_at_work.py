"""One cell of a model at work on the probe batch, and the statistics of it alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from bptt.contracts import Cell, State
from bptt.kernels import Unrolled
from bptt.measuring.gates import gate_statistics
from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.lyapunov import backward_exponents, backward_sum
from bptt.measuring.product import backward_triangles, product_spectrum
from bptt.measuring.spectrum import block_spectra

JACOBIAN_BYTES = 2**26
"""Memory the step Jacobians of one cell may take; longer sequences give their last steps."""

PRODUCT_LAGS = 12
"""Lags at which the product of Jacobians is measured, spread evenly over their logarithm."""


@dataclass(frozen=True)
class Place:
    """A cell, where it stands, and what it did; all sequences are equally long."""

    layer: int
    direction: str
    cell: Cell
    unrolled: Unrolled

    def key(self, statistic: str, *parts: str) -> str:
        """Return the name of one statistics array of this cell."""
        return "/".join((statistic, str(self.layer), self.direction, *parts))

    def norms_by_position(self) -> dict[str, Tensor]:
        """Return norm(dL/ds_t) of each state at position t of the sequence, (time,) each.

        Of the last backward pass, and whichever way the cell reads the sequence.
        """
        norms = self.unrolled.gradient_norms.clone()
        norms = norms if self.direction == "forward" else norms.flip(1)
        return {self.key("", name): row for name, row in zip(self.cell.states, norms, strict=True)}

    @cached_property
    def states_before(self) -> State:
        """What each step started from: (time, batch, hidden) per state, in order of reading."""
        pairs = zip(self.unrolled.initial, self.unrolled.states, strict=True)
        return tuple(torch.cat([first[None], states[:-1]]).detach() for first, states in pairs)

    def gates(self) -> dict[str, Tensor]:
        """Return mean, fraction < 0.1 and fraction > 0.9 of each gate, (3,) each."""
        if not self.cell.gates:
            return {}
        x, states = self.unrolled.inputs, self.states_before
        with torch.no_grad():
            values = self.cell.gate_values(
                x.flatten(end_dim=1), tuple(s.flatten(end_dim=1) for s in states)
            )
        return {self.key("gate", name): gate_statistics(value) for name, value in values.items()}

    def spectrum(self) -> dict[str, Tensor]:
        """Return spectral radius, largest singular value and orthogonality error of each block."""
        blocks = self.cell.recurrent_weights
        if not blocks:
            return {}
        rows = block_spectra(list(blocks.values()))
        return {self.key("spectrum", name): row for name, row in zip(blocks, rows, strict=True)}

    def jacobians(self, exponents: int) -> Mapping[str, Tensor]:
        """Return Lyapunov exponents and the spectrum of the product of step Jacobians.

        `lyapunov` (exponents,), `lyapunov_sum` (1,), `jacobian` (lags, 3) and `jacobian_lags`
        (lags,), of the last steps of the first sequence that fit into memory.
        """
        states = self.states_before
        size = sum(s.shape[-1] for s in states)
        step_bytes = 8 * size**2
        time = max(1, min(len(states[0]), JACOBIAN_BYTES // step_bytes))
        found = step_jacobians(
            self.cell, self.unrolled.inputs[-time:, 0], tuple(s[-time:, 0] for s in states)
        )
        triangles = backward_triangles(found)
        spread = torch.logspace(0, torch.tensor(time).log10().item(), PRODUCT_LAGS)
        lags = spread.round().long().clamp(1, time).unique()
        return {
            self.key("lyapunov"): backward_exponents(triangles, time, exponents),
            self.key("lyapunov_sum"): backward_sum(triangles, found).reshape(1),
            self.key("jacobian"): product_spectrum(found, lags.tolist(), triangles),
            self.key("jacobian_lags"): lags.double(),
        }
