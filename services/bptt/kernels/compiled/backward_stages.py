"""The derivative of a step as functions in C, which share what `struct step` points to."""

from collections.abc import Iterable, Mapping

from bptt.kernels.compiled.expression import as_number, statement, stored
from bptt.kernels.compiled.loops import MASK, ROW, ZERO, all_loaded, loop
from bptt.kernels.compiled.places import Places
from bptt.kernels.compiled.rows import Rows
from bptt.kernels.compiled.staging import Stage, divide, level_of, levels
from bptt.kernels.step.plan import StepPlan, first_values
from bptt.kernels.step.recorder import Argument
from bptt.kernels.step.tracing import Trace


class BackwardStages:
    """The derivative of a step.

    Args:
        trace: of the step.
        found: its plan.
        places: where its values lie.
        double: whether numbers are float64.
    """

    def __init__(self, trace: Trace, found: StepPlan, places: Places, double: bool) -> None:
        self._trace, self._found, self._places, self._double = trace, found, places, double
        self._levels = found_levels = levels(found.backward)
        self.rows = Rows("backward", found.backward, places.saved_rows)
        states, vectors, _ = first_values(trace)
        products = [a.gradient for a in found.applications]
        early = [*trace.gradients[:states], *trace.gradients[vectors:], *trace.totals, *products]
        early += list(places.operands)
        late = trace.gradients[states:vectors]
        summed = self.rows.levels_of_operands()
        self._count = 1 + max(
            *(level_of(value, found_levels) for value in (*early, *late)),
            *(level for _, level in summed),
        )
        written: list[list[Argument]] = [[] for _ in range(self._count)]
        for value, level in summed:
            written[level].append(value)
        for value in early:
            written[level_of(value, found_levels)].append(value)
        # only the last one may overwrite the incoming gradients
        written[-1] += late
        self._stages, self.crossing = divide(found.backward, written, set(), self.rows.values)

    def text(self) -> list[str]:
        """Return a function for each stage, and one that calls them and the products."""
        lines = self.rows.functions()
        for number, stage in enumerate(self._stages):
            lines += [*self._function(number, stage), ""]
        calls = []
        order = [a.number for a in self._found.applications]
        joined = [o for o in self._found.backward if o.applications]
        for number in range(self._count):
            calls += self.rows.calls(number)
            calls.append(f"  backward_{number}(s);")
            for lane, operation in enumerate(joined):
                if self._levels[operation.result] == number + 1:
                    first, count = order.index(operation.applications[0]), len(operation.arguments)
                    calls.append(f"  apply_back(s, {lane}, {first}, {count});")
        return [*lines, "INLINE void step_backward(const struct step *s) {", *calls, "}"]

    def _function(self, number: int, stage: Stage) -> list[str]:
        places, trace = self._places, self._trace
        states, vectors, _ = first_values(trace)
        of = {
            value: place
            for kind in (places.old, places.incoming, places.saved, places.new, places.backs)
            for value, place in kind.items()
        }
        of |= {value: f"cross + {n} * WIDTH" for n, value in enumerate(self.crossing)}
        before, after, held = [], [], []
        first, sums = self.rows.adding(number)
        body = [*all_loaded(stage.read - self.rows.values, of), *self.rows.loads(stage.read)]
        body += [*(statement(o) for o in stage.operations), *sums]
        for n in self._of(number, trace.gradients[:states]):
            body.append(f"const V g{n} = (V)((M){as_number(trace.gradients[n])} & mask);")
            body.append(f"STORE(to + {n} * HP, g{n}); sum{n} += g{n};")
            held.append(f"STORE(to + {n} * HP, {ZERO});")
            before.append(f"V sum{n} = {{0}};")
            after.append(_added(n, f"s.db + {n} * HP + j"))
        self._for_products(number, body, held)
        self._norms(number, before, body, held, after)
        if number == self._count - 1:
            for n, gradient in enumerate(trace.gradients[states:vectors]):
                body.append(f"STORE(ds + {n} * R * HP, {as_number(gradient)});")
        for n in self._of(number, trace.gradients[vectors:]):
            body.append(f"sum{states + n} += {as_number(trace.gradients[vectors + n])};")
            before.append(f"V sum{states + n} = {{0}};")
            after.append(_added(states + n, f"s.dv + {n} * HP + j"))
        body += [
            stored(value, f"cross + {n} * WIDTH")
            for n, value in enumerate(self.crossing)
            if self._levels[value] == number
        ]
        before = [MASK, *all_loaded(stage.read, places.vectors), *before]
        return loop(f"backward_{number}", before, self._pointers(), held, body, after, first)

    def _pointers(self) -> list[str]:
        lines = [
            "const REAL *old = s.old + i * HP + j, *new = s.new + i * HP + j;",
            f"const REAL *q = s.kept + {ROW} * NK;",
            "REAL *ds = s.d + i * HP + j, *to = s.lanes + i * s.s_lanes + j;",
        ]
        if self._double:
            lines.append("REAL *whole = s.whole + i * HP + j;")
        if self._found.applications or self.rows.count:
            lines += [
                "const REAL *made = s.made + i * s.s_made + j;",
                f"REAL *cross = s.crossing + {ROW} * NC;",
            ]
        return lines

    def _of(self, number: int, values: Iterable[Argument]) -> list[int]:
        """Return which of the values this stage writes."""
        return [n for n, v in enumerate(values) if level_of(v, self._levels) == number]

    def _for_products(self, number: int, body: list[str], held: list[str]) -> None:
        gradients = [a.gradient for a in self._found.applications]
        lanes = len(self._trace.preactivations)
        for n in self._of(number, gradients):
            place = f"to + {lanes + n} * HP"
            # padding would be multiplied, too
            body.append(f"STORE({place}, (V)((M){as_number(gradients[n])} & mask));")
            held.append(f"STORE({place}, {ZERO});")
        operands = list(self._places.operands)
        for n in self._of(number, operands):
            place = f"to + {lanes + len(gradients) + n} * HP"
            body.append(f"STORE({place}, {as_number(operands[n])});")
            held.append(f"STORE({place}, {ZERO});")

    def _norms(
        self,
        number: int,
        before: list[str],
        body: list[str],
        held: list[str],
        after: list[str],
    ) -> None:
        here = self._of(number, self._trace.totals)
        if not here:
            return

        def measured(of: Mapping[int, str]) -> str:
            if self._double:
                lines = [f"STORE(whole + {n} * R * HP, {value});" for n, value in of.items()]
            else:
                lines = [
                    f"add_squares(&square{n}, (V)((M)({value}) & mask));" for n, value in of.items()
                ]
            return f"if (s.norms) {{ {' '.join(lines)} }}"

        body.append(measured({n: as_number(self._trace.totals[n]) for n in here}))
        held.append(measured({n: f"LOAD(ds + {n} * R * HP)" for n in here}))
        if not self._double:
            before += [f"struct squares square{n} = {{{{0}}, {{0}}}};" for n in here]
            after += [f"s.squares[{n}] += square{n}.low + square{n}.high;" for n in here]


def _added(number: int, place: str) -> str:
    return f"STORE({place}, LOAD({place}) + sum{number});"
