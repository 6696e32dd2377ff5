"""What code may do besides returning its result: assert, note its latest, fill a cache."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from bptt.conformance import check_cell
from tests.contracts.test_cell_rules import Plain
from tests.contracts.test_effects_of_plugins import Layered, Stepping


class Asserts(Plain):
    def activate(self, x_t, h):
        assert h.isfinite().all()
        if not x_t.isfinite().all():
            raise ValueError("x_t")
        return super().activate(x_t, h)


class NotesItsLatest(Plain):
    def activate(self, x_t, h):
        self.latest = h.detach()
        self.largest = float(self.latest.abs().max())
        return super().activate(x_t, h)


class KeepsForLater(Plain):
    mask = None

    def activate(self, x_t, h):
        if self.mask is None:
            self.mask = torch.ones(self.hidden_size)
        return super().activate(x_t, h) * self.mask.to(h.dtype)


class LayerNormalised(Layered):
    def make(self, size):
        return nn.LayerNorm(size)


class AttendsWithoutDropout(Plain):
    def activate(self, x_t, h):
        whole = h.unsqueeze(1)
        seen = functional.scaled_dot_product_attention(whole, whole, whole, dropout_p=0.0)
        return super().activate(x_t, functional.dropout(seen.squeeze(1), 0.0))


@pytest.mark.parametrize(
    "cell_class",
    [Asserts, NotesItsLatest, KeepsForLater, LayerNormalised, AttendsWithoutDropout, Stepping],
)
def test_what_decides_nothing_and_is_not_carried_on_is_allowed(cell_class):
    check_cell(cell_class)
