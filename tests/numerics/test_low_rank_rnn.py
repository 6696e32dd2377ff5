"""A recurrent matrix of low rank that is never made."""

import pytest
import torch

from bptt.kernels import Runner
from bptt_plugins.cells.leaky_rnn import LeakyRNN
from bptt_plugins.cells.low_rank_rnn import LowRankRNN
from tests.numerics.equations import HIDDEN, INPUT, drawn, make


@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
@pytest.mark.parametrize("rank", [1, 3])
def test_it_is_a_leaky_network_with_the_matrix_of_its_pairs(rank, backend):
    cell = make(LowRankRNN, rank=rank, alpha=0.3)
    full = make(LeakyRNN, alpha=0.3, nonlinearity="tanh")
    with torch.no_grad():
        pairs = [(cell.vector[f"m{k}"], cell.vector[f"n{k}"]) for k in range(1, rank + 1)]
        # the paper's J, which multiplies from the left
        j = sum(m[:, None] * n[None, :] for m, n in pairs) / HIDDEN
        full.recurrent_weight.copy_(j.T)
        full.input_weight.copy_(cell.input_weight)
        full.input_bias.copy_(cell.input_bias)
    x, first = drawn(cell)

    runner = Runner(backend)
    found = runner.unroll(cell, x, first)
    expected = Runner("autograd").unroll(full, x, first)

    assert runner.backend == backend
    for one, other in zip(found.states, expected.states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)
    found.final[0].sum().backward()
    expected.final[0].sum().backward()
    # dL/dm = dL/dJ n / hidden
    (to_j,) = (full.recurrent_weight.grad.T,)
    for m, n in pairs:
        torch.testing.assert_close(m.grad, to_j @ n.detach() / HIDDEN, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(n.grad, m.detach() @ to_j / HIDDEN, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(cell.recurrent_weights["a"].detach(), j.T)


def test_overlap_of_a_single_pair_is_the_one_eigenvalue_of_its_matrix():
    cell = make(LowRankRNN, hidden=50, rank=1, overlap=0.9)

    eigenvalues = torch.linalg.eigvals(cell.recurrent_weights["a"].detach())

    sizes = eigenvalues.abs().sort(descending=True).values
    assert float(sizes[0]) == pytest.approx(0.9, rel=1e-6)
    assert float(sizes[1]) < 1e-7


def test_rank_above_the_number_of_units_is_refused():
    with pytest.raises(ValueError, match="rank must be at most hidden_size = 5, got 6"):
        LowRankRNN(INPUT, HIDDEN, rank=6)
