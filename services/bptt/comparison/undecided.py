"""What may be said of a table that nothing can be told from: one configuration, or live runs."""

from collections.abc import Sequence
from dataclasses import replace

from bptt.comparison.axes import without_seed
from bptt.comparison.chosen import Chosen
from bptt.comparison.column import Column
from bptt.comparison.facets import Facet
from bptt.comparison.point import ComparedPoint
from bptt.comparison.ranking import SEEDS_TO_TELL, SEEDS_TO_TRUST
from bptt.comparison.seeds_to_add import SeedsToAdd, advised
from bptt.comparison.tuned_seeds import Tuning
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
    # that too few are common may be because the others have not ended
    return replace(group, standing=standing if ahead else UNRANKED, lead=lead, too_few="")


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
        least = f"{SEEDS_TO_TRUST} seeds are the least to rely on"
        return advised(f"{said} {least}", more.commands(SEEDS_TO_TRUST, facet.points, unequal=True))
    what = decided.measure.short
    said = f"{has}: its {what} and how far that varies with the seed; nothing of any other."
    if left_out:
        return f"{said} {left_out}"
    lr = facet.points[0].lr
    if not lr or facet.points[0].untrained:
        return said
    values = more.values_for(f"optimizer.lr=[{lr!r},{lr / 3:.1g}]", facet.points)
    # of what cannot be extended, the last sentence says what to do
    for_example = "" if values.barred else ", for example"
    return advised(f"{said} To compare it, give an axis more values{for_example}", values)


def to_be_judged(facet: Facet, chosen: Chosen, tuning: Tuning, more: SeedsToAdd) -> str:
    """Return what each configuration was tuned to, and the command whose runs judge it.

    Args:
        facet: the problem.
        chosen: of it.
        tuning: what is tuned, and on which seeds.
        more: the seeds there are, and how to add others.
    """
    if live := sum(point.is_live and point.seed in tuning.choosing for point in facet.points):
        has = "has" if live == 1 else "have"
        return f"Nothing is chosen yet: {counted(live, 'run')} of these seeds {has} not ended."
    # a lone configuration has no name but the task's
    alone = len(chosen.taken) == 1 and facet.task in chosen.taken
    took = [value if alone else f"{config} takes {value}" for config, value in chosen.taken.items()]
    few = ""
    if tuning.judging:
        are = "is" if len(tuning.judging) == 1 else "are"
        few = f", and {counted(len(tuning.judging), 'other')} {are} too few to"
    configs = len({without_seed(point) for point in chosen.kept})
    runs = f" ({counted(configs * SEEDS_TO_TRUST, 'run')})" if len(more.grids) == 1 else ""
    said = (
        f"Chosen: {listed(took or ['-'])}. The seeds that chose cannot judge{few}; "
        f"{SEEDS_TO_TRUST} fresh ones for what was chosen alone can{runs}"
    )
    return advised(said, more.judging(SEEDS_TO_TRUST, chosen.kept))


def why_alone(facet: Facet, tuning: Tuning | None, whole: Sequence[ComparedPoint]) -> str:
    """Return why the only configuration of a problem stands alone; empty if none else is there.

    Args:
        facet: the problem.
        tuning: what is tuned.
        whole: all points of the grids, if a filter leaves some out.
    """
    if tuning:
        return f"Values of {listed(tuning.axes)} are chosen among, not compared."
    if len(configs := {point.config for point in facet.points}) > 1:
        return f"It is the mean over {len(configs):,} configurations, as --by asks."
    others = [one for one in whole if one.task == facet.task and one.config not in configs]
    return "The others are left out by --filter." if others else ""
