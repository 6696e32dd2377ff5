"""Cells whose step multiplies with a matrix."""

import pytest
import torch

from bptt.kernels.compiled.emission import source
from bptt.kernels.step.plan import plan
from bptt.kernels.step.tracing import trace
from bptt.measuring.spectrum import spectral_radius
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rhn import RHN
from tests.numerics import strange_cells as strange

INPUT, HIDDEN = 2, 5


def make(cell_class, **options):
    torch.manual_seed(0)
    return cell_class(INPUT, HIDDEN, **options).double()


def test_forget_bias_closes_the_gate_of_every_layer_of_an_rhn():
    cell = make(RHN, depth=3, forget_bias=2.0)

    first = cell.split(cell.input_bias, cell.input_biased)["t"]
    biases = [first, cell.vector["bias_t2"], cell.vector["bias_t3"]]

    assert [bias.tolist() for bias in biases] == [[-2.0] * HIDDEN] * 3
    assert cell.vector["bias_c2"].abs().max() <= HIDDEN**-0.5


def test_options_about_recurrent_weights_hold_for_the_blocks_of_products():
    torch.manual_seed(0)
    cell = GRUCho(INPUT, 32, recurrent_init="orthogonal", spectral_radius=0.9)

    radii = {name: spectral_radius(block) for name, block in cell.recurrent_weights.items()}

    assert radii == {name: pytest.approx(0.9, rel=1e-5) for name in ("r", "z", "n")}


def test_products_of_one_operand_go_back_as_one():
    found = plan(trace(make(MultiplicativeLSTM), torch.float64))

    back = [operation for operation in found.backward if operation.applications]

    assert [len(operation.applications) for operation in back] == [4]
    # what is multiplied is made again from what is kept anyway
    assert not {a.operand for a in found.applications} & set(found.saved)


def test_step_without_products_has_one_stage_and_one_with_them_as_many_as_they_are_deep():
    def stages(cell):
        text = source(cell, trace(cell, torch.float32), torch.float32)
        return text.count("static void forward_"), text.count("static void backward_")

    assert stages(make(strange.Peephole)) == (1, 1)
    assert stages(make(GRUCho)) == (2, 2)
    assert stages(make(RHN, depth=4)) == (4, 4)


def test_blocks_are_counted_among_the_parameters_only_if_there_are_any():
    assert "product_weight" in dict(make(GRUCho).named_parameters())
    assert "product_weight" not in dict(make(strange.Peephole).named_parameters())
