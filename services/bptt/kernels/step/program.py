"""A traced step that runs on tensors, by torch's own operations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import Float, Shaped
from torch import Tensor

from bptt.contracts import PointwiseCell
from bptt.kernels.step.plan import StepPlan, plan
from bptt.kernels.step.recorder import Argument, Operation, TracedValue
from bptt.kernels.step.staged import PRODUCT, SUMS
from bptt.kernels.step.tracing import Trace


class TracedProgram:
    """A traced step that runs on tensors.

    Args:
        cell: whose columns of weights the preactivations are.
        traced: its step.
    """

    def __init__(self, cell: PointwiseCell, traced: Trace) -> None:
        self.trace = traced
        self.plan: StepPlan = plan(traced)
        lanes = traced.preactivations
        self.by_input = [(lanes.index(name), n) for n, name in enumerate(cell.input_fed)]
        self.by_state = [(lanes.index(name), n) for n, name in enumerate(cell.state_fed)]
        self.state_biased = [cell.state_fed.index(name) for name in cell.state_biased]
        self.input_biased = bool(cell.input_biased)
        self.draws = cell.draws
        self._hidden = cell.hidden_size

    def run(
        self,
        operations: Iterable[Operation],
        values: dict[int, Shaped[Tensor, "..."]],
        blocks: Sequence[Float[Tensor, "hidden hidden"]] = (),
    ) -> None:
        """Add the results of operations to the values they are computed from.

        Args:
            operations: in order.
            values: by their number.
            blocks: of the cell's `products`.
        """
        for operation in operations:
            if operation.draw:
                draw = getattr(self.draws, operation.name)
                values[operation.result.number] = draw(*operation.draw)
                continue
            like = next(iter(values.values()))
            if operation.applications:
                values[operation.result.number] = self._multiplied(operation, values, blocks)
                continue
            if operation.name in SUMS:
                values[operation.result.number] = self._over_units(operation, values, like)
                continue
            schema = operation.function.func._schema.arguments
            arguments = [
                on_tensors(argument, str(place.type) == "Tensor", values, like)
                for argument, place in zip(operation.arguments, schema, strict=False)
            ]
            values[operation.result.number] = operation.function(*arguments)

    def _multiplied(
        self, operation: Operation, values: dict[int, Tensor], blocks: Sequence[Tensor]
    ) -> Tensor:
        """Return a product, or the sum of several with transposed blocks."""
        total: Tensor | None = None
        for number, argument in zip(operation.applications, operation.arguments, strict=True):
            block = blocks[self.trace.applications[number]]
            block = block if operation.name == PRODUCT else block.mT
            factor = on_tensors(argument, True, values, block)
            # a number is the same for all units
            product = (factor if factor.dim() else factor.expand(len(block))) @ block
            total = product if total is None else total + product
        assert total is not None
        return total

    def _over_units(self, operation: Operation, values: dict[int, Tensor], like: Tensor) -> Tensor:
        """Return a mean or a sum, as often as there are units."""
        value = on_tensors(operation.arguments[0], True, values, like)
        value = value if value.dim() else value.expand(self._hidden)
        over = value.mean if operation.name == "mean" else value.sum
        result: Tensor = over(-1, keepdim=True).expand_as(value)
        return result

    def of_vectors(
        self, vectors: Iterable[Float[Tensor, "hidden"]]
    ) -> dict[int, Shaped[Tensor, "..."]]:
        """Return the vectors and what depends only on them, by number of the value."""
        first = len(self.trace.preactivations) + len(self.trace.states)
        values = dict(enumerate(vectors, first))
        self.run(self.plan.fixing, values)
        return values


def on_tensors(
    argument: Argument,
    is_tensor: bool,
    values: Mapping[int, Shaped[Tensor, "..."]],
    like: Shaped[Tensor, "..."],
) -> Any:
    """Return what an argument of an operation is, a tensor or a number.

    Args:
        argument: as traced.
        is_tensor: whether the operation takes nothing but a tensor there.
        values: by their number.
        like: of the type that a tensor made of a number has.
    """
    if isinstance(argument, TracedValue):
        return values[argument.number]
    return like.new_tensor(argument) if is_tensor else argument
