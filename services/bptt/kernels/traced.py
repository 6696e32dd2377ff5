"""The sequence backend: torch's operations on whole batches, with no graph for single steps.

It needs no compiler: the traced step is executed as traced, forward and backward, and the
products with the input and the gradients of the weights are computed over the whole sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from bptt.contracts import PointwiseCell, State
from bptt.kernels.compiled.call import WholeSequence
from bptt.kernels.compiled.kernel import used_weights
from bptt.kernels.step.plan import AppliedProduct, computed_states
from bptt.kernels.step.program import TracedProgram, on_tensors
from bptt.kernels.windows import begins_at
from bptt.norms import frobenius_norm


def unroll(
    program: TracedProgram,
    cell: PointwiseCell,
    inputs: Float[Tensor, "time batch features"],
    initial: State,
    lengths: Int[Tensor, "batch"] | None = None,
    truncation: int | None = None,
    gradient_norms: bool = False,
) -> WholeSequence:
    """Apply `cell` along the time axis, as `autograd.unroll` does."""
    shape = (int(gradient_norms), len(initial), inputs.shape[0])
    norms = torch.zeros(shape, dtype=torch.float64)
    limits = (lengths, truncation)
    apply: Any = Steps.apply
    found = apply(
        program,
        limits,
        norms,
        inputs,
        *used_weights(cell),
        *initial,
    )
    count = len(initial)
    return WholeSequence(inputs, initial, found[:count], found[count:], norms)


@dataclass(frozen=True)
class Weights:
    """The tensors of a cell, in the order in which `Steps` takes them."""

    input: Float[Tensor, "features by_input"]
    recurrent: Float[Tensor, "hidden by_state"]
    input_bias: Float[Tensor, "_"]
    recurrent_bias: Float[Tensor, "_"]
    products: tuple[Float[Tensor, "hidden by_product"], ...]
    """One tensor, if the cell has products."""
    vectors: tuple[Float[Tensor, "hidden"], ...]
    initial: State

    @classmethod
    def of(cls, program: TracedProgram, tensors: tuple[Float[Tensor, "..."], ...]) -> "Weights":
        """Sort what `Steps` was given."""
        own = 4 + bool(program.trace.products)
        vectors = own + len(program.trace.vectors)
        w, u, b, c = tensors[:4]
        return cls(w, u, b, c, tensors[4:own], tensors[own:vectors], tensors[vectors:])

    @property
    def blocks(self) -> tuple[Float[Tensor, "hidden hidden"], ...]:
        """The block of each product."""
        return tuple(b for p in self.products for b in p.split(len(p), dim=1))


class Steps(torch.autograd.Function):
    """All steps of a cell as one node of autograd's graph."""

    @staticmethod
    def forward(
        ctx: Any,
        program: TracedProgram,
        limits: tuple[Tensor | None, int | None],
        norms: Tensor,
        inputs: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return every state after each step, then every final state."""
        weights = Weights.of(program, tensors)
        lengths, _ = limits
        trace, found = program.trace, program.plan
        hidden = weights.recurrent.shape[0]
        lanes = len(trace.preactivations)
        projected = inputs @ weights.input
        if program.input_biased:
            projected = projected + weights.input_bias
        bias = weights.recurrent.new_zeros(weights.recurrent.shape[1])
        for n, column in enumerate(program.state_biased):
            place = slice(n * hidden, (n + 1) * hidden)
            bias[column * hidden : (column + 1) * hidden] = weights.recurrent_bias[place]
        states = [torch.empty(len(inputs) + 1, *s.shape, dtype=s.dtype) for s in weights.initial]
        for whole, s in zip(states, weights.initial, strict=True):
            whole[0] = s
        of_vectors, blocks = program.of_vectors(weights.vectors), weights.blocks
        kept: list[list[Tensor]] = []
        for t in range(len(inputs)):
            old = [whole[t] for whole in states]
            from_input = projected[t].split(hidden, dim=-1) if program.by_input else ()
            values: dict[int, Tensor] = {lane: from_input[n] for lane, n in program.by_input}
            if program.by_state:
                from_state = torch.addmm(bias, old[0], weights.recurrent).split(hidden, dim=-1)
                for lane, n in program.by_state:
                    values[lane] = values[lane] + from_state[n] if lane in values else from_state[n]
            values |= dict(enumerate(old, lanes)) | of_vectors
            with program.draws.during(t):
                program.draws.begin(old[0])
                program.run(found.forward, values, blocks)
                program.draws.end()
            kept.append([values[value.number] for value in found.saved])
            for n, argument in enumerate(trace.new):
                new = on_tensors(argument, True, values, old[n])
                if lengths is not None:
                    new = torch.where((t < lengths).unsqueeze(1), new, old[n])
                states[n][t + 1] = new
        saved = [tensor for step in kept for tensor in step]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, *tensors, *states, *saved)
        ctx.program, ctx.limits, ctx.norms = program, limits, norms
        return tuple(s[1:] for s in states) + tuple(s[-1] for s in states)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradient to each argument of `forward`."""
        program: TracedProgram = ctx.program
        trace, found = program.trace, program.plan
        lengths, truncation = ctx.limits
        x, *rest = ctx.saved_tensors
        tensors = 4 + bool(trace.products) + len(trace.vectors) + len(trace.states)
        weights = Weights.of(program, tuple(rest[:tensors]))
        states = rest[tensors : tensors + len(trace.states)]
        saved = rest[tensors + len(trace.states) :]
        hidden, lanes = weights.recurrent.shape[0], len(trace.preactivations)
        of_states, of_final = gradients[: len(states)], gradients[len(states) :]
        d = [
            torch.zeros_like(s) if g is None else g.clone()
            for s, g in zip(weights.initial, of_final, strict=True)
        ]
        # of a product first what is multiplied, then the gradient
        by_lane, by_product = (
            [x.new_empty(*x.shape[:2], hidden) for _ in range(count)]
            for count in (lanes, 2 * len(found.applications))
        )
        d_vectors = [torch.zeros_like(vector) for vector in weights.vectors]
        of_vectors = program.of_vectors(weights.vectors)
        blocks = weights.recurrent.split(hidden, dim=1) if program.by_state else ()
        first = trace.arguments
        for t in range(len(x) - 1, -1, -1):
            for n, g in enumerate(of_states):
                if g is not None:
                    d[n] = d[n] + g[t]
            here = saved[t * len(found.saved) : (t + 1) * len(found.saved)]
            values = of_vectors | _kept(program, states, here, t) | dict(enumerate(d, first))
            program.run(found.backward, values, weights.blocks)
            made = [on_tensors(g, True, values, d[0]).expand_as(d[0]) for g in trace.gradients]
            totals = [on_tensors(g, True, values, d[0]) for g in trace.totals]
            valid = None if lengths is None else (t < lengths).unsqueeze(1)
            if valid is not None:
                totals = [torch.where(valid, m, h) for m, h in zip(totals, d, strict=True)]
                held = (
                    [torch.zeros_like(d[0])] * lanes + d + [torch.zeros_like(d[0])] * len(d_vectors)
                )
                made = [torch.where(valid, m, h) for m, h in zip(made, held, strict=True)]
            for tile in ctx.norms:
                for n, gradient in enumerate(totals):
                    tile[n, t] = frobenius_norm(gradient)
            d = made[lanes : lanes + len(d)]
            for n, gradient in enumerate(made[lanes + len(d) :]):
                d_vectors[n] += gradient.sum(0)
            factors = _factors(program, values, valid, d[0])
            for whole, value in zip(
                (*by_lane, *by_product), (*made[:lanes], *factors), strict=True
            ):
                whole[t] = value
            for lane, n in program.by_state:
                d[0] = torch.addmm(d[0], made[lane], blocks[n].mT)
            begins = begins_at(t, len(x), lengths, truncation)
            if begins is not False:
                d = [g.masked_fill(torch.as_tensor(begins), 0) for g in d]
        own = _gradients(ctx, x, weights, states[0], by_lane)
        own += _product_gradients(weights, found.applications, by_product)
        return (None, None, None, *own, *d_vectors, *d)


def _gradients(
    ctx: Any, x: Tensor, weights: Weights, h: Tensor, by_lane: list[Tensor]
) -> list[Tensor | None]:
    """Return the gradients to inputs, weights and biases, each as one product or sum."""
    program: TracedProgram = ctx.program
    empty = by_lane[0][..., :0]
    to_input = torch.cat([empty, *(by_lane[lane] for lane, _ in program.by_input)], dim=-1)
    to_state = torch.cat([empty, *(by_lane[lane] for lane, _ in program.by_state)], dim=-1)
    flat_input, flat_state = to_input.flatten(end_dim=1), to_state.flatten(end_dim=1)
    hidden = weights.recurrent.shape[0]
    d_input_bias = flat_input.sum(0) if program.input_biased else weights.input_bias.new_empty(0)
    columns = flat_state.sum(0).split(hidden) if program.by_state else ()
    d_state_bias = torch.cat(
        [weights.recurrent_bias[:0], *(columns[n] for n in program.state_biased)]
    )
    return [
        to_input @ weights.input.mT if ctx.needs_input_grad[3] else None,
        x.flatten(end_dim=1).mT @ flat_input,
        h[:-1].flatten(end_dim=1).mT @ flat_state,
        d_input_bias,
        d_state_bias,
    ]


def _kept(
    program: TracedProgram, states: Sequence[Tensor], saved: Sequence[Tensor], t: int
) -> dict[int, Tensor]:
    """Return the states before and after step t, and what was kept of it, by number."""
    trace, found = program.trace, program.plan
    values = dict(enumerate((whole[t] for whole in states), len(trace.preactivations)))
    values |= {v.number: states[n][t + 1] for v, n in computed_states(trace).items()}
    return values | {v.number: s for v, s in zip(found.saved, saved, strict=True)}


def _factors(
    program: TracedProgram, values: dict[int, Tensor], valid: Tensor | None, like: Tensor
) -> list[Tensor]:
    """Return what each product multiplies, and the gradient of its result."""
    both = [of for a in program.plan.applications for of in (a.operand, a.gradient)]
    factors = [on_tensors(of, True, values, like) for of in both]
    return factors if valid is None else [torch.where(valid, f, 0.0) for f in factors]


def _product_gradients(
    weights: Weights, applications: Sequence[AppliedProduct], factors: Sequence[Tensor]
) -> list[Tensor]:
    """Return the gradient to the blocks of all products, if there are any."""
    found = [torch.zeros_like(whole) for whole in weights.products]
    flat = [factor.flatten(end_dim=1) for factor in factors]
    for whole in found:
        blocks = whole.split(len(whole), dim=1)
        for one, operand, gradient in zip(applications, flat[::2], flat[1::2], strict=True):
            blocks[one.block].addmm_(operand.mT, gradient)
    return found
