"""Recurrent layers: one or two directions, stacked, with or without skip connections."""

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from bptt.contracts import Cell, State
from bptt.kernels import Runner, Unrolled

DIRECTIONS = ("forward", "backward")


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse (time, batch, ...) along time, each sequence within its valid steps only."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(x.shape[0]).unsqueeze(1)
    index = torch.where(t < lengths, lengths - 1 - t, t)
    return x[index, torch.arange(x.shape[1])]


class Layer(nn.Module):
    """One cell, or one per direction, over a sequence."""

    def __init__(self, cells: list[Cell]) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.run_by("autograd")

    def run_by(self, backend: str, gradient_norms: bool = False) -> None:
        """Make a backend run the cells; see `kernels.Runner`.

        Args:
            backend: as `BPTT_BACKEND`.
            gradient_norms: make each backward pass measure the gradient with respect to every
            state.
        """
        self.runners = [Runner(backend) for _ in self.cells]
        self._gradient_norms = gradient_norms

    def by_direction(self) -> dict[str, Cell]:
        """Return the cell of each direction."""
        return dict(zip(DIRECTIONS, cast(Iterable[Cell], self.cells), strict=False))

    def forward(
        self, x: Tensor, initial: State | None, lengths: Tensor | None, truncation: int | None
    ) -> tuple[Tensor, dict[str, Unrolled]]:
        """Return (time, batch, directions * hidden) and what each direction's cell did.

        The backward direction reads the sequence from its last valid step; its `Unrolled` counts
        t in reading order.
        """
        outputs: list[Tensor] = []
        unrolled: dict[str, Unrolled] = {}
        pairs = zip(self.by_direction().items(), self.runners, strict=True)
        for (direction, cell), runner in pairs:
            forward = direction == "forward"
            read = x if forward else reverse(x, lengths)
            start = initial if forward and initial else cell.initial_state(x.shape[1])
            result = runner.unroll(cell, read, start, lengths, truncation, self._gradient_norms)
            outputs.append(result.outputs if forward else reverse(result.outputs, lengths))
            unrolled[direction] = result
        return torch.cat(outputs, dim=-1) if len(outputs) > 1 else outputs[0], unrolled


class Stack(nn.Module):
    """Layers on top of each other.

    Args:
        make_cell: input size -> a new cell.
        input_size: features of the input.
        hidden_size: features of each state.
        layers: how many.
        bidirectional: two cells per layer; a layer's output is their outputs side by side.
        skip: how the input x of a layer reaches its output y past F, the cell over time:
            `none` y = F; `residual` y = x + F (He 2016); `highway` y = T F + (1 - T) x with
            T = sigmoid(W x + b) (Srivastava 2015); `dense`: each layer reads the input and all
            outputs before it, the read-out all outputs (Huang 2017). `residual` and `highway`
            apply to every layer whose input and output are equally wide.
        highway_bias: initial b; a negative one carries the input.

    Raises:
        ValueError: the skip connection has no layer to apply to.
    """

    def __init__(
        self,
        make_cell: Callable[[int], Cell],
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        skip: str = "none",
        highway_bias: float = -2.0,
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        width = directions * hidden_size
        self.skip = skip
        self.layers = nn.ModuleList()
        self.carries = nn.ModuleDict()
        size = input_size
        for number in range(layers):
            self.layers.append(Layer([make_cell(size) for _ in range(directions)]))
            if skip == "highway" and size == width:
                carry = nn.Linear(width, width)
                nn.init.constant_(carry.bias, highway_bias)
                self.carries[str(number)] = carry
            size = size + width if skip == "dense" else width
        self.output_size = layers * width if skip == "dense" else width
        if skip != "none" and layers == 1 and (skip == "dense" or input_size != width):
            raise ValueError(
                f"skip: {skip} needs at least 2 layers, or an input as wide as the layer "
                f"({width}); got 1 layer and an input of {input_size}"
            )

    def named_carries(self) -> Iterable[tuple[str, nn.Linear]]:
        """Return the highway connection of each layer that has one, by the layer's number."""
        return cast(Iterable[tuple[str, nn.Linear]], self.carries.items())

    def each_layer(self) -> Iterable[Layer]:
        """Return the layers from the input up."""
        return cast(Iterable[Layer], self.layers)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        initial: list[State] | None = None,
        truncation: int | None = None,
    ) -> tuple[list[Tensor], list[dict[str, Unrolled]]]:
        """Return the outputs the read-out sees, (time, batch, width) each, and every `Unrolled`.

        Args:
            x: (time, batch, features).
            lengths: (batch,) valid steps, or None.
            initial: state of each layer's forward cell before the first step; None: zeros.
            truncation: see `kernels.windows.begins_at`; each direction counts from where it ends.
        """
        outputs: list[Tensor] = []
        unrolled: list[dict[str, Unrolled]] = []
        for number, layer in enumerate(self.each_layer()):
            read = torch.cat([x, *outputs], dim=-1) if self.skip == "dense" and outputs else x
            start = initial[number] if initial else None
            y, result = layer(read, start, lengths, truncation)
            unrolled.append(result)
            if self.skip == "dense":
                outputs.append(y)
                continue
            if self.skip == "residual" and y.shape == x.shape:
                y = x + y
            elif str(number) in self.carries:
                gate = torch.sigmoid(self.carries[str(number)](x))
                y = gate * y + (1 - gate) * x
            x = y
        return outputs or [x], unrolled
