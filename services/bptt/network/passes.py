"""Forward and backward pass of one update: by hand if kernels run all cells, else by autograd.

Torch's overhead for a graph of a dozen nodes exceeds the kernels' time for a small network.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.batches import scored
from bptt.contracts import Batch, PointwiseCell, State, Task
from bptt.kernels.compiled.kernel import Kernel
from bptt.kernels.compiled.read_out import Losses, ReadOut
from bptt.kernels.compiled.update import UpdateKernel
from bptt.network.cell_passes import with_gradients
from bptt.network.model import Forward, Model, mean_loss
from bptt.network.parameters import FlatParameters
from bptt.network.stack_passes import StackPasses


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
        cells = [c for layer in model.stack.each_layer() for c in layer.by_direction().values()]
        own = [cell for cell in cells if isinstance(cell, PointwiseCell)]
        known = [model.read_out.weight, model.read_out.bias]
        known += [] if model.embedding is None else [model.embedding.weight]
        known += [weight for cell in own for weight in with_gradients(cell)]
        known += [
            weight for _, carry in model.stack.named_carries() for weight in carry.parameters()
        ]
        every = task.reads == "every"
        self._stack: StackPasses | None = None
        self.by_autograd = ""
        """Why autograd runs what surrounds the cells, if kernels run those; empty: it does not."""
        if len(own) < len(cells) or not views.keys() <= {id(weight) for weight in known}:
            self.by_autograd = "a cell has parameters of its own"
        else:
            self._stack = StackPasses(model.stack, views, gradient_norms, every)
        self._listened_to = list(parameters.named.values())
        self._dtype = parameters.flat.dtype
        self._read_out: ReadOut | None = None
        if self._stack and kernel and task.known_loss:
            top = model.read_out
            losses = Losses(kernel, top.out_features, task.known_loss, task.class_weights)
            to = views[id(top.weight)], views[id(top.bias)]
            self._read_out = ReadOut(kernel, top.weight, top.bias, to, losses, every)

    def run(self, batch: Batch, initial: list[State] | None, of: str = "") -> tuple[Forward, float]:
        """Return what the model did and its loss; the gradients are in the flat parameters.

        Args:
            batch: to train on.
            initial: state of each layer before the first step; None: zeros.
            of: the name of the batch, for errors about its losses.
        """
        kernels = self._kernels()
        if self._stack and kernels:
            with torch.no_grad():
                return self._by_hand(self._stack, kernels, batch, initial, of)
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

    def _kernels(self) -> list[list[Kernel]]:
        """Return the kernels of each layer; none if a cell has none, or autograd has hooks."""
        for parameter in self._listened_to:
            if parameter._backward_hooks:
                return []
        return self._stack.kernels(self._dtype) if self._stack else []

    def _by_hand(
        self,
        stack: StackPasses,
        kernels: list[list[Kernel]],
        batch: Batch,
        initial: list[State] | None,
        of: str,
    ) -> tuple[Forward, float]:
        model, embedding = self._model, self._model.embedding
        inputs, lengths, truncation, whole = batch.inputs, batch.lengths, model.truncation, None
        windows = model.windows(batch)
        if windows:
            whole = model.over_all(batch, initial)
            initial = windows.initial(model.stack, whole, initial)
            inputs, lengths, truncation = windows.cut(inputs), windows.lengths, None
        x = F.embedding(inputs, embedding.weight) if embedding else inputs.to(self._dtype)
        with model.drawing_in(windows) if windows else nullcontext():
            seen = stack.forward(kernels, x, initial, lengths, truncation)
        if windows:
            seen = [windows.pick(y) for y in seen]
        outputs, loss, back = self._read(seen, batch, of)
        if windows:
            back = [windows.put(gradient) for gradient in back]
        to_inputs = stack.backward(back, embedding is not None or self._to_inputs)
        if embedding:
            to_tokens = self._parameters.views["embedding.weight"].zero_()
            if self._kernel:
                self._kernel.add_rows(to_tokens, to_inputs, inputs)
            else:
                # takes a quarter of autograd's time
                to_tokens.index_add_(0, inputs.flatten(), to_inputs.flatten(end_dim=1))
        found = Forward(outputs, stack.did(), whole, to_inputs if self._to_inputs else None)
        return found, loss

    def _read(
        self, seen: Sequence[Tensor], batch: Batch, of: str
    ) -> tuple[Tensor, float, Sequence[Tensor]]:
        """Return outputs, loss, and its gradient to all that the read-out sees."""
        read_out = self._model.read_out
        read = torch.cat(list(seen), dim=-1) if len(seen) > 1 else seen[0]
        if self._read_out:
            counts = batch.mask if self._task.reads == "every" else None
            outputs, loss, back = self._read_out.run(read, batch.targets, counts)
        else:
            outputs = F.linear(read, read_out.weight, read_out.bias)
            loss, gradient = self._loss(outputs, batch, of)
            back = self._back_to_cells(gradient, read)
        return outputs, loss, back.chunk(len(seen), dim=-1) if len(seen) > 1 else [back]

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
