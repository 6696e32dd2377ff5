"""From names and options to objects, and what is said when a constructor fails."""

import pytest

from bptt import registry
from bptt.errors import BrokenPlugin, ContractViolation, InvalidSetting, InvalidSpec
from tests.complete_options import complete_options

CLIPPER = """
from bptt.contracts import Clipper
from bptt.errors import InvalidSetting
class Mine(Clipper):
    def __init__(self, *, sizes: tuple[int, ...] = (1, 2)):
        self.sizes = sizes
        {body}
    def clip(self, gradients, parameters, state): ...
"""


def install(install_plugin, body):
    install_plugin(source=CLIPPER.replace("{body}", body))


def test_cell_is_constructed_with_its_sizes_and_options():
    cell = registry.construct_cell("rnn", {"nonlinearity": "relu"}, 3, 5)

    assert (cell.input_size, cell.hidden_size, cell.nonlinearity) == (3, 5, "relu")
    assert cell.biases == 1


def test_recorded_options_come_back_as_the_constructor_expects_them(install_plugin):
    install(install_plugin, "pass")
    recorded = complete_options("clipper", "mine", {"sizes": [3, 4]})

    clipper = registry.construct("clipper", "mine", recorded)

    assert recorded == {"sizes": [3, 4]}
    assert clipper.sizes == (3, 4)


def test_option_that_does_not_fit_is_refused_with_kind_and_name():
    with pytest.raises(InvalidSpec) as raised:
        registry.construct("clipper", "global_norm", {"max_norm": "x"})

    assert raised.value.faults == ["clipper.max_norm must be a number > 0, got 'x'."]


def test_value_error_of_a_constructor_is_the_users_to_mend():
    with pytest.raises(InvalidSpec) as raised:
        registry.construct_cell("gru", {"forget_bias": 1.0, "biases": 0}, 2, 3)

    assert raised.value.faults == ["cell 'gru': forget_bias needs a bias, got biases = 0."]


def test_any_other_error_of_a_constructor_is_the_plugins(install_plugin):
    install(install_plugin, "raise TypeError('two\\nlines')")

    with pytest.raises(BrokenPlugin) as raised:
        registry.construct("clipper", "mine", {})

    assert str(raised.value) == (
        "acme-clippers[mine] 1.2 cannot be constructed: TypeError: two lines. "
        "Check it: bptt plugins check mine"
    )


def test_error_that_is_already_a_clear_line_passes(install_plugin):
    install(install_plugin, "raise InvalidSetting('said so')")

    with pytest.raises(InvalidSetting, match="said so"):
        registry.construct("clipper", "mine", {})


def test_constructor_that_is_no_schema_is_told_with_its_distribution(install_plugin):
    source = CLIPPER.replace("*, ", "").replace("{body}", "pass")
    install_plugin(source=source)

    with pytest.raises(ContractViolation, match=r"^acme-clippers\[mine\] 1\.2: The constructor"):
        registry.construct("clipper", "mine", {})
