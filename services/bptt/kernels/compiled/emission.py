"""A traced step as C: the whole source of one cell's kernel."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from bptt.contracts import PointwiseCell
from bptt.kernels.compiled.layout import members
from bptt.kernels.compiled.sources import assembled, number_type
from bptt.kernels.step.operations import COSTLY, INTO_C
from bptt.kernels.step.tracing import Argument, Operation, Trace, TracedValue

NONE = -1


@dataclass(frozen=True)
class EmissionPlan:
    """Which values the backward pass needs, and where it finds them."""

    forward: tuple[Operation, ...]
    backward: tuple[Operation, ...]
    saved: tuple[TracedValue, ...]
    """Kept by the forward pass; the rest is recomputed or is a state."""
    fixing: tuple[Operation, ...]
    """What depends only on the vectors, the same at every step of every sequence."""
    fixed: tuple[TracedValue, ...]
    """Results of these that a step reads, forward or backward."""


def plan(trace: Trace) -> EmissionPlan:
    """Divide a trace into what runs once, what runs forward and what runs backward.

    Results of costly functions are kept, and so are the preactivations that the derivative reads;
    what is cheap is recomputed from these and from the old and new states.
    """
    of_vectors = _of_vectors(trace)
    forward = _needed(trace, trace.new, of_vectors)
    costly = {operation.result for operation in forward if operation.name in COSTLY}
    new = set(_computed_states(trace))
    results = (*trace.gradients, *trace.totals)
    backward = _needed(trace, results, costly | new | of_vectors)
    made = {operation.result for operation in backward}
    used_backward = _used(backward, results)
    lanes = len(trace.preactivations)
    there = {TracedValue(n) for n in range(lanes, trace.arguments + len(trace.states))}
    saved = used_backward - made - there - new - of_vectors
    fixed = (used_backward | _used(forward, trace.new)) & of_vectors
    return EmissionPlan(
        forward, backward, _in_order(saved), _needed(trace, fixed, set()), _in_order(fixed)
    )


def _of_vectors(trace: Trace) -> set[TracedValue]:
    """Return the results that depend only on vectors and numbers."""
    _, first, incoming = _first(trace)
    vectors = {TracedValue(n) for n in range(first, incoming)}
    found: set[TracedValue] = set()
    # None: only on numbers
    hangs: dict[TracedValue, bool | None] = {
        TracedValue(n): TracedValue(n) in vectors for n in range(incoming + len(trace.states))
    }
    for operation in trace.operations:
        of = [hangs[a] for a in operation.arguments if isinstance(a, TracedValue)]
        on_others = False in of
        hangs[operation.result] = False if on_others else (True if True in of else None)
        if hangs[operation.result]:
            found.add(operation.result)
    return found


def _used(operations: Iterable[Operation], results: Iterable[Argument]) -> set[TracedValue]:
    arguments = [a for operation in operations for a in operation.arguments]
    return {value for value in (*arguments, *results) if isinstance(value, TracedValue)}


def _in_order(values: set[TracedValue]) -> tuple[TracedValue, ...]:
    return tuple(sorted(values, key=lambda value: value.number))


def _computed_states(trace: Trace) -> dict[TracedValue, int]:
    """Return the new states that are not arguments: value -> number of the state."""
    first = trace.arguments + len(trace.states)
    return {
        value: n
        for n, value in reversed(list(enumerate(trace.new)))
        if isinstance(value, TracedValue) and value.number >= first
    }


def _needed(
    trace: Trace, roots: Iterable[Argument], given: set[TracedValue]
) -> tuple[Operation, ...]:
    """Return the operations that lead to `roots`, in order, without those before `given`."""
    by_result = {operation.result: operation for operation in trace.operations}
    waiting = [root for root in roots if isinstance(root, TracedValue)]
    wanted: set[TracedValue] = set()
    while waiting:
        value = waiting.pop()
        if value in wanted or value in given or value not in by_result:
            continue
        wanted.add(value)
        waiting += [a for a in by_result[value].arguments if isinstance(a, TracedValue)]
    return tuple(operation for operation in trace.operations if operation.result in wanted)


def source(cell: PointwiseCell, trace: Trace, dtype: torch.dtype) -> str:
    """Return the C source of a cell's kernel; sizes are arguments of what it defines."""
    found = plan(trace)
    fed_alone = [name for name in cell.state_fed if name not in cell.input_fed]
    columns = {
        "IN_INPUT_WEIGHT": cell.input_fed,
        "IN_RECURRENT_WEIGHT": cell.state_fed,
        "IN_NO_BIAS": (),
        "IN_ONE_BIAS": fed_alone,
        "IN_TWO_BIASES": cell.state_fed,
    }
    defines = number_type(dtype) | {
        "NL": len(trace.preactivations),
        "NX": len(cell.input_fed),
        "NH": len(cell.state_fed),
        "NS": len(trace.states),
        "NV": len(trace.vectors),
        "NF": len(found.fixed),
        "NK": len(found.saved),
    }
    for name, order in columns.items():
        places = [_place(lane, order) for lane in trace.preactivations]
        defines[name] = ", ".join(str(place) for place in places)
    blocks = {
        "CALL_MEMBERS": [members()],
        "FIX": _fix(trace, found),
        "LOAD_VECTORS": _load_vectors(trace) + _load_fixed(trace, found),
        "FORWARD_STEP": _forward(trace, found),
        "SAVE": [f"STORE(q + {n} * WIDTH, v{v.number});" for n, v in enumerate(found.saved)],
        "BEGIN_SUMS": [begin for begin, _ in _sums(trace)],
        "HELD_STEP": _norms([f"LOAD(ds + {n} * R * HP)" for n in range(len(trace.states))]),
        "BACKWARD_STEP": _backward(trace, found),
        "END_SUMS": [end for _, end in _sums(trace)],
    }
    text = assembled(defines, "numbers.c", "matrices.c", "cell.c")
    for marker, lines in blocks.items():
        text = text.replace(f" {marker}\n", " " + " ".join(lines) + "\n")
    return text


