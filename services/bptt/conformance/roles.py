"""Whether the gates of a `PointwiseCell` do what their roles say."""

import torch
from torch import Tensor

from bptt.conformance.requirement import require, running
from bptt.contracts import PointwiseCell
from bptt.contracts.stand_in import stand_in

SAMPLES = 256
CLEAR = 0.5
"""A correlation that no sample of this size has by chance; what is weaker refuses nobody."""


def check_roles(cell: PointwiseCell) -> None:
    """Check that a state is kept the more, the wider a gate is open that keeps it.

    What is kept of a state is its gradient path within a step, the derivative of a unit's new state
    by its old one, all that mixes units and preactivations held. A gate that writes must not open
    it.
    """
    name = type(cell).__name__
    roles = {gate: role for gate, role in cell.gates.items() if role in ("keep", "write")}
    if not roles:
        return
    values, paths = _sampled(cell)
    for gate, role in roles.items():
        found = {
            state: _correlation(values[gate], path)
            for state, path in paths.items()
            if bool(path.isfinite().all()) and float(path.std()) > 1e-6
        }
        if not found or gate not in values:
            continue
        state, correlation = max(found.items(), key=lambda pair: abs(pair[1]))
        wrong = -correlation if role == "keep" else correlation
        other = "write" if role == "keep" else "keep"
        more = "less" if role == "keep" else "more"
        require(
            wrong < CLEAR,
            f"{name}.gates[{gate!r}] is {role!r}, but the wider it opens, the {more} of {state!r} "
            f"passes to the next step (correlation {correlation:.2f}). Is its role {other!r}?",
        )


def _sampled(cell: PointwiseCell) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return values of gates, and how much of each state passes to the next step."""
    generator = torch.Generator().manual_seed(13)

    def draw() -> Tensor:
        shape = (SAMPLES, cell.hidden_size)
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    noted: dict[str, Tensor] = {}

    def gate(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
        noted[name] = value.detach().expand(SAMPLES, cell.hidden_size)
        return value

    def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
        return draw()

    def over_units(cell: PointwiseCell, value: Tensor) -> Tensor:
        return draw()[:, :1].expand_as(value)

    given = {name: 2 * draw() for name in cell.preactivations}
    state = tuple(draw().requires_grad_() for _ in cell.states)
    with running(f"{type(cell).__name__}.step"), torch.enable_grad():
        new = stand_in(
            cell, gate=gate, product=product, mean=over_units, sum=over_units
        ).apply_step(given, state)
    paths = {}
    for name, old, made in zip(cell.states, state, new, strict=True):
        if made.requires_grad:
            (path,) = torch.autograd.grad(
                made.sum(), [old], retain_graph=True, allow_unused=True, materialize_grads=True
            )
            paths[name] = path
    named = {name: torch.sigmoid(given[name]) for name in cell.gates if name in given}
    return named | noted, paths


def _correlation(one: Tensor, other: Tensor) -> float:
    both = torch.stack([one.flatten(), other.flatten()])
    found = float(torch.corrcoef(both)[0, 1])
    # a gate that is the same everywhere says nothing
    return found if found == found else 0.0
