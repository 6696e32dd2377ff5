"""How much of what a model is measured on it has also been trained on."""

from collections.abc import Collection, Mapping

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch

LOOKED_AT = 8
"""Positions by which most sequences are told apart before all of one is read."""
SAMPLED = 64
"""Sequences among which these positions are looked for."""
ODD = -7046029254386353131
NEVER = torch.iinfo(torch.int64).max


class Seen:
    """Which sequences of some sets training draws too, and in which batch first.

    Sequences are the same if their valid inputs are, bit for bit. Each is known by a key of 64
    bits: the sum, modulo 2^64, of its inputs and its length, each times a random odd number
    (Carter & Wegman 1979). Almost all of them are told apart by keys of a few positions, the
    most varied ones. Where real numbers are drawn, one feature of one position does it, and a
    task pays for no more than looking these numbers up.

    Args:
        sets: by name; the inputs of all have the same type and features.
    """

    def __init__(self, sets: Mapping[str, Batch]) -> None:
        longest = max(batch.inputs.shape[0] for batch in sets.values())
        (first, *_) = sets.values()
        drawn = Generator().manual_seed(0)
        shape = (longest + 1, 1, *first.inputs.shape[2:])
        self._factors = torch.randint(-(2**62), 2**62, shape, generator=drawn) * 2 + 1
        """One for each position and feature; the last is that of the length."""
        self._positions = self._most_varied(max(sets.values(), key=lambda b: b.inputs.shape[0]))
        self._sets = sets
        self._telling = _telling(sets.values())
        brief = torch.cat([self._keys(b, self._positions) for b in sets.values()])
        self._brief = brief.unique()
        self._sequences: Sequences | None = None
        """None until one of a batch has the brief key of a known one."""

    def add(self, drawn: Batch, first: int, batch_size: int) -> None:
        """Take note of batches that are drawn together; adding them again changes nothing.

        Args:
            drawn: their sequences, batch after batch.
            first: number of the first batch.
            batch_size: sequences of each.
        """
        if self._telling is not None and not self._telling.holds_any(drawn.inputs):
            return
        found = _places_in(self._brief, self._keys(drawn, self._positions))[1]
        columns = found.nonzero().squeeze(1)
        if not len(columns):
            return
        inputs = drawn.inputs if len(columns) == len(found) else drawn.inputs[:, columns]
        lengths = None if drawn.lengths is None else drawn.lengths[columns]
        keys = self._keys(Batch(inputs, inputs, lengths=lengths))
        if self._sequences is None:
            self._sequences = self._all()
        self._sequences.add(keys, first + columns // batch_size)

    def _all(self) -> "Sequences":
        return Sequences({name: self._keys(batch) for name, batch in self._sets.items()})

    def share(self, name: str, batches: int) -> float:
        """Return the share of a set's sequences that occur in the first `batches` batches."""
        return 0.0 if self._sequences is None else self._sequences.share(name, batches)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint stores."""
        return {} if self._sequences is None else {"first": self._sequences.first.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what a checkpoint stored."""
        self._sequences = self._all() if state else None
        if self._sequences is not None:
            self._sequences.first.copy_(state["first"])

    def _most_varied(self, batch: Batch) -> list[int]:
        inputs = batch.inputs[:, :SAMPLED]
        summed = _numbers(inputs) * self._factors[: len(inputs)]
        rows = summed if summed.ndim == 2 else summed.sum(2)
        varied = rows.sort(1).values.diff(dim=1).ne(0).sum(1)
        chosen: list[int] = varied.topk(min(LOOKED_AT, len(rows))).indices.sort().values.tolist()
        return chosen

    def _keys(self, batch: Batch, positions: list[int] | None = None) -> Tensor:
        """Return the key of each sequence, (batch,); None: of all positions."""
        steps, count = batch.inputs.shape[:2]
        # a longer sequence is none of those that are known, and its length says so
        steps = min(steps, len(self._factors) - 1)
        chosen: list[int] | slice = slice(steps)
        if positions is not None:
            chosen = [position for position in positions if position < steps]
        terms = _numbers(batch.inputs[chosen]) * self._factors[chosen]
        if terms.ndim > 2:
            terms = terms.sum(2)
        lengths = torch.full((count,), batch.inputs.shape[0])
        if batch.lengths is not None:
            lengths = batch.lengths
            valid = torch.arange(len(self._factors))[chosen].unsqueeze(1) < lengths
            terms = terms * valid
        return terms.sum(0) + lengths * self._factors[-1].flatten()[0]


class Telling:
    """One feature of one position, by which sequences of real numbers are told apart.

    Args:
        known: its values, (sequences,).
        position: valid in every known sequence.
        feature: of the position.
    """

    def __init__(self, known: Tensor, position: int, feature: int) -> None:
        self._known = known.sort().values
        self._position = position
        self._feature = feature

    def holds_any(self, inputs: Tensor) -> bool:
        """Return whether any sequence of `inputs` may be a known one."""
        if len(inputs) <= self._position:
            return False
        drawn = inputs[self._position, :, self._feature].contiguous()
        return bool(_places_in(self._known, drawn)[1].any())


class Sequences:
    """Known sequences, and the number of the first batch that holds each.

    Args:
        keys: those of each set, (sequences,), by its name.
    """

    def __init__(self, keys: Mapping[str, Tensor]) -> None:
        self._keys, places = torch.cat(list(keys.values())).unique(return_inverse=True)
        split = places.split([len(key) for key in keys.values()])
        self._places = dict(zip(keys, split, strict=True))
        self.first = torch.full_like(self._keys, NEVER)
        """(different sequences,) in the order of their keys."""

    def add(self, keys: Tensor, batches: Tensor) -> None:
        """Take note of drawn sequences, and of the number of the batch that holds each."""
        places, found = _places_in(self._keys, keys)
        self.first.scatter_reduce_(0, places[found], batches[found], "amin")

    def share(self, name: str, batches: int) -> float:
        """Return the share of a set's sequences that occur in the first `batches` batches."""
        return float((self.first[self._places[name]] < batches).double().mean())


def _telling(sets: Collection[Batch]) -> Telling | None:
    """Return what tells sequences apart alone, None if nothing does."""
    inputs = [batch.inputs for batch in sets]
    if not inputs[0].is_floating_point():
        return None
    looked_at = inputs[0][: min(map(_shortest, sets)), :SAMPLED].transpose(1, 2).sort(2).values
    same = (looked_at[..., 1:] == looked_at[..., :-1]).sum(2)
    (position, feature) = divmod(int(same.argmin()), same.shape[1])
    known = torch.cat([each[position, :, feature] for each in inputs])
    if same[position, feature] or known.isnan().any():
        return None
    return Telling(known, position, feature)


def _shortest(batch: Batch) -> int:
    return batch.inputs.shape[0] if batch.lengths is None else int(batch.lengths.min())


def _numbers(inputs: Tensor) -> Tensor:
    """Return inputs as integers, different ones where they differ."""
    if not inputs.is_floating_point():
        return inputs.long()
    # + 0.0, because -0.0 is equal to 0.0
    if inputs.dtype == torch.float64:
        numbers = (inputs + 0.0).view(torch.int64)
    else:
        numbers = (inputs.float() + 0.0).view(torch.int32).long()
    # those of round numbers end with many zeros, which would be left of few factors' bits
    numbers = numbers * ODD
    return numbers ^ (numbers >> 32)


def _places_in(known: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return where each key is in the sorted `known`, and whether it is there at all."""
    places = torch.searchsorted(known, keys).clamp_(max=len(known) - 1)
    return places, known[places] == keys
