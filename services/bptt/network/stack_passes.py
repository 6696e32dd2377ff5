"""Both passes of all layers by hand: one or two directions, with or without skip connections."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bptt.contracts import PointwiseCell, State
from bptt.kernels import Unrolled
from bptt.kernels.compiled.call import WholeSequence
from bptt.kernels.compiled.kernel import Kernel
from bptt.network.carries import Carry, Ends
from bptt.network.cell_passes import CellPasses
from bptt.network.layers import Layer, Stack, reverse


class LayerPasses:
    """Both passes of one layer.

    Args:
        layer: whose cells are all run by kernels.
        views: where the gradient of every parameter goes, by its identity.
        gradient_norms: have the backward pass measure the gradient to every state.
    """

    def __init__(self, layer: Layer, views: Mapping[int, Tensor], gradient_norms: bool) -> None:
        self._layer = layer
        self._cells = {
            direction: CellPasses(cell, views, gradient_norms)
            for direction, cell in layer.by_direction().items()
            if isinstance(cell, PointwiseCell)
        }
        (self._first, *self._others) = self._cells.values()
        self._lengths: Tensor | None = None
        self.did: dict[str, WholeSequence] = {}
        """What each direction's cell did, in the last pass."""

    def kernels(self, dtype: torch.dtype) -> list[Kernel]:
        """Return the kernel of each direction; none if one has none."""
        found = []
        for passes, runner in zip(self._cells.values(), self._layer.runners, strict=True):
            if (kernel := runner.kernel(passes.cell, dtype)) is None:
                return []
            found.append(kernel)
        return found

    def forward(
        self,
        kernels: Sequence[Kernel],
        x: Tensor,
        initial: State | None,
        lengths: Tensor | None,
        truncation: int | None,
    ) -> None:
        """Run every direction's cell; see `Layer.forward`."""
        self._lengths = lengths
        first = self._first.forward(kernels[0], x, initial, lengths, truncation)
        self.did = {"forward": first}
        for passes, kernel in zip(self._others, kernels[1:], strict=True):
            read = reverse(x, lengths)
            self.did["backward"] = passes.forward(kernel, read, None, lengths, truncation)

    def outputs(self) -> Tensor:
        """Return (time, batch, directions * hidden)."""
        forward = self.did["forward"].outputs
        if not self._others:
            return forward
        return torch.cat([forward, reverse(self.did["backward"].outputs, self._lengths)], dim=-1)

    def final(self) -> Tensor:
        """Return each direction's last output, (batch, directions * hidden)."""
        found = [did.final[0] for did in self.did.values()]
        return torch.cat(found, dim=-1) if len(found) > 1 else found[0]

    def backward(self, to_y: Tensor | None, to_final: Tensor | None, wanted: bool) -> Tensor:
        """Fill in the gradients of the parameters; return those to the inputs.

        Args:
            to_y: of all outputs, (time, batch, directions * hidden); None: zeros.
            to_final: of what `final` returns; None: zeros.
            wanted: whether those to the inputs are wanted.

        Returns:
            (time, batch, features), which may be written to; empty if not wanted.
        """
        if not self._others:
            return self._first.backward(to_y, to_final, wanted)
        to_inputs: list[Tensor] = []
        for number, passes in enumerate((self._first, *self._others)):
            y = None if to_y is None else to_y.chunk(2, dim=-1)[number]
            final = None if to_final is None else to_final.chunk(2, dim=-1)[number]
            if number and y is not None:
                y = reverse(y, self._lengths)
            to_inputs.append(passes.backward(y, final, wanted))
        first, last = to_inputs
        return first.add_(reverse(last, self._lengths)) if wanted else first


