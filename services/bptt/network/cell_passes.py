"""Both passes of one cell's kernel in an update by hand."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.kernels.compiled.call import WholeSequence
from bptt.kernels.compiled.kernel import Kernel, weights
from bptt.kernels.compiled.repeated import Repeated, Shape
from bptt.network.made_weights import MadeWeights


class CellPasses:
    """Both passes of one cell's kernel, whose gradients go straight to where they are needed.

    Args:
        cell: of a layer.
        views: where the gradient of each of its parameters goes.
        gradient_norms: have the backward pass measure the gradient to every state.
    """

    def __init__(
        self, cell: PointwiseCell, views: Mapping[int, Tensor], gradient_norms: bool
    ) -> None:
        self.cell = cell
        # a tensor without elements is not a parameter of the run
        self._views = [views.get(id(w), w.detach()) for w in weights(cell)]
        self._own = list(weights(cell))
        self._made: MadeWeights | None = None
        if type(cell).recurrent is not PointwiseCell.recurrent:
            self._made = MadeWeights(cell, self._own, self._views, views)
        self._gradient_norms = gradient_norms
        self._shape: Shape | None = None
        self._zeros: State = ()
        self._has_own_start = type(cell).initial_state is not Cell.initial_state
        self._repeated: Repeated

    def forward(
        self,
        kernel: Kernel,
        x: Tensor,
        initial: State | None,
        lengths: Tensor | None,
        truncation: int | None,
    ) -> WholeSequence:
        """Return what the cell does over (time, batch, features); see `Repeated` for how long."""
        strides = x.stride()
        if strides[-1] != 1:
            x = x.contiguous()
            strides = x.stride()
        shape = Shape(kernel, x.shape, strides, x.dtype, truncation)
        if shape != self._shape:
            own, views = self._own, self._views
            if self._made:
                own, views = self._made.weights, self._made.gradients
            biases = self.cell.biases
            self._repeated = Repeated(shape, biases, own, views, self._gradient_norms)
            self._shape = shape
            self._zeros = self._laid_out(self.cell.initial_state(x.shape[1]), x.shape[1])
        if self._made:
            self._made.make()
        where = self.cell.draws.where if kernel.draws else None
        if initial is None and not self._has_own_start:
            return self._repeated.forward(x, self._zeros, lengths, where)
        if initial is None:
            initial = self.cell.initial_state(x.shape[1])
        return self._repeated.forward(x, self._laid_out(initial, x.shape[1]), lengths, where)

    def _laid_out(self, states: State, batch: int) -> State:
        """Return states as a kernel reads them."""
        size = (batch, self.cell.hidden_size)
        return tuple(s if s.is_contiguous() else s.expand(size).contiguous() for s in states)

    def backward(
        self, to_outputs: Tensor | None, to_final: Tensor | None, wants_inputs: bool
    ) -> Tensor:
        """Fill in the gradients of the parameters; see `Repeated.backward`."""
        to_inputs = self._repeated.backward(to_outputs, to_final, wants_inputs)
        if self._made:
            self._made.give_back()
        return to_inputs


def with_gradients(cell: PointwiseCell) -> Iterable[Tensor]:
    """Return the parameters whose gradients the passes of a cell give."""
    # recurrent weights may be made of any of them
    made = type(cell).recurrent is not PointwiseCell.recurrent
    return cell.parameters() if made else weights(cell)
