"""How much memory a process may take, and what happens when there is no more."""

import resource
from pathlib import Path

KILLED_FIRST = 500
"""Between -1000 and 1000: when memory runs out the system kills this before anything else."""
NO_MEMORY = ("MemoryError", "allocate memory", "out of memory")
"""What torch says, which has no specific error for a failed allocation on the CPU; and what
is left of Python's error once it has become another one's text."""


def yield_memory() -> None:
    """Let the system kill this process first when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text(str(KILLED_FIRST))
    except OSError:
        # only Linux has it
        return


def limit_memory(beyond: int | None) -> None:
    """Make allocations fail beyond this many bytes more than are in use now; None: lift that."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = hard if beyond is None else _data_bytes() + beyond
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (OSError, ValueError):
        # macOS has the limit but ignores it
        return


def _data_bytes() -> int:
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[5]) * resource.getpagesize()


def is_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out."""
    causes = (error, error.__cause__, error.__context__)
    return any(
        isinstance(c, MemoryError) or any(words in str(c) for words in NO_MEMORY) for c in causes
    )
