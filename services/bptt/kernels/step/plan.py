"""What of a traced step runs once, forward and backward, and what is kept in between."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bptt.kernels.step.operations import COSTLY
from bptt.kernels.step.recorder import Argument, Operation, TracedValue
from bptt.kernels.step.staged import PRODUCT, PRODUCT_BACK, SUMS
from bptt.kernels.step.tracing import Trace


@dataclass(frozen=True)
class AppliedProduct:
    """One product of a step."""

    number: int
    """Among the calls of `product` in this step."""
    block: int
    """Which of the cell's `products`."""
    operand: Argument
    result: TracedValue
    gradient: Argument
    """Of the loss with respect to `result`."""


@dataclass(frozen=True)
class StepPlan:
    """Which values the backward pass needs, and where it finds them."""

    forward: tuple[Operation, ...]
    backward: tuple[Operation, ...]
    saved: tuple[TracedValue, ...]
    """Kept by the forward pass; the rest is recomputed or is a state."""
    fixing: tuple[Operation, ...]
    """What depends only on the vectors, the same at every step of every sequence."""
    fixed: tuple[TracedValue, ...]
    """Results of these that a step reads, forward or backward."""
    applications: tuple[AppliedProduct, ...]
    """Those that matter to a state; applications with one operand are neighbours."""


def plan(trace: Trace) -> StepPlan:
    """Divide a trace into what runs once, what runs forward and what runs backward.

    Results of costly functions, of products, means and sums are kept, and so are the preactivations
    that the derivative reads; what is cheap is recomputed from these and from the old and new
    states. So are the operands of products, which the gradients of the blocks need: they cost no
    memory.
    """
    of_vectors = _of_vectors(trace)
    forward = _needed(trace.operations, trace.new, of_vectors)
    applications = _applications(trace, forward)
    operations = _joined(trace, applications)
    kept = {*COSTLY, PRODUCT, *SUMS}
    costly = {operation.result for operation in forward if operation.name in kept}
    new = set(computed_states(trace))
    results = (
        *trace.gradients,
        *trace.totals,
        *(argument for a in applications for argument in (a.gradient, a.operand)),
    )
    backward = _needed(operations, results, costly | new | of_vectors)
    made = {operation.result for operation in backward}
    used_backward = _used(backward, results)
    lanes = len(trace.preactivations)
    there = {TracedValue(n) for n in range(lanes, trace.arguments + len(trace.states))}
    saved = used_backward - made - there - new - of_vectors
    fixed = (used_backward | _used(forward, trace.new)) & of_vectors
    return StepPlan(
        forward,
        backward,
        _in_order(saved),
        _needed(trace.operations, fixed, set()),
        _in_order(fixed),
        applications,
    )


def first_values(trace: Trace) -> tuple[int, int, int]:
    """Return the first value of the states, of the vectors and of the incoming gradients."""
    lanes, states = len(trace.preactivations), len(trace.states)
    return lanes, lanes + states, trace.arguments


def computed_states(trace: Trace) -> dict[TracedValue, int]:
    """Return the new states that are not arguments: value -> number of the state."""
    first = trace.arguments + len(trace.states)
    return {
        value: n
        for n, value in reversed(list(enumerate(trace.new)))
        if isinstance(value, TracedValue) and value.number >= first
    }


def _of_vectors(trace: Trace) -> set[TracedValue]:
    """Return the results that depend only on vectors and numbers."""
    _, first, incoming = first_values(trace)
    vectors = {TracedValue(n) for n in range(first, incoming)}
    found: set[TracedValue] = set()
    # None: only on numbers
    hangs: dict[TracedValue, bool | None] = {
        TracedValue(n): TracedValue(n) in vectors for n in range(incoming + len(trace.states))
    }
    for operation in trace.operations:
        of = [hangs[a] for a in operation.arguments if isinstance(a, TracedValue)]
        on_others = False in of or operation.mixes or operation.draw is not None
        hangs[operation.result] = False if on_others else (True if True in of else None)
        if hangs[operation.result]:
            found.add(operation.result)
    return found


