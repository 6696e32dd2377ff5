"""Cells of other libraries that we have, too: the same where verified, else different as said."""

import pytest
import torch
from torch import sigmoid, tanh

from bptt import registry
from bptt_plugins.zoo.cells import CELLS
from tests.numerics.equations import HIDDEN, INPUT
from tests.numerics.foreign_cells import foreign, values_of


def ours(name, theirs, blocks, **options):
    """Return our cell with the weights of theirs.

    Args:
        name: of our cell.
        theirs: of the zoo.
        blocks: for each of our blocks by name: the parameters of theirs that make it, and which of
            their chunks of `hidden` rows; several are added.
        options: of our cell.
    """
    cell = registry.construct_cell(name, options, INPUT, HIDDEN).double()
    values = dict(theirs.cell.named_parameters())
    with torch.no_grad():
        places = [
            ("w", cell.split(cell.input_weight, cell.input_fed)),
            ("u", cell.stored_blocks()),
            ("b", cell.split(cell.input_bias, cell.input_biased)),
            ("b", cell.split(cell.recurrent_bias, cell.state_biased)),
            ("v", cell.vector),
        ]
        for kind, named in places:
            for block, target in named.items():
                parts = [
                    values[source].split(HIDDEN)[chunk] for source, chunk in blocks[kind, block]
                ]
                total = sum(part.mT if part.dim() == 2 else part for part in parts)
                target.copy_(total)
    return cell


def in_order(names, recurrent=None):
    """Return blocks whose preactivations theirs has in this order, with two biases each."""
    blocks = {}
    for number, name in enumerate(names):
        blocks["w", name] = [("weight_ih", number)]
        blocks["b", name] = [("bias_ih", number), ("bias_hh", number)]
    for number, name in enumerate(names if recurrent is None else recurrent):
        blocks["u", name] = [("weight_hh", number)]
        if recurrent is not None and name in names:
            blocks["b", name] = [("bias_ih", names.index(name)), ("bias_hh", number)]
    return blocks


OWN = {
    "antisymmetric": ("antisymmetric", in_order(["a"]), {"epsilon": 1.0, "gamma": 0.0}),
    "antisymmetric_gated": (
        "antisymmetric",
        {
            ("w", "z"): [("weight_ih", 0)],
            ("w", "a"): [("weight_ih", 1)],
            ("b", "z"): [("bias_ih", 0)],
            ("b", "a"): [("bias_ih", 1), ("bias_hh", 0)],
            ("u", "h"): [("weight_hh", 0)],
        },
        {"gated": True, "epsilon": 1.0, "gamma": 0.0},
    ),
    "cornn": (
        "cornn",
        {
            ("w", "a"): [("weight_ih", 0)],
            ("u", "a"): [("weight_hh", 0)],
            ("u", "z"): [("weight_ch", 0)],
            ("b", "a"): [("bias_ih", 0), ("bias_hh", 0), ("bias_ch", 0)],
        },
        {"dt": 0.1, "gamma": 1.0, "epsilon": 1.0},
    ),
    "indrnn": (
        "indrnn",
        in_order(["a"]) | {("v", "u"): [("vector_u", 0)]},
        {"nonlinearity": "tanh"},
    ),
    "mgu": ("mgu", in_order(["f", "n"]), {}),
    "multiplicative_lstm": (
        "multiplicative_lstm",
        {("w", n): [("weight_ih", k)] for k, n in enumerate(["mx", "i", "f", "g", "o"])}
        | {("u", n): [("weight_mh", k)] for k, n in enumerate(["i", "f", "g", "o"])}
        | {("u", "mh"): [("weight_hh", 0)], ("b", "mh"): [("bias_hh", 0)]}
        | {("b", "mx"): [("bias_ih", 0)]}
        | {
            ("b", n): [("bias_ih", k + 1), ("bias_mh", k)]
            for k, n in enumerate(["i", "f", "g", "o"])
        },
        {},
    ),
    "peephole_lstm": (
        "peephole_lstm",
        in_order(["i", "f", "g", "o"])
        | {("v", f"p_{n}"): [("weight_ph", k)] for k, n in enumerate("ifo")},
        {},
    ),
    "star": ("star", in_order(["z", "k"], ["k"]) | {("b", "z"): [("bias_ih", 0)]}, {}),
    "ugrnn": ("ugrnn", in_order(["c", "g"]), {}),
    "janet": ("janet", in_order(["s", "c"]), {"beta": 1.0}),
    "lem": (
        "lem",
        in_order(["b", "a", "c"])
        | {("w", "d"): [("weight_ih", 3)], ("u", "d"): [("weight_ch", 0)]}
        | {("b", "d"): [("bias_ih", 3), ("bias_ch", 0)]},
        {},
    ),
    "nas": (
        "nas",
        in_order(["a", "b", "d", "ex", "p", "q", "r", "s"])
        | {("u", "eh"): [("weight_hh", 3)], ("b", "eh"): [("bias_hh", 3)]}
        | {("b", "ex"): [("bias_ih", 3)]},
        {},
    ),
    "original_lstm": ("lstm97", in_order(["i", "g", "o"]), {}),
}
"""Cells that we have, too: ours, its blocks of theirs, options that theirs has as defaults."""


