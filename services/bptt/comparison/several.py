"""What a reader of several grids has to know: which runs are whose, and of which program."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bptt.comparison.axes import axes_of
from bptt.comparison.chosen import Chosen
from bptt.comparison.column import Column
from bptt.comparison.differing import DATA, is_program
from bptt.comparison.facets import TASK
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.comparison.ranking import SEEDS_TO_TRUST
from bptt.comparison.seeds_to_add import SeedsToAdd, advised
from bptt.comparison.wording import listed
from bptt.counted import counted
from bptt.errors import InvalidSpec

EVALUATION = "evaluation"
SAME_SEED = "a seed need not draw the same there, so nothing is ranked across"


def programs_in(points: Sequence[ComparedPoint]) -> list[str]:
    """Return the paths on which the programs of points differ."""
    return [path for path in axes_of(points) if is_program(path)]


def refuse_one_sided(measure: Measure, points: Sequence[ComparedPoint]) -> None:
    """Refuse to rank by a figure that the results of some grids have and those of others do not.

    Args:
        measure: that decides.
        points: of one problem.

    Raises:
        InvalidSpec: names the grids.
    """
    if measure.until_solved:
        return
    known: dict[str, bool] = {}
    for point in points:
        for grid in point.grids if point.figures and not point.diverged else ():
            known[grid] = known.get(grid, False) or measure.name in point.figures
    lacking = [grid for grid, has in known.items() if not has]
    if lacking and len(lacking) < len(known):
        having = [grid for grid, has in known.items() if has]
        raise InvalidSpec(
            [
                f"--metric {measure.name!r} is in results of {listed(having)} only, and in none of "
                f"{listed(lacking)}: compare by a figure that all have, or leave {listed(lacking)} "
                "out."
            ]
        )


def notes_of_several(
    by_config: Mapping[str, Sequence[ComparedPoint]], decided: Column, more: SeedsToAdd
) -> list[str]:
    """Return what there is to say where points are of several grids.

    Args:
        by_config: the points of each configuration of one problem.
        decided: the figure that decides.
        more: how to add seeds.
    """
    points = [point for held in by_config.values() for point in held]
    said = [
        _pooled(by_config),
        *_programs(points),
        *_measured(points),
        _unpaired(list(by_config), decided, more),
    ]
    return [note for note in said if note]


def _pooled(by_config: Mapping[str, Sequence[ComparedPoint]]) -> str:
    told, shared = [], 0
    pooled = []
    for name, points in by_config.items():
        shared += sum(len(point.grids) > 1 for point in points)
        # a mean over other axes is of several configurations
        whole: dict[str, list[ComparedPoint]] = {}
        for point in points:
            whole.setdefault(point.config, []).append(point)
        if any(map(_is_pooled, whole.values())):
            pooled.append(name)
    if pooled:
        told.append(f"The same configuration in several grids, its seeds pooled: {listed(pooled)}.")
    if shared:
        once = "is in several grids and counts" if shared == 1 else "are in several grids and count"
        told.append(f"{counted(shared, 'run')} {once} once.")
    return " ".join(told)


def _is_pooled(points: Sequence[ComparedPoint]) -> bool:
    """Say whether no grid has all points of a configuration."""
    held = Counter(grid for point in points for grid in point.grids)
    return bool(held) and max(held.values()) < len(points)


def unjudged_notes(chosen: Chosen, more: SeedsToAdd) -> list[str]:
    """Return which configurations were tuned and stand in no row, and what gives them one.

    Args:
        chosen: what each was tuned to.
        more: how to add seeds.
    """
    said = untaken_notes(chosen)
    lacking = [name for name in chosen.taken if name not in chosen.names]
    if lacking:
        commands = more.judging(SEEDS_TO_TRUST, chosen.kept)
        said.append(advised(f"Tuned, and without a seed that judges: {listed(lacking)}", commands))
    return said


def untaken_notes(chosen: Chosen) -> list[str]:
    """Return which configurations nothing was chosen for, and which values were no candidates."""
    left_out = [chosen.left_out] if chosen.left_out else []
    if not chosen.untaken:
        return left_out
    return [
        *left_out,
        f"Nothing was chosen for {listed(chosen.untaken)}: no value has results in more than half "
        "of the seeds that choose.",
    ]


def _programs(points: Sequence[ComparedPoint]) -> list[str]:
    """Return which grid's results are of which program, where they are of several."""
    said = []
    for path in (*programs_in(points), *([DATA] if DATA in axes_of(points) else [])):
        of_value: dict[str, dict[str, None]] = {}
        for point in points:
            if path in point.values:
                of_value.setdefault(point.values[path], {}).update(dict.fromkeys(point.grids))
        where = [f"{value} ({', '.join(grids)})" for value, grids in of_value.items()]
        if path.partition(".")[0] == TASK:
            what = "other data" if path == DATA else "another program of a task"
            said.append(f"{path} here: {listed(where)}; {what} is another problem: {SAME_SEED}.")
        elif len(of_value) > 1:
            said.append(
                f"{path} differs: {listed(where)}; another program is another configuration, and "
                "bptt show RUN says what is other about it."
            )
    return said


def _measured(points: Sequence[ComparedPoint]) -> list[str]:
    """Return what was measured otherwise of some runs, which sets no configuration apart."""
    said = []
    several = len({grid for point in points for grid in point.grids}) > 1
    for path in dict.fromkeys(path for point in points for path in point.measured):
        of_value: dict[str, dict[str, None]] = {}
        for value, grid in (one for point in points for one in point.measured.get(path, ())):
            of_value.setdefault(value, {})[grid] = None
        if len(of_value) > 1:
            where = listed(
                [
                    f"{value} ({', '.join(grids)})" if several else value
                    for value, grids in of_value.items()
                ]
            )
            what = "figures of the gradient are each run's own last ones"
            if path.partition(".")[0] == EVALUATION:
                what = "figures of sets that only some runs were tested on are of these runs alone"
            said.append(
                f"{path} differs: {where}. It says what is measured and not what is trained, so it "
                f"sets no configuration apart, and runs of one seed that differ in nothing else "
                f"count once; {what}."
            )
    return said


def _unpaired(names: Sequence[str], decided: Column, more: SeedsToAdd) -> str:
    """Return which configurations have no seed of the others, and what gives them some."""
    ranking = decided.ranking
    seeds = {seed for number in (*ranking.top, *ranking.below) for seed in decided.values[number]}
    alone = [
        number
        for number in ranking.apart
        if decided.values[number] and not seeds & set(decided.values[number])
    ]
    if not alone or not seeds:
        return ""
    points = [one.point for number in alone for one in decided.rows[number]]
    # what is tuned needs seeds that have no say, in all grids
    commands = (
        more.judging(SEEDS_TO_TRUST, points)
        if more.tuned
        else more.commands_for(sorted(seeds)[:SEEDS_TO_TRUST], points)
    )
    return advised(
        f"No seed of {listed([names[number] for number in alone])} is one of the others', and only "
        "runs of one seed are paired",
        commands,
    )


def unfinished_in(points: Sequence[ComparedPoint]) -> str:
    """Return which grids have runs that have not ended; empty for a single grid, or if none has."""
    live = Counter(grid for point in points if point.is_live for grid in point.grids[:1])
    if not live or len({grid for point in points for grid in point.grids}) < 2:
        return ""
    whose = [f"{counted(number, 'run')} of {grid}" for grid, number in live.items()]
    return f"Not ended: {listed(whose)}."
