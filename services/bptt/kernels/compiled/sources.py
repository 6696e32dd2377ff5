"""The C files of this package, and what their first lines must define."""

from collections.abc import Mapping
from importlib import resources

import torch


def number_type(dtype: torch.dtype) -> dict[str, str | int]:
    """Return what numbers.c needs to know about a number type, float32 or float64."""
    double = dtype == torch.float64
    return {
        "REAL": "double" if double else "float",
        "INTEGER": "long long" if double else "int",
        "LIBM(name)": "name" if double else "name##f",
        "DOUBLE": int(double),
    }


def assembled(defines: Mapping[str, str | int], *files: str) -> str:
    """Return one C source: the definitions, then the files one after the other."""
    folder = resources.files("bptt.kernels.compiled")
    head = "".join(f"#define {name} {value}\n" for name, value in defines.items())
    return "\n".join([head, *(folder.joinpath(name).read_text() for name in files)])
