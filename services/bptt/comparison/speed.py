"""Whether updates per second of runs can be compared."""

from collections.abc import Sequence

from bptt.comparison.point import ComparedPoint


def why_no_speed(points: Sequence[ComparedPoint]) -> str:
    """Return why updates per second rank nobody where some runs made more updates than others.

    What follows the last update takes as long for a short run as for a long one, and a result does
    not say how long: the fewer the updates, the slower each of them looks. Runs that all had the
    same time may be ranked: the sooner they are done with all else, the more updates they made.

    Args:
        points: of one task.
    """
    ended = [point.at_end for point in points if point.result]
    made = {int((point.result or {}).get("step", 0)) for point in ended}
    if len(made) < 2 or all(point.outcome == "time_limit" for point in ended):
        return ""
    return (
        f"runs made {min(made):,} to {max(made):,} updates, and what each does once at its end "
        "(evaluation, statistics, tests) makes those that made fewer look slower. For speeds: "
        "equal training.steps, and training.stop_when_solved: false"
    )
