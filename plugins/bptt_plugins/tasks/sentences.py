"""What the tasks over sentences of tokens have in common."""

import torch
from torch import Tensor

from bptt.contracts import Batch

ABSENT = -1
"""Marks a slot of a sentence's template that this sentence leaves out."""


def close_gaps(slots: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sentences without their absent slots, and the length of each.

    Args:
        slots: (slots, batch) int64, each column a sentence with `ABSENT` where it has no word.

    Returns:
        Sentences (longest, batch), padded at the end with 0, and lengths (batch,).
    """
    present = slots != ABSENT
    lengths = present.sum(0)
    position = present.cumsum(0) - 1
    # absent slots are all written to one row after the sentence, which is cut off
    sentences = slots.new_zeros(slots.shape[0] + 1, slots.shape[1])
    sentences.scatter_(0, torch.where(present, position, slots.shape[0]), slots)
    return sentences[: int(lengths.max())], lengths


def predict_next(sentences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs, targets and mask (longest - 1, batch) that predict the next word.

    The last word of a sentence is only a target: among the inputs it is padding.
    """
    steps = torch.arange(sentences.shape[0] - 1).unsqueeze(1)
    mask = steps < lengths - 1
    return sentences[:-1] * mask, sentences[1:], mask


def last_valid(values: Tensor, batch: Batch, before: int = 0) -> Tensor:
    """Return what `values` (time, batch, ...) holds `before` steps before each sequence's last."""
    if batch.lengths is None:
        return values[-1 - before]
    column = torch.arange(len(batch.lengths), device=values.device)
    return values[batch.lengths - 1 - before, column]
