"""Each operation a kernel knows, alone, against torch's own."""

import pytest
import torch
from torch import exp, log, log1p, sigmoid, tanh
from torch.nn import functional as F

from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.kernels.autograd import unroll
from bptt.kernels.step.operations import INTO_C
from bptt.kernels.step.tracing import trace

OPERATIONS = {
    "arithmetic": lambda a, b, c: 2 - a * b + c / (1 + b * b) - torch.sub(a, c, alpha=0.3),
    "addcdiv": lambda a, b, c: torch.addcdiv(a, b, 2 + c.abs(), value=0.7),
    "addcmul": lambda a, b, c: torch.addcmul(a, b, c, value=0.3),
    "atan": lambda a, b, c: torch.atan(b),
    "clamp": lambda a, b, c: a.clamp(-0.5, 0.5) - b.clamp(min=-0.2) + c.clamp_max(0.1),
    "comparison": lambda a, b, c: (a > b).to(a.dtype) * c + (a <= 0.2) * b + (b != c) * a,
    "constants": lambda a, b, c: (
        torch.tensor(0.3) * a + torch.ones_like(b) * 2 - torch.full_like(c, 7)
    ),
    "elu": lambda a, b, c: F.elu(a, 0.7),
    "erf": lambda a, b, c: torch.erf(a),
    "exp": lambda a, b, c: exp(-a.square()),
    "expm1": lambda a, b, c: torch.expm1(-b * b),
    "gelu": lambda a, b, c: F.gelu(2 * a) + F.gelu(3 * b, approximate="tanh"),
    "hardsigmoid": lambda a, b, c: a + F.hardsigmoid(3 * c),
    "hardtanh": lambda a, b, c: F.hardtanh(b),
    "in_place": lambda a, b, c: (a + b).mul_(c).add_(1.0),
    "leaky_relu": lambda a, b, c: F.leaky_relu(c) + F.leaky_relu(a, 0.1),
    "lerp": lambda a, b, c: torch.lerp(a, b, sigmoid(c)) + torch.lerp(a, c, 0.8),
    "log": lambda a, b, c: torch.log(2 + torch.sign(a)) * b + torch.log(1.5 + a.abs()),
    "log1p": lambda a, b, c: torch.log1p(a * a),
    "logic": lambda a, b, c: torch.where((a > 0) & ~(b > 0) | (c < 0), a, b),
    "masked_fill": lambda a, b, c: torch.masked_fill(b, c > 0.3, 0.5),
    "maximum": lambda a, b, c: torch.maximum(a, b) - torch.minimum(b, c),
    "powers": lambda a, b, c: a**2 + c**3 + (1 + b * b) ** -1.5 + (1 + a * a) ** 0.5,
    "relu": lambda a, b, c: torch.relu(a),
    "rsqrt": lambda a, b, c: torch.rsqrt(1 + b.abs()),
    "sigmoid": lambda a, b, c: sigmoid(3 * a),
    "silu": lambda a, b, c: a + F.silu(c),
    "sine": lambda a, b, c: torch.sin(b) * torch.cos(c),
    "softplus": lambda a, b, c: F.softplus(b) + F.softplus(30 * c),
    "sqrt": lambda a, b, c: torch.sqrt(a.abs() + 1),
    "tanh": lambda a, b, c: tanh(2 * a),
    "where": lambda a, b, c: torch.where(a > 0.1, a, 0.2 * b),
}


AT_ONCE = 8
"""Operations in one kernel: to build one takes longer than all that is computed with it."""
KERNELS = [
    list(OPERATIONS)[first : first + AT_ONCE] for first in range(0, len(OPERATIONS), AT_ONCE)
]


class Operations(PointwiseCell):
    """Adds the results of operations to a leaking state, each with a weight of its own."""

    states = ("h",)
    preactivations = {"a": "x+h", "b": "x+h", "c": "x"}

    def __init__(self, names):
        super().__init__(3, 5)
        self.operations = [OPERATIONS[name] for name in names]

    def step(self, a, b, c, h):
        for place, operation in enumerate(self.operations, start=2):
            h = h + operation(a, b, c) / place
        return 0.3 * h


