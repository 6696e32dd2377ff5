"""Every installed plugin keeps its contract, with its defaults and with its other options."""

import subprocess
import sys

import pytest
import torch

from bptt import conformance, registry
from bptt.errors import InvalidSpec

REGISTERED = [
    plugin
    for kind in registry.KINDS
    for found in registry.discover(kind).values()
    for plugin in found
]

VARIANTS = [
    ("cell", "rnn", {"nonlinearity": "relu", "recurrent_init": "identity", "biases": 0}),
    ("cell", "lstm", {"forget_bias": "chrono", "biases": 2}),
    ("cell", "gru", {"recurrent_init": "orthogonal", "spectral_radius": 1.2, "biases": 2}),
    ("cell", "gru_cho", {"forget_bias": 2.0, "recurrent_init": "orthogonal", "biases": 2}),
    ("cell", "rhn", {"depth": 1}),
    ("cell", "rhn", {"depth": 5, "forget_bias": 2.0, "biases": 2}),
    ("cell", "lem", {"dt": 0.1}),
    ("cell", "slstm", {"heads": 4, "forget_bias": 3.0, "biases": 2}),
    ("cell", "antisymmetric", {"gated": True, "gamma": 0.0, "recurrent_init": "gaussian"}),
    ("cell", "orthogonal_rnn", {"skew_init": "henaff", "biases": 0}),
    ("cell", "cornn", {"dt": 0.1, "gamma": 1.0, "epsilon": 0.0}),
    ("cell", "peephole_lstm", {"forget_bias": "chrono", "biases": 2}),
    ("cell", "janet", {"beta": 0.0, "forget_bias": "chrono"}),
    *(("cell", "cifg_lstm", {"variant": v}) for v in ("nig", "nfg", "nog", "np", "fgr")),
    ("cell", "leaky_rnn", {"alpha": 1.0, "excitatory": 0.5, "self_connections": False}),
    ("cell", "lru", {"nonlinearity": "identity", "r_min": 0.9, "r_max": 0.999, "phi_max": 0.3}),
    ("cell", "lru", {"eigenvalues": "signed"}),
    ("cell", "lru", {"eigenvalues": "positive", "r_min": 0.9}),
    ("cell", "lstm97", {"truncated": True}),
    ("cell", "qrnn", {"pooling": "f", "window": 1}),
    ("cell", "qrnn", {"pooling": "ifo", "window": 3, "forget_bias": "chrono"}),
    ("cell", "lmu", {"theta": 30.0, "channels": 4}),
    ("cell", "low_rank_rnn", {"rank": 5, "overlap": 0.9, "biases": 0}),
    ("cell", "mlstm", {"heads": 4}),
    ("cell", "sru", {"highway_bias": -2.0, "forget_bias": 1.0}),
    ("cell", "indrnn", {"nonlinearity": "tanh", "long_memory": True}),
    ("cell", "mingru", {"candidate": "linear", "forget_bias": "chrono"}),
    ("cell", "minlstm", {"forget_bias": 3.0, "input_std": 0.1}),
    ("clipper", "agc", {"clipping": 1e-5, "eps": 1e-6, "clip_read_out": True}),
    ("clipper", "global_norm", {"max_norm": 1e-3}),
    ("clipper", "value", {"clip_value": 1e-3}),
    ("task", "adding", {"variant": "pascanu", "length": 20}),
    ("task", "adding", {"variant": "hs97", "length": 20}),
    ("task", "agreement", {"objective": "number"}),
    ("task", "copy_memory", {"delay": 1, "symbols": 2, "length": 1}),
    ("task", "digits", {"mode": "permuted", "padding": 3}),
    ("task", "latch", {"length": 2}),
    ("task", "temporal_order", {"bits": 3}),
]


@pytest.fixture
def required(tmp_path):
    """Options without a default, for the plugins that have one."""
    text = tmp_path / "text.txt"
    # the test's part must not repeat the evaluation's
    lines = [f"the quick brown fox {n} jumps over the lazy dog " for n in range(100)]
    text.write_text("".join(lines))
    return {"char_lm": {"text": str(text)}}


@pytest.mark.parametrize("plugin", REGISTERED, ids=lambda p: f"{p.kind}:{p.name}")
def test_registered_plugin_keeps_its_contract(plugin, required):
    conformance.check(plugin, required.get(plugin.name))


@pytest.mark.parametrize(("kind", "name", "options"), VARIANTS, ids=str)
def test_plugin_keeps_its_contract_with_other_options(kind, name, options):
    conformance.check(registry.find(kind, name), options)


def test_option_that_does_not_fit_is_not_the_plugins_fault():
    with pytest.raises(InvalidSpec, match=r"cell\.biases must be 0, 1 or 2, got 3\."):
        conformance.check(registry.find("cell", "rnn"), {"biases": 3})


def test_option_that_a_constructor_refuses_is_not_the_plugins_fault():
    with pytest.raises(InvalidSpec, match="task CharacterLanguageModel: text must be the path"):
        conformance.check(registry.find("task", "char_lm"), {"text": "/no/such/file"})


def test_checks_leave_the_callers_generator_alone():
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)

    conformance.check(registry.find("cell", "lstm"))

    assert torch.equal(torch.rand(3), expected)


def test_rules_hold_without_asserts():
    program = (
        "from bptt.conformance import check_clipper\n"
        "from bptt.contracts import Clipper\n"
        "class Bad(Clipper):\n"
        "    def clip(self, gradients, parameters, state): return gradients\n"
        "check_clipper(Bad)"
    )

    done = subprocess.run([sys.executable, "-O", "-c", program], capture_output=True, text=True)

    assert (
        "ContractViolation: Bad.clip must return (gradients, state, report), got dict."
        in done.stderr
    )
