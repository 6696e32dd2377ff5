"""`struct call` of cell.c, laid out once for both: what Python hands over to a cell's kernel."""

import ctypes
from typing import NamedTuple

STATES, VECTORS = "NS", "NV + 1"
"""How many an array holds; of vectors one more, because C has no empty arrays."""


class Field(NamedTuple):
    """A member, eight bytes or an array of them; null where a pointer is not given."""

    type: str
    """In C."""
    name: str
    length: str = ""
    """In C; empty: it is no array."""


FIELDS = (
    *(Field("long", name) for name in ("T", "B", "I", "H", "biases", "truncation")),
    Field("const long *", "lengths"),  # (B)
    Field("long", "key"),  # of random numbers; then the number and the first step of each sequence
    *(Field("const long *", name) for name in ("draw_sequences", "draw_begins")),
    Field("const REAL *", "x"),  # (T, B, I), strides behind it
    *(Field("long", name) for name in ("x_step", "x_row")),
    *(Field("const REAL *", name) for name in ("input_weight", "recurrent_weight")),
    *(Field("const REAL *", name) for name in ("input_bias", "recurrent_bias", "product_weight")),
    Field("REAL *", "states"),  # (NS, T + 1, B, HP)
    Field("REAL *", "saved"),  # (T * B * NK * HP), then (T * B * NR) of whole sequences
    # from here on of the way back alone, but for vectors and initial
    Field("REAL *", "d_x"),  # (T, B, I)
    *(Field("REAL *", name) for name in ("d_input_weight", "d_recurrent_weight")),
    *(Field("REAL *", name) for name in ("d_input_bias", "d_recurrent_bias", "d_product_weight")),
    Field("double *", "norms"),  # (tiles, NS, T)
    Field("const REAL *", "vectors", VECTORS),
    Field("const REAL *", "initial", STATES),
    Field("REAL *", "d_vectors", VECTORS),
    Field("REAL *", "d_initial", STATES),
    Field("const REAL *", "d_states", STATES),  # (T, B, H), strides behind it
    *(Field("long", name, STATES) for name in ("d_states_step", "d_states_row")),
    Field("const REAL *", "d_final", STATES),  # (B, H), stride behind it
    Field("long", "d_final_row", STATES),
)


def members() -> str:
    """Return the members of the struct in C."""
    return " ".join(f"{f.type} {f.name}{f'[{f.length}]' if f.length else ''};" for f in FIELDS)


def call_type(states: int, vectors: int) -> type[ctypes.Structure]:
    """Return the struct of a cell with so many states and vectors; what is left out is zero."""
    lengths = {STATES: states, VECTORS: vectors + 1}
    found = [
        (f.name, ctypes.c_int64 * lengths[f.length] if f.length else ctypes.c_int64) for f in FIELDS
    ]
    return type("Call", (ctypes.Structure,), {"_fields_": found})
