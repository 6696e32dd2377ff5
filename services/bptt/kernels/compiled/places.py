"""Where the values of a step lie in memory."""

from bptt.kernels.step.plan import StepPlan, computed_states, first_values, per_sequence
from bptt.kernels.step.recorder import Argument, TracedValue
from bptt.kernels.step.tracing import Trace


class Places:
    """Where the values of a step lie in memory, as C.

    Args:
        trace: of the step.
        found: its plan.
    """

    def __init__(self, trace: Trace, found: StepPlan) -> None:
        self._applications = found.applications
        lanes, first, incoming = first_values(trace)
        count = len(trace.states)
        named = [TracedValue(n) for n in range(incoming + count)]
        fixed = [*named[first:incoming], *found.fixed]
        self.vectors = {v: f"vectors + {n} * HP + j" for n, v in enumerate(fixed)}
        """Of each vector, and of each value that hangs on vectors alone."""
        self.preactivations = {v: f"pre + {n} * HP" for n, v in enumerate(named[:lanes])}
        self.old = {v: f"old + {n} * span" for n, v in enumerate(named[lanes:first])}
        computed = computed_states(trace).items()
        self.new = {v: f"new + {n} * span" for v, n in computed if v not in self.vectors}
        self.incoming = {v: f"ds + {n} * R * HP" for n, v in enumerate(named[incoming:])}
        of_rows = per_sequence(found.forward)
        of_units = [v for v in found.saved if v not in of_rows]
        self.saved = {v: f"q + {n} * WIDTH" for n, v in enumerate(of_units)}
        """Of what is kept for the way back, a number for each unit."""
        of_rows &= set(found.saved)
        in_order = sorted(of_rows, key=lambda value: value.number)
        self.saved_rows = {v: f"s.kept_rows + {n} * rows" for n, v in enumerate(in_order)}
        """And what is one number a sequence."""
        self.products = {a.result: f"made + {n} * HP" for n, a in enumerate(found.applications)}
        joined = [o for o in found.backward if o.applications]
        self.backs = {o.result: f"made + {n} * HP" for n, o in enumerate(joined)}
        states = self.old.keys() | self.new.keys()
        operands = dict.fromkeys(a.operand for a in found.applications if a.operand not in states)
        self.operands = {operand: number for number, operand in enumerate(operands)}
        """Those that are no states -> number among them."""

    def groups(self) -> list[tuple[Argument, int, int]]:
        """Return the operand of each group of products, the first one and how many there are."""
        found: list[tuple[Argument, int, int]] = []
        for number, one in enumerate(self._applications):
            if found and found[-1][0] == one.operand:
                operand, first, count = found.pop()
                found.append((operand, first, count + 1))
            else:
                found.append((one.operand, number, 1))
        return found

    def operand(self, operand: Argument) -> tuple[str, str]:
        """Return where an operand of the forward pass lies, and from row to row."""
        if operand in self.operands:
            return f"s->operands + {self.operands[operand]} * s->HP", "s->s_operands"
        return f"s->{self._of_state(operand).replace('span', 's->span')}", "s->HP"

    def _of_state(self, value: Argument) -> str:
        assert isinstance(value, TracedValue)
        return self.old[value] if value in self.old else self.new[value]

    def gathering(self) -> list[str]:
        """Return what gathers the gradients of the blocks, operand by operand."""
        lines = []
        for operand, first, count in self.groups():
            if operand in self.operands:
                at = f"operands + {self.operands[operand]} * HP, R * sd, sd"
            else:
                at = f"{self._of_state(operand)}, -B * HP, HP"
            lines.append(f"gather_products(g, {at}, {first}, {count});")
        return lines
