"""Cells that no distribution has, each with something that a kernel must get right."""

import torch
from torch import nn, relu, sigmoid, tanh
from torch.nn import functional as F

from bptt.contracts import Cell, PointwiseCell


class Peephole(PointwiseCell):
    """Gates that see the memory through vectors."""

    states = ("h", "c")
    preactivations = {"i": "x+h", "f": "x+h", "o": "x+h", "g": "x+h"}
    vectors = {"pi": (-1.0, 1.0), "pf": (-1.0, 1.0), "po": (-1.0, 1.0)}
    gates = {"f": "keep", "i": "write", "o": "read"}

    def step(self, i, f, o, g, h, c, pi, pf, po):
        new = sigmoid(f + pf * c) * c + sigmoid(i + pi * c) * tanh(g)
        return sigmoid(o + po * new) * tanh(new), new


class Independent(PointwiseCell):
    """No recurrent weights at all."""

    states = ("h",)
    preactivations = {"a": "x"}
    vectors = {"u": (0.0, 1.0)}

    def step(self, a, u, h):
        return relu(a + u * h)


class OfVectors(PointwiseCell):
    """Numbers, a truth and a whole state that hang on vectors alone."""

    states = ("h", "level")
    preactivations = {"a": "x+h"}
    vectors = {"u": (-1.0, 1.0), "v": (-1.0, 1.0), "unused": (0.0, 1.0)}

    def step(self, a, h, level, u, v, unused):
        decay = torch.exp(-torch.exp(u))
        share = torch.where(u > v, decay, 0.5 * torch.cos(v))
        turned = torch.masked_fill(share * h, u > v + 0.5, 0.25)
        return tanh(a) * level + turned, torch.ones_like(level) * decay * v


class ThreeStates(PointwiseCell):
    """Preactivations of all three sources, declared in a mixed order; one state is held."""

    states = ("h", "slow", "count")
    preactivations = {"a": "x", "b": "x+h", "d": "h", "e": "x+h", "k": "h"}

    def step(self, a, b, d, e, k, h, slow, count):
        slow = torch.lerp(slow, tanh(b + d), sigmoid(e))
        return slow * sigmoid(a) + 0.1 * tanh(k) * h, slow, count


class ManyOperations(PointwiseCell):
    """One of nearly every operation the tracer knows."""

    states = ("h",)
    preactivations = {"a": "x+h", "b": "x+h", "c": "x"}

    def __init__(self, *args, slope=0.2, **options):
        super().__init__(*args, **options)
        self.slope = slope

    def step(self, a, b, c, h):
        one = torch.where(a > 0.1, a, self.slope * b) + a.clamp(-0.5, 0.5) - b.clamp(min=-0.2)
        two = F.softplus(b) + F.leaky_relu(c, 0.1) * F.elu(a, 0.7) + F.hardtanh(b) - F.silu(c)
        three = torch.sqrt(a.abs() + 1) / (1 + b**2) + c**3 * 0.01 + torch.log(2 + torch.sign(a))
        four = torch.maximum(a, b) - torch.minimum(b, c) + (a > b).to(a.dtype) * c
        five = torch.exp(-a.square()) + torch.sin(b) * torch.cos(c) + torch.erf(a) + torch.atan(b)
        six = torch.addcmul(a, b, c, value=0.3) + torch.rsqrt(1 + b.abs()) + F.hardsigmoid(c)
        masked = torch.masked_fill(b, c > 0.3, 0.5) + torch.relu(c) + torch.tensor(0.25) * a
        total = (
            one
            + two
            + three
            + four
            + five
            + six
            + masked
            + torch.log1p(a * a)
            - torch.expm1(-b * b)
        )
        return tanh(0.2 * total) + 0.5 * h - torch.zeros_like(h)


class OwnParameter(PointwiseCell):
    """Reads a parameter that it did not declare; no kernel could give it a gradient."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.scale = nn.Parameter(torch.ones(()))

    def step(self, a, h):
        return tanh(a) * self.scale


class Plain(Cell):
    """A module of torch, whose step nobody knows."""

    states = ("h",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inner = nn.GRUCell(input_size, hidden_size)

    def forward(self, x_t, state):
        return (self.inner(x_t, state[0]),)


class Staged(PointwiseCell):
    """Products of all kinds: a block twice, of a product, of a vector, a number, an old state."""

    states = ("h", "k")
    preactivations = {"x": "x"}
    products = ("a", "b", "d")
    vectors = {"p": (-1.0, 1.0)}

    def step(self, x, h, k, p):
        u = self.product("a", h) + self.product("b", torch.exp(p))
        v = self.product("a", tanh(u + x)) + self.product("b", torch.full_like(h, 0.3))
        # a product that decides, but that no gradient passes
        w = torch.where(self.product("d", k) > 0, v, 0.5 * u)
        y = self.product("a", self.product("d", u))
        return 0.3 * tanh(w) + 0.1 * y * sigmoid(h), tanh(self.product("b", k * p) + h)


class Averaging(PointwiseCell):
    """Means and sums of all kinds: of a mean, a number, a vector, in products, as a state."""

    states = ("h", "k", "level")
    preactivations = {"x": "x+h", "y": "x"}
    products = ("a",)
    vectors = {"p": (-1.0, 1.0)}

    def step(self, x, y, h, k, level, p):
        centred = x - self.mean(x)
        scale = torch.rsqrt(self.mean(centred * centred) + 0.1)
        weight = torch.exp(tanh(y))
        share = weight / self.sum(weight)
        both = self.product("a", self.mean(h) * p + 0.1 * self.mean(torch.full_like(h, 0.3)))
        # a mean that decides, but that no gradient passes
        chosen = torch.where(self.mean(k) > 0.0, tanh(both), 0.5 * k)
        mean = self.mean(self.mean(p * k) ** 2 + y * level)
        return tanh(centred * scale) + chosen, share * k + 0.3 * h, mean


class Unknown(PointwiseCell):
    """Uses an operation that is not known to be pointwise."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def step(self, a, h):
        return torch.special.bessel_j0(a) * 0.5 + torch.lgamma(h.abs() + 1)


class WithClock(PointwiseCell):
    """Has a state that no parameter acts on."""

    states = ("h", "n")
    preactivations = {"a": "x+h"}

    def step(self, a, h, n):
        n = 0.5 * n + 1
        return tanh(a) * n + 0.1 * h, n


class Counting(PointwiseCell):
    """Does something else at every step, by what it keeps in itself."""

    states = ("h",)
    preactivations = {"a": "x+h"}
    steps = 0

    def step(self, a, h):
        self.steps += 1
        return tanh(a) / self.steps


class Keeping(PointwiseCell):
    """Works something out once and keeps it."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def step(self, a, h):
        if not hasattr(self, "factor"):
            self.factor = 0.5
        return tanh(a) * self.factor


class Scaled(PointwiseCell):
    """Has an option that its step reads."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def __init__(self, *args, alpha=1.0, **options):
        super().__init__(*args, **options)
        self.alpha = alpha

    def step(self, a, h):
        return tanh(self.alpha * a)


class OwnProjection(Scaled):
    """Does with its input what no kernel knows of."""

    def project_input(self, x):
        return 2 * super().project_input(x)
