"""What a cell's pointwise step and its derivative compute, as a list of operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bptt.contracts import PointwiseCell
from bptt.kernels.step.recorder import (
    SIZE,
    Argument,
    NotTraceable,
    Operation,
    OperationRecorder,
)
from bptt.registry.author import place_of
from bptt.registry.discovery import one_line


@dataclass(frozen=True)
class Trace:
    """A step and its derivative.

    The values 0, 1, ... are the arguments: preactivations in the order of `preactivations`,
    states, vectors, and last the gradient of the loss to each new state.
    """

    preactivations: tuple[str, ...]
    states: tuple[str, ...]
    vectors: tuple[str, ...]
    products: tuple[str, ...]
    applications: tuple[int, ...]
    """Which of the products each call of `product` is of, in order."""
    operations: tuple[Operation, ...]
    new: tuple[Argument, ...]
    """The new state."""
    gradients: tuple[Argument, ...]
    """To each preactivation, state and vector."""
    totals: tuple[Argument, ...]
    """For each new state, along all paths: a memory also acts on the output of its own step."""

    reads_training: bool
    """Whether the step asks if it is trained or evaluated, and may do something else then."""

    @property
    def draws(self) -> bool:
        """Whether the step draws random numbers."""
        return any(operation.draw for operation in self.operations)

    @property
    def arguments(self) -> int:
        """Number of preactivations, states and vectors."""
        return len(self.preactivations) + len(self.states) + len(self.vectors)


def trace(cell: PointwiseCell, dtype: torch.dtype) -> Trace:
    """Run `step` and its derivative once on a few numbers and return what was computed.

    Preactivations come in the order: fed by the state alone, by both, by the input alone.

    Raises:
        NotTraceable: an operation is unknown, or not pointwise, or uses a tensor that is not an
            argument of the step.
    """
    both = [name for name in cell.state_fed if name in cell.input_fed]
    order = (
        *(name for name in cell.state_fed if name not in both),
        *both,
        *(name for name in cell.input_fed if name not in both),
    )
    names = [*order, *cell.states, *cell.vectors]
    generator = torch.Generator().manual_seed(0)

    def draw() -> Tensor:
        return torch.rand(SIZE, generator=generator, dtype=dtype)

    given = [draw() for _ in range(len(names) + len(cell.states))]
    recorder = OperationRecorder(given, dtype, type(cell).__name__)
    leaves, incoming = given[: len(names)], given[len(names) :]
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), recorder:
        for leaf in leaves:
            leaf.requires_grad_()
        new = _stepped(recorder.watching(cell), dict(zip(names, leaves, strict=True)))
        recorder.check_states(new, len(cell.states))
        # a state that depends on no argument has no gradient
        depends = [i for i, state in enumerate(new) if state.requires_grad]
        found: Sequence[Tensor | None] = [None] * (len(names) + len(new))
        if depends:
            found = torch.autograd.grad(
                [new[i] for i in depends],
                # the block, for products of what is no argument
                [*leaves, *(new[i] if i in depends else leaves[0] for i in range(len(new)))]
                + [recorder.block] * bool(recorder.products),
                [incoming[i] for i in depends],
                allow_unused=True,
            )
        totals = [
            recorder.known(g if g is not None and i in depends else incoming[i])
            for i, g in enumerate(found[len(names) : len(names) + len(new)])
        ]
    return Trace(
        order,
        tuple(cell.states),
        tuple(cell.vectors),
        tuple(cell.products),
        tuple(cell.products.index(name) for name in recorder.products),
        tuple(recorder.operations),
        tuple(recorder.known(state) for state in new),
        tuple(0.0 if g is None else recorder.known(g) for g in found[: len(names)]),
        tuple(totals),
        recorder.reads_training,
    )


def _stepped(cell: PointwiseCell, arguments: dict[str, Tensor]) -> list[Any]:
    try:
        stepped = cell.step(**arguments)
    except NotTraceable:
        raise
    # with tensors of other shapes autograd meets the same fault and says so, or meets none
    except Exception as cause:
        why = f"{type(cell).__name__}.step raised {one_line(cause)}{place_of(cause)}"
        raise NotTraceable(why) from cause
    return list(stepped) if isinstance(stepped, tuple | list) else [stepped]
