"""What this process trains with, as `run.json` and `result.json` record it."""

import platform
from typing import TypedDict

from bptt.host import processor


class Software(TypedDict):
    """Versions of what trains, and the processor it was compiled for or chooses its code by."""

    torch: str
    python: str
    processor: str


def software() -> Software:
    """Return what this process trains with."""
    import torch

    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": f"{processor()}, {torch.backends.cpu.get_cpu_capability()}",
    }
