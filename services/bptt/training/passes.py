"""Forward and backward pass of one update: by hand where kernels run all cells, else by autograd.

What torch does for a graph of a dozen nodes takes longer than the kernels of a small network.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.contracts import Batch, Cell, PointwiseCell, State, Task
from bptt.kernels import compiled
from bptt.kernels.compiled import (
    Kept,
    Kernel,
    WholeSequence,
    room_for_norms,
    run_backward,
    run_forward,
)
from bptt.training.model import Forward, Model, mean_loss
from bptt.training.parameters import FlatParameters


class CellPasses:
    """Both passes of one cell's kernel, whose gradients go straight to where they are wanted.

    Args:
        cell: forward cell of a layer.
        views: where the gradient of each of its parameters goes.
        gradient_norms: have the backward pass measure the gradient to every state.
    """

    def __init__(
        self, cell: PointwiseCell, views: Mapping[int, Tensor], gradient_norms: bool
    ) -> None:
        self.cell = cell
        self._weights = compiled.weights(cell)
        # what has no elements is no parameter of the run
        self._views = [views.get(id(w), w.detach()) for w in self._weights]
        self._gradient_norms = gradient_norms
        self._zeros: State = ()

    def zeros(self, batch_size: int) -> State:
        """Return the state before the first step."""
        if type(self.cell).initial_state is not Cell.initial_state:
            return self.cell.initial_state(batch_size)
        if not self._zeros or len(self._zeros[0]) != batch_size:
            self._zeros = self.cell.initial_state(batch_size)
        return self._zeros

    def forward(
        self, kernel: Kernel, x: Tensor, initial: State, batch: Batch, truncation: int | None
    ) -> tuple[WholeSequence, Kept]:
        """Return what the cell does over (time, batch, features), and what the way back needs."""
        initial = tuple(s.expand(x.shape[1], self.cell.hidden_size) for s in initial)
        limits = (self.cell.biases, truncation or 0)
        tensors = (*self._weights, *initial)
        found, kept = run_forward(kernel, limits, batch.lengths, x, tensors, saves=True)
        norms = room_for_norms(kernel, x) if self._gradient_norms else torch.empty(0)
        count = kernel.states
        return WholeSequence(x, initial, found[:count], found[count:], norms), kept

    def backward(
        self,
        kernel: Kernel,
        whole: WholeSequence,
        kept: Kept,
        gradients: tuple[Tensor | None, Tensor | None],
        to_inputs: Tensor | None,
    ) -> None:
        """Fill in the gradients to the parameters, and to the inputs if they are wanted.

        Args:
            kernel: of the cell.
            whole: what the forward pass returned.
            kept: what the forward pass kept.
            gradients: to the outputs, (time, batch, hidden), and to the last one alone,
                (batch, hidden); None: zeros.
            to_inputs: (time, batch, features) to be filled.
        """
        others = [None] * (kernel.states - 1)
        found = [*self._views, *(torch.empty_like(s) for s in whole.initial)]
        given = [gradients[0], *others, gradients[1], *others]
        run_backward(kernel, kept, whole.norms, given, found, to_inputs)


class Passes:
    """Both passes of a model over a batch.

    Args:
        model: the run's.
        parameters: of the model; their gradients go there.
        task: whose loss it is.
        gradient_norms: have the backward pass measure the gradient to every state.
    """

    def __init__(
        self, model: Model, parameters: FlatParameters, task: Task, gradient_norms: bool
    ) -> None:
        self._model = model
        self._parameters = parameters
        self._task = task
        views = {id(p): parameters.views[name] for name, p in parameters.named.items()}
        layers = [layer.by_direction() for layer in model.stack.each_layer()]
        cells = [layer["forward"] for layer in layers if len(layer) == 1]
        own = [cell for cell in cells if isinstance(cell, PointwiseCell)]
        known = [model.read_out.weight, model.read_out.bias]
        known += [] if model.embedding is None else [model.embedding.weight]
        known += [weight for cell in own for weight in compiled.weights(cell)]
        self._cells: list[CellPasses] = []
        if (
            len(own) == len(layers)
            and model.stack.skip == "none"
            and views.keys() <= {id(weight) for weight in known}
        ):
            self._cells = [CellPasses(cell, views, gradient_norms) for cell in own]

    def run(self, batch: Batch, initial: list[State] | None) -> tuple[Forward, Tensor]:
        """Return what the model did and its loss; the gradients lie in the flat parameters.

        Args:
            batch: to train on.
            initial: state of each layer before the first step; None: zeros.
        """
        kernels = self._kernels()
        if kernels:
            with torch.no_grad():
                return self._by_hand(kernels, batch, initial)
        forward = self._model(batch, initial)
        loss = mean_loss(self._task, forward.outputs, batch)
        named = self._parameters.named
        found = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
        self._parameters.set_gradients(dict(zip(named, found, strict=True)))
        return forward, loss.detach()

    def _kernels(self) -> list[Kernel]:
        """Return the kernel of each layer; none if a layer has none, or autograd is listened to."""
        if any(parameter._backward_hooks for parameter in self._parameters.named.values()):
            return []
        dtype = self._parameters.flat.dtype
        found = []
        for layer, passes in zip(self._model.stack.each_layer(), self._cells, strict=False):
            kernel = layer.runners[0].kernel(passes.cell, dtype)
            if kernel is None:
                return []
            found.append(kernel)
        return found

    def _by_hand(
        self, kernels: list[Kernel], batch: Batch, initial: list[State] | None
    ) -> tuple[Forward, Tensor]:
        embedding, read_out = self._model.embedding, self._model.read_out
        x = batch.inputs
        x = F.embedding(x, embedding.weight) if embedding else x.to(read_out.weight.dtype)
        did: list[tuple[WholeSequence, Kept]] = []
        for number, (cell, kernel) in enumerate(zip(self._cells, kernels, strict=True)):
            start = initial[number] if initial else cell.zeros(x.shape[1])
            did.append(cell.forward(kernel, x, start, batch, self._model.truncation))
            x = did[-1][0].outputs
        every = self._task.reads == "every"
        read = x.flatten(end_dim=1) if every else did[-1][0].final[0]
        outputs = torch.addmm(read_out.bias, read, read_out.weight.mT)
        if every:
            outputs = outputs.view(*x.shape[:2], -1)
        loss, gradient = self._loss(outputs, batch)
        back = self._back_to_cells(gradient, read)
        gradients: tuple[Tensor | None, Tensor | None] = (None, back)
        if every:
            gradients = (back.view(*x.shape[:2], -1), None)
        for cell, kernel, (whole, kept) in reversed(
            list(zip(self._cells, kernels, did, strict=True))
        ):
            wanted = cell is not self._cells[0] or embedding
            to_inputs = torch.empty(whole.inputs.shape, dtype=x.dtype) if wanted else None
            cell.backward(kernel, whole, kept, gradients, to_inputs)
            gradients = (to_inputs, None)
        if embedding:
            self._parameters.views["embedding.weight"].copy_(
                torch.ops.aten.embedding_dense_backward(
                    gradients[0], batch.inputs, embedding.num_embeddings, -1, False
                )
            )
        return Forward(outputs, [{"forward": whole} for whole, _ in did]), loss

    def _loss(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient to the outputs: the part that only the task knows."""
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            loss = mean_loss(self._task, leaf, batch)
            (gradient,) = torch.autograd.grad(loss, [leaf], materialize_grads=True)
        return loss.detach(), gradient

    def _back_to_cells(self, gradient: Tensor, read: Tensor) -> Tensor:
        """Take the gradient to the outputs through the read-out, whose own it fills in."""
        views, flat = self._parameters.views, gradient.flatten(end_dim=-2)
        torch.mm(flat.mT, read, out=views["read_out.weight"])
        torch.sum(flat, 0, out=views["read_out.bias"])
        return flat @ self._model.read_out.weight
