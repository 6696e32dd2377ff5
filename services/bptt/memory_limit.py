"""How much memory a process may take, and what becomes of it when there is no more."""

import resource
from pathlib import Path

KILLED_FIRST = 500
"""Between -1000 and 1000: when memory runs out the system ends this before anything else."""
NO_MEMORY = ("MemoryError", "allocate memory", "out of memory")
"""What torch says, which has no error of its own for an allocation that fails on the CPU; and what
is left of Python's where it has become words of another one."""


def yield_memory() -> None:
    """Let the system end this process first when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text(str(KILLED_FIRST))
    except OSError:
        # only Linux has it
        return


def limit_memory(beyond: int | None) -> None:
    """Have allocations fail that go so many bytes beyond what is taken now; None: lift that."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = hard if beyond is None else _data_bytes() + beyond
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (OSError, ValueError):
        # macOS knows the limit and heeds it not
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
