"""Overlapping windows of truncated backpropagation, each a separate sequence in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from bptt.contracts import State
from bptt.kernels import Unrolled
from bptt.network.layers import Stack


@dataclass(frozen=True)
class Overlap:
    """BPTT(h; h') of Williams & Peng 1990, h' < h; Sutskever 2013, algorithm 1, k1 < k2.

    Every k1 steps, counted from the end of each sequence, the losses of the last k1 steps are
    propagated back through the last k2. Each of these windows is run again from the state before
    it, to which no gradient flows. Those that would reach beyond the beginning of a sequence are
    merged: all begin with its first step.
    """

    begins: Tensor
    """(windows,) the step of the sequence at which each begins."""
    sequence: Tensor
    """(windows,) the sequence of the batch that each belongs to."""
    lengths: Tensor | None
    """(windows,) valid steps of each; None: all are equally long."""
    steps: int
    """Steps of the longest window."""
    positions: tuple[int, int]
    """(time, batch) of the whole sequences."""
    place: Tensor
    """(time * batch,) where the loss of each position is: step * windows + window."""

    def cut(self, inputs: Tensor) -> Tensor:
        """Rearrange (time, batch, ...) into (steps, windows, ...)."""
        return inputs[self._steps().clamp(max=self.positions[0] - 1), self.sequence]

    def initial(
        self, stack: Stack, whole: Sequence[Mapping[str, Unrolled]], given: list[State] | None
    ) -> list[State]:
        """Return the state of each layer that every window starts from, (windows, hidden) each.

        Args:
            stack: the layers.
            whole: what they did over the whole sequences.
            given: state of each layer before the first step; None: its cell's own.
        """
        found = []
        inside = (self.begins > 0).unsqueeze(1)
        before = (self.begins - 1).clamp(min=0)
        for number, layer in enumerate(stack.each_layer()):
            states = [s[before, self.sequence] for s in whole[number]["forward"].states]
            if given:
                first = tuple(s[self.sequence] for s in given[number])
            else:
                first = layer.by_direction()["forward"].initial_state(len(self.sequence))
            pairs = zip(states, first, strict=True)
            found.append(tuple(torch.where(inside, s.detach(), f) for s, f in pairs))
        return found

    def pick(self, of_windows: Tensor) -> Tensor:
        """Return the part of (steps, windows, ...) that the losses read, (time, batch, ...)."""
        flat = of_windows.flatten(end_dim=1).index_select(0, self.place)
        return flat.view(*self.positions, *of_windows.shape[2:])

    def put(self, gradient: Tensor) -> Tensor:
        """Map the gradient of what `pick` returned to that of its input; zeros elsewhere."""
        windows = len(self.sequence)
        found = gradient.new_zeros(self.steps * windows, gradient.shape[-1])
        found.index_add_(0, self.place, gradient.flatten(end_dim=1))
        return found.view(self.steps, windows, -1)

    def add_up(self, gradient: Tensor) -> Tensor:
        """Return the gradient of each state of the whole sequences, over all windows that hold it.

        Args:
            gradient: of each state of the windows, (steps, windows, hidden), all equally long.

        Returns:
            (time, batch, hidden).
        """
        time, batch = self.positions
        found = gradient.new_zeros(time * batch, gradient.shape[-1])
        at = (self._steps() * batch + self.sequence).flatten()
        return found.index_add_(0, at, gradient.flatten(end_dim=1)).view(time, batch, -1)

    def first_step(self, t: int) -> int:
        """Return where the window that the loss at position t goes back through begins.

        For the first sequence; all are equally long where this is used.
        """
        return int(self.begins[self.place[t * self.positions[1]] % len(self.sequence)])

    def _steps(self) -> Tensor:
        return self.begins + torch.arange(self.steps).unsqueeze(1)


def overlap(time: int, batch: int, lengths: Tensor | None, truncation: int, every: int) -> Overlap:
    """Return the windows of a batch.

    Args:
        time: steps of the longest sequence.
        batch: sequences.
        lengths: (batch,) valid steps of each; None: all of them.
        truncation: steps of a window, k2.
        every: steps from one to the next, k1.
    """
    if lengths is None:
        return _of_equal(time, batch, truncation, every)
    return _overlap(time, lengths, truncation, every)


@lru_cache(maxsize=64)
def _of_equal(time: int, batch: int, truncation: int, every: int) -> Overlap:
    return _overlap(time, torch.full((batch,), time), truncation, every)


def _overlap(time: int, lengths: Tensor, truncation: int, every: int) -> Overlap:
    counts = 1 + ((lengths - truncation + every - 1) // every).clamp(min=0)
    window = torch.arange(int(counts.max())).unsqueeze(1)
    exists = window < counts
    begin = (lengths - window * every - truncation).clamp(min=0)
    number, sequence = exists.nonzero(as_tuple=True)
    sizes = lengths.clamp(max=truncation)[sequence]
    steps = int(sizes.max())
    # padding is read like the last valid step, and does not count
    t = torch.minimum(torch.arange(time).unsqueeze(1), lengths - 1).clamp(min=0)
    own = torch.minimum((lengths - 1 - t).clamp(min=0) // every, counts - 1)
    column = exists.flatten().cumsum(0).view_as(exists) - 1
    place = (t - begin.gather(0, own)) * len(sequence) + column.gather(0, own)
    return Overlap(
        begins=begin[number, sequence],
        sequence=sequence,
        lengths=None if bool((sizes == steps).all()) else sizes,
        steps=steps,
        positions=(time, len(lengths)),
        place=place.flatten(),
    )
