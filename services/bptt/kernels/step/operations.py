"""The pointwise operations of torch that a compiled cell may use, as C over vectors."""

from collections.abc import Callable, Sequence

Numbers = Sequence[float | None]

ALIASES = {"detach.default", "alias.default", "clone.default", "view_as.default"}
"""Operations that return their argument."""

FILLS: dict[str, Callable[[tuple[object, ...]], float]] = {
    "zeros_like.default": lambda args: 0.0,
    "empty_like.default": lambda args: float("nan"),
    "ones_like.default": lambda args: 1.0,
    "new_zeros.default": lambda args: 0.0,
    "new_ones.default": lambda args: 1.0,
    "zeros.default": lambda args: 0.0,
    "ones.default": lambda args: 1.0,
    "full_like.default": lambda args: float(args[1]),  # type: ignore[arg-type]
    "scalar_tensor.default": lambda args: float(args[0]),  # type: ignore[arg-type]
}
"""Operations that give the same number everywhere."""

_COMPARISONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
_LOGIC = {"and": "&", "or": "|", "xor": "^"}

INTO_C: dict[str, str] = {
    "add.Tensor": "({0} + {alpha}{1})",
    "sub.Tensor": "({0} - {alpha}{1})",
    "rsub.Scalar": "({1} - {alpha}{0})",
    "rsub.Tensor": "({1} - {alpha}{0})",
    "add.Scalar": "({0} + {alpha}{1})",
    "sub.Scalar": "({0} - {alpha}{1})",
    "mul.Tensor": "({0} * {1})",
    "mul.Scalar": "({0} * {1})",
    "div.Tensor": "({0} / {1})",
    "div.Scalar": "({0} / {1})",
    "addcmul.default": "({0} + {value}{1} * {2})",
    "addcdiv.default": "({0} + {value}{1} / {2})",
    "neg.default": "(-{0})",
    "reciprocal.default": "(K(1) / {0})",
    "square.default": "({0} * {0})",
    "sqrt.default": "v_sqrt({0})",
    "rsqrt.default": "(K(1) / v_sqrt({0}))",
    "exp.default": "v_exp({0})",
    "log.default": "v_log({0})",
    "log1p.default": "v_log1p({0})",
    "expm1.default": "v_expm1({0})",
    "sin.default": "v_sin({0})",
    "cos.default": "v_cos({0})",
    "erf.default": "v_erf({0})",
    "atan.default": "v_atan({0})",
    "pow.Tensor_Scalar": "v_pow({0}, {1})",
    "pow.Tensor_Tensor": "v_pow({0}, {1})",
    "abs.default": "absolute({0})",
    "sgn.default": "sign_of({0})",
    "sign.default": "sign_of({0})",
    "tanh.default": "v_tanh({0})",
    "tanh_backward.default": "({0} * (K(1) - {1} * {1}))",
    "sigmoid.default": "v_sigmoid({0})",
    "sigmoid_backward.default": "({0} * (K(1) - {1}) * {1})",
    "relu.default": "at_least({0}, K(0))",
    "threshold_backward.default": "choose((M)({1} <= {2}), K(0), {0})",
    "leaky_relu.default": "choose((M)({0} > K(0)), {0}, {0} * {1})",
    "leaky_relu_backward.default": "choose((M)({1} > K(0)), {0}, {0} * {2})",
    "silu.default": "({0} * v_sigmoid({0}))",
    "silu_backward.default": ("({0} * v_sigmoid({1}) * (K(1) + {1} * (K(1) - v_sigmoid({1}))))"),
    # overloads by their `approximate`, which is not a number
    "gelu.none": "gelu_by_erf({0})",
    "gelu.tanh": "gelu_by_tanh({0})",
    "gelu_backward.none": "({0} * slope_of_gelu_by_erf({1}))",
    "gelu_backward.tanh": "({0} * slope_of_gelu_by_tanh({1}))",
    "softplus.default": ("choose((M)({0} * {1} > {2}), {0}, v_log1p(v_exp({0} * {1})) / {1})"),
    "softplus_backward.default": ("choose((M)({1} * {2} > {3}), {0}, {0} * v_sigmoid({1} * {2}))"),
    "elu.default": ("choose((M)({0} > K(0)), {0} * {2}, v_expm1({0} * {3}) * ({1} * {2}))"),
    # the fourth argument says whether the last one is the result instead of the input
    "elu_backward.default": (
        "choose((M)({5} > K(0)), {0} * {2}, choose((M)({4} != K(0)), "
        "{0} * {3} * ({5} + {1} * {2}), {0} * {3} * ({1} * {2}) * v_exp({5} * {3})))"
    ),
    "hardtanh.default": "at_most(at_least({0}, {1}), {2})",
    "hardtanh_backward.default": "choose((M)(({1} <= {2}) | ({1} >= {3})), K(0), {0})",
    "hardsigmoid.default": "(at_most(at_least({0} + K(3), K(0)), K(6)) / K(6))",
    "hardsigmoid_backward.default": (
        "choose((M)(({1} > K(-3)) & ({1} < K(3))), {0} * SIXTH, K(0))"
    ),
    "clamp.default": "{clamped}",
    "clamp_min.default": "at_least({0}, {1})",
    "clamp_max.default": "at_most({0}, {1})",
    "maximum.default": "larger({0}, {1})",
    "minimum.default": "smaller({0}, {1})",
    "lerp.Scalar": (
        "choose((M)(absolute({2}) < K(0.5)), {0} + {2} * ({1} - {0}), "
        "{1} - ({1} - {0}) * (K(1) - {2}))"
    ),
    "lerp.Tensor": (
        "choose((M)(absolute({2}) < K(0.5)), {0} + {2} * ({1} - {0}), "
        "{1} - ({1} - {0}) * (K(1) - {2}))"
    ),
    "where.self": "choose({0:truth}, {1}, {2})",
    "where.ScalarOther": "choose({0:truth}, {1}, {2})",
    "where.ScalarSelf": "choose({0:truth}, {1}, {2})",
    "where.Scalar": "choose({0:truth}, {1}, {2})",
    "masked_fill.Scalar": "choose({1:truth}, {2}, {0})",
    "masked_fill.Tensor": "choose({1:truth}, {2}, {0})",
    "logical_not.default": "(~{0:truth})",
    "bitwise_not.default": "(~{0:truth})",
    "_to_copy.default": "{0}",
    **{
        f"{name}.{kind}": f"(M)({{0}} {sign} {{1}})"
        for name, sign in _COMPARISONS.items()
        for kind in ("Tensor", "Scalar")
    },
    **{
        f"{prefix}_{name}.{kind}": f"({{0:truth}} {sign} {{1:truth}})"
        for name, sign in _LOGIC.items()
        for prefix, kind in (("logical", "default"), ("bitwise", "Tensor"))
    },
}
"""torch's name of an operation -> C; {0} is its first argument, {0:truth} as true or false."""

COSTLY = {
    "uniform",
    "normal",
    "tanh.default",
    "sigmoid.default",
    "exp.default",
    "log.default",
    "log1p.default",
    "expm1.default",
    "sin.default",
    "cos.default",
    "erf.default",
    "atan.default",
    "pow.Tensor_Scalar",
    "pow.Tensor_Tensor",
    "softplus.default",
    "silu.default",
    "gelu.none",
    "gelu.tanh",
    "elu.default",
    "sqrt.default",
    "rsqrt.default",
    "div.Tensor",
    "reciprocal.default",
}
"""Operations whose result is kept for the backward pass, not recomputed."""


def in_place_of(name: str) -> str:
    """Return `add.Tensor` for `add_.Tensor`, and any other name unchanged."""
    operation, _, overload = name.partition(".")
    return f"{operation[:-1]}.{overload}" if operation.endswith("_") else name
