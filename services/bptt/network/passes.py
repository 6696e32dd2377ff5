"""Forward and backward pass of one update: by hand if kernels run all cells, else by autograd.

Torch's overhead for a graph of a dozen nodes exceeds the kernels' time for a small network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.batches import scored
from bptt.contracts import Batch, Cell, PointwiseCell, State, Task
from bptt.kernels import Unrolled
from bptt.kernels.compiled.call import Kernel, WholeSequence, weights
from bptt.kernels.compiled.read_out import Losses, ReadOut
from bptt.kernels.compiled.repeated import Repeated, Shape
from bptt.kernels.compiled.update import UpdateKernel
from bptt.network.made_weights import MadeWeights
from bptt.network.model import Forward, Model, mean_loss
from bptt.network.parameters import FlatParameters


class CellPasses:
    """Both passes of one cell's kernel, whose gradients go straight to where they are needed.

    Args:
        cell: forward cell of a layer.
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
        x = x if x.stride(-1) == 1 else x.contiguous()
        shape = Shape(kernel, x.shape, x.stride(), x.dtype, truncation)
        if shape != self._shape:
            own, views = self._own, self._views
            if self._made:
                own, views = self._made.weights, self._made.gradients
            biases = self.cell.biases
            self._repeated = Repeated(shape, biases, own, views, self._gradient_norms)
            self._shape = shape
            self._zeros = self.cell.initial_state(x.shape[1])
        if initial is None:
            initial = self._zeros
            if type(self.cell).initial_state is not Cell.initial_state:
                initial = self.cell.initial_state(x.shape[1])
        if self._made:
            self._made.make()
        size = (x.shape[1], self.cell.hidden_size)
        initial = tuple(s if s.is_contiguous() else s.expand(size).contiguous() for s in initial)
        return self._repeated.forward(x, initial, lengths)

    def backward(
        self, to_outputs: Tensor | None, to_final: Tensor | None, wants_inputs: bool
    ) -> Tensor:
        """Fill in the gradients of the parameters; see `Repeated.backward`."""
        to_inputs = self._repeated.backward(to_outputs, to_final, wants_inputs)
        if self._made:
            self._made.give_back()
        return to_inputs


def _read(cell: PointwiseCell) -> Iterable[Tensor]:
    """Return the parameters whose gradients the passes of a cell give."""
    # recurrent weights may be made of any of them
    made = type(cell).recurrent is not PointwiseCell.recurrent
    return cell.parameters() if made else weights(cell)


