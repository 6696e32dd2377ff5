"""What a cell's pointwise step and its derivative compute, as a list of operations."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bptt.contracts import PointwiseCell
from bptt.contracts.stand_in import stand_in
from bptt.kernels.step.operations import ALIASES, FILLS, INTO_C, in_place_of
from bptt.kernels.step.staged import OPERATIONS, Applied
from bptt.registry.author import place_before, place_of
from bptt.registry.discovery import one_line

SIZE = 7
"""Elements of every tensor while tracing; an operation that changes it is not pointwise."""


UNFIT = {
    torch.Tag.data_dependent_output: "decides by the value of a tensor",
    torch.Tag.nondeterministic_seeded: "draws random numbers",
}
"""What a program of pointwise operations cannot do."""


class NotTraceable(Exception):
    """A step cannot be compiled; the message says why and names the operation."""


@dataclass(frozen=True)
class TracedValue:
    """A result of one operation, or an argument of the step."""

    number: int
    kind: Literal["real", "truth"] = "real"


Argument = TracedValue | float | None


@dataclass(frozen=True)
class Operation:
    """One operation, pointwise unless it is of `staged`; `name` is torch's, with its overload."""

    name: str
    arguments: tuple[Argument, ...]
    result: TracedValue
    function: Any = field(compare=False)
    """The same on tensors: it takes `arguments`."""
    factor: float = 1.0
    """`alpha` of an addition, `value` of `addcmul`."""
    applications: tuple[int, ...] = ()
    """Of a product: which one it is in its step; of a derivative of products: of which, one for
    each argument."""


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


class OperationRecorder(TorchDispatchMode):
    """Records every operation on tensors, below autograd."""

    def __init__(self, given: list[Tensor], dtype: torch.dtype, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.products: list[str] = []
        """The block of each call of `product` so far."""
        self.block = torch.zeros((), dtype=dtype, requires_grad=True)
        """Stands for all blocks."""
        self._dtype = dtype
        self._name = name
        # the tensors are kept alive, so that no other gets their id
        self._tensors: dict[int, Tensor] = {}
        self._values: dict[int, Argument] = {}
        self._count = 0
        for tensor in given:
            self._remember(tensor, self._next("real"))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # nobody compiles a trace; to be skipped by torch's compiler would take its import, of 1 s
        return False

    def watching(self, cell: PointwiseCell) -> PointwiseCell:
        """Return the cell with a `product` that is recorded."""

        def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
            if name not in cell.products:
                # says so
                PointwiseCell.product(cell, name, value)
            self.products.append(name)
            apply: Any = Applied.apply
            result: Tensor = apply(value, self.block, len(self.products) - 1)
            return result

        return stand_in(cell, product=product)

    def known(self, tensor: Shaped[Tensor, "..."]) -> Argument:
        """Return the value that a tensor holds."""
        if id(tensor) not in self._values:
            raise NotTraceable(
                f"{self._name}.step uses a tensor that is not one of its arguments; declare it in "
                "`vectors`, or make it a plain number"
            )
        return self._values[id(tensor)]

    def check_states(self, new: list[Any], states: int) -> None:
        """Check that the step returned one tensor per state."""
        if len(new) != states or not all(
            isinstance(state, Tensor) and state.shape == (SIZE,) and state.dtype == self._dtype
            for state in new
        ):
            raise NotTraceable(f"{self._name}.step does not return one tensor like each state")

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        keywords = dict(kwargs or {})
        name = str(func).removeprefix("aten.")
        for tag, what in UNFIT.items():
            if tag in func.tags:
                place = place_before(sys._getframe())
                raise NotTraceable(f"{self._name}.step {what}{place}")
        if name.startswith("gelu"):
            name = name.replace("default", keywords.get("approximate", "none"))
        result = func(*args, **keywords)
        base = in_place_of(name)
        if name in OPERATIONS and self._is_pointwise(result):
            value = self._next("real")
            operation = Operation(
                OPERATIONS[name], (self.known(args[0]),), value, func, applications=(args[1],)
            )
            self.operations.append(operation)
            self._remember(result, value)
        elif name in ALIASES:
            self._remember(result, self.known(args[0]))
        elif name == "lift_fresh.default" and args[0].dim() == 0:
            # a number that step wrote as torch.tensor(...)
            self._remember(result, float(args[0]))
        elif name in FILLS:
            self._remember(result, FILLS[name](args))
        elif name == "fill_.Scalar" and not self._shares(args[0]):
            self._remember(result, float(args[1]))
        elif base in INTO_C and self._is_pointwise(result):
            if base != name and self._shares(args[0]):
                raise NotTraceable(f"{self._name}.step changes a tensor in place ({name})")
            self._record(base, func if base == name else _function(base), args, keywords, result)
        else:
            raise NotTraceable(f"{self._name}.step uses {name}, which is not known to be pointwise")
        return result

    def _record(
        self, name: str, func: Any, args: tuple[Any, ...], keywords: dict[str, Any], result: Tensor
    ) -> None:
        if name.startswith("_to_copy") and keywords.get("dtype") not in (self._dtype, torch.bool):
            raise NotTraceable(f"{self._name}.step converts to {keywords.get('dtype')}")
        # what was left out has a default that C must know
        left_out = func._schema.arguments[len(args) :]
        args = (*args, *(a.default_value for a in left_out if not a.kwarg_only))
        arguments = tuple(self._argument(a) for a in args)
        kind: Literal["real", "truth"] = "truth" if result.dtype == torch.bool else "real"
        value = self._next(kind)
        function = partial(func, **keywords)
        factor = float(keywords.get("alpha", keywords.get("value", 1.0)))
        self.operations.append(Operation(name, arguments, value, function, factor))
        self._remember(result, value)

    def _argument(self, argument: Any) -> Argument:
        if isinstance(argument, Tensor):
            return self.known(argument)
        if argument is None or isinstance(argument, str):
            return None
        if isinstance(argument, bool | int | float):
            return float(argument)
        raise NotTraceable(f"{self._name}.step passes {argument!r}, which is not a number")

    def _is_pointwise(self, result: Any) -> bool:
        return (
            isinstance(result, Tensor)
            and result.shape == (SIZE,)
            and result.dtype in (self._dtype, torch.bool)
        )

    def _shares(self, tensor: Tensor) -> bool:
        same = [t for t in self._tensors.values() if t.data_ptr() == tensor.data_ptr()]
        return any(t is not tensor for t in same)

    def _next(self, kind: Literal["real", "truth"]) -> TracedValue:
        self._count += 1
        return TracedValue(self._count - 1, kind)

    def _remember(self, tensor: Tensor, value: Argument) -> None:
        self._tensors[id(tensor)] = tensor
        self._values[id(tensor)] = value


def _function(name: str) -> Any:
    operation, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, operation), overload)
