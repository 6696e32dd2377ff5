"""The stages of a step as functions in C, which share what `struct step` of cell.c points to."""

from collections.abc import Iterable, Mapping

from bptt.kernels.compiled.expression import as_number, loaded, statement, stored
from bptt.kernels.compiled.places import Places
from bptt.kernels.compiled.staging import Stage, divide, level_of, levels
from bptt.kernels.step.plan import StepPlan, first_values
from bptt.kernels.step.recorder import Argument, TracedValue
from bptt.kernels.step.tracing import Trace

ZERO = "(V){0}"
ROW = "(j * rows + i * WIDTH)"
"""Where a row of vectors begins in what is laid out for one pass over it."""


def block(lines: Iterable[str], indent: str) -> str:
    """Return lines, each with its indentation."""
    return "".join(f"{indent}{line}\n" for line in lines)


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
        products = {a.result for a in found.applications}
        in_memory = (places.new.keys() | places.saved.keys()) - products if products else set()
        operands = [(a, level_of(a, self._levels)) for a in places.operands]
        self._new = [level_of(value, self._levels) for value in trace.new]
        self._saved = {v: level_of(v, self._levels) for v in places.saved}
        applied = [level_of(a.operand, self._levels) for a in found.applications]
        count = 1 + max([*self._new, *self._saved.values(), *(level + 1 for level in applied)])
        written: list[list[Argument]] = [[] for _ in range(count)]
        for value, level in [*zip(trace.new, self._new, strict=True), *operands]:
            written[level].append(value)
        for value, level in self._saved.items():
            written[level].append(value)
        self._operands = dict(operands)
        self._stages, self.crossing = divide(found.forward, written, in_memory)

    def text(self) -> list[str]:
        """Return a function for each stage, and one that calls them and the products."""
        lines: list[str] = []
        for number, stage in enumerate(self._stages):
            lines += [*self._function(number, stage), ""]
        calls = []
        for number in range(len(self._stages)):
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
        body = [*inside, *(statement(operation) for operation in stage.operations)]
        body += [f"STORE(new + {n} * span, {as_number(self._trace.new[n])});" for n in states]
        body += [f"STORE({p}, {as_number(a)});" for p, a in zip(to, operands, strict=True)]
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
        if self._found.applications:
            pointers += [
                "const REAL *made = s.made + i * s.s_made + j;",
                f"REAL *to = s.operands + i * s.s_operands + j, *cross = s.crossing + {ROW} * NC;",
            ]
        return _loop(f"forward_{number}", vectors, pointers, held, body)

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
        return _loaded(stage.read, places.vectors), _loaded(stage.read, inside)


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
        states, vectors, _ = first_values(trace)
        products = [a.gradient for a in found.applications]
        early = [*trace.gradients[:states], *trace.gradients[vectors:], *trace.totals, *products]
        early += list(places.operands)
        late = trace.gradients[states:vectors]
        self._count = 1 + max(level_of(value, found_levels) for value in (*early, *late))
        written: list[list[Argument]] = [[] for _ in range(self._count)]
        for value in early:
            written[level_of(value, found_levels)].append(value)
        # only the last one may overwrite the incoming gradients
        written[-1] += late
        self._stages, self.crossing = divide(found.backward, written, set())

    def text(self) -> list[str]:
        """Return a function for each stage, and one that calls them and the products."""
        lines: list[str] = []
        for number, stage in enumerate(self._stages):
            lines += [*self._function(number, stage), ""]
        calls = []
        order = [a.number for a in self._found.applications]
        joined = [o for o in self._found.backward if o.applications]
        for number in range(self._count):
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
        body = [*_loaded(stage.read, of), *(statement(o) for o in stage.operations)]
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
        mask = "const M mask = j + WIDTH > s.H ? s.last : ~(M){0};"
        before = [mask, *_loaded(stage.read, places.vectors), *before]
        return _loop(f"backward_{number}", before, self._pointers(), held, body, after)

    def _pointers(self) -> list[str]:
        lines = [
            "const REAL *old = s.old + i * HP + j, *new = s.new + i * HP + j;",
            f"const REAL *q = s.kept + {ROW} * NK;",
            "REAL *ds = s.d + i * HP + j, *to = s.lanes + i * s.s_lanes + j;",
        ]
        if self._double:
            lines.append("REAL *whole = s.whole + i * HP + j;")
        if self._found.applications:
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


def _loaded(read: Iterable[TracedValue], places: Mapping[TracedValue, str]) -> list[str]:
    wanted = sorted((v for v in read if v in places), key=lambda value: value.number)
    return [loaded(value, places[value]) for value in wanted]


def _loop(
    name: str,
    before: Iterable[str],
    pointers: Iterable[str],
    held: Iterable[str],
    body: Iterable[str],
    after: Iterable[str] = (),
) -> list[str]:
    """Return a function over all units and sequences; `held`: of one that is over."""
    return [
        f"static void {name}(const struct step *given) {{",
        # a copy, which no store through a pointer can change
        "  const struct step s = *given;",
        "  const long rows = s.rows, HP = s.HP, span = s.span, R = s.R, t = s.t;",
        "  const long *lengths = s.lengths;",
        "  const REAL *vectors = s.vectors;",
        "  for (long j = 0; j < HP; j += WIDTH) {",
        *(f"    {line}" for line in before),
        "    for (long i = 0; i < rows; i++) {",
        *(f"      {line}" for line in pointers),
        "      if (lengths && t >= lengths[i]) {",
        *(f"        {line}" for line in held),
        "      } else {",
        *(f"        {line}" for line in body),
        "      }",
        "    }",
        *(f"    {line}" for line in after),
        "  }",
        "}",
    ]
