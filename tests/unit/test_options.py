"""The constructor is the schema: which options there are, and what is wrong with all given."""

from enum import Enum
from typing import Annotated, Any

import pytest
from annotated_types import Gt
from pydantic import BaseModel

from bptt import registry
from bptt.errors import ContractViolation, InvalidSpec
from bptt.registry.option import MisfitError
from tests.complete_options import complete_options


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def test_options_of_a_pointwise_cell_are_its_own_and_the_frameworks():
    names = list(registry.options(registry.load("cell", "rnn")))

    assert names[:2] == ["nonlinearity", "recurrent_init"]
    assert {"spectral_radius", "forget_bias", "biases"} < set(names)
    assert not {"input_size", "hidden_size", "framework"} & set(names)


def test_bases_count_only_while_keywords_are_passed_on():
    class Base:
        def __init__(self, *, far: int = 0): ...

    class Middle(Base):
        def __init__(self, *, near: int = 0): ...

    class Last(Middle):
        def __init__(self, *, own: int = 0, **keywords: Any): ...

    assert list(registry.options(Last)) == ["own", "near"]


def test_nearest_class_decides_on_an_option_and_its_text():
    class Base:
        """Base.

        Args:
            x: far.
            y: kept from
                the base.
        """

        def __init__(self, *, x: int = 1, y: int = 2): ...

    class Derived(Base):
        """Derived.

        Args:
            x (float): near: and dear.

        Raises:
            ValueError: never.
        """

        def __init__(self, *, x: float = 0.5, **keywords: Any): ...

    options = registry.options(Derived)

    assert {name: option.text for name, option in options.items()} == {
        "x": "near: and dear.",
        "y": "kept from the base.",
    }
    assert options["x"].default == 0.5


def test_text_of_an_option_may_stand_in_the_constructors_docstring():
    class Plugin:
        def __init__(self, *, x: int = 1):
            """Make it.

            Args:
                x: how many.
            """

    assert registry.options(Plugin)["x"].text == "how many."


def test_plugin_without_a_constructor_has_no_options():
    assert registry.options(registry.load("clipper", "none")) == {}


def test_summary_and_description_leave_the_sections_out():
    class Plugin:
        """Do it.

        In a way: this one.

        Args:
            x: how many.
        """

    assert registry.summary(Plugin) == "Do it."
    assert registry.description(Plugin) == "Do it.\n\nIn a way: this one."


def test_checked_options_are_complete_and_in_one_form():
    given, same = {"recurrent_gain": 1, "forget_bias": 3}, {"forget_bias": 3.0}

    complete = complete_options("cell", "lstm", given)

    assert repr(complete) == repr(complete_options("cell", "lstm", same))
    assert complete == {
        "recurrent_init": "uniform",
        "recurrent_gain": 1.0,
        "spectral_radius": None,
        "input_std": None,
        "forget_bias": 3.0,
        "biases": 1,
    }


def test_all_faults_are_found_at_once():
    given = {"biases": 7, "recurent_gain": 2, "forget_bias": "x"}

    with pytest.raises(InvalidSpec) as refused:
        registry.construct_cell("lstm", given, 2, 3)

    assert [fault.partition(" ")[0] for fault in refused.value.faults] == [
        "cell.recurent_gain",
        "cell.forget_bias",
        "cell.biases",
    ]


def test_unknown_option_is_answered_with_the_nearest_and_all_allowed():
    with pytest.raises(InvalidSpec) as refused:
        registry.construct("clipper", "global_norm", {"max_nrom": 1})

    assert refused.value.faults == [
        "clipper.max_nrom is not an option of this clipper; did you mean 'max_norm'? "
        "Allowed: max_norm."
    ]


def test_option_of_a_plugin_that_takes_none_is_refused():
    with pytest.raises(InvalidSpec) as refused:
        registry.construct("clipper", "none", {"max_norm": 1})

    assert refused.value.faults == [
        "clipper.max_norm is not an option of this clipper, which takes none."
    ]


def test_missing_option_is_named_with_what_it_takes():
    with pytest.raises(InvalidSpec) as refused:
        registry.construct("task", "char_lm", {})

    assert refused.value.faults == ["task.text must be given (the path of a file)."]


class Positional:
    def __init__(self, gain: float = 1.0): ...


class Untyped:
    def __init__(self, *, gain=1.0): ...


class Undefined:
    def __init__(self, *, gain: "NoSuchType" = 1.0): ...  # noqa: F821


class Unvalidated:
    def __init__(self, *, gain: Positional): ...


class Model(BaseModel):
    x: int


class Nested:
    def __init__(self, *, gain: Model): ...


class WrongDefault:
    def __init__(self, *, gain: Annotated[float, Gt(0)] = 0.0): ...


@pytest.mark.parametrize(
    ("plugin_class", "fault"),
    [
        (Positional, "must take 'gain' as a keyword only: put `*` before it."),
        (Untyped, "needs a type for 'gain'."),
        (Undefined, "has an annotation that fails: name 'NoSuchType' is not defined."),
        (Unvalidated, "has a type for 'gain' that pydantic cannot validate: "),
        (Nested, "has a type for 'gain' that pydantic cannot validate: "),
        (WrongDefault, "has a default that does not fit its type: gain must be a number > 0"),
    ],
)
def test_constructor_that_is_no_schema_is_refused(plugin_class, fault):
    with pytest.raises(ContractViolation) as raised:
        registry.options(plugin_class)

    assert str(raised.value).startswith("The constructor of ")
    assert f"{plugin_class.__name__} {fault}" in str(raised.value)


def test_default_is_held_as_json_has_it():
    class Plugin:
        def __init__(self, *, x: tuple[float, ...] = (1, 2), y: Colour = Colour.RED): ...

    defaults = {name: option.default for name, option in registry.options(Plugin).items()}

    assert defaults == {"x": [1.0, 2.0], "y": "red"}


def test_annotations_may_be_texts():
    namespace: dict[str, Any] = {"__name__": "texts"}
    source = "from __future__ import annotations\nclass P:\n def __init__(self, *, x: int = 1): ..."
    exec(source, namespace)

    assert registry.options(namespace["P"])["x"].allowed == "an integer"


def test_a_number_beyond_every_plugins_is_told_with_the_options_own_bounds():
    class Delays:
        def __init__(self, *, delay: Annotated[int, Gt(0)] = 1) -> None:
            pass

    with pytest.raises(MisfitError, match=r"^must be an integer > 0 and <= 9,007,199,"):
        registry.options(Delays)["delay"].read(10**29)
