"""`MappedCell`: linear maps of a cell's input and of its state, and their weights."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor, nn

from bptt.contracts import initialisation
from bptt.contracts.cell import Cell
from bptt.contracts.draws import Draws

Source = Literal["x", "h", "x+h"]


class MappedCell(Cell):
    """A cell with linear maps of its input and its state; a subclass says what is made of them.

    Weights are stored so that `x @ input_weight` and `h @ recurrent_weight` need no transpose:
    `input_weight` (input, P_x * hidden), `recurrent_weight` (hidden, P_h * hidden), where P_x and
    P_h count the preactivations fed by the input and by the state, in the order in which they are
    declared; likewise `product_weight` (hidden, N * hidden) for N products.

    Args:
        recurrent_init: each recurrent block: `uniform` U(+-1/sqrt(hidden)) as torch,
            `gaussian` N(0, 1/hidden), `orthogonal`, or `identity`.
        recurrent_gain: factor on each recurrent block.
        spectral_radius: rescale each recurrent block to this spectral radius.
        input_std: draw the input weights from N(0, input_std^2) instead of U(+-1/sqrt(hidden)).
        forget_bias: bias of every gate with role `keep` (LSTM's forget gate: Gers 2000,
            Jozefowicz 2015; GRU's update gate), or `chrono`: log U(1, horizon - 1), and its
            negative for every gate with role `write` (Tallec & Ollivier 2018). In a cell without a
            `keep` gate, what is not written is kept: a `write` gate gets the negative bias.
        biases: trainable biases per preactivation fed by both input and state: 0, 1, or 2 as
            torch has them (two biases double the step of their sum under Adam).
    """

    preactivations: ClassVar[Mapping[str, Source]]
    """Linear maps the framework provides: name -> fed by the input, the state's output, or both."""

    vectors: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Trainable vectors (hidden,): name -> bounds of its uniform initialisation."""

    products: ClassVar[tuple[str, ...]] = ()
    """Further recurrent blocks, which `step` multiplies with by `self.product(name, value)`."""

    product_weight: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        recurrent_init: Literal["uniform", "gaussian", "orthogonal", "identity"] = "uniform",
        recurrent_gain: Annotated[float, Ge(1e-6), Le(1e6)] = 1.0,
        spectral_radius: Annotated[float, Ge(1e-6), Le(1e6)] | None = None,
        input_std: Annotated[float, Ge(1e-6), Le(1e6)] | None = None,
        forget_bias: Annotated[float, Ge(-100), Le(100)] | Literal["chrono"] | None = None,
        biases: Literal[0, 1, 2] = 1,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.draws = Draws()
        """Where `uniform` and `normal` of a step draw, which a run says anew for every update."""
        self.recurrent_init = recurrent_init
        self.recurrent_gain = recurrent_gain
        self.spectral_radius = spectral_radius
        self.input_std = input_std
        self.forget_bias = forget_bias
        self.biases = biases
        if forget_bias is not None and not {"keep", "write"} & set(self.gates.values()):
            raise ValueError(
                "forget_bias needs a gate with role 'keep' or 'write', and this cell has none"
            )
        if forget_bias is not None and biases == 0:
            raise ValueError("forget_bias needs a bias, got biases = 0")

        fed = self.preactivations.items()
        self.input_fed = tuple(name for name, source in fed if "x" in source)
        self.state_fed = tuple(name for name, source in fed if "h" in source)
        self._refuse_without_state()
        alone = tuple(name for name in self.state_fed if name not in self.input_fed)
        self.input_biased = self.input_fed if biases else ()
        self.state_biased = {0: (), 1: alone, 2: self.state_fed}[biases]
        width = hidden_size
        self.input_weight = nn.Parameter(torch.empty(input_size, len(self.input_fed) * width))
        self.recurrent_weight = nn.Parameter(torch.empty(width, len(self.state_fed) * width))
        # no parameter without products, so that cells without them keep their checkpoints
        blocks = nn.Parameter(torch.empty(width, len(self.products) * width))
        self.register_parameter("product_weight", blocks if self.products else None)
        self.input_bias = nn.Parameter(torch.empty(len(self.input_biased) * width))
        self.recurrent_bias = nn.Parameter(torch.empty(len(self.state_biased) * width))
        self.vector = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(width)) for name in self.vectors}
        )
        self.reset_parameters(horizon=2)

    def _refuse_without_state(self) -> None:
        """Reject options about recurrent weights if there are none.

        Raises:
            ValueError: one was given, and no state is multiplied with a matrix.
        """
        given = {
            "recurrent_init": self.recurrent_init != "uniform",
            "recurrent_gain": self.recurrent_gain != 1.0,
            "spectral_radius": self.spectral_radius is not None,
        }
        for option, is_given in given.items():
            if is_given and not (self.state_fed or self.products):
                raise ValueError(f"{option} needs recurrent weights, and this cell has none")
        if self.biases == 2 and not self.state_fed:
            raise ValueError("biases must be 0 or 1 for a cell without recurrent weights, got 2")

    def declare(self, **declared: Any) -> None:
        """Declare for this cell what its options decide, before `super().__init__` is called.

        Args:
            declared: `states`, `preactivations`, `gates`, `vectors` or `products`.
        """
        vars(self).update(declared)

    def recurrent(
        self, name: str, block: Float[Tensor, "hidden hidden"]
    ) -> Float[Tensor, "hidden hidden"]:
        """Return the recurrent block `name` as steps use it, made of the one that is stored.

        To be overridden by a cell whose recurrent matrix is a function of parameters, such as
        W - W^T. It is called once for all steps of a pass, gradients go back through it, and the
        spectra that a run measures are those of what it returns.
        """
        return block

    def used_weights(
        self,
    ) -> tuple[Float[Tensor, "hidden by_state"], Float[Tensor, "hidden by_product"] | None]:
        """Return `recurrent_weight` and `product_weight` as steps use them; see `recurrent`."""
        if type(self).recurrent is MappedCell.recurrent:
            return self.recurrent_weight, self.product_weight
        made = {name: self.recurrent(name, block) for name, block in self.stored_blocks().items()}
        packed: list[Tensor | None] = [self.recurrent_weight, self.product_weight]
        for number, names in enumerate((self.state_fed, self.products)):
            if names:
                packed[number] = torch.cat([made[name] for name in names], dim=-1)
        of_state, of_products = packed
        assert of_state is not None
        return of_state, of_products

    def stored_blocks(self) -> dict[str, Float[Tensor, "hidden hidden"]]:
        """Return the parameter of each recurrent block, those of `products` last."""
        blocks = self.split(self.recurrent_weight, self.state_fed)
        if self.product_weight is not None:
            blocks |= self.split(self.product_weight, self.products)
        return blocks

    def project_input(self, x: Float[Tensor, "*axes input"]) -> Float[Tensor, "*axes by_input"]:
        """Map inputs (..., input) to the input-fed preactivations (..., P_x * hidden)."""
        return x @ self.input_weight + self.input_bias if self.biases else x @ self.input_weight

    def preactivate(
        self, projected: Float[Tensor, "... by_input"], h: Float[Tensor, "... hidden"]
    ) -> dict[str, Float[Tensor, "... hidden"]]:
        """Return every preactivation (batch, hidden), given the output `h` of the last step."""
        from_input = self.split(projected, self.input_fed)
        if not self.state_fed:
            return from_input
        from_state = self.split(h @ self.used_weights()[0], self.state_fed)
        for name, bias in self.split(self.recurrent_bias, self.state_biased).items():
            from_state[name] = from_state[name] + bias
        both = {**from_input, **from_state}
        for name in self.state_fed:
            if name in from_input:
                both[name] = from_input[name] + from_state[name]
        return both

    @property
    def recurrent_weights(self) -> Mapping[str, Float[Tensor, "hidden hidden"]]:
        """The blocks that steps use: of preactivations that the state feeds, then of `products`."""
        of_state, of_products = self.used_weights()
        blocks = self.split(of_state, self.state_fed)
        return blocks if of_products is None else blocks | self.split(of_products, self.products)

    def reset_parameters(self, horizon: int) -> None:
        bound = self.hidden_size**-0.5
        with torch.no_grad():
            if self.input_std is None:
                self.input_weight.uniform_(-bound, bound)
            else:
                self.input_weight.normal_(0.0, self.input_std)
            for block in self.stored_blocks().values():
                initialisation.fill_recurrent(
                    block, self.recurrent_init, self.recurrent_gain, self.spectral_radius
                )
            self.input_bias.uniform_(-bound, bound)
            self.recurrent_bias.uniform_(-bound, bound)
            for name, (low, high) in self.vectors.items():
                self.vector[name].uniform_(low, high)
            if self.forget_bias is not None:
                biases = (
                    self.split(self.input_bias, self.input_biased),
                    self.split(self.recurrent_bias, self.state_biased),
                )
                keeping = initialisation.gate_bias(self.forget_bias, self.hidden_size, horizon)
                initialisation.bias_gates(self.gates, biases, keeping, self.forget_bias == "chrono")

    def split(
        self, packed: Float[Tensor, "*axes packed"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "*axes hidden"]]:
        """Split the last axis of `packed` into one view of width `hidden` per name."""
        if not names:
            return {}
        return dict(zip(names, packed.split(self.hidden_size, dim=-1), strict=True))