def _place(name: str, order: Iterable[str]) -> int:
    names = list(order)
    return names.index(name) if name in names else NONE


def _first(trace: Trace) -> tuple[int, int, int]:
    """Return the first value of the states, of the vectors and of the incoming gradients."""
    lanes, states = len(trace.preactivations), len(trace.states)
    return lanes, lanes + states, trace.arguments


def _load_vectors(trace: Trace) -> list[str]:
    _, first, _ = _first(trace)
    return [
        f"const V v{first + n} = LOAD(vectors + {n} * HP + j);" for n in range(len(trace.vectors))
    ]


def _place_fixed(trace: Trace, number: int) -> str:
    return f"vectors + {len(trace.vectors) + number} * HP + j"


def _fix(trace: Trace, found: EmissionPlan) -> list[str]:
    lines = _load_vectors(trace) if found.fixing else []
    lines += [_statement(operation) for operation in found.fixing]
    return lines + [
        f"STORE({_place_fixed(trace, n)}, (V)v{value.number});"
        for n, value in enumerate(found.fixed)
    ]


def _load_fixed(trace: Trace, found: EmissionPlan) -> list[str]:
    return [
        f"const {_type(value)} v{value.number} = ({_type(value)})LOAD({_place_fixed(trace, n)});"
        for n, value in enumerate(found.fixed)
    ]


def _forward(trace: Trace, found: EmissionPlan) -> list[str]:
    states, _, _ = _first(trace)
    lines = [f"const V v{n} = LOAD(pre + {n} * HP);" for n in range(states)]
    lines += [f"const V v{states + n} = LOAD(old + {n} * span);" for n in range(len(trace.states))]
    lines += [_statement(operation) for operation in found.forward]
    lines += [f"STORE(new + {n} * span, {_real(value)});" for n, value in enumerate(trace.new)]
    return lines