def same_step(name):
    """Return the states after a step of theirs and of ours, and theirs' cell."""
    theirs, x, state = foreign(name)
    own, blocks, options = OWN[name]
    cell = ours(own, theirs, blocks, **options)
    with torch.no_grad():
        return theirs(x, state), cell(x, state), theirs


@pytest.mark.parametrize("name", [n for n in OWN if CELLS[n].verdict == "verified"])
def test_verified_cell_computes_what_ours_of_the_same_name_does(name):
    found, expected, _ = same_step(name)

    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def test_janet_of_the_zoo_is_ours_with_a_beta_that_is_learnt():
    theirs, x, (h, _) = foreign("janet")
    name, blocks, options = OWN["janet"]
    assert "cell.beta" in dict(theirs.named_parameters())

    for beta in (1.0, 0.5):
        with torch.no_grad():
            theirs.cell.beta.fill_(beta)
            (expected,) = ours(name, theirs, blocks, **options | {"beta": beta})(x, (h,))
            # both of its states are the paper's one
            found = theirs(x, (h, h))
        torch.testing.assert_close(found, (expected, expected), rtol=1e-12, atol=1e-13)


def test_lem_of_the_zoo_reads_the_old_z():
    (y, z), (own_y, own_z), theirs = same_step("lem")
    _, x, (old_y, old_z) = foreign("lem")

    torch.testing.assert_close(z, own_z, rtol=1e-12, atol=1e-13)
    assert (y - own_y).abs().max() > 1e-3
    p = values_of(theirs)
    fed = x @ p["weight_ih"].T + p["bias_ih"]
    gate = sigmoid(fed[:, :HIDDEN] + (old_y @ p["weight_hh"].T + p["bias_hh"])[:, :HIDDEN])
    written = tanh(fed[:, -HIDDEN:] + old_z @ p["weight_ch"].T + p["bias_ch"])
    torch.testing.assert_close(y, (1 - gate) * old_y + gate * written, rtol=1e-12, atol=1e-13)


def test_nas_of_the_zoo_adds_where_the_paper_multiplies():
    (_, c), (_, own_c), theirs = same_step("nas")
    _, x, (old_h, old_c) = foreign("nas")

    assert (c - own_c).abs().max() > 1e-3
    p = values_of(theirs)
    total = x @ p["weight_ih"].T + p["bias_ih"] + old_h @ p["weight_hh"].T + p["bias_hh"]
    a, b, d, e, *_ = total.chunk(8, dim=1)
    expected = tanh(tanh(sigmoid(a) * b.relu()) + old_c) * tanh(sigmoid(d) + e.relu())
    torch.testing.assert_close(c, expected, rtol=1e-12, atol=1e-13)


def test_original_lstm_of_the_zoo_squashes_by_tanh():
    (h, c), (_, own_c), theirs = same_step("original_lstm")
    _, x, (old_h, old_c) = foreign("original_lstm")

    assert (c - own_c).abs().max() > 1e-3
    p = values_of(theirs)
    total = x @ p["weight_ih"].T + p["bias_ih"] + old_h @ p["weight_hh"].T + p["bias_hh"]
    i, g, o = total.chunk(3, dim=1)
    expected = old_c + sigmoid(i) * tanh(g)
    torch.testing.assert_close(c, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(h, sigmoid(o) * tanh(c), rtol=1e-12, atol=1e-13)
