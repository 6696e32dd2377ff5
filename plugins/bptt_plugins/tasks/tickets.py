"""Recalling a noun after any number of filler clauses."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Task, Tokens
from bptt_plugins.tasks.classification import accuracy
from bptt_plugins.tasks.sentences import (
    ABSENT,
    close_gaps,
    last_valid,
    predict_next,
)

NOUNS = ("tickets", "thesis", "poems", "recipes", "letters", "photos", "maps", "notes")
FILLERS = ("waited", "sighed", "paid", "called", "rested", "queued", "complained")
OPENING = ("when", "she", "tried", "to", "print", "her")
CLOSING = ("after", "that", "she", "finally", "printed", "her")
END = "<eos>"

# the nouns come first, so that a candidate's index is its token
VOCABULARY = (*NOUNS, *FILLERS, "and", *dict.fromkeys(OPENING + CLOSING), END)
WORDS = {word: token for token, word in enumerate(VOCABULARY)}

MOST_FILLERS = 8
"""Most filler clauses in a training sentence."""
EVALUATED_FILLERS = (0, 1, 2, 4, 8, 12)


class Tickets(Task):
    """Complete `when she tried to print her X (and FILLER)^k after that she finally printed her X`.

    X is one of 8 nouns, k uniform in 0 .. 8; the evaluation set `fillers_<k>` has exactly k
    clauses, 12 being more than ever trained on. Every next word is predicted, `<eos>` last; the
    metric `accuracy` considers only the second X: the share of sentences in which it is the most
    probable of the 8 nouns. After the lecture's example (Stanford CS224n, vanishing gradients).

    The baseline has forgotten the first X and guesses: 1 / 8. Solved: accuracy of at least 0.95 on
    every evaluation set.
    """

    causal = True
    reads = "every"
    metric = "accuracy"
    better = "higher"
    loss = "cross_entropy"

    def __init__(self) -> None:
        self.inputs = Tokens(len(VOCABULARY))
        self.output_size = len(VOCABULARY)
        # from the first noun to the word before the second
        self.horizon = 2 * max(EVALUATED_FILLERS) + len(CLOSING)
        self.baseline = 1 / len(NOUNS)

    def extent(self, sequences: int) -> Extent:
        return Extent(_steps(MOST_FILLERS), sequences)

    def evaluation_extents(self, size: int) -> Mapping[str, Extent]:
        sets = {"": self.extent(size)}
        for k in EVALUATED_FILLERS:
            sets[f"fillers_{k}"] = Extent(_steps(k), size)
        return sets

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        fillers = torch.randint(1 + MOST_FILLERS, (batch_size,), generator=generator)
        return _draw(generator, fillers)

    def evaluation_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        sets = {"": self.sample(generator, size)}
        for k in EVALUATED_FILLERS:
            sets[f"fillers_{k}"] = _draw(generator, torch.full((size,), k))
        return sets

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        # the last prediction is <eos>, the one before it the noun
        candidates = last_valid(outputs, batch, before=1)[:, : len(NOUNS)]
        noun = last_valid(batch.targets, batch, before=1)
        return {"accuracy": accuracy(candidates, noun)}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return all(value >= 0.95 for name, value in metrics.items() if name.startswith("accuracy"))


def _steps(fillers: int) -> int:
    """Return the number of words read of a sentence with this many filler clauses."""
    # both nouns are read, <eos> is only predicted
    return len(OPENING) + len(CLOSING) + 2 + 2 * fillers


def _draw(generator: Generator, fillers: Tensor) -> Batch:
    """Draw one sentence with `fillers[b]` filler clauses for every b."""
    size, most = len(fillers), max(EVALUATED_FILLERS)

    def words(*text: str) -> Tensor:
        return torch.tensor([WORDS[word] for word in text]).unsqueeze(1).expand(-1, size)

    noun = torch.randint(len(NOUNS), (1, size), generator=generator)
    filler = torch.randint(len(FILLERS), (most, size), generator=generator) + WORDS[FILLERS[0]]
    clauses = torch.stack((words("and").expand(most, -1), filler), 1)
    missing = torch.arange(most).unsqueeze(1) >= fillers
    clauses = clauses.masked_fill(missing.unsqueeze(1), ABSENT)
    sentence = (words(*OPENING), noun, clauses.flatten(0, 1), words(*CLOSING), noun, words(END))
    sentences, lengths = close_gaps(torch.cat(sentence))
    inputs, targets, mask = predict_next(sentences, lengths)
    return Batch(inputs, targets, mask, lengths - 1)