def _backward(trace: Trace, found: EmissionPlan) -> list[str]:
    states, vectors, incoming = _first(trace)
    count = len(trace.states)
    lines = [f"const V v{v.number} = LOAD(q + {n} * WIDTH);" for n, v in enumerate(found.saved)]
    lines += [f"const V v{states + n} = LOAD(old + {n} * span);" for n in range(count)]
    lines += [
        f"const V v{value.number} = LOAD(new + {n} * span);"
        for value, n in _computed_states(trace).items()
    ]
    lines += [f"const V v{incoming + n} = LOAD(ds + {n} * R * HP);" for n in range(count)]
    lines += [_statement(operation) for operation in found.backward]
    for n in range(states):
        lines.append(f"const V g{n} = (V)((M){_real(trace.gradients[n])} & mask);")
        lines.append(f"STORE(to + {n} * HP, g{n}); sum{n} += g{n};")
    lines += _norms([_real(g) for g in trace.totals])
    for n in range(count):
        lines.append(f"STORE(ds + {n} * R * HP, {_real(trace.gradients[states + n])});")
    for n in range(len(trace.vectors)):
        lines.append(f"sum{states + n} += {_real(trace.gradients[vectors + n])};")
    return lines


def _norms(totals: Iterable[str]) -> list[str]:
    added = [f"ADD_TO_NORM({n}, {total})" for n, total in enumerate(totals)]
    return [f"if (c->norms) {{ {' '.join(added)} }}"]


def _sums(trace: Trace) -> list[tuple[str, str]]:
    """Return what begins each running sum over sequences, and what adds it up over steps."""
    to = [f"db + {n} * HP + j" for n in range(len(trace.preactivations))]
    to += [f"dv + {n} * HP + j" for n in range(len(trace.vectors))]
    sums = [(f"V sum{n} = {{0}};", f"STORE({at}, LOAD({at}) + sum{n});") for n, at in enumerate(to)]
    return sums + [(f"BEGIN_NORM({n})", f"KEEP_NORM({n})") for n in range(len(trace.states))]


class _Text:
    """An argument in C, as a number by default and as true or false where a format asks so."""

    def __init__(self, argument: Argument) -> None:
        self.argument = argument

    def __format__(self, wanted: str) -> str:
        return _truth(self.argument) if wanted == "truth" else _real(self.argument)


def _real(argument: Argument) -> str:
    if isinstance(argument, TracedValue):
        name = f"v{argument.number}"
        return f"number({name})" if argument.kind == "truth" else name
    return f"K({_literal(argument or 0.0)})"


def _truth(argument: Argument) -> str:
    if isinstance(argument, TracedValue):
        name = f"v{argument.number}"
        return name if argument.kind == "truth" else f"(M)({name} != K(0))"
    return f"(M)({_real(argument)} != K(0))"


def _literal(number: float) -> str:
    if number != number:
        return '__builtin_nan("")'
    if number in (float("inf"), float("-inf")):
        return f"{'-' if number < 0 else ''}__builtin_inf()"
    return repr(number)


def _statement(operation: Operation) -> str:
    result = operation.result
    return f"const {_type(result)} v{result.number} = {_expression(operation)};"


def _type(value: TracedValue) -> str:
    return "M" if value.kind == "truth" else "V"


def _expression(operation: Operation) -> str:
    arguments = [_Text(argument) for argument in operation.arguments]
    if operation.name == "clamp.default":
        text = f"{arguments[0]}"
        for bound, limit in zip(("at_least", "at_most"), operation.arguments[1:], strict=False):
            text = text if limit is None else f"{bound}({text}, {_real(limit)})"
        return text
    if operation.name == "pow.Tensor_Scalar" and (power := _power(operation)) is not None:
        return power
    if operation.name == "_to_copy.default" and operation.result.kind == "truth":
        return f"{arguments[0]:truth}"
    factor = "" if operation.factor == 1.0 else f"K({_literal(operation.factor)}) * "
    return INTO_C[operation.name].format(*arguments, alpha=factor, value=factor)


def _power(operation: Operation) -> str | None:
    """Return a power as products, if the exponent is one of those that equations have."""
    text, exponent = _real(operation.arguments[0]), operation.arguments[1]
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
