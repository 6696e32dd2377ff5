"""The sequence backend: torch's operations on whole batches, with no graph for single steps.

It needs no compiler: the traced step is executed as traced, forward and backward, and the
products with the input and the gradients of the weights are computed over the whole sequence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.autograd.function import once_differentiable

from bptt.contracts import PointwiseCell, State
from bptt.kernels.compiled.call import WholeSequence
from bptt.kernels.compiled.emission import EmissionPlan, plan
from bptt.kernels.step.tracing import Argument, Operation, Trace, TracedValue
from bptt.kernels.windows import begins_at
from bptt.norms import frobenius_norm


class TracedProgram:
    """A traced step that runs on tensors.

    Args:
        cell: whose columns of weights the preactivations are.
        traced: its step.
    """

    def __init__(self, cell: PointwiseCell, traced: Trace) -> None:
        self.trace = traced
        self.plan: EmissionPlan = plan(traced)
        lanes = traced.preactivations
        self.by_input = [(lanes.index(name), n) for n, name in enumerate(cell.input_fed)]
        self.by_state = [(lanes.index(name), n) for n, name in enumerate(cell.state_fed)]
        self.state_biased = [cell.state_fed.index(name) for name in cell.state_biased]
        self.input_biased = bool(cell.input_biased)

    def run(
        self, operations: Iterable[Operation], values: dict[int, Shaped[Tensor, "..."]]
    ) -> None:
        """Add the results of operations to the values they are computed from."""
        for operation in operations:
            like = next(iter(values.values()))
            schema = operation.function.func._schema.arguments
            arguments = [
                _on_tensors(argument, str(place.type) == "Tensor", values, like)
                for argument, place in zip(operation.arguments, schema, strict=False)
            ]
            values[operation.result.number] = operation.function(*arguments)

    def of_vectors(
        self, vectors: Iterable[Float[Tensor, "hidden"]]
    ) -> dict[int, Shaped[Tensor, "..."]]:
        """Return the vectors and what depends only on them, by number of the value."""
        first = len(self.trace.preactivations) + len(self.trace.states)
        values = dict(enumerate(vectors, first))
        self.run(self.plan.fixing, values)
        return values


def _on_tensors(
    argument: Argument, is_tensor: bool, values: dict[int, Tensor], like: Tensor
) -> Any:
    if isinstance(argument, TracedValue):
        return values[argument.number]
    return like.new_tensor(argument) if is_tensor else argument


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
        cell.input_weight,
        cell.recurrent_weight,
        cell.input_bias,
        cell.recurrent_bias,
        *(cell.vector[name] for name in cell.vectors),
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
    vectors: tuple[Float[Tensor, "hidden"], ...]
    initial: State

    @classmethod
    def of(cls, program: TracedProgram, tensors: tuple[Float[Tensor, "..."], ...]) -> "Weights":
        """Sort what `Steps` was given."""
        vectors = 4 + len(program.trace.vectors)
        w, u, b, c = tensors[:4]
        return cls(w, u, b, c, tensors[4:vectors], tensors[vectors:])


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
        of_vectors = program.of_vectors(weights.vectors)
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
            program.run(found.forward, values)
            kept.append([values[value.number] for value in found.saved])
            for n, argument in enumerate(trace.new):
                new = _on_tensors(argument, True, values, old[n])
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
        tensors = 4 + len(trace.vectors) + len(trace.states)
        weights = Weights.of(program, tuple(rest[:tensors]))
        states = rest[tensors : tensors + len(trace.states)]
        saved = rest[tensors + len(trace.states) :]
        hidden, lanes = weights.recurrent.shape[0], len(trace.preactivations)
        of_states, of_final = gradients[: len(states)], gradients[len(states) :]
        d = [
            torch.zeros_like(s) if g is None else g.clone()
            for s, g in zip(weights.initial, of_final, strict=True)
        ]
        by_lane = [x.new_empty(*x.shape[:2], hidden) for _ in range(lanes)]
        d_vectors = [torch.zeros_like(vector) for vector in weights.vectors]
        of_vectors = program.of_vectors(weights.vectors)
        blocks = weights.recurrent.split(hidden, dim=1) if program.by_state else ()
        new_states = {
            v: n for n, v in reversed(list(enumerate(trace.new))) if isinstance(v, TracedValue)
        }
        for t in range(len(x) - 1, -1, -1):
            for n, g in enumerate(of_states):
                if g is not None:
                    d[n] = d[n] + g[t]
            old = [s[t] for s in states]
            values = dict(enumerate(old, lanes)) | of_vectors
            values |= dict(enumerate(d, trace.arguments))
            for value, n in new_states.items():
                values.setdefault(value.number, states[n][t + 1])
            here = saved[t * len(found.saved) : (t + 1) * len(found.saved)]
            values |= {v.number: s for v, s in zip(found.saved, here, strict=True)}
            program.run(found.backward, values)
            made = [_on_tensors(g, True, values, d[0]).expand_as(d[0]) for g in trace.gradients]
            totals = [_on_tensors(g, True, values, d[0]) for g in trace.totals]
            if lengths is not None:
                valid = (t < lengths).unsqueeze(1)
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
            for lane in range(lanes):
                by_lane[lane][t] = made[lane]
            for lane, n in program.by_state:
                d[0] = torch.addmm(d[0], made[lane], blocks[n].mT)
            begins = begins_at(t, len(x), lengths, truncation)
            if begins is not False:
                d = [g.masked_fill(torch.as_tensor(begins), 0) for g in d]
        return (None, None, None, *_gradients(ctx, x, weights, states[0], by_lane), *d_vectors, *d)


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
