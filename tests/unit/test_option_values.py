"""Values that fit an option and what is said of those that do not."""

import re
from enum import Enum
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Lt, MultipleOf
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator

from bptt import registry
from bptt.registry.option import MisfitError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def refuse_odd(value):
    if value % 2:
        raise ValueError("must be even")
    return value


def option_of(annotation):
    """Return the option `x` of a plugin that declares it with this annotation."""

    class Plugin:
        def __init__(self, *, x): ...

    Plugin.__init__.__annotations__["x"] = annotation
    return registry.options(Plugin)["x"]


@pytest.mark.parametrize(
    ("annotation", "given", "read"),
    [
        (float, 1, 1.0),
        (float, -2.5, -2.5),
        (int, 3, 3),
        (bool, True, True),
        (str, "", ""),
        (float | None, None, None),
        (float | Literal["chrono"], 3, 3.0),
        (float | Literal["chrono"], "chrono", "chrono"),
        (Literal[0, 1], 1, 1),
        (Annotated[float, Interval(ge=0, lt=1)], 0, 0.0),
        (tuple[int, ...], [1, 2], (1, 2)),
        (list[float], [1], [1.0]),
        (Colour, "red", Colour.RED),
    ],
    ids=str,
)
def test_fitting_value_is_read_as_its_type(annotation, given, read):
    value = option_of(annotation).read(given)

    assert value == read
    assert type(value) is type(read)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (float, "3", "must be a number, got '3'."),
        (float, True, "must be a number, got true."),
        (float, None, "must be a number, got null."),
        (float, float("nan"), "must be a number, got nan."),
        (float, float("inf"), "must be a number, got inf."),
        (float, object, "must be a number, got <class 'object'>."),
        (float, [1.0], "must be a number, got [1.0]."),
        (int, "3", "must be an integer, got '3'."),
        (int, True, "must be an integer, got true."),
        (int, 1.5, "must be an integer, got 1.5."),
        (bool, 1, "must be true or false, got 1."),
        (bool, "yes", "must be true or false, got 'yes'."),
        (str, 1, "must be a text, got 1."),
        (Literal[0, 1], True, "must be 0 or 1, got true."),
        (
            Literal["relu", "tanh"],
            "thanh",
            "must be 'relu' or 'tanh', got 'thanh'; did you mean 'tanh'?",
        ),
        (float | Literal["chrono"] | None, "x", "must be a number, 'chrono' or null, got 'x'."),
        (Annotated[float, Gt(0)], -1.0, "must be a number > 0, got -1.0."),
        (Annotated[float, Gt(0)] | None, 0, "must be a number > 0 or null, got 0."),
        (Annotated[int, Ge(1), Lt(5)], 5, "must be an integer >= 1 and < 5, got 5."),
        (Annotated[float, Interval(ge=0, le=1)], 2, "must be a number >= 0 and <= 1, got 2."),
        (tuple[int, ...], [1, "a"], "must be a list, each element an integer, got [1, 'a']."),
        (Colour, "green", "must be 'red' or 'blue', got 'green'."),
        (Annotated[int, AfterValidator(refuse_odd)], 3, "must be even, got 3."),
        (Annotated[int, ["unhashable"], Gt(3)], 3, "Input should be greater than 3, got 3."),
        (dict[str, int] | None, 3, "Input should be an object, got 3."),
        (Annotated[int, MultipleOf(2)], 3, "Input should be a multiple of 2, got 3."),
        (str, {"a": "b" * 100}, f"must be a text, got {{'a': '{'b' * 70}...."),
    ],
    # without addresses of functions, so that every test process names a test alike
    ids=lambda part: re.sub(" at 0x[0-9a-f]+", "", str(part)),
)
def test_misfit_says_what_is_allowed_and_what_was_given(annotation, value, message):
    with pytest.raises(MisfitError) as raised:
        option_of(annotation).read(value)

    assert str(raised.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_whatever_is_given_is_read_or_refused_in_one_line(value):
    option = registry.options(registry.load("cell", "rnn"))["forget_bias"]

    said = ""
    try:
        option.write(option.read(value))
    except MisfitError as misfit:
        said = str(misfit)

    assert "\n" not in said
