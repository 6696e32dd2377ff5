"""Which runs count where other axes are averaged over: those that every configuration has."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from bptt.comparison.axes import SEED, axes_of, label, partner, without_seed
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.comparison.wording import listed
from bptt.counted import counted

NAMED_AT_MOST = 4
"""Values that are named; of more it is said how many they are."""

ByConfig = Mapping[str, Sequence[ComparedPoint]]


@dataclass(frozen=True)
class InCommon:
    """The runs that count, and what there is to say of the others."""

    by_config: dict[str, list[ComparedPoint]]
    left_out: Sequence[ComparedPoint] = ()
    told: str = ""


def in_common(by_config: ByConfig, by: Sequence[str]) -> InCommon:
    """Return the runs with those values of the axes averaged over that all configurations have.

    A mean over easy values alone would not compare with one over all, nor would a median, a rate or
    the best run. For the same reason a seed that has no run with some of them is left out.

    Args:
        by_config: the points of each configuration of a problem.
        by: axes that distinguish configurations; none: all but the seed.
    """
    kept = {name: list(points) for name, points in by_config.items()}
    if not by:
        return InCommon(kept)
    # without what is left out, another configuration may have values of most of its runs
    while (fewer := _of_common_values(kept, by)) != kept:
        kept = fewer
    every = [point for points in by_config.values() for point in points]
    varied = _varied(every, by)
    if varied and not _common(kept, by):
        names = listed(varied)
        return InCommon(kept, (), f"No value of {names} is one that all configurations have.")
    values = {id(point) for points in kept.values() for point in points}
    kept = {name: _of_whole_seeds(points) for name, points in kept.items()}
    seeds = {id(point) for points in kept.values() for point in points}
    told = _told(kept, [point for point in every if id(point) not in values], varied)
    if fewer_seeds := [point for point in every if id(point) in values - seeds]:
        had = _told_of_seeds(by_config, {id(point) for point in fewer_seeds})
        told = " ".join(filter(None, [told, had]))
    return InCommon(kept, [point for point in every if id(point) not in seeds], told)


def _is_there(point: ComparedPoint) -> bool:
    """Say whether a point has a result, or may still get one."""
    return point.result is not None or point.is_live


def _is_ranked(points: Sequence[ComparedPoint]) -> bool:
    """Say whether most ended runs have a result: others do not determine what is in common."""
    ended = sum(point.outcome in (*RESULTS, "failed") for point in points)
    return any(map(_is_there, points)) and (
        not ended or 2 * sum(point.result is not None for point in points) > ended
    )


def _common(by_config: ByConfig, by: Sequence[str]) -> set[Hashable]:
    held: list[set[Hashable]] = [
        {partner(point, by)[1] for point in points if _is_there(point)}
        for points in by_config.values()
        if _is_ranked(points)
    ]
    return set.intersection(*held) if held else set()


def _of_common_values(by_config: ByConfig, by: Sequence[str]) -> dict[str, list[ComparedPoint]]:
    common = _common(by_config, by)
    kept = {
        name: [point for point in points if partner(point, by)[1] in common]
        for name, points in by_config.items()
    }
    # a configuration of which nothing counts is shown with what it has
    return {name: held or list(by_config[name]) for name, held in kept.items()}


def _of_whole_seeds(points: Sequence[ComparedPoint]) -> list[ComparedPoint]:
    """Return the points of the seeds that have every combination that any of them has."""
    held: dict[int, set[Hashable]] = {}
    for point in points:
        held.setdefault(point.seed, set()).add(without_seed(point))
    wanted = set().union(*held.values())
    return [point for point in points if held[point.seed] == wanted] or list(points)


def _varied(points: Sequence[ComparedPoint], by: Sequence[str]) -> list[str]:
    """Return the axes averaged over on which points have several values."""
    sections = {path.partition(".")[0] for path in by}
    return [
        path
        for path in axes_of(points)
        if path != SEED
        and path.partition(".")[0] not in sections
        and len({repr(point.values.get(path)) for point in points}) > 1
    ]


def _told(kept: ByConfig, left_out: Sequence[ComparedPoint], varied: Sequence[str]) -> str:
    if not left_out:
        return ""
    # what nothing is in common with is shown beside the others, and does not count
    others = {label(point, varied) for point in left_out}
    counting = list(dict.fromkeys(label(point, varied) for held in kept.values() for point in held))
    counting = [one for one in counting if one not in others]
    what = "value" if len(varied) == 1 else "combination"
    if len(counting) == 1:
        said = f"Only {counting[0]} counts: the one {what} that all configurations have"
    elif len(counting) <= NAMED_AT_MOST:
        said = f"Only {listed(counting)} count: the {what}s that all configurations have"
    else:
        names = listed(varied)
        said = f"Only {len(counting)} {what}s of {names} count: those that all configurations have"
    dead = sum(not _is_there(point) for point in left_out)
    without = f" ({dead} of them without a result)" if dead else ""
    have = "is" if len(left_out) == 1 else "are"
    return (
        f"{said}. {counted(len(left_out), 'run')} with others{without} {have} left out of all "
        "figures; bptt extend adds seeds to these, too, where a grid has both."
    )


def _told_of_seeds(by_config: ByConfig, left_out: set[int]) -> str:
    lacking = {
        name: len({point.seed for point in points if id(point) in left_out})
        for name, points in by_config.items()
    }
    who = listed([f"{counted(n, 'seed')} of {name}" for name, n in lacking.items() if n])
    return f"Seeds that have no run with some of the values are left out of all figures: {who}."
