"""Single runs that a comparison names: those without a value, and the best one."""

from collections.abc import Mapping, Sequence

from bptt.comparison.column import Column
from bptt.comparison.point import ComparedPoint
from bptt.comparison.wording import number_told
from bptt.records.comparison import BestRun, Lacking


def lacking(by_config: Mapping[str, Sequence[ComparedPoint]], decided: Column) -> list[Lacking]:
    """Return every point without a value of its own, and why it has none."""
    found = []
    for config, row in zip(by_config, decided.natural, strict=True):
        for one in row:
            if one.value is not None and not one.counted:
                continue
            point = one.point
            why = point.why_without() or f"has no {decided.measure.name}"
            if one.counted and one.value is not None:
                why += f", counted as {number_told(one.value)}"
            found.append(
                Lacking(point.run_id, config, point.seed, point.outcome, why, list(point.grids))
            )
    return found


def best_run(by_config: Mapping[str, Sequence[ComparedPoint]], decided: Column) -> BestRun | None:
    """Return the run with the best value; of runs that stop when solved, the soonest."""
    found = [
        (one.value, config, one.point)
        for config, row in zip(by_config, decided.natural, strict=True)
        for one in row
        if one.value is not None and not one.stands_in
    ]
    if not found or not decided.measure.ranks or any(p.untrained for _, _, p in found):
        return None
    choose = max if decided.measure.better == "higher" else min
    value, config, point = choose(found, key=lambda one: one[0])
    others = sum(one[0] == value for one in found) - 1
    return BestRun(point.run_id, config, point.seed, value, others)
