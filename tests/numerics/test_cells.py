import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.func import functional_call

from bptt_plugins.cells.cornn import CoRNN
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.gru_chung import GRUChung
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.lru import LRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.mgu import MGU
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rhn import RHN
from bptt_plugins.cells.rnn import RNN

TIME, BATCH, INPUT, HIDDEN = 6, 3, 2, 4
TORCH_CELLS = {
    "tanh": (RNN, {"nonlinearity": "tanh"}, nn.RNNCell, ["a"]),
    "relu": (RNN, {"nonlinearity": "relu"}, nn.RNNCell, ["a"]),
    "lstm": (LSTM, {}, nn.LSTMCell, ["i", "f", "g", "o"]),
    "gru": (GRU, {}, nn.GRUCell, ["r", "z", ("n_input", "n_state")]),
}
EVERY_CELL = {
    "tanh": lambda: RNN(INPUT, HIDDEN),
    "relu": lambda: RNN(INPUT, HIDDEN, nonlinearity="relu"),
    "identity": lambda: RNN(INPUT, HIDDEN, nonlinearity="identity"),
    "lstm": lambda: LSTM(INPUT, HIDDEN, biases=2),
    "gru": lambda: GRU(INPUT, HIDDEN),
    "gru_cho": lambda: GRUCho(INPUT, HIDDEN),
    "gru_chung": lambda: GRUChung(INPUT, HIDDEN),
    "mingru": lambda: MinGRU(INPUT, HIDDEN),
    "minlstm": lambda: MinLSTM(INPUT, HIDDEN, candidate="linear"),
    "lru": lambda: LRU(INPUT, HIDDEN),
    "mgu": lambda: MGU(INPUT, HIDDEN),
    "rhn": lambda: RHN(INPUT, HIDDEN, depth=3),
    "lem": lambda: LEM(INPUT, HIDDEN, dt=0.5),
    "cornn": lambda: CoRNN(INPUT, HIDDEN),
    "multiplicative_lstm": lambda: MultiplicativeLSTM(INPUT, HIDDEN),
}


def make(build):
    torch.manual_seed(0)
    return build().double()


def random(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def in_torch_order(cell, rows, values):
    """Return our packed weights, or their gradients, as torch's cell names and stacks them.

    Blocks that we do not have, such as the second bias of each gate, are 0.
    """
    packed = {
        "weight_ih": ("input_weight", cell.input_fed, 0),
        "weight_hh": ("recurrent_weight", cell.state_fed, 1),
        "bias_ih": ("input_bias", cell.input_biased, 0),
        "bias_hh": ("recurrent_bias", cell.state_biased, 1),
    }
    found = {}
    for torch_name, (name, blocks, fed_by) in packed.items():
        split = values[name].split(HIDDEN, dim=-1) if blocks else ()
        ours = dict(zip(blocks, split, strict=True))
        wanted = [row if isinstance(row, str) else row[fed_by] for row in rows]
        absent = torch.zeros(*values[name].shape[:-1], HIDDEN, dtype=torch.float64)
        found[torch_name] = torch.cat([ours.get(row, absent) for row in wanted], dim=-1).t()
    return found


def torch_twin(cell, torch_cell, rows, **options):
    """Return torch's cell with our weights."""
    twin = torch_cell(INPUT, HIDDEN, bias=cell.biases > 0, dtype=torch.float64, **options)
    weights = in_torch_order(cell, rows, dict(cell.named_parameters()))
    twin.load_state_dict({name: weights[name] for name in twin.state_dict()})
    return twin


def outputs_of(step, x, state):
    outputs = []
    for x_t in x:
        state = step(x_t, state)
        outputs.append(torch.cat(state, dim=-1))
    return torch.stack(outputs)


def as_torch(twin):
    """Return torch's cell with our signature: a state is always a tuple."""

    def step(x_t, state):
        new = twin(x_t, state if len(state) > 1 else state[0])
        return new if isinstance(new, tuple) else (new,)

    return step


@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize("name", TORCH_CELLS)
def test_cell_computes_what_torchs_own_does_with_all_its_gradients(name, biases):
    kind, options, torch_cell, rows = TORCH_CELLS[name]
    cell = make(lambda: kind(INPUT, HIDDEN, biases=biases, **options))
    twin = torch_twin(cell, torch_cell, rows, **options)
    x = random(TIME, BATCH, INPUT).requires_grad_()
    initial = [random(BATCH, HIDDEN, seed=2 + i).requires_grad_() for i in range(len(cell.states))]
    weights = random(TIME, BATCH, HIDDEN * len(initial), seed=5)

    ours = outputs_of(cell, x, tuple(initial))
    theirs = outputs_of(as_torch(twin), x, tuple(initial))

    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)
    of_ours = torch.autograd.grad((ours * weights).sum(), [x, *initial], retain_graph=True)
    of_theirs = torch.autograd.grad((theirs * weights).sum(), [x, *initial], retain_graph=True)
    torch.testing.assert_close(of_ours, of_theirs, rtol=1e-12, atol=1e-13)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    named = dict(cell.named_parameters())
    gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in named.items()}
    found = in_torch_order(cell, rows, gradients)
    present = in_torch_order(cell, rows, {n: torch.ones_like(p) for n, p in named.items()})
    for name, parameter in twin.named_parameters():
        expected = parameter.grad * present[name]
        torch.testing.assert_close(found[name], expected, rtol=1e-12, atol=1e-13, msg=name)


