"""`PointwiseCell`: a cell written as its equations, which the framework can also compile."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bptt.contracts.cell import State
from bptt.contracts.mapped import MappedCell
from bptt.contracts.stand_in import stand_in
from bptt.errors import ContractViolation


class PointwiseCell(MappedCell):
    """A cell whose step is pointwise, given linear maps of its input and its state.

    A subclass declares `states`, `preactivations`, `gates`, `products` and `vectors` and writes
    `step`. The framework owns weights, initialisation, the matrix products, the derivative and the
    statistics.
    """

    @abstractmethod
    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Return the new state(s) from preactivations, states and vectors, passed by name.

        Pointwise torch operations, `self.product`, `self.mean`, `self.sum`, `self.uniform` and
        `self.normal` only; every argument broadcasts to (..., hidden). A cell with one state
        returns the tensor, one with several a tuple in the order of `states`.
        """

    def product(
        self, name: str, value: Float[Tensor, "*axes hidden"]
    ) -> Float[Tensor, "*axes hidden"]:
        """Return `value` times the block `name` of `products`: for `step` to call.

        It stands where the equation has it, after a gate or of any state: in Cho's GRU,
        `self.product("n", r * h)`. One block may be used several times in a step.

        Raises:
            ContractViolation: there is no such block.
        """
        if name not in self.products:
            raise ContractViolation(
                f"{type(self).__name__}.step uses the product {name!r}, which must be one of "
                f"`products`: {', '.join(self.products) or 'none are declared'}."
            )
        start = self.products.index(name) * self.hidden_size
        _, blocks = self.used_weights()
        assert blocks is not None
        return value @ blocks[:, start : start + self.hidden_size]

    def mean(self, value: Float[Tensor, "*axes hidden"]) -> Float[Tensor, "*axes hidden"]:
        """Return the mean of `value` over the units, given to all of them: for `step` to call.

        A layer normalisation is `v = v - self.mean(v)`, then
        `v * torch.rsqrt(self.mean(v * v) + 1e-5)`.
        """
        return value.mean(-1, keepdim=True).expand_as(value)

    def sum(self, value: Float[Tensor, "*axes hidden"]) -> Float[Tensor, "*axes hidden"]:
        """Return the sum of `value` over the units, given to all of them: for `step` to call."""
        return value.sum(-1, keepdim=True).expand_as(value)

    def uniform(self, name: str, *, once: bool = False) -> Float[Tensor, "*axes hidden"]:
        """Return random numbers in [0, 1), one for each unit and sequence: for `step` to call.

        They are a function of the run's seed, the update, the step, the layer, the direction, the
        unit, the sequence and `name`, the same whichever backend runs the cell, and multiples of
        2^-24. An evaluation draws the same numbers every time, if it draws any: a step that is to
        do something else then looks at `self.training`.

        Args:
            name: the same name gives the same numbers in a step, another one others.
            once: the same numbers at all steps of a sequence.
        """
        return self.draws.uniform(name, once)

    def normal(self, name: str, *, once: bool = False) -> Float[Tensor, "*axes hidden"]:
        """Return random numbers of N(0, 1), otherwise as `uniform`; its names are others."""
        return self.draws.normal(name, once)

    def gate(
        self, name: str, value: Float[Tensor, "*axes hidden"]
    ) -> Float[Tensor, "*axes hidden"]:
        """Return `value`, and note that it is what the gate `name` is: for `step` to call.

        Of a gate that is not noted, the value is the logistic of its preactivation.
        """
        return value

    def forward(self, x_t: Float[Tensor, "... input"], state: State) -> State:
        return self.advance(self.project_input(x_t), state)

    def advance(self, projected: Float[Tensor, "... by_input"], state: State) -> State:
        """Advance one step from an already projected input (batch, P_x * hidden)."""
        return self.apply_step(self.preactivate(projected, state[0]), state)

    def apply_step(
        self, preactivations: Mapping[str, Float[Tensor, "... hidden"]], state: State
    ) -> State:
        """Call `step` with everything by name and return the new state as a tuple."""
        named = dict(zip(self.states, state, strict=True))
        self.draws.begin(state[0])
        try:
            new = self.step(**preactivations, **named, **dict(self.vector.items()))
        finally:
            self.draws.end()
        if isinstance(new, Tensor):
            return (new,)
        if not isinstance(new, tuple | list):
            raise ContractViolation(
                f"{type(self).__name__}.step must return one tensor for each of {self.states}, "
                f"got {type(new).__name__}."
            )
        return tuple(new)

    def gate_values(
        self, x_t: Float[Tensor, "... input"], state: State
    ) -> dict[str, Float[Tensor, "... hidden"]]:
        """Return what `step` notes of each gate, else the logistic of its preactivation."""
        values = self.preactivate(self.project_input(x_t), state[0])
        noted: dict[str, Tensor] = {}

        def gate(cell: PointwiseCell, name: str, value: Tensor) -> Tensor:
            noted[name] = value
            return value

        if self.gates:
            stand_in(self, gate=gate).apply_step(values, state)
        return {
            name: noted[name].expand_as(state[0]) if name in noted else torch.sigmoid(values[name])
            for name in self.gates
        }
