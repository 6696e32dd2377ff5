"""A traced step as C: the whole source of one cell's kernel."""

from collections.abc import Iterable

import torch

from bptt.contracts import PointwiseCell
from bptt.kernels.compiled.backward_stages import BackwardStages
from bptt.kernels.compiled.expression import loaded, statement, stored
from bptt.kernels.compiled.forward_stages import ForwardStages
from bptt.kernels.compiled.layout import members
from bptt.kernels.compiled.loops import block
from bptt.kernels.compiled.places import Places
from bptt.kernels.compiled.sources import assembled, number_type
from bptt.kernels.step.plan import StepPlan, plan
from bptt.kernels.step.recorder import TracedValue
from bptt.kernels.step.tracing import Trace
from bptt.kernels.step.vanishing import prove_zeros

FILES = (
    "numbers.c",
    "random.c",
    "matrices.c",
    "norms.c",
    "weights.c",
    "sums.c",
    "zeros.c",
    "cell.c",
)
NONE = -1


def source(cell: PointwiseCell, trace: Trace, dtype: torch.dtype) -> str:
    """Return the C source of a cell's kernel; sizes are arguments of what it defines."""
    found = plan(trace)
    places = Places(trace, found)
    forward = ForwardStages(trace, found, places)
    backward = BackwardStages(trace, found, places, dtype == torch.float64)
    zeros = prove_zeros(trace, found)
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
        "NK": len(places.saved),
        "NR": len(places.saved_rows),
        "NP": len(cell.products),
        "NA": len(found.applications),
        "NO": len(places.operands),
        "NB": len(places.backs),
        "NC": max(len(forward.crossing), len(backward.crossing)),
        "NM": max(forward.rows.at_once(), backward.rows.at_once()),
        "NW": max(forward.rows.count, backward.rows.count),
        "KEEPS_ZERO": int(zeros.keeps_zero),
        "SAVED_IS_FINITE": int(zeros.saved_is_finite),
        "BLOCKS": ", ".join(map(str, [*(a.block for a in found.applications), NONE])),
    }
    for name, order in columns.items():
        numbers = [_place(lane, order) for lane in trace.preactivations]
        defines[name] = ", ".join(str(number) for number in numbers)
    texts = {
        "CALL_MEMBERS": [members()],
        "FIX": _fix(trace, found, places),
        "STAGES": [*forward.text(), *backward.text()],
        "GATHER": places.gathering(),
    }
    text = assembled(defines, *FILES)
    for marker, lines in texts.items():
        indent = next(line for line in text.splitlines() if line.strip() == marker)
        indent = indent.removesuffix(marker)
        text = text.replace(f"{indent}{marker}\n", block(lines, indent))
    return text


def _place(name: str, order: Iterable[str]) -> int:
    names = list(order)
    return names.index(name) if name in names else NONE


def _fix(trace: Trace, found: StepPlan, places: Places) -> list[str]:
    read = {a for o in found.fixing for a in o.arguments if isinstance(a, TracedValue)}
    vectors = sorted(read & places.vectors.keys() - set(found.fixed), key=lambda v: v.number)
    lines = [loaded(value, places.vectors[value]) for value in vectors]
    lines += [statement(operation) for operation in found.fixing]
    return lines + [stored(value, places.vectors[value]) for value in found.fixed]
