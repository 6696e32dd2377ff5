"""Runs of the adding problem as somebody writes them in JAX: one function, or all runs at once.

Data are drawn, and weights made, inside the compiled function, as JAX is fastest. So losses differ
from those of bptt by chance.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from benchmarks.jax_cells import on_one_thread
from benchmarks.plain_script import BATCH, GATES

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

Point = tuple[str, float, int]
"""Cell, learning rate and seed."""
Sizes = tuple[int, int, int]
"""Length, hidden units and updates."""
Trained = tuple[float, float]
"""Loss of the last update, and seconds of the processor."""


def train(point: Point, sizes: Sizes) -> Trained:
    """Train one run by a function that each process compiles once for each cell."""
    jax = on_one_thread()
    began = time.process_time()
    cell, rate, seed = point
    loss = compiled(cell, sizes)(jax.random.key(seed), rate)
    return float(loss), time.process_time() - began


def train_together(points: Sequence[Point], sizes: Sizes) -> list[Trained]:
    """Train all runs of a grid at once, those of one cell in one compiled call."""
    jax: Any = import_module("jax")
    jnp = jax.numpy
    trained: dict[Point, Trained] = {}
    for cell in dict.fromkeys(point[0] for point in points):
        began = time.process_time()
        own = [point for point in points if point[0] == cell]
        keys = jnp.stack([jax.random.key(seed) for _, _, seed in own])
        rates = jnp.array([rate for _, rate, _ in own])
        losses = jax.jit(jax.vmap(_run(cell, sizes)))(keys, rates).tolist()
        each = (time.process_time() - began) / len(own)
        trained |= {point: (loss, each) for point, loss in zip(own, losses, strict=True)}
    return [trained[point] for point in points]


@lru_cache
def compiled(cell: str, sizes: Sizes) -> Callable[[Any, float], Any]:
    """Return a function: key and learning rate -> loss of the last update."""
    jax: Any = import_module("jax")
    found: Callable[[Any, float], Any] = jax.jit(_run(cell, sizes))
    return found


def _run(cell: str, sizes: Sizes) -> Callable[[Any, Any], Any]:
    """Return a function: key and learning rate -> loss of the last update."""
    jax: Any = import_module("jax")
    jnp, random = jax.numpy, jax.random
    length, hidden, updates = sizes
    step = _steps(jnp, jax.nn.sigmoid)[cell]

    def initial(key: Any) -> dict[str, Any]:
        bound = hidden**-0.5
        width = GATES[cell] * hidden
        shapes = {"w": (2, width), "u": (hidden, width), "b": (width,), "c": (width,)}
        shapes |= {"v": (hidden,), "d": ()}
        keys = random.split(key, len(shapes))
        return {
            name: random.uniform(one, shape, minval=-bound, maxval=bound)
            for one, (name, shape) in zip(keys, shapes.items(), strict=True)
        }

    def draw(key: Any) -> tuple[Any, Any]:
        of_values, first, second = random.split(key, 3)
        values, half = random.uniform(of_values, (length, BATCH)), length // 2
        at = jnp.arange(length)[:, None]
        marks = (at == random.randint(first, (BATCH,), 0, half)) | (
            at == random.randint(second, (BATCH,), half, length)
        )
        marks = marks.astype(jnp.float32)
        return jnp.stack([values, marks], -1), (values * marks).sum(0)

    def loss_of(weights: dict[str, Any], inputs: Any, targets: Any) -> Any:
        states = tuple(jnp.zeros((BATCH, hidden)) for _ in range(1 + (cell == "lstm")))
        projected = inputs @ weights["w"] + weights["b"]
        last = jax.lax.scan(lambda s, x: (step(weights, s, x), None), states, projected)[0][0]
        return ((last @ weights["v"] + weights["d"] - targets) ** 2).mean()

    def run(key: Any, rate: Any) -> Any:
        own, data = random.split(key)
        weights = initial(own)
        zeros = jax.tree.map(jnp.zeros_like, weights)

        def update(carried: Any, number: Any) -> tuple[Any, Any]:
            weights, mean, square = carried
            inputs, targets = draw(random.fold_in(data, number))
            loss, gradients = jax.value_and_grad(loss_of)(weights, inputs, targets)
            norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradients)))
            gradients = jax.tree.map(lambda g: g * jnp.minimum(1.0, 1.0 / norm), gradients)
            mean = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, mean, gradients)
            square = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g**2, square, gradients)
            one, two = 1 - BETA_1 ** (number + 1.0), 1 - BETA_2 ** (number + 1.0)
            weights = jax.tree.map(
                lambda w, m, v: w - rate * (m / one) / (jnp.sqrt(v / two) + EPSILON),
                *(weights, mean, square),
            )
            return (weights, mean, square), loss

        _, losses = jax.lax.scan(update, (weights, zeros, zeros), jnp.arange(updates))
        return losses[-1]

    return run


def _steps(jnp: Any, sigmoid: Any) -> dict[str, Callable[[Any, Any, Any], Any]]:
    def rnn(w: Any, state: Any, x: Any) -> Any:
        return (jnp.tanh(x + state[0] @ w["u"] + w["c"]),)

    def lstm(w: Any, state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + h @ w["u"] + w["c"], 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    def gru(w: Any, state: Any, x: Any) -> Any:
        (h,) = state
        (r_x, z_x, n_x), (r, z, n) = (jnp.split(a, 3, axis=-1) for a in (x, h @ w["u"] + w["c"]))
        new = jnp.tanh(n_x + sigmoid(r_x + r) * n)
        return (new + sigmoid(z_x + z) * (h - new),)

    return {"rnn": rnn, "lstm": lstm, "gru": gru}
