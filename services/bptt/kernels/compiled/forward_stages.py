"""A step forward as functions in C, which share what `struct step` of cell.c points to."""

from bptt.kernels.compiled.expression import as_number, statement, stored
from bptt.kernels.compiled.loops import MASK, ROW, ZERO, all_loaded, loop
from bptt.kernels.compiled.places import Places
from bptt.kernels.compiled.rows import Rows
from bptt.kernels.compiled.staging import Stage, divide, level_of, levels
from bptt.kernels.step.plan import StepPlan
from bptt.kernels.step.recorder import Argument
from bptt.kernels.step.tracing import Trace


class ForwardStages:
    """A step forward.

    Args:
        trace: of the step.
        found: its plan.
        places: where its values lie.
    """

    def __init__(self, trace: Trace, found: StepPlan, places: Places) -> None:
        self._trace, self._found, self._places = trace, found, places
        self._levels = levels(found.forward)
        self.rows = Rows("forward", found.forward, {})
        products = {a.result for a in found.applications}
        is_staged = bool(products or self.rows.count)
        in_memory = (places.new.keys() | places.saved.keys()) - products if is_staged else set()
        operands = [(a, level_of(a, self._levels)) for a in places.operands]
        self._new = [level_of(value, self._levels) for value in trace.new]
        self._saved = {v: level_of(v, self._levels) for v in places.saved}
        applied = [level_of(a.operand, self._levels) for a in found.applications]
        summed = self.rows.levels_of_operands()
        later = [level + 1 for level in applied] + [level for _, level in summed]
        count = 1 + max([*self._new, *self._saved.values(), *later])
        written: list[list[Argument]] = [[] for _ in range(count)]
        for value, level in [*zip(trace.new, self._new, strict=True), *operands, *summed]:
            written[level].append(value)
        for value, level in self._saved.items():
            written[level].append(value)
        self._operands = dict(operands)
        self._is_staged = is_staged
        self._stages, self.crossing = divide(found.forward, written, in_memory, self.rows.values)

    def text(self) -> list[str]:
        """Return a function for each stage, and one that calls them and the products."""
        lines = self.rows.functions(list(self._places.saved_rows))
        for number, stage in enumerate(self._stages):
            lines += [*self._function(number, stage), ""]
        calls = []
        for number in range(len(self._stages)):
            calls += self.rows.calls(number)
            calls.append(f"  forward_{number}(s);")
            for operand, first, count in self._places.groups():
                if level_of(operand, self._levels) == number:
                    at, stride = self._places.operand(operand)
                    calls.append(f"  apply(s, {at}, {stride}, {first}, {count});")
        return [*lines, "INLINE void step_forward(const struct step *s) {", *calls, "}", ""]

    def _function(self, number: int, stage: Stage) -> list[str]:
        vectors, inside = self._loads(number, stage)
        states = [n for n, level in enumerate(self._new) if level == number]
        operands = [a for a, level in self._operands.items() if level == number]
        to = [f"to + {self._places.operands[operand]} * HP" for operand in operands]
        held = [f"STORE(new + {n} * span, LOAD(old + {n} * span));" for n in states]
        held += [f"STORE({place}, {ZERO});" for place in to]
        first, sums = self.rows.adding(number)
        vectors += [MASK] * bool(sums)
        body = [
            *inside,
            *self.rows.loads(stage.read),
            *(statement(operation) for operation in stage.operations),
        ]
        body += [f"STORE(new + {n} * span, {as_number(self._trace.new[n])});" for n in states]
        body += [f"STORE({p}, {as_number(a)});" for p, a in zip(to, operands, strict=True)]
        body += sums
        body += [
            stored(value, f"cross + {n} * WIDTH")
            for n, value in enumerate(self.crossing)
            if self._levels[value] == number
        ]
        saved = [
            stored(value, place)
            for value, place in self._places.saved.items()
            if self._saved[value] == number
        ]
        if saved:
            body += ["if (s.kept) {", f"  REAL *q = s.kept + {ROW} * NK;"]
            body += [*(f"  {line}" for line in saved), "}"]
        pointers = [
            "const REAL *old = s.old + i * HP + j, *pre = s.pre + i * s.s_pre + j;",
            "REAL *new = s.new + i * HP + j;",
        ]
        if self._is_staged:
            pointers += [
                "const REAL *made = s.made + i * s.s_made + j;",
                f"REAL *to = s.operands + i * s.s_operands + j, *cross = s.crossing + {ROW} * NC;",
            ]
        return loop(f"forward_{number}", vectors, pointers, held, body, first=first)

    def _loads(self, number: int, stage: Stage) -> tuple[list[str], list[str]]:
        """Return what is loaded for all sequences, and for each."""
        places = self._places
        earlier = {
            value: place.replace("q +", f"s.kept + {ROW} * NK +")
            for value, place in places.saved.items()
            if self._saved[value] < number
        }
        crossing = {value: f"cross + {n} * WIDTH" for n, value in enumerate(self.crossing)}
        inside = {
            **earlier,
            **crossing,
            **places.new,
            **places.preactivations,
            **places.old,
            **places.products,
        }
        read = stage.read - self.rows.values
        return all_loaded(read, places.vectors), all_loaded(read, inside)
