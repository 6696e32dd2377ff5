"""`Draws`: random numbers that are a function of where they are used, not of what was drawn before.

Threefry-2x32 of Salmon, Moraes, Dror & Shaw 2011 (doi 10.1145/2063384.2063405) with 20 rounds. Its
key is a hash of the run's seed, of what the numbers are for (training or evaluation), of the
update, the layer and the direction; its counter the step, and the unit and the sequence. So a run
that is resumed draws what it would have drawn, and neither the number of sequences nor their length
changes what a sequence draws.
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bptt.errors import ContractViolation
from bptt.seeding import stream_seed

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20
WORD = 0xFFFFFFFF
ONCE = WORD
"""The step of a number that is drawn once for all steps."""
UNIT = 2.0**-24
"""Numbers are multiples of it, which float32 holds exactly."""


class Where(NamedTuple):
    """What a kernel must know to draw the same numbers."""

    key: int
    """64 bits."""
    sequences: Int[Tensor, "batch"] | None
    """The number of each sequence; None: 0, 1, ..."""
    begins: Int[Tensor, "batch"] | None
    """The step at which each begins; None: 0."""


class Draws:
    """The random numbers of one cell; what it draws next depends on nothing it drew before."""

    def __init__(self) -> None:
        self.of: tuple[int, str, int] = (0, "", 0)
        """The run's seed, the name of the stream, and the number of the update."""
        self.t: int | Tensor = 0
        """The step that is computed, of each row or of all of them."""
        self._sequences: Tensor | None = None
        self._begins: Tensor | None = None
        self._shape = torch.Size()
        self._made_as: tuple[torch.dtype, torch.device] = (torch.float32, torch.device("cpu"))

    @property
    def where(self) -> Where:
        """What a kernel must know to draw the same numbers."""
        seed, stream, index = self.of
        key = stream_seed(seed, f"draws/{stream}", index)
        return Where(key, self._sequences, self._begins)

    def begin(self, state: Float[Tensor, "... hidden"]) -> None:
        """Say for what states, (..., hidden), numbers are drawn next."""
        self._shape = state.shape
        self._made_as = state.dtype, state.device

    def end(self) -> None:
        """Say that no step is computed: what else draws would draw for whatever came last."""
        self._shape = torch.Size()

    @contextmanager
    def at(
        self,
        sequences: Int[Tensor, "..."] | None = None,
        begins: Int[Tensor, "..."] | None = None,
        t: int | Int[Tensor, "..."] = 0,
    ) -> Iterator[None]:
        """Say which sequences rows are, where these begin, and which step rows belong to."""
        before = self._sequences, self._begins, self.t
        self._sequences, self._begins, self.t = sequences, begins, t
        try:
            yield
        finally:
            self._sequences, self._begins, self.t = before

    @contextmanager
    def during(self, t: int) -> Iterator[None]:
        """Say which step is computed, of all rows."""
        self.t = t
        try:
            yield
        finally:
            self.t = 0

    def uniform(self, name: str, once: bool) -> Float[Tensor, "... hidden"]:
        """Return numbers in [0, 1), multiples of 2^-24."""
        return self._numbers(name, once)[0]

    def normal(self, name: str, once: bool) -> Float[Tensor, "... hidden"]:
        """Return numbers of N(0, 1), by the method of Box & Muller 1958; none is beyond 5.8."""
        radius, angle = self._numbers(name, once)
        return torch.sqrt(-2 * torch.log(1 - radius)) * torch.cos(2 * math.pi * angle)

    def _numbers(self, name: str, once: bool) -> tuple[Tensor, Tensor]:
        if not self._shape:
            raise ContractViolation(
                "Random numbers are drawn in a step alone, which the framework calls and tells for "
                "how many sequences: call the cell, not its `step`, and draw in no other method."
            )
        rows, hidden = self._shape[:-1], self._shape[-1]
        sequences = self._sequences
        if sequences is None:
            sequences = torch.arange(rows.numel())
        t = torch.as_tensor(ONCE if once else self.t)
        if self._begins is not None and not once:
            t = t + self._begins
        unit = (sequences.unsqueeze(-1) * hidden + torch.arange(hidden)) & WORD
        words = threefry(self.where.key ^ stream_of(name), t.unsqueeze(-1), unit)
        dtype, device = self._made_as
        first, second = (
            ((word >> 8).to(device, dtype) * UNIT).reshape(self._shape) for word in words
        )
        return first, second


def stream_of(name: str) -> int:
    """Return what distinguishes the numbers of one name, 32 bits."""
    return zlib.crc32(name.encode())


def threefry(
    key: int, high: Int[Tensor, "..."], low: Int[Tensor, "..."]
) -> Sequence[Int[Tensor, "..."]]:
    """Return two words of 32 bits for each counter.

    Args:
        key: 64 bits, the first word of the key the lower ones.
        high: first word of each counter.
        low: the second one.
    """
    first, second = key & WORD, key >> 32 & WORD
    keys = (first, second, first ^ second ^ PARITY)
    x, y = torch.broadcast_tensors(high + keys[0] & WORD, low + keys[1] & WORD)
    for number in range(ROUNDS):
        rotation = ROTATIONS[number % len(ROTATIONS)]
        x = x + y & WORD
        y = (y << rotation | y >> (32 - rotation)) & WORD ^ x
        if number % 4 == 3:
            group = number // 4 + 1
            x = x + keys[group % 3] & WORD
            y = y + keys[(group + 1) % 3] + group & WORD
    return x, y
