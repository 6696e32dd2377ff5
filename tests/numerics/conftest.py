"""Cells at work, and their step Jacobians in closed form."""

import platform
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, sigmoid, tanh

from bptt.contracts import Cell, PointwiseCell, State
from bptt.kernels.compiled.update import UpdateKernel, load_update_kernel
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN

NARROWER = {"x86_64": ["-mno-avx512f", "-mno-avx"]}.get(platform.machine(), [])
"""Flags by which a compiler leaves out what a smaller processor does not have."""


@pytest.fixture(params=[torch.float32, torch.float64], ids=str)
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Each type of numbers that kernels know."""
    return request.param


@pytest.fixture
def kernel(dtype: torch.dtype) -> UpdateKernel:
    """The library for what surrounds the cells."""
    return load_update_kernel(dtype)


@pytest.fixture(params=["-O0", *NARROWER])
def smaller_processor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Have kernels built without what a smaller processor lacks; return their folder."""
    monkeypatch.setenv("CC", f"cc {request.param}")
    monkeypatch.setenv("BPTT_KERNEL_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def unroll() -> Callable[[Cell, Tensor], list[State]]:
    """Return a function: cell, x (time, batch, input) -> initial state and every state after."""

    def run(cell: Cell, x: Tensor) -> list[State]:
        steps = [tuple(s.requires_grad_() for s in cell.initial_state(x.shape[1]))]
        for x_t in x:
            steps.append(cell(x_t, steps[-1]))
        return steps

    return run


@pytest.fixture
def states_before(unroll) -> Callable[[Cell, Tensor], State]:
    """Return a function: cell, x (time, batch, input) -> what each step starts from, stacked."""

    def run(cell: Cell, x: Tensor) -> State:
        steps = unroll(cell, x)[:-1]
        return tuple(torch.stack(column).detach() for column in zip(*steps, strict=True))

    return run


@pytest.fixture
def closed_form_jacobian() -> Callable[[PointwiseCell, Tensor, State], Tensor]:
    """Return a function: cell, x_t (input), state (hidden) each -> d new state / d old state."""

    def differentiate(cell: PointwiseCell, x_t: Tensor, state: State) -> Tensor:
        with torch.no_grad():
            a = cell.preactivate(cell.project_input(x_t), state[0])
            u = {name: block.mT for name, block in cell.recurrent_weights.items()}
            return CLOSED_FORMS[type(cell)](a, u, *state)

    return differentiate


def _rnn(a: dict[str, Tensor], u: dict[str, Tensor], h: Tensor) -> Tensor:
    return torch.diag(1 - tanh(a["a"]) ** 2) @ u["a"]


def _lstm(a: dict[str, Tensor], u: dict[str, Tensor], h: Tensor, c: Tensor) -> Tensor:
    i, f, o, g = sigmoid(a["i"]), sigmoid(a["f"]), sigmoid(a["o"]), tanh(a["g"])
    t = tanh(f * c + i * g)
    c_by_h = (
        torch.diag(c * f * (1 - f)) @ u["f"]
        + torch.diag(g * i * (1 - i)) @ u["i"]
        + torch.diag(i * (1 - g**2)) @ u["g"]
    )
    h_by_c = torch.diag(o * (1 - t**2) * f)
    h_by_h = torch.diag(o * (1 - t**2)) @ c_by_h + torch.diag(t * o * (1 - o)) @ u["o"]
    return torch.cat(
        [torch.cat([h_by_h, h_by_c], dim=1), torch.cat([c_by_h, torch.diag(f)], dim=1)]
    )


def _gru(a: dict[str, Tensor], u: dict[str, Tensor], h: Tensor) -> Tensor:
    r, z = sigmoid(a["r"]), sigmoid(a["z"])
    n = tanh(a["n_input"] + r * a["n_state"])
    candidate = torch.diag(r) @ u["n_state"] + torch.diag(a["n_state"] * r * (1 - r)) @ u["r"]
    return (
        torch.diag(z)
        + torch.diag((1 - z) * (1 - n**2)) @ candidate
        + torch.diag((h - n) * z * (1 - z)) @ u["z"]
    )


CLOSED_FORMS = {RNN: _rnn, LSTM: _lstm, GRU: _gru}