@pytest.mark.parametrize(
    ("kind", "biases", "shapes"),
    [
        (LSTM, 0, (0, 0)),
        (LSTM, 1, (4, 0)),
        (LSTM, 2, (4, 4)),
        (GRU, 0, (0, 0)),
        (GRU, 1, (3, 1)),  # torch's b_hn acts inside the reset gate and cannot be left out
        (GRU, 2, (3, 3)),
    ],
)
def test_cell_has_as_many_biases_as_it_was_asked_for(kind, biases, shapes):
    cell = kind(INPUT, HIDDEN, biases=biases)

    assert (cell.input_bias.numel(), cell.recurrent_bias.numel()) == tuple(
        n * HIDDEN for n in shapes
    )


def test_gru_cho_computes_equations_5_to_8_of_its_paper():
    cell = make(EVERY_CELL["gru_cho"])
    x, h = random(INPUT), random(HIDDEN, seed=2)
    w_r, w_z, w = (w.detach().T for w in cell.input_weight.split(HIDDEN, dim=1))
    u_r, u_z, u = (block.detach().T for block in cell.recurrent_weights.values())
    b_r, b_z, b = cell.input_bias.detach().split(HIDDEN)

    (new,) = cell(x.unsqueeze(0), (h.unsqueeze(0),))

    expected = torch.empty(HIDDEN, dtype=torch.float64)
    reset = [1 / (1 + torch.exp(-(w_r[j] @ x + u_r[j] @ h + b_r[j]))) for j in range(HIDDEN)]
    for j in range(HIDDEN):
        z = 1 / (1 + torch.exp(-(w_z[j] @ x + u_z[j] @ h + b_z[j])))
        candidate = w[j] @ x + sum(u[j, k] * reset[k] * h[k] for k in range(HIDDEN)) + b[j]
        expected[j] = z * h[j] + (1 - z) * torch.tanh(candidate)
    torch.testing.assert_close(new[0].detach(), expected, rtol=1e-13, atol=1e-14)


def test_gru_chung_is_gru_cho_with_the_update_gate_turned_around():
    cho, chung = make(EVERY_CELL["gru_cho"]), make(EVERY_CELL["gru_chung"])
    chung.load_state_dict(cho.state_dict())
    z = slice(HIDDEN, 2 * HIDDEN)
    with torch.no_grad():
        for packed in (chung.input_weight, chung.recurrent_weight, chung.input_bias):
            packed[..., z] *= -1
    x, h = random(TIME, BATCH, INPUT), random(BATCH, HIDDEN, seed=2)

    kept, written = (outputs_of(cell, x, (h,)) for cell in (cho, chung))

    torch.testing.assert_close(kept, written, rtol=1e-13, atol=1e-14)
    z_cho, z_chung = (cell.gate_values(x[0], (h,))["z"] for cell in (cho, chung))
    torch.testing.assert_close(z_cho, 1 - z_chung, rtol=1e-13, atol=1e-14)
    assert (cho.gates["z"], chung.gates["z"]) == ("keep", "write")


