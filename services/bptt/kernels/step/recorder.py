"""Records what a step does to a few numbers, operation by operation."""

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bptt.contracts import PointwiseCell
from bptt.contracts.stand_in import stand_in
from bptt.kernels.step.operations import ALIASES, FILLS, INTO_C, in_place_of
from bptt.kernels.step.staged import DRAWN, MIXING, OPERATIONS, SUMS, Applied, OverUnits
from bptt.registry.author import place_before

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
    """One operation, pointwise unless it `mixes`; `name` is torch's, with its overload."""

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
    draw: "Draw | None" = None
    """What is drawn, if it draws."""

    @property
    def mixes(self) -> bool:
        """Whether a unit of the result hangs on other units of an argument."""
        return self.name in MIXING


class Draw(NamedTuple):
    """A random number of each unit."""

    name: str
    once: bool
    """For all steps."""


class OperationRecorder(TorchDispatchMode):
    """Records every operation on tensors, below autograd."""

    def __init__(self, given: list[Tensor], dtype: torch.dtype, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.products: list[str] = []
        """The block of each call of `product` so far."""
        self.draws: list[Draw] = []
        """What each call of `uniform` or `normal` so far draws."""
        self.reads_training = False
        """Whether the step has asked if it is trained or evaluated."""
        self.block = torch.zeros((), dtype=dtype, requires_grad=True)
        """Stands for all blocks."""
        self._dtype = dtype
        self._name = name
        self._like = torch.zeros(SIZE, dtype=dtype)
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
        """Return the cell with products, means and sums that are recorded."""

        def product(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
            if name not in cell.products:
                # says so
                PointwiseCell.product(cell, name, value)
            self.products.append(name)
            apply: Any = Applied.apply
            result: Tensor = apply(value, self.block, len(self.products) - 1)
            return result

        def over_units(name: str) -> Any:
            def mixed(cell: PointwiseCell, value: Tensor) -> Tensor:
                if value.dtype != self._dtype:
                    raise self._unfit(f"takes the {name} of what is no number")
                apply: Any = OverUnits.apply
                result: Tensor = apply(value, name)
                return result

            return mixed

        def drawn(kind: str) -> Any:
            def numbers(cell: PointwiseCell, name: str, *, once: bool = False) -> Tensor:
                self.draws.append(Draw(name, once))
                draw: Any = getattr(torch.ops.bptt, kind)
                result: Tensor = draw(self._like, len(self.draws) - 1)
                return result

            return numbers

        def training(cell: PointwiseCell) -> bool:
            self.reads_training = True
            return bool(vars(cell)["training"])

        return stand_in(
            cell,
            product=product,
            training=property(training),
            **{name: over_units(name) for name in SUMS},
            **{kind: drawn(kind) for kind in DRAWN},
        )

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
        if unfit := [what for tag, what in UNFIT.items() if tag in func.tags]:
            raise self._unfit(unfit[0])
        if name.startswith("gelu"):
            name = name.replace("default", keywords.get("approximate", "none"))
        result = func(*args, **keywords)
        base = in_place_of(name)
        if name.startswith("bptt.") and (kind := name.split(".")[1]) in DRAWN:
            self._add(kind, (), None, result, draw=self.draws[args[1]])
        elif name in OPERATIONS and self._is_pointwise(result):
            self._add(OPERATIONS[name], (self.known(args[0]),), func, result, numbers=args[1:])
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
                raise self._unfit(f"changes a tensor in place by {name}")
            self._record(base, func if base == name else _function(base), args, keywords, result)
        else:
            raise self._unfit(f"uses {name}, which is not known to be pointwise")
        return result

    def _unfit(self, what: str) -> NotTraceable:
        """Return what to raise, with the author's line that led to this operation."""
        return NotTraceable(f"{self._name}.step {what}{place_before(sys._getframe(1))}")

    def _record(
        self, name: str, func: Any, args: tuple[Any, ...], keywords: dict[str, Any], result: Tensor
    ) -> None:
        if name.startswith("_to_copy") and keywords.get("dtype") not in (self._dtype, torch.bool):
            raise self._unfit(f"converts to {keywords.get('dtype')}")
        # what was left out has a default that C must know
        left_out = func._schema.arguments[len(args) :]
        args = (*args, *(a.default_value for a in left_out if not a.kwarg_only))
        arguments = tuple(self._argument(a) for a in args)
        factor = float(keywords.get("alpha", keywords.get("value", 1.0)))
        self._add(name, arguments, partial(func, **keywords), result, factor)

    def _add(
        self,
        name: str,
        arguments: tuple[Argument, ...],
        function: Any,
        result: Tensor,
        factor: float = 1.0,
        numbers: tuple[int, ...] = (),
        draw: Draw | None = None,
    ) -> None:
        value = self._next("truth" if result.dtype == torch.bool else "real")
        self.operations.append(Operation(name, arguments, value, function, factor, numbers, draw))
        self._remember(result, value)

    def _argument(self, argument: Any) -> Argument:
        if isinstance(argument, Tensor):
            return self.known(argument)
        if argument is None or isinstance(argument, str):
            return None
        if isinstance(argument, bool | int | float):
            return float(argument)
        raise self._unfit(f"passes {argument!r}, which is not a number")

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
