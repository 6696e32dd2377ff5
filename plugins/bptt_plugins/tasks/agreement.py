"""Subject-verb agreement across nouns of the opposite number."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Generator, Tensor

from bptt.contracts import Batch, Extent, Task, Tokens
from bptt_plugins.tasks.agreement_grammar import (
    MODIFIER_LENGTH,
    MOST_MODIFIERS,
    SUBJECT_LENGTH,
    VOCABULARY,
    Part,
    draw_part,
)
from bptt_plugins.tasks.sentences import close_gaps, last_valid, predict_next

SPLIT = "sentences split 8:1:1"
"""Names how training, evaluation and test are told apart."""
MODIFIERS_IN_200 = (150, 34, 12, 3, 1)
"""How many of 200 training sentences have 0, 1, 2, 3 and 4 modifiers."""


class Agreement(Task):
    """Choose the verb form that agrees with the subject, not with the nouns in between.

    S -> NP Mod^k V, NP -> the (Adj 0.3) N, Mod -> P NP (0.7) | that the N V (0.3), with k drawn
    from (0.75, 0.17, 0.06, 0.015, 0.005) and the number of each inner noun from a fair coin. In
    the evaluation set `attractors_<k>` all k inner nouns have the opposite number to the subject.
    Linzen, Dupoux & Goldberg 2016 (arXiv 1611.01368), on a small grammar.

    Training, evaluation and test share no sentence: whatever else stands before the verb, one
    subject in ten is left to the evaluation and another one to the test, the same in every run.

    The metric `error` is the share of sentences in which the verb's right form is not more
    probable than its wrong one; a model that follows the last noun has error 1 wherever there is
    an attractor. The baseline is such a model: it fails on half of the training sentences with
    a modifier, 0.25 / 2 = 0.125. Solved: error below 0.01 on every evaluation set.

    Args:
        objective: `language_model` predicts every next word, including the verb; `number`
            classifies the words before the verb as singular or plural.
    """

    causal = True
    reads: Literal["last", "every"] = "every"
    metric = "error"
    better = "lower"
    training_only = frozenset({"objective"})
    loss = "cross_entropy"

    def __init__(
        self, *, objective: Literal["language_model", "number"] = "language_model"
    ) -> None:
        self.objective = objective
        self.inputs = Tokens(len(VOCABULARY))
        self.output_size = len(VOCABULARY)
        if objective == "number":
            self.causal = False
            self.reads = "last"
            self.output_size = 2
        # from the subject to the last word before the verb
        self.horizon = MOST_MODIFIERS * MODIFIER_LENGTH
        self.baseline = (1 - MODIFIERS_IN_200[0] / sum(MODIFIERS_IN_200)) / 2

    def extent(self, sequences: int) -> Extent:
        return Extent(_longest(MOST_MODIFIERS), sequences)

    def evaluation_extents(self, size: int) -> Mapping[str, Extent]:
        sets = {"": self.extent(size)}
        for k in range(MOST_MODIFIERS + 1):
            sets[f"attractors_{k}"] = Extent(_longest(k), size)
        return sets

    def fingerprint(self) -> str:
        return SPLIT

    def sample(self, generator: Generator, batch_size: int) -> Batch:
        return self._mixed(generator, batch_size, "training")

    def evaluation_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        return self._sets(generator, size, "evaluation")

    def test_sets(self, generator: Generator, size: int) -> Mapping[str, Batch]:
        return self._sets(generator, size, "test")

    def _sets(self, generator: Generator, size: int, part: Part) -> Mapping[str, Batch]:
        sets = {"": self._mixed(generator, size, part)}
        for k in range(MOST_MODIFIERS + 1):
            modifiers = torch.full((size,), k)
            drawn = draw_part(generator, modifiers, homogeneous=True, part=part)
            sets[f"attractors_{k}"] = self._batch(*drawn)
        return sets

    def _mixed(self, generator: Generator, size: int, part: Part) -> Batch:
        bounds = torch.tensor(MODIFIERS_IN_200).cumsum(0)
        drawn = torch.randint(int(bounds[-1]), (size,), generator=generator)
        modifiers = torch.bucketize(drawn, bounds, right=True)
        return self._batch(*draw_part(generator, modifiers, homogeneous=False, part=part))

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        right = batch.targets
        if self.objective == "language_model":
            outputs, right = last_valid(outputs, batch), last_valid(right, batch)
        right = right.unsqueeze(1)
        # singular and plural differ in the lowest bit, both of a number and of a verb form
        margin = outputs.gather(1, right) - outputs.gather(1, right ^ 1)
        # counts right answers, so that NaN is an error
        return {"error": 1 - (margin > 0).to(outputs.dtype).mean()}

    def solved(self, metrics: Mapping[str, float]) -> bool:
        return all(value < 0.01 for name, value in metrics.items() if name.startswith("error"))

    def _batch(self, slots: Tensor, number: Tensor) -> Batch:
        sentences, lengths = close_gaps(slots)
        inputs, targets, mask = predict_next(sentences, lengths)
        if self.objective == "number":
            return Batch(inputs, number, lengths=lengths - 1)
        return Batch(inputs, targets, mask, lengths - 1)


def _longest(modifiers: int) -> int:
    """Return the most words before the verb in a sentence with this many modifiers."""
    return SUBJECT_LENGTH + modifiers * MODIFIER_LENGTH