def _applications(trace: Trace, forward: Iterable[Operation]) -> tuple[AppliedProduct, ...]:
    backs = {o.applications[0]: o for o in trace.operations if o.name == PRODUCT_BACK}
    found: dict[Argument, list[AppliedProduct]] = {}
    for operation in forward:
        if operation.name == PRODUCT:
            (number,), (operand,) = operation.applications, operation.arguments
            # its derivative is missing if it decides a comparison alone
            gradient = backs[number].arguments[0] if number in backs else 0.0
            one = AppliedProduct(
                number, trace.applications[number], operand, operation.result, gradient
            )
            found.setdefault(operand, []).append(one)
    return tuple(one for group in found.values() for one in group)


def _joined(trace: Trace, applications: tuple[AppliedProduct, ...]) -> tuple[Operation, ...]:
    """Return the operations with the sum of all derivatives by one operand as one operation.

    A sum of products is one product of a longer row, whose result is written once.
    """
    operations = trace.operations
    results = {*trace.gradients, *trace.totals, *(a.gradient for a in applications)}
    for operand in dict.fromkeys(a.operand for a in applications):
        numbers = [a.number for a in applications if a.operand == operand]
        operations = _joined_group(operations, numbers, results)
    return operations


def _joined_group(
    operations: tuple[Operation, ...], numbers: list[int], results: set[Argument]
) -> tuple[Operation, ...]:
    backs = {o.result: o for o in operations if o.name == PRODUCT_BACK}
    parts = {value: o for value, o in backs.items() if o.applications[0] in numbers}
    if not 1 < len(parts) == len(numbers):
        return operations
    inside, last = set(parts), None
    for operation in operations:
        is_sum = operation.name == "add.Tensor" and operation.factor == 1.0
        if is_sum and set(operation.arguments) <= inside:
            inside.add(operation.result)
            last = operation
    if last is None or len(inside) != 2 * len(numbers) - 1:
        return operations
    read = [a for o in operations if o.result not in inside for a in o.arguments]
    if (inside - {last.result}) & (set(read) | results):
        return operations
    by_number = {o.applications[0]: o.arguments[0] for o in parts.values()}
    together = replace(
        backs[next(iter(parts))],
        arguments=tuple(by_number[number] for number in numbers),
        result=last.result,
        applications=tuple(numbers),
    )
    kept = [o for o in operations if o is last or o.result not in inside]
    return tuple(together if o is last else o for o in kept)


def _used(operations: Iterable[Operation], results: Iterable[Argument]) -> set[TracedValue]:
    arguments = [a for operation in operations for a in operation.arguments]
    return {value for value in (*arguments, *results) if isinstance(value, TracedValue)}


def _in_order(values: set[TracedValue]) -> tuple[TracedValue, ...]:
    return tuple(sorted(values, key=lambda value: value.number))


def _needed(
    operations: tuple[Operation, ...], roots: Iterable[Argument], given: set[TracedValue]
) -> tuple[Operation, ...]:
    """Return the operations that lead to `roots`, in order, without those before `given`."""
    by_result = {operation.result: operation for operation in operations}
    waiting = [root for root in roots if isinstance(root, TracedValue)]
    wanted: set[TracedValue] = set()
    while waiting:
        value = waiting.pop()
        if value in wanted or value in given or value not in by_result:
            continue
        wanted.add(value)
        waiting += [a for a in by_result[value].arguments if isinstance(a, TracedValue)]
    return tuple(operation for operation in operations if operation.result in wanted)


def per_sequence(
    operations: Iterable[Operation], known: Iterable[TracedValue] = ()
) -> set[TracedValue]:
    """Return the results that are one number a sequence: means, sums, and what is made of them.

    Args:
        operations: of a pass, in order.
        known: what else is one, computed before.
    """
    found = set(known)
    for operation in operations:
        of = [a for a in operation.arguments if isinstance(a, TracedValue)]
        made_of_them = bool(of) and found.issuperset(of) and operation.result.kind == "real"
        if operation.name in SUMS or (made_of_them and not operation.mixes):
            found.add(operation.result)
    return found
