"""What a reader has to know where not all configurations have the same seeds."""

from collections.abc import Sequence

from bptt.comparison.column import Column
from bptt.comparison.wording import listed
from bptt.counted import counted


def own_and_common(decided: Column, names: Sequence[str]) -> str:
    """Return what means and what leads are over; empty where all have the same seeds.

    And where the two disagree: means say one thing and pairs of one seed another.
    """
    ranking = decided.ranking
    first = ranking.foremost
    if first is None or not ranking.unequal or not ranking.leads:
        return ""
    name, ahead = names[first], ranking.ahead_of_it
    said = [
        "Not the same seeds: means are of each one's own runs; order, leads and verdict are of the "
        f"seeds in common with {name}, in pairs of one seed."
    ]
    if ahead:
        is_ahead = "is ahead of it" if len(ahead) == 1 else "are ahead of it"
        said.append(
            f"Nobody is best so far: leads are those of {name}, which the fewest are ahead of, but "
            f"{listed([names[i] for i in ahead])} {is_ahead} on the seeds in common."
        )
    better = [
        other
        for other, lead in ranking.leads.items()
        if lead.lead >= 0 and ranking.means[other] - ranking.means[first] > lead.rounding
    ]
    if len(better) == 1:
        (other,) = better
        said.append(
            f"{names[other]} has the better mean of its own runs, but is not ahead on the "
            f"{counted(ranking.leads[other].seeds, 'seed')} in common."
        )
    elif better:
        who = listed([names[other] for other in sorted(better)])
        said.append(f"{who} have better means of their own runs, but are not ahead on those seeds.")
    return " ".join(said)
