"""Rejects what no worker has memory for, before anything is allocated."""

from collections.abc import Iterable

from bptt.run_file.contents import PART, Contents, Row
from bptt.run_file.estimate import CostEstimate
from bptt.run_file.faults import Faults, InputPlace
from bptt.run_file.machine import memory_limit, size
from bptt.run_file.memory import Memory

SMALLER = {
    "weights": "model.hidden_size, model.layers",
    "data": "training.batch_size, the task's length",
    "states": "training.batch_size, model.hidden_size, the task's length",
    "evaluation": "training.evaluation_size, the task's length, or those in evaluation",
    "statistics": "statistics.sequences, statistics.interval (0: none), model.hidden_size",
}
"""What makes a part smaller."""
ASKED_BY = {
    "weights": (("model", "hidden_size"), ("model", "layers"), ("cell", "")),
    "data": (("training", "batch_size"), ("task", "")),
    "states": (("training", "batch_size"), ("model", "hidden_size"), ("task", "")),
    "evaluation": (("training", "evaluation_size"), ("task", "")),
    "statistics": (("statistics", "sequences"), ("task", "")),
}
"""The options that determine a part; the first one that the file gives is named."""


def refuse_too_large(
    estimate: CostEstimate, rows: Iterable[Row], contents: Contents, faults: Faults
) -> None:
    """Note the largest point that takes more memory than a run may, if there is one."""
    limit = memory_limit()
    # points that differ in the seed alone are of one size
    found = {row[:-1]: estimate.memory(row) for row in rows}
    beyond = {row: taken for row, taken in found.items() if taken.least > limit.bytes}
    if not beyond:
        return
    row, taken = max(beyond.items(), key=lambda item: item[1].total)
    part = _largest(taken)
    place = _place(part, row, contents)
    others = f" (the largest of {len(beyond):,} such configurations)" if len(beyond) > 1 else ""
    faults.add(
        f"memory: {part}",
        place,
        f"a run needs about {size(taken.total)} of memory{others}, more than {limit.in_words}: "
        f"{_parts(taken)}. Make smaller: {SMALLER[part]}.",
    )


def _place(part: str, row: Row, contents: Contents) -> InputPlace:
    tables = contents.tables
    for section, option in ASKED_BY[part]:
        content = tables[section][row[PART[section]]]
        if not option:
            return content.place
        if option in content.places:
            return content.places[option]
    raise LookupError(part)


def _largest(taken: Memory) -> str:
    return max(SMALLER, key=lambda part: int(getattr(taken, part)))


def _parts(taken: Memory) -> str:
    sizes = {part: int(getattr(taken, part)) for part in SMALLER}
    ordered = sorted(sizes.items(), key=lambda item: -item[1])
    return ", ".join(f"{part} {size(count)}" for part, count in ordered if count * 20 > taken.total)
