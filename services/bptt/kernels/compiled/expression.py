"""One traced operation as C."""

from bptt.contracts.draws import stream_of
from bptt.kernels.step.operations import INTO_C
from bptt.kernels.step.recorder import Argument, Operation, TracedValue


class _Text:
    """An argument in C, as a number by default and as true or false where a format asks so."""

    def __init__(self, argument: Argument) -> None:
        self.argument = argument

    def __format__(self, wanted: str) -> str:
        return _truth(self.argument) if wanted == "truth" else as_number(self.argument)


def as_number(argument: Argument) -> str:
    """Return an argument as a vector of numbers."""
    if isinstance(argument, TracedValue):
        name = f"v{argument.number}"
        return f"number({name})" if argument.kind == "truth" else name
    return f"K({_literal(argument or 0.0)})"


def type_of(value: TracedValue) -> str:
    """Return the type of a value in C."""
    return "M" if value.kind == "truth" else "V"


def statement(operation: Operation) -> str:
    """Return the definition of an operation's result."""
    result = operation.result
    if operation.draw:
        name, once = operation.draw
        where = f"&s.drawing, t, i, j, s.H, {stream_of(name)}u, {int(once)}"
        return f"const V v{result.number} = {operation.name}({where});"
    return f"const {type_of(result)} v{result.number} = {_expression(operation)};"


def loaded(value: TracedValue, place: str) -> str:
    """Return the definition of a value that lies at a place in memory."""
    cast = "(M)" if value.kind == "truth" else ""
    return f"const {type_of(value)} v{value.number} = {cast}LOAD({place});"


def stored(argument: Argument, place: str) -> str:
    """Return what writes a value where `loaded` finds it."""
    if isinstance(argument, TracedValue):
        return f"STORE({place}, (V)v{argument.number});"
    return f"STORE({place}, {as_number(argument)});"


def _truth(argument: Argument) -> str:
    if isinstance(argument, TracedValue):
        name = f"v{argument.number}"
        return name if argument.kind == "truth" else f"(M)({name} != K(0))"
    return f"(M)({as_number(argument)} != K(0))"


def _literal(number: float) -> str:
    if number != number:
        return '__builtin_nan("")'
    if number in (float("inf"), float("-inf")):
        return f"{'-' if number < 0 else ''}__builtin_inf()"
    return repr(number)


def _expression(operation: Operation) -> str:
    arguments = [_Text(argument) for argument in operation.arguments]
    if operation.name == "clamp.default":
        text = f"{arguments[0]}"
        for bound, limit in zip(("at_least", "at_most"), operation.arguments[1:], strict=False):
            text = text if limit is None else f"{bound}({text}, {as_number(limit)})"
        return text
    if operation.name == "pow.Tensor_Scalar" and (power := _power(operation)) is not None:
        return power
    if operation.name == "_to_copy.default" and operation.result.kind == "truth":
        return f"{arguments[0]:truth}"
    factor = "" if operation.factor == 1.0 else f"K({_literal(operation.factor)}) * "
    return INTO_C[operation.name].format(*arguments, alpha=factor, value=factor)


def _power(operation: Operation) -> str | None:
    """Return a power as products, if the exponent is one of those that equations have."""
    text, exponent = as_number(operation.arguments[0]), operation.arguments[1]
    match exponent:
        case 0.0:
            return "K(1)"
        case 1.0 | 2.0 | 3.0 | 4.0:
            return f"({' * '.join([text] * int(exponent))})"
        case -1.0:
            return f"(K(1) / {text})"
        case 0.5:
            return f"v_sqrt({text})"
        case _:
            return None
