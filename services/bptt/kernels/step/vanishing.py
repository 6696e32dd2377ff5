"""Whether a step's derivative makes nothing but zeros of zeros, found without numbers.

The way back through a sequence may then end where every gradient is exactly 0. But 0 times
infinity is not a number. So of every value the largest magnitude is known, from those of what a
kernel reads; what may be infinite, or is computed in a way that is not known here, may be anything.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from bptt.kernels.step.plan import StepPlan, first_values
from bptt.kernels.step.recorder import Argument, Operation, TracedValue
from bptt.kernels.step.staged import DRAWN, PRODUCT, PRODUCT_BACK, SUMS
from bptt.kernels.step.tracing import Trace

MODERATE = 2.0**30
"""No magnitude that a kernel reads is larger, or it does not end early; see zeros.c."""
PREACTIVATION = 2.0**90
"""The largest preactivation, of no more than 2^29 products of moderate numbers."""
ENDLESS = 2.0**120
"""A value that may be larger may be infinite: this is below the largest float32."""

Magnitude = float
"""The largest that a value can be; 0: it is a zero; infinite: it may be anything, NaN included."""
Rule = Callable[[Operation, list[Magnitude]], Magnitude]
"""An operation and the magnitudes of its arguments -> that of its result."""


class ZeroProof(NamedTuple):
    """What is known of a derivative."""

    keeps_zero: bool
    """It makes zeros of zeros, if inputs, weights, states and what is kept are moderate."""
    saved_is_finite: bool
    """What is kept need not be looked at: it is finite if all the others are moderate."""


def prove_zeros(trace: Trace, found: StepPlan) -> ZeroProof:
    """Say whether the gradients of a step vanish for good."""
    lanes, _, incoming = first_values(trace)
    # preactivations are sums of products of moderate numbers
    forward = _magnitudes(found.forward, {TracedValue(n): PREACTIVATION for n in range(lanes)})
    known = {value: forward.get(value, MODERATE) for value in found.saved}
    saved_is_finite = max(known.values(), default=0.0) < math.inf
    if not saved_is_finite:
        known = {}
    known |= {TracedValue(incoming + n): 0.0 for n in range(len(trace.states))}
    known = _magnitudes(found.backward, known)
    results = [*trace.gradients, *trace.totals, *(a.gradient for a in found.applications)]
    # a gradient multiplies operands afterwards
    operands = [_of(a.operand, known) for a in found.applications]
    keeps_zero = all(_of(result, known) == 0 for result in results)
    return ZeroProof(keeps_zero and max(operands, default=0.0) < math.inf, saved_is_finite)


def _magnitudes(
    operations: Iterable[Operation], known: dict[TracedValue, Magnitude]
) -> dict[TracedValue, Magnitude]:
    """Return the magnitudes that are known and those of all results; any other is moderate."""
    known = dict(known)
    for operation in operations:
        rule = RULES.get(operation.name, _anything)
        of = [_of(argument, known) for argument in operation.arguments]
        # true or false even of what is not a number
        found = 1.0 if operation.result.kind == "truth" else rule(operation, of)
        known[operation.result] = _limited(found)
    return known


def _of(argument: Argument, known: Mapping[TracedValue, Magnitude]) -> Magnitude:
    if isinstance(argument, TracedValue):
        return known.get(argument, MODERATE)
    return _limited(abs(argument or 0.0))


def _limited(magnitude: Magnitude) -> Magnitude:
    # infinite for NaN, too
    return magnitude if magnitude <= ENDLESS else math.inf


def _anything(operation: Operation, of: list[Magnitude]) -> Magnitude:
    return math.inf


def _product(*of: Magnitude) -> Magnitude:
    # 0 times what may be infinite may be anything
    return math.inf if math.inf in of else math.prod(of)


def _sum(operation: Operation, of: list[Magnitude]) -> Magnitude:
    first, second = reversed(of[:2]) if operation.name.startswith("rsub") else of[:2]
    return first + abs(operation.factor) * second


def _sum_of_product(operation: Operation, of: list[Magnitude]) -> Magnitude:
    return of[0] + abs(operation.factor) * _product(*of[1:3])


def _quotient(operation: Operation, of: list[Magnitude]) -> Magnitude:
    # what is not a plain number may be 0
    plain = not isinstance(operation.arguments[1], TracedValue)
    return of[0] / of[1] if plain and 0 < of[1] < math.inf else math.inf


def _power(operation: Operation, of: list[Magnitude]) -> Magnitude:
    exponent = operation.arguments[1]
    return _product(*of[:1] * int(exponent)) if exponent in (1.0, 2.0, 3.0, 4.0) else math.inf


def _between(operation: Operation, of: list[Magnitude]) -> Magnitude:
    ends = of[0] + of[1]
    return ends + _product(ends, 1 + of[2])


def _sum_over_units(operation: Operation, of: list[Magnitude]) -> Magnitude:
    # of no more than 2^20 products, with moderate weights
    return sum(of) * 2.0**20 * MODERATE


def _over_units(operation: Operation, of: list[Magnitude]) -> Magnitude:
    # of no more than 2^20 units; the sum of a mean must not be infinite either
    total = _limited(of[0] * 2.0**20)
    return of[0] if operation.name == "mean" and total < math.inf else total


def _largest_of(*numbers: int) -> Rule:
    """Return the rule of what chooses between these arguments, whatever the others are."""
    return lambda operation, of: max(of[number] for number in numbers if number < len(of))


def _at_most(limit: float) -> Rule:
    return lambda operation, of: limit if of[0] < math.inf else math.inf


def _times(slope: Callable[[Magnitude], Magnitude]) -> Rule:
    """Return the rule of a gradient times a function of what follows it."""
    return lambda operation, of: _product(of[0], slope(of[1]))


RULES: dict[str, Rule] = {
    **dict.fromkeys(("add.Tensor", "sub.Tensor", "add.Scalar", "sub.Scalar"), _sum),
    **dict.fromkeys(("rsub.Scalar", "rsub.Tensor"), _sum),
    **dict.fromkeys(("mul.Tensor", "mul.Scalar"), lambda operation, of: _product(*of[:2])),
    **dict.fromkeys(("div.Tensor", "div.Scalar"), _quotient),
    "addcmul.default": _sum_of_product,
    "pow.Tensor_Scalar": _power,
    "square.default": lambda operation, of: _product(of[0], of[0]),
    **dict.fromkeys(("lerp.Scalar", "lerp.Tensor"), _between),
    **dict.fromkeys(("neg.default", "abs.default", "relu.default"), _largest_of(0)),
    **dict.fromkeys(("silu.default", "_to_copy.default"), _largest_of(0)),
    **dict.fromkeys(("clamp.default", "maximum.default", "minimum.default"), _largest_of(0, 1, 2)),
    **dict.fromkeys(("clamp_min.default", "clamp_max.default"), _largest_of(0, 1)),
    **dict.fromkeys(("where.self", "where.ScalarOther"), _largest_of(1, 2)),
    **dict.fromkeys(("where.ScalarSelf", "where.Scalar"), _largest_of(1, 2)),
    **dict.fromkeys(("masked_fill.Scalar", "masked_fill.Tensor"), _largest_of(0, 2)),
    **dict.fromkeys(("tanh.default", "sigmoid.default", "sin.default"), _at_most(1.0)),
    **dict.fromkeys(("cos.default", "erf.default", "sgn.default", "sign.default"), _at_most(1.0)),
    "atan.default": _at_most(2.0),
    # those that choose between the gradient and 0
    **dict.fromkeys(("threshold_backward.default", "hardtanh_backward.default"), _largest_of(0)),
    "hardsigmoid_backward.default": _largest_of(0),
    "leaky_relu_backward.default": lambda operation, of: of[0] + _product(of[0], of[2]),
    "tanh_backward.default": _times(lambda result: 1 + result * result),
    "sigmoid_backward.default": _times(lambda result: (1 + result) * result),
    "silu_backward.default": _times(lambda value: 2 + value),
    "softplus_backward.default": _times(lambda value: 1.0 if value < math.inf else value),
    "gelu_backward.none": _times(lambda value: 2 + value),
    "gelu_backward.tanh": _times(lambda value: 2 + value**3),
    PRODUCT: _sum_over_units,
    PRODUCT_BACK: _sum_over_units,
    **dict.fromkeys(SUMS, _over_units),
    # in [0, 1), and below 5.8
    **dict.fromkeys(DRAWN, lambda operation, of: 8.0),
}
"""torch's name of an operation -> its rule; with what is not here, anything may come out."""