@pytest.mark.parametrize("names", KERNELS, ids=" ".join)
@pytest.mark.parametrize("backend", ["compiled", "sequence"])
def test_operations_and_their_derivatives_are_torchs(names, backend):
    torch.manual_seed(0)
    cell = Operations(names).double()
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    found = []
    for run in (Runner(backend).unroll, unroll):
        outputs = run(cell, x, cell.initial_state(4)).outputs
        parameters = [cell.input_weight, cell.recurrent_weight, cell.input_bias]
        found.append([outputs, *torch.autograd.grad(outputs.square().sum(), parameters)])

    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_every_known_operation_is_used_by_a_test():
    used = set()
    for names in KERNELS:
        traced = trace(Operations(names).double(), torch.float64)
        used |= {operation.name.split(".")[0] for operation in traced.operations}

    known = {name.split(".")[0] for name in INTO_C}
    # the same by another name
    twins = {"bitwise_xor", "logical_xor", "logical_and", "logical_or", "logical_not"}
    twins |= {"square", "clamp_min", "clamp_max", "ge", "lt", "eq", "reciprocal", "_to_copy"}
    assert known - used - twins == set()


class Plain(PointwiseCell):
    """Applies one function to its input."""

    states = ("h",)
    preactivations = {"a": "x"}

    def __init__(self, function):
        super().__init__(1, 1, biases=0)
        self.function = function
        with torch.no_grad():
            self.input_weight.fill_(1.0)

    def step(self, a, h):
        return self.function(a)


FUNCTIONS = [exp, tanh, sigmoid, log, log1p]


class Functions(Plain):
    """Has a state for each function: one kernel shows them all."""

    states = tuple(function.__name__ for function in FUNCTIONS)

    def __init__(self):
        super().__init__(None)

    def step(self, a, **old):
        return tuple(function(a) for function in FUNCTIONS)


def applied(x):
    """Return what each function gives at every number."""
    cell = Functions().to(x.dtype)
    unrolled = Runner("compiled").unroll(cell, x.view(1, -1, 1), cell.initial_state(len(x)))
    return [values.detach().flatten() for values in unrolled.final]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_functions_are_right_to_four_units_in_the_last_place(dtype):
    limits = torch.finfo(dtype)
    large = torch.linspace(-100.0, 100.0, 40001, dtype=torch.float64)
    small = torch.logspace(-30, 0, 20001, dtype=torch.float64)
    huge = torch.logspace(2, 37, 20001, dtype=torch.float64)
    x = torch.cat([large, small, -small, 1 + small, 1 - small, huge]).to(dtype)

    for function, found in zip(FUNCTIONS, applied(x), strict=True):
        truth, values = function(x.double()), found.double()
        ordinary = (truth.abs() > limits.tiny) & (truth.abs() < limits.max)
        unit = limits.eps * torch.exp2(truth.abs().log2().floor())
        error = ((values - truth).abs() / unit)[ordinary]
        assert float(error.max()) <= 4, function
        assert values[truth > limits.max].isposinf().all(), function
        assert torch.equal(values.isnan(), truth.isnan()), function


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_functions_of_no_number_and_of_infinity_are_torchs(dtype):
    x = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, -0.0, -1.0, 1e30, -1e30], dtype=dtype)
    rtol = 4 * torch.finfo(dtype).eps

    for function, found in zip(FUNCTIONS, applied(x), strict=True):
        torch.testing.assert_close(found, function(x), rtol=rtol, atol=0, equal_nan=True)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gelu_and_its_slope_are_torchs_far_out_and_where_there_is_no_number(approximate, dtype):
    x = [torch.nan, -torch.inf, 0.0, -1e30, -300.0, -8.0, -1e-30, 1e-30, 8.0, 1e30]
    if approximate == "tanh":
        # the other one is infinite or NaN in torch, as there are few or many float32 numbers
        x.append(torch.inf)
    inputs = torch.tensor(x, dtype=dtype).view(1, -1, 1).requires_grad_()
    cell = Plain(lambda a: F.gelu(a, approximate=approximate)).to(dtype)
    found = []
    for run in (Runner("compiled").unroll, unroll):
        outputs = run(cell, inputs, cell.initial_state(len(x))).outputs
        (slope,) = torch.autograd.grad(outputs.sum(), inputs)
        found.append([outputs, slope])

    rtol, atol = (1e-12, 1e-14) if dtype == torch.float64 else (1e-5, 1e-6)
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
