"""What is one number a sequence, in C: sums over units, and what is made of them alone.

A stage adds up its units in 16 parts (see sums.c). Before the next one a function finishes the sums
and computes what hangs on them alone, for as many sequences at once as a vector holds.
"""

from collections.abc import Iterable, Mapping, Sequence

from bptt.kernels.compiled.expression import as_number, loaded, statement, stored
from bptt.kernels.compiled.staging import Levels, level_of, levels
from bptt.kernels.step.plan import per_sequence
from bptt.kernels.step.recorder import Operation, TracedValue
from bptt.kernels.step.staged import SUMS


class Rows:
    """Sums over units in one pass over a step.

    Args:
        name: of the pass.
        operations: of the pass, in order.
        known: where a number a sequence lies that was computed before the pass.
    """

    def __init__(
        self, name: str, operations: Sequence[Operation], known: Mapping[TracedValue, str]
    ) -> None:
        self._name = name
        self._levels: Levels = levels(operations)
        self.values = per_sequence(operations, known)
        """Results of the pass that are one number a sequence, and those that are known."""
        self._operations = [o for o in operations if o.result in self.values]
        self.count = len(self._operations)
        """How many numbers a sequence the pass computes."""
        made = {o.result: f"s.row + {n} * RT" for n, o in enumerate(self._operations)}
        self._places = {**known, **made}

    def at_once(self) -> int:
        """Return how many sums a stage adds up at most."""
        return max((len(self._sums(level)) for level in self._levels.values()), default=0)

    def levels_of_operands(self) -> list[tuple[TracedValue | float | None, int]]:
        """Return what is summed, and the stage that computes it."""
        return [
            (o.arguments[0], level_of(o.arguments[0], self._levels))
            for o in self._operations
            if o.name in SUMS
        ]

    def adding(self, level: int) -> tuple[list[str], list[str]]:
        """Return what a stage does before its units and for each of them."""
        sums = self._sums(level)
        if not sums:
            return [], []
        body = [
            f"add_up(s.sums + ({n} * RT + i) * PARTS, j, "
            f"(V)((M){as_number(o.arguments[0])} & mask));"
            for n, o in enumerate(sums)
        ]
        return [f"clear_sums(s.sums, {len(sums)});"], body

    def loads(self, read: Iterable[TracedValue]) -> list[str]:
        """Return the definitions, for one sequence, of those values that are one number."""
        wanted = sorted((v for v in read if v in self._places), key=lambda value: value.number)
        return [f"const V v{v.number} = K(({self._places[v]})[i]);" for v in wanted]

    def calls(self, level: int) -> list[str]:
        """Return the call of what is computed before the stage of a level, if there is anything."""
        return [f"  {self._name}_rows_{level}(s);"] if self._own(level) else []

    def functions(self, kept: Sequence[TracedValue] = ()) -> list[str]:
        """Return a function for each level that has something.

        Args:
            kept: what is stored for the way back, in this order.
        """
        lines: list[str] = []
        for level in sorted(set(self._levels.values())):
            if self._own(level):
                lines += [*self._function(level, kept), ""]
        return lines

    def _function(self, level: int, kept: Sequence[TracedValue]) -> list[str]:
        own = self._own(level)
        finished = [o for o in own if o.name in SUMS]
        lines = [
            f"  finish_sums(s.sums + {n} * RT * PARTS, {self._places[o.result]}, rows, "
            f"{'s.H' if o.name == 'mean' else '1'});"
            for n, o in enumerate(finished)
        ]
        pointwise = [o for o in own if o.name not in SUMS]
        if pointwise:
            results = {o.result for o in pointwise}
            read = {a for o in pointwise for a in o.arguments if isinstance(a, TracedValue)}
            inside = [
                *(loaded(v, f"{self._places[v]} + i") for v in _in_order(read - results)),
                *(statement(o) for o in pointwise),
                *(stored(v, f"{self._places[v]} + i") for v in _in_order(results)),
            ]
            lines += ["  for (long i = 0; i < rows; i += WIDTH) {"]
            lines += [*(f"    {line}" for line in inside), "  }"]
        made = {o.result for o in own}
        lines += [
            f"  if (s.kept_rows) copy(s.kept_rows + {n} * rows, {self._places[value]}, rows);"
            for n, value in enumerate(kept)
            if value in made
        ]
        return [
            f"static void {self._name}_rows_{level}(const struct step *given) {{",
            "  const struct step s = *given;",
            "  const long rows = s.rows;",
            *lines,
            "}",
        ]

    def _own(self, level: int) -> list[Operation]:
        return [o for o in self._operations if self._levels[o.result] == level]

    def _sums(self, level: int) -> list[Operation]:
        """Return the sums of what the stage of a level computes."""
        return [o for o in self._own(level + 1) if o.name in SUMS]


def _in_order(values: Iterable[TracedValue]) -> list[TracedValue]:
    return sorted(values, key=lambda value: value.number)