class Passes:
    """Both passes of a model over a batch.

    Args:
        model: the run's.
        parameters: of the model; their gradients go there.
        task: whose loss it is.
        gradient_norms: have the backward pass measure the gradient to every state.
        kernel: for the embedding, the read-out and a known loss, if there is one.
        to_inputs: have the backward pass give the gradient to what the first layer reads.
    """

    def __init__(
        self,
        model: Model,
        parameters: FlatParameters,
        task: Task,
        gradient_norms: bool,
        kernel: UpdateKernel | None = None,
        to_inputs: bool = False,
    ) -> None:
        self._model = model
        self._to_inputs = to_inputs
        self._parameters = parameters
        self._task = task
        self._kernel = kernel
        views = {id(p): parameters.views[name] for name, p in parameters.named.items()}
        layers = [layer.by_direction() for layer in model.stack.each_layer()]
        cells = [layer["forward"] for layer in layers if len(layer) == 1]
        own = [cell for cell in cells if isinstance(cell, PointwiseCell)]
        known = [model.read_out.weight, model.read_out.bias]
        known += [] if model.embedding is None else [model.embedding.weight]
        known += [weight for cell in own for weight in _read(cell)]
        self._cells: list[CellPasses] = []
        self.by_autograd = ""
        """Why autograd runs what surrounds the cells, if kernels run those; empty: it does not."""
        if len(cells) < len(layers):
            self.by_autograd = "the model has two directions"
        elif model.stack.skip != "none":
            self.by_autograd = f"the model has skip connections ({model.stack.skip})"
        elif len(own) < len(layers) or not views.keys() <= {id(weight) for weight in known}:
            self.by_autograd = "a cell has parameters of its own"
        else:
            self._cells = [CellPasses(cell, views, gradient_norms) for cell in own]
        # none without `_cells`
        self._layers = list(zip(model.stack.each_layer(), self._cells, strict=False))
        self._listened_to = list(parameters.named.values())
        self._dtype = parameters.flat.dtype
        self._read_out: ReadOut | None = None
        if self._cells and kernel and task.known_loss:
            top = model.read_out
            losses = Losses(kernel, top.out_features, task.known_loss, task.class_weights)
            to, every = (views[id(top.weight)], views[id(top.bias)]), task.reads == "every"
            self._read_out = ReadOut(kernel, top.weight, top.bias, to, losses, every)

    def run(self, batch: Batch, initial: list[State] | None, of: str = "") -> tuple[Forward, float]:
        """Return what the model did and its loss; the gradients are in the flat parameters.

        Args:
            batch: to train on.
            initial: state of each layer before the first step; None: zeros.
            of: the name of the batch, for errors about its losses.
        """
        kernels = self._kernels()
        if kernels:
            with torch.no_grad():
                return self._by_hand(kernels, batch, initial, of)
        if self._to_inputs and self._model.embedding is None:
            inputs = batch.inputs.to(self._dtype).detach().requires_grad_()
            batch = replace(batch, inputs=inputs)
        forward = self._model(batch, initial)
        loss = mean_loss(self._task, forward.outputs, batch, of)
        named = self._parameters.named
        read = [forward.layers[0]["forward"].inputs] if self._to_inputs else []
        wanted = [*named.values(), *read]
        found = torch.autograd.grad(loss, wanted, materialize_grads=True)
        self._parameters.set_gradients(dict(zip(named, found, strict=False)))
        if self._to_inputs:
            forward = replace(forward, to_inputs=found[-1])
        return forward, loss.item()

    def _kernels(self) -> list[Kernel]:
        """Return the kernel of each layer; none if a layer has none, or autograd has hooks."""
        for parameter in self._listened_to:
            if parameter._backward_hooks:
                return []
        found = []
        for layer, passes in self._layers:
            kernel = layer.runners[0].kernel(passes.cell, self._dtype)
            if kernel is None:
                return []
            found.append(kernel)
        return found

    def _by_hand(
        self, kernels: list[Kernel], batch: Batch, initial: list[State] | None, of: str
    ) -> tuple[Forward, float]:
        model = self._model
        embedding, read_out = model.embedding, model.read_out
        inputs, lengths, truncation, whole = batch.inputs, batch.lengths, model.truncation, None
        windows = model.windows(batch)
        if windows:
            whole = model.over_all(batch, initial)
            initial = windows.initial(model.stack, whole, initial)
            inputs, lengths, truncation = windows.cut(inputs), windows.lengths, None
        x = F.embedding(inputs, embedding.weight) if embedding else inputs.to(read_out.weight.dtype)
        did: list[WholeSequence] = []
        for number, (cell, kernel) in enumerate(zip(self._cells, kernels, strict=True)):
            start = initial[number] if initial else None
            did.append(cell.forward(kernel, x, start, lengths, truncation))
            x = did[-1].outputs
        every = self._task.reads == "every"
        x = windows.pick(x) if windows else x
        read, back = x if every else did[-1].final[0], torch.empty(0)
        if self._read_out:
            counts = batch.mask if every else None
            outputs, loss, back = self._read_out.run(read, batch.targets, counts)
        else:
            outputs = F.linear(read, read_out.weight, read_out.bias)
            loss, gradient = self._loss(outputs, batch, of)
            back = self._back_to_cells(gradient, read)
        to_outputs, to_final = (back, None) if every else (None, back)
        if windows and to_outputs is not None:
            to_outputs = windows.put(to_outputs)
        to_inputs = back
        for number in reversed(range(len(did))):
            wanted = number > 0 or embedding is not None or self._to_inputs
            to_inputs = self._cells[number].backward(to_outputs, to_final, wanted)
            to_outputs, to_final = to_inputs, None
        if embedding:
            to_tokens = self._parameters.views["embedding.weight"].zero_()
            if self._kernel:
                self._kernel.add_rows(to_tokens, to_inputs, inputs)
            else:
                # takes a quarter of autograd's time
                to_tokens.index_add_(0, inputs.flatten(), to_inputs.flatten(end_dim=1))
        layers: list[dict[str, Unrolled]] = [{"forward": one} for one in did]
        return Forward(outputs, layers, whole, to_inputs if self._to_inputs else None), loss

    def _loss(self, outputs: Tensor, batch: Batch, of: str) -> tuple[float, Tensor]:
        """Return the loss and its gradient by the outputs: the part that only the task knows."""
        counts = None if self._task.reads == "last" else batch.mask
        found = scored.loss_gradients(self._task, outputs, batch, of)
        if found is None:
            return self._loss_by_autograd(outputs, batch, of)
        losses, gradients = found
        if counts is None:
            return losses.mean().item(), gradients * (1 / losses.numel())
        count = counts.sum()
        loss = torch.where(counts, losses, 0.0).sum() / count
        return loss.item(), torch.where(counts.unsqueeze(-1), gradients / count, 0.0)

    def _loss_by_autograd(self, outputs: Tensor, batch: Batch, of: str) -> tuple[float, Tensor]:
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            loss = mean_loss(self._task, leaf, batch, of)
            (gradient,) = torch.autograd.grad(loss, [leaf], materialize_grads=True)
        return loss.item(), gradient

    def _back_to_cells(self, gradient: Tensor, read: Tensor) -> Tensor:
        """Propagate the gradient of the outputs through the read-out, filling in its own."""
        views, flat = self._parameters.views, gradient.flatten(end_dim=-2)
        torch.mm(flat.mT, read.flatten(end_dim=-2), out=views["read_out.weight"])
        torch.sum(flat, 0, out=views["read_out.bias"])
        return gradient @ self._model.read_out.weight
