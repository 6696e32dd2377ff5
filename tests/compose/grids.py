"""Grids of a proof: who queues them, when they are in their middle, and what became of them."""

import itertools

from tests.compose.stack import Stack, say

RUN_SECONDS = 20.0
"""How long a run is to take on this machine, so that a grid has a middle."""

SEEDS = itertools.count()
TOKENS: dict[str, str] = {}
"""By user."""


def submit(stack: Stack, user: str, name: str, runs: int, seconds: float = RUN_SECONDS) -> None:
    """Queue a grid of runs that take about so many seconds each, new ones every time."""
    # as fast as the last ones, whatever else the machine does
    pace = stack.query(
        "SELECT coalesce(avg((finished_at - started_at) / step), 0.1) FROM "
        "(SELECT * FROM runs WHERE status = 'succeeded' ORDER BY finished_at DESC LIMIT 8) AS x"
    )
    steps = max(round(seconds / float(pace[0][0])), 200)
    file = stack.write_grid(name, seeds=list(itertools.islice(SEEDS, runs)), steps=steps)
    stack.client(TOKENS[user], "submit", file)
    say(f"{user} has queued {runs} runs of {steps} updates, from another container: {name}")


def wait_training(stack: Stack) -> None:
    """Return in the middle of a grid: a run trains and has saved itself."""
    training = (
        "SELECT count(*) FILTER (WHERE status = 'running' AND checkpoint_step > 0), "
        "count(*) FILTER (WHERE finished_at IS NULL) FROM runs"
    )

    def is_in_the_middle() -> bool:
        saved, left = map(int, stack.query(training)[0])
        assert left > 0, "the grid was too short for this machine"
        return saved > 0

    stack.wait(is_in_the_middle, "a run trains and has saved itself")


def wait_ended(stack: Stack) -> None:
    """Return when no run is queued or running."""
    stack.wait(lambda: stack.unfinished() == 0, "every run has ended")


def most_at_once(stack: Stack, user: str) -> int:
    """Return how many runs of a user were being trained at one moment, at most."""
    rows = stack.query(
        "SELECT a.started_at, a.ended_at FROM attempts a JOIN runs r ON r.id = a.run_id "
        f"WHERE r.user_name = '{user}'"
    )
    changes = [(float(began), 1) for began, _ in rows] + [(float(end), -1) for _, end in rows]
    # at one moment ends come before starts
    return max(itertools.accumulate(change for _, change in sorted(changes)))


def busy_workers(stack: Stack) -> int:
    """Return how many workers train something."""
    return stack.number("SELECT count(DISTINCT worker_id) FROM runs WHERE status = 'running'")