class StackPasses:
    """Both passes of a stack of layers; see `Stack`.

    Args:
        stack: whose cells are all run by kernels.
        views: where the gradient of every parameter goes, by its identity.
        gradient_norms: have the backward pass measure the gradient to every state.
        every: whether the read-out reads every step, not the last one alone.
    """

    def __init__(
        self, stack: Stack, views: Mapping[int, Tensor], gradient_norms: bool, every: bool
    ) -> None:
        self._layers = [LayerPasses(layer, views, gradient_norms) for layer in stack.each_layer()]
        self._carries = {int(n): Carry(one, views) for n, one in stack.named_carries()}
        self._skip, self._every = stack.skip, every
        self._adds: list[bool] = []
        self._both = any(len(layer.by_direction()) > 1 for layer in stack.each_layer())
        self._ends = Ends(None, self._both)
        self._is_uneven = False

    def kernels(self, dtype: torch.dtype) -> list[list[Kernel]]:
        """Return the kernels of each layer; none if a cell has none."""
        found = [layer.kernels(dtype) for layer in self._layers]
        return found if all(found) else []

    def did(self) -> list[dict[str, Unrolled]]:
        """Return what each layer's cells did in the last forward pass, by direction."""
        return [dict(layer.did) for layer in self._layers]

    def forward(
        self,
        kernels: Sequence[Sequence[Kernel]],
        x: Tensor,
        initial: Sequence[State] | None,
        lengths: Tensor | None,
        truncation: int | None,
    ) -> list[Tensor]:
        """Return what the read-out sees, side by side.

        Returns:
            (time, batch, width) each, or (batch, width) if it reads the last step alone.
        """
        self._is_uneven = lengths is not None
        self._ends = Ends(lengths, self._both)
        self._adds = []
        outputs: list[Tensor] = []
        for number, layer in enumerate(self._layers):
            read = torch.cat([x, *outputs], dim=-1) if self._skip == "dense" and outputs else x
            start = initial[number] if initial else None
            layer.forward(kernels[number], read, start, lengths, truncation)
            ends = self._is_at_its_ends(number)
            y = layer.final() if ends else layer.outputs()
            if self._skip == "dense":
                outputs.append(y)
                continue
            self._adds.append(self._skip == "residual" and y.shape[-1] == x.shape[-1])
            if self._adds[-1]:
                y = (self._ends.of(x) if ends else x) + y
            elif number in self._carries:
                y = self._carries[number].forward(self._ends.of(x) if ends else x, y)
            x = y
        if self._skip != "dense":
            is_whole = not self._every and not self._is_at_its_ends(len(self._layers) - 1)
            return [self._ends.of(x) if is_whole else x]
        return outputs if self._every else [layer.final() for layer in self._layers]

    def backward(self, gradients: Sequence[Tensor], wanted: bool) -> Tensor:
        """Fill in the gradients of the parameters; return those to x.

        Args:
            gradients: of what `forward` returned.
            wanted: whether those to x are wanted.

        Returns:
            (time, batch, features), valid until the next pass; empty if not wanted.
        """
        if self._skip == "dense":
            return self._dense(gradients, wanted)
        (gradient,) = gradients
        for number in reversed(range(len(self._layers))):
            ends = self._is_at_its_ends(number)
            if number == len(self._layers) - 1 and not (ends or self._every):
                gradient = self._spread(number, gradient)
            past = gradient if self._adds[number] else None
            if number in self._carries:
                past, gradient = self._carries[number].backward(gradient)
            needed = wanted or number > 0
            gradient = self._through(number, gradient, ends, needed)
            if past is not None and needed:
                gradient = self._ends.add_to(gradient, past) if ends else gradient.add_(past)
        return gradient

    def _is_at_its_ends(self, number: int) -> bool:
        """Say whether a layer's output is known at its ends alone, where it is read."""
        if self._every or number < len(self._layers) - 1:
            return False
        # a highway connection mixes both directions, which end at different steps
        return number not in self._carries or not self._both

    def _through(self, number: int, gradient: Tensor, ends: bool, wanted: bool) -> Tensor:
        layer = self._layers[number]
        if not ends:
            return layer.backward(gradient, None, wanted)
        if not (self._is_uneven and self._skip != "none"):
            return layer.backward(None, gradient, wanted)
        # what follows the end of a sequence is no part of what a skip connection reads
        return layer.backward(self._spread(number, gradient), None, wanted)

    def _spread(self, number: int, ends: Tensor) -> Tensor:
        steps = self._layers[number].did["forward"].outputs.shape[0]
        return self._ends.add_to(ends.new_zeros(steps, *ends.shape), ends)

    def _dense(self, gradients: Sequence[Tensor], wanted: bool) -> Tensor:
        count, width = len(self._layers), gradients[0].shape[-1]
        to_y: list[Tensor | None] = [None] * count
        to_final: list[Tensor | None] = [None] * count
        for number, gradient in enumerate(gradients):
            if self._every:
                to_y[number] = gradient
            elif self._is_uneven:
                to_y[number] = self._spread(number, gradient)
            else:
                to_final[number] = gradient
        to_x = torch.empty(0)
        for number in reversed(range(count)):
            needed = wanted or number > 0
            to_read = self._layers[number].backward(to_y[number], to_final[number], needed)
            if not needed:
                break
            features = to_read.shape[-1] - number * width
            if wanted:
                to_x = to_x + to_read[..., :features] if len(to_x) else to_read[..., :features]
            for lower in range(number):
                part = to_read[..., features + lower * width :][..., :width]
                known = to_y[lower]
                to_y[lower] = part if known is None else known + part
        return to_x
