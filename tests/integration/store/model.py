"""The queue as plain Python: what the store must do, without a database."""

from dataclasses import dataclass, field

from bptt.lifecycle import OWN_DEATHS_AT_MOST, TERMINAL, WORKER_DEATHS_AT_MOST

TRANSITIONS = {
    "held": ("queued", "cancelled"),
    "queued": ("held", "running", "cancelled"),
    "running": ("queued", "held", "succeeded", "failed", "cancelled"),
    "succeeded": (),
    "failed": (),
    "cancelled": (),
}
"""What a run may become, by its status."""


@dataclass
class ModelGrid:
    """One grid."""

    user: str
    urgency: int
    priority: int
    runs: list[str]
    first: str | None = None
    """The run the others wait for."""
    held: bool = False


@dataclass
class ModelRun:
    """One run."""

    grid: str
    user: str
    place: int
    status: str = "queued"
    stop: str = "none"
    attempt: int = 0
    worker: str = ""
    expired: bool = False
    checkpoint: int = 0
    losses: int = 0
    loss_step: int = 0
    history: list[str] = field(default_factory=list)
    """Every status it has had but the first, in order."""
    result: dict[str, int] | None = None


class Model:
    """A queue; each method is one transaction of the store."""

    def __init__(self) -> None:
        self.grids: dict[str, ModelGrid] = {}
        self.runs: dict[str, ModelRun] = {}
        self.limits: dict[str, int | None] = {}
        self.used: dict[str, int] = {}

    def submit(self, grid_id: str, grid: ModelGrid, status: str) -> None:
        """Add a grid."""
        self.grids[grid_id] = grid
        for run_id in grid.runs:
            self.runs[run_id] = ModelRun(grid_id, grid.user, len(self.runs), status)

    def owns(self, run_id: str, attempt: int) -> bool:
        """Say whether an attempt may still write."""
        run = self.runs[run_id]
        return run.status == "running" and run.attempt == attempt

    def running(self, user: str) -> int:
        """Count a user's running runs."""
        return sum(run.user == user and run.status == "running" for run in self.runs.values())

    def heads(self) -> dict[str, tuple[int, int, int, str]]:
        """Return each user's best run that may begin: (-urgency, -priority, place, id)."""
        best: dict[str, tuple[int, int, int, str]] = {}
        for run_id in self.claimable():
            run = self.runs[run_id]
            grid = self.grids[run.grid]
            head = (-grid.urgency, -grid.priority, run.place, run_id)
            best[run.user] = min(best.get(run.user, head), head)
        return best

    def best(self) -> str:
        """Return the run to claim: urgency, then few running, then little used, then age."""
        turns = [
            (head[0], self.running(user), self.used.get(user, 0), *head[2:])
            for user, head in self.heads().items()
        ]
        return str(min(turns)[-1])

    def claimable(self) -> list[str]:
        """Return the runs that a slot could begin, the limits of users aside from being reached."""
        found = []
        for run_id, run in self.runs.items():
            grid, limit = self.grids[run.grid], self.limits.get(run.user)
            free = limit is None or self.running(run.user) < limit
            if run.status == "queued" and not grid.held and free and self._passes(grid, run_id):
                found.append(run_id)
        return found

    def count(self) -> int:
        """Return how many could begin at once, as `claimable` of the store counts."""
        total = 0
        for user in {run.user for run in self.runs.values()}:
            waiting = sum(self.runs[run_id].user == user for run_id in self.claimable())
            limit = self.limits.get(user)
            total += waiting if limit is None else min(waiting, limit - self.running(user))
        return total

    def claim(self, run_id: str, worker: str) -> None:
        """Give a run to a worker."""
        run = self.runs[run_id]
        self._become(run_id, "running")
        run.attempt, run.worker, run.expired = run.attempt + 1, worker, False

    def renew(self, run_id: str, attempt: int, worker: str, step: int, checkpoint: int) -> bool:
        """Renew one lease; say whether the attempt owned the run."""
        run = self.runs[run_id]
        if not self.owns(run_id, attempt) or run.worker != worker:
            return False
        run.expired, run.checkpoint = False, max(run.checkpoint, checkpoint)
        if step > 0:
            self._open(run_id)
        return True

    def end(self, run_id: str, attempt: int, how: str, result: dict[str, int]) -> str | None:
        """Take a run from its owner; return its status, none if the attempt was fenced."""
        if not self.owns(run_id, attempt):
            return None
        run = self.runs[run_id]
        if run.stop == "cancel":
            status = "cancelled"
        elif how == "finish":
            status, run.result = "succeeded", result
        elif how == "fail" or self._lost_too_often(run, how):
            status = "failed"
        else:
            status = "held" if run.stop == "hold" else "queued"
        self._leave(run_id, status)
        return status

    def cancel(self, run_id: str) -> None:
        """Cancel a run that has not ended."""
        if self.runs[run_id].status == "running":
            self.runs[run_id].stop = "cancel"
        else:
            self._become(run_id, "cancelled")

    def hold(self, run_id: str) -> None:
        """Hold a queued or running run."""
        if self.runs[run_id].status == "running":
            self.runs[run_id].stop = "hold"
        else:
            self._become(run_id, "held")

    def release(self, run_id: str) -> None:
        """Queue a held run again."""
        self._become(run_id, "queued")

    def ended(self, grid_id: str) -> bool:
        """Say whether nothing of a grid can change any more."""
        return all(self.runs[run_id].status in TERMINAL for run_id in self.grids[grid_id].runs)

    def _passes(self, grid: ModelGrid, run_id: str) -> bool:
        closed = grid.first is not None and self.runs[grid.first].status in ("queued", "running")
        return not closed or grid.first == run_id

    def _lost_too_often(self, run: ModelRun, how: str) -> bool:
        weights = {"lose": WORKER_DEATHS_AT_MOST // OWN_DEATHS_AT_MOST, "reap": 1}
        if how not in weights:
            return False
        run.losses = 0 if run.checkpoint > run.loss_step else run.losses + weights[how]
        run.loss_step = run.checkpoint
        return run.losses >= WORKER_DEATHS_AT_MOST

    def _leave(self, run_id: str, status: str) -> None:
        run = self.runs[run_id]
        self._become(run_id, status)
        self.used[run.user] = self.used.get(run.user, 0) + 1
        run.stop, run.worker, run.expired = "none", "", False
        if self._open(run_id) and status == "failed" and not self.ended(run.grid):
            self.grids[run.grid].held = True

    def _open(self, run_id: str) -> bool:
        grid = self.grids[self.runs[run_id].grid]
        was_first = grid.first == run_id
        grid.first = None if was_first else grid.first
        return was_first

    def _become(self, run_id: str, status: str) -> None:
        run = self.runs[run_id]
        if status not in TRANSITIONS[run.status]:
            raise AssertionError(f"{run_id}: {run.status} cannot become {status}")
        run.status = status
        run.history.append(status)
