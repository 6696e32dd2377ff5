"""What may be said of a table that nothing can be told from: one configuration, or live runs."""

from collections.abc import Sequence
from dataclasses import replace

from bptt.comparison.axes import axes_of, without_seed
from bptt.comparison.chosen import Chosen, Tuning
from bptt.comparison.column import Column
from bptt.comparison.facets import Facet
from bptt.comparison.ranking import SEEDS_TO_TELL, SEEDS_TO_TRUST
from bptt.comparison.seeds_to_add import SeedsToAdd
from bptt.comparison.wording import listed
from bptt.counted import counted
from bptt.records.comparison import MAY_BE, UNRANKED, WORSE, Group


def so_far(group: Group, *, ahead: bool) -> Group:
    """Return a configuration of which runs, or of others, have not ended: nothing is told.

    Args:
        group: as if they had.
        ahead: whether anybody is; if not, it has no standing.
    """
    lead = group.lead and replace(group.lead, low=None, high=None)
    standing = MAY_BE if group.standing == WORSE else group.standing
    return replace(group, standing=standing if ahead else UNRANKED, lead=lead)


def of_one(
    facet: Facet, decided: Column, group: Group, more: SeedsToAdd, left_out: str = ""
) -> str:
    """Return what the only configuration of a table lets one claim, and what would make it more.

    Args:
        facet: its points.
        decided: the figure that decides.
        group: the configuration.
        more: the seeds there are, and how to add others.
        left_out: why others of the grid are not there; empty: there are none.
    """
    seeds = group.value.n if group.value else 0
    if not seeds:
        return f"One configuration, without a value. Why, run by run:\n{more.shown}"
    has = f"One configuration, {counted(seeds, 'seed')}"
    if seeds < SEEDS_TO_TELL:
        said = f"{has}: nothing can be said of others, nor of how much a further seed would differ."
        least = f"{SEEDS_TO_TRUST} seeds are the least to rely on:"
        commands = more.commands(SEEDS_TO_TRUST, facet.points, unequal=True)
        return f"{said} {least}\n{commands}"
    what = decided.measure.short
    said = f"{has}: its {what} and how far that varies with the seed; nothing of any other."
    if left_out:
        return f"{said} {left_out}"
    lr = facet.points[0].lr
    if lr is None or facet.points[0].untrained:
        return said
    return (
        f"{said} To compare it, give an axis more values, for example:\n"
        f"bptt extend {more.first_of(facet.points)} --set 'optimizer.lr=[{lr:g},{lr / 3:.1g}]'"
    )


def to_be_judged(
    facet: Facet, chosen: Chosen, tuning: Tuning, by: Sequence[str], more: SeedsToAdd
) -> str:
    """Return what each configuration was tuned to, and the command whose runs judge it.

    Args:
        facet: the problem.
        chosen: of it.
        tuning: what is tuned, and on which seeds.
        by: paths of the axes that distinguish configurations.
        more: the seeds there are, and how to add others.
    """
    if live := sum(point.is_live and point.seed in tuning.choosing for point in facet.points):
        has = "has" if live == 1 else "have"
        return f"Nothing is chosen yet: {counted(live, 'run')} of these seeds {has} not ended."
    taken = listed([f"{config} takes {value}" for config, value in chosen.taken.items()] or ["-"])
    if len(more.grids) > 1:
        return _judged_by_grids(chosen, taken, tuning, more)
    (grid,) = more.grids
    configs = len({without_seed(point) for point in chosen.kept})
    words = [f"--tuned {path}" for path in tuning.axes]
    if facet.names(by) != facet.names([p for p in axes_of(facet.points) if p not in tuning.axes]):
        words += [f"--by {path}" for path in by]
    few = ""
    if tuning.judging:
        are = "is" if len(tuning.judging) == 1 else "are"
        few = f", and {counted(len(tuning.judging), 'other')} {are} too few to"
        words.append(f"--tune-seeds {','.join(map(str, tuning.choosing))}")
    return (
        f"Chosen: {taken}. The seeds that chose cannot judge{few}; {SEEDS_TO_TRUST} fresh ones for "
        f"what was chosen alone can ({counted(configs * SEEDS_TO_TRUST, 'run')}):\n"
        f"bptt extend {grid} {' '.join(words)} --seeds {SEEDS_TO_TRUST}"
    )


def _judged_by_grids(chosen: Chosen, taken: str, tuning: Tuning, more: SeedsToAdd) -> str:
    """Return the same for several grids: `extend --tuned` would choose within one of them."""
    wanted = len(tuning.choosing) + SEEDS_TO_TRUST
    keep = ",".join(map(str, tuning.choosing))
    return (
        f"Chosen: {taken}. The seeds that chose cannot judge; {SEEDS_TO_TRUST} others can, with "
        f"--tune-seeds {keep}:\n{more.commands(wanted, chosen.kept, unequal=False)}"
    )