def test_gru_that_resets_after_the_product_is_another_function():
    after, before = make(EVERY_CELL["gru"]), make(EVERY_CELL["gru_cho"])
    with torch.no_grad():
        before.input_weight.copy_(after.input_weight)
        gates, candidate = after.recurrent_weight.split([2 * HIDDEN, HIDDEN], dim=1)
        before.recurrent_weight.copy_(gates)
        before.product_weight.copy_(candidate)
        before.input_bias.copy_(after.input_bias)
        after.recurrent_bias.zero_()
    x, h = random(BATCH, INPUT), random(BATCH, HIDDEN, seed=2)

    difference = (after(x, (h,))[0] - before(x, (h,))[0]).abs().max()

    assert difference > 1e-3


@pytest.mark.parametrize("name", ["tanh", "lstm", "gru"])
def test_step_of_the_cell_has_the_jacobian_of_its_closed_form(name, closed_form_jacobian):
    cell = make(EVERY_CELL[name])
    x = random(INPUT)
    states = tuple(random(HIDDEN, seed=2 + i) for i in range(len(cell.states)))

    def step(flat):
        new = cell(x.unsqueeze(0), tuple(s.unsqueeze(0) for s in flat.split(HIDDEN)))
        return torch.cat(new, dim=-1)[0]

    jacobian = torch.autograd.functional.jacobian(step, torch.cat(states))

    expected = closed_form_jacobian(cell, x, states)
    torch.testing.assert_close(jacobian, expected, rtol=1e-12, atol=1e-14)


def test_memory_of_an_lstm_passes_the_gradient_on_times_its_forget_gate():
    cell = make(EVERY_CELL["lstm"])
    x, h, c = random(1, INPUT), random(1, HIDDEN, seed=2), random(1, HIDDEN, seed=3)

    jacobian = torch.autograd.functional.jacobian(lambda c: cell(x, (h, c))[1], c)

    forget = cell.gate_values(x, (h, c))["f"].detach()
    torch.testing.assert_close(jacobian[0, :, 0], torch.diag(forget[0]))


@pytest.mark.parametrize("name", EVERY_CELL)
def test_gradients_of_two_steps_equal_finite_differences(name):
    cell = make(EVERY_CELL[name])
    x = random(2, 2, INPUT).requires_grad_()
    states = [random(2, HIDDEN, seed=2 + i).requires_grad_() for i in range(len(cell.states))]
    named = {n: p for n, p in cell.named_parameters() if p.numel() > 0}

    def run(x, *rest):
        state, weights = rest[: len(states)], rest[len(states) :]
        parameters = dict(zip(named, weights, strict=True))
        for x_t in x:
            state = functional_call(cell, parameters, (x_t, state))
        return state

    assert gradcheck(run, (x, *states, *(p.detach().requires_grad_() for p in named.values())))


@pytest.mark.parametrize("name", EVERY_CELL)
def test_gate_values_lie_between_0_and_1_and_belong_to_declared_gates(name):
    cell = make(EVERY_CELL[name])
    state = tuple(random(BATCH, HIDDEN, seed=2 + i) for i in range(len(cell.states)))

    values = cell.gate_values(random(BATCH, INPUT), state)

    assert set(values) == set(cell.gates)
    assert all(v.shape == (BATCH, HIDDEN) for v in values.values())
    assert all(((v > 0) & (v < 1)).all() for v in values.values())


@pytest.mark.parametrize("name", EVERY_CELL)
def test_cell_starts_from_zeros_in_the_type_of_its_parameters(name):
    cell = make(EVERY_CELL[name])

    state = cell.initial_state(BATCH)

    assert len(state) == len(cell.states)
    for s in state:
        assert s.tolist() == [[0.0] * HIDDEN] * BATCH
        assert s.dtype == torch.float64
