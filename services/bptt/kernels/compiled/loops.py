"""A stage of a step as a function in C, over all units and sequences of a tile."""

from collections.abc import Iterable, Mapping

from bptt.kernels.compiled.expression import loaded
from bptt.kernels.step.recorder import TracedValue

ZERO = "(V){0}"
MASK = "const M mask = j + WIDTH > s.H ? s.last : ~(M){0};"
"""Which of the columns are units, not padding."""
ROW = "(j * rows + i * WIDTH)"
"""Where a row of vectors begins in what is laid out for one pass over it."""


def block(lines: Iterable[str], indent: str) -> str:
    """Return lines, each with its indentation."""
    return "".join(f"{indent}{line}\n" for line in lines)


def all_loaded(read: Iterable[TracedValue], places: Mapping[TracedValue, str]) -> list[str]:
    """Return the definitions of those values that lie at places in memory."""
    wanted = sorted((v for v in read if v in places), key=lambda value: value.number)
    return [loaded(value, places[value]) for value in wanted]


def loop(
    name: str,
    before: Iterable[str],
    pointers: Iterable[str],
    held: Iterable[str],
    body: Iterable[str],
    after: Iterable[str] = (),
    first: Iterable[str] = (),
) -> list[str]:
    """Return a function over all units and sequences.

    Args:
        name: of the function.
        before: what is done before the sequences, for every vector of units.
        pointers: what is defined for each sequence.
        held: what is done for one that is over.
        body: what is done for the others.
        after: what is done after the sequences, for every vector of units.
        first: what is done before everything.
    """
    return [
        f"static void {name}(const struct step *given) {{",
        # a copy, which no store through a pointer can change
        "  const struct step s = *given;",
        "  const long rows = s.rows, HP = s.HP, span = s.span, R = s.R, t = s.t;",
        "  const long *lengths = s.lengths;",
        "  const REAL *vectors = s.vectors;",
        *(f"  {line}" for line in first),
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
