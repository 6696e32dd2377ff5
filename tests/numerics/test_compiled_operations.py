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


class OneOperation(PointwiseCell):
    """Adds the result of one operation to a leaking state."""

    states = ("h",)
    preactivations = {"a": "x+h", "b": "x+h", "c": "x"}

    def __init__(self, operation, **options):
        super().__init__(3, 5, **options)
        self.operation = operation

    def step(self, a, b, c, h):
        return 0.5 * h + 0.5 * self.operation(a, b, c)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("backend", ["compiled", "sequence"])
def test_operation_and_its_derivative_are_torchs(name, backend):
    torch.manual_seed(0)
    cell = OneOperation(OPERATIONS[name]).double()
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
    for operation in OPERATIONS.values():
        traced = trace(OneOperation(operation).double(), torch.float64)
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


FUNCTIONS = pytest.mark.parametrize(
    "function", [exp, tanh, sigmoid, log, log1p], ids=lambda f: f.__name__
)


@FUNCTIONS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_function_is_right_to_four_units_in_the_last_place(function, dtype):
    limits = torch.finfo(dtype)
    large = torch.linspace(-100.0, 100.0, 40001, dtype=torch.float64)
    small = torch.logspace(-30, 0, 20001, dtype=torch.float64)
    huge = torch.logspace(2, 37, 20001, dtype=torch.float64)
    x = torch.cat([large, small, -small, 1 + small, 1 - small, huge]).to(dtype)
    truth = function(x.double())

    cell = Plain(function).to(dtype)
    found = Runner("compiled").unroll(cell, x.view(1, -1, 1), cell.initial_state(len(x)))
    values = found.outputs.detach().flatten().double()

    ordinary = (truth.abs() > limits.tiny) & (truth.abs() < limits.max)
    unit = limits.eps * torch.exp2(truth.abs().log2().floor())
    error = ((values - truth).abs() / unit)[ordinary]
    assert float(error.max()) <= 4
    assert values[truth > limits.max].isposinf().all()
    assert torch.equal(values.isnan(), truth.isnan())


@FUNCTIONS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_function_of_no_number_and_of_infinity_is_torchs(function, dtype):
    x = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0, -0.0, -1.0, 1e30, -1e30], dtype=dtype)
    cell = Plain(function).to(dtype)

    found = Runner("compiled").unroll(cell, x.view(1, -1, 1), cell.initial_state(len(x))).outputs

    rtol = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(found.flatten(), function(x), rtol=rtol, atol=0, equal_nan=True)


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
