"""Cells in JAX: a scan over time with the inputs projected before it, if JAX is installed."""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from bptt.contracts import PointwiseCell

UPDATES = 8
"""In one compiled call, as a training script would have them."""

# of XLA, before it starts: one thread, as everybody here has
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

Step = Callable[[Mapping[str, Any], tuple[Any, ...], Any], tuple[Any, ...]]
"""Weights, states and what the input feeds -> new states."""


def is_installed() -> bool:
    """Say whether there is a JAX to compare with."""
    return find_spec("jax") is not None


def on_one_thread() -> Any:
    """Return JAX, which uses one thread if this is the first import of it."""
    os.environ.setdefault("XLA_FLAGS", ONE_THREAD)
    return import_module("jax")


def split(packed: Any, parts: int) -> Any:
    """Return so many equal parts of the last axis."""
    jnp: Any = import_module("jax.numpy")
    return jnp.split(packed, parts, axis=-1)


def steps() -> dict[str, Step]:
    """Return the step of each cell, with weights packed as bptt packs them."""
    return {step.__name__: step for step in (*_of_one_state(), *_of_several())}


def _of_one_state() -> tuple[Step, ...]:
    jax: Any = import_module("jax")
    tanh, sigmoid = jax.numpy.tanh, jax.nn.sigmoid

    def gru_cho(w: Any, state: Any, x: Any) -> Any:
        (h,) = state
        (r_x, z_x, n), (r, z) = split(x, 3), split(h @ w["u"], 2)
        n = tanh(n + (sigmoid(r_x + r) * h) @ w["p"])
        return (n + sigmoid(z_x + z) * (h - n),)

    def mgu(w: Any, state: Any, x: Any) -> Any:
        (h,) = state
        f, n = split(x, 2)
        f = sigmoid(f + h @ w["u"])
        return (h + f * (tanh(n + (f * h) @ w["p"]) - h),)

    def rhn(w: Any, state: Any, x: Any) -> Any:
        (s,) = state
        c, t = split(x + s @ w["u"], 2)
        s = s + sigmoid(t) * (tanh(c) - s)
        for block, bias in zip(split(w["p"], 2), split(w["vectors"], 2), strict=True):
            c, t = split(s @ block + bias, 2)
            s = s + sigmoid(t) * (tanh(c) - s)
        return (s,)

    return gru_cho, mgu, rhn


def _of_several() -> tuple[Step, ...]:
    jax: Any = import_module("jax")
    jnp: Any = jax.numpy
    tanh, sigmoid = jnp.tanh, jax.nn.sigmoid

    def lem(w: Any, state: Any, x: Any) -> Any:
        y, z = state
        (a_x, b_x, c_x, d), (a, b, c) = split(x, 4), split(y @ w["u"], 3)
        z = z + sigmoid(a_x + a) * (tanh(c_x + c) - z)
        return y + sigmoid(b_x + b) * (tanh(d + z @ w["p"]) - y), z

    def cornn(w: Any, state: Any, x: Any) -> Any:
        y, z = state
        z = z + 0.042 * (tanh(x + y @ w["u"] + z @ w["p"]) - 2.7 * y - 4.7 * z)
        return y + 0.042 * z, z

    def multiplicative_lstm(w: Any, state: Any, x: Any) -> Any:
        h, c = state
        mx, *of_x = split(x, 5)
        m = mx * (h @ w["u"] + w["c"])
        i, f, o, g = (a + b for a, b in zip(of_x, split(m @ w["p"], 4), strict=True))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c

    def slstm(w: Any, state: Any, x: Any) -> Any:
        h, c, n, m = state
        i, f, o, z = split(x + h @ w["u"], 4)
        log_f = -jax.nn.softplus(-f)
        new_m = jnp.where(n == 0, i, jnp.maximum(log_f + m, i))
        i, f = jnp.exp(i - new_m), jnp.exp(jnp.minimum(log_f + m - new_m, 0))
        c, n = f * c + i * tanh(z), f * n + i
        return sigmoid(o) * c / n, c, n, new_m

    def normalised(v: Any) -> Any:
        v = v - v.mean(-1, keepdims=True)
        return v * jax.lax.rsqrt((v * v).mean(-1, keepdims=True) + 1e-5)

    def layernorm_lstm(w: Any, state: Any, x: Any) -> Any:
        h, c = state
        # in the order in which the cell declares its vectors
        gain_x, gain_h, shift, (gain_c, shift_c) = jnp.split(
            w["vectors"].reshape(14, -1), (4, 8, 12)
        )
        of_x = normalised(x) * gain_x.ravel()
        a = of_x + normalised(h @ w["p"]) * gain_h.ravel() + shift.ravel()
        i, f, o, g = split(a, 4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(normalised(c) * gain_c + shift_c), c

    return lem, cornn, multiplicative_lstm, slstm, layernorm_lstm


def updates(
    name: str, cell: PointwiseCell, x: Tensor, to_last: Tensor
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return `UPDATES` steps of gradient descent in one call, and the last output of one pass.

    Args:
        name: of the cell.
        cell: whose weights are taken.
        x: (time, batch, features).
        to_last: gradient to the last output, (batch, hidden).
    """
    jax = on_one_thread()
    jnp, step = jax.numpy, steps()[name]
    of = {
        "w": cell.input_weight,
        "u": cell.recurrent_weight,
        "b": cell.input_bias,
        "c": cell.recurrent_bias,
        "p": cell.product_weight,
    }
    weights = {k: jnp.array(v.detach().numpy()) for k, v in of.items() if v is not None}
    vectors = [cell.vector[name].detach().numpy() for name in cell.vectors]
    weights["vectors"] = jnp.concatenate(vectors) if vectors else jnp.zeros(0)
    states = len(cell.states)
    inputs, gradient = jnp.array(x.numpy()), jnp.array(to_last.numpy())

    def last(weights: Any, inputs: Any) -> Any:
        first = tuple(jnp.zeros_like(gradient) for _ in range(states))
        projected = inputs @ weights["w"] + weights["b"]
        return jax.lax.scan(lambda s, a: (step(weights, s, a), None), first, projected)[0][0]

    def update(weights: Any, _: None) -> Any:
        found = jax.grad(lambda w: (last(w, inputs) * gradient).sum())(weights)
        return jax.tree.map(lambda w, g: w - 1e-6 * g, weights, found), None

    compiled = jax.jit(lambda weights: jax.lax.scan(update, weights, None, length=UPDATES)[0])
    return lambda: jax.block_until_ready(compiled(weights)), lambda: last(weights, inputs)
