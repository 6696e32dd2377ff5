"""What must be true of a grid after a storm, seen only in the witness log and the events."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.queue.witness import Update

TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Event:
    """One row of the events table."""

    at: float
    run_id: str | None
    attempt: int | None
    kind: str


@dataclass
class Verdict:
    """What the histories say; every list is empty if nothing is wrong."""

    lost: list[str] = field(default_factory=list)
    """Runs without an end, or that ended well without all their updates."""
    doubled: list[str] = field(default_factory=list)
    """Runs with two ends."""
    failed: list[str] = field(default_factory=list)
    not_cancelled: list[str] = field(default_factory=list)
    """Runs that went on to succeed although a cancel had been acknowledged."""
    out_of_order: list[str] = field(default_factory=list)
    """Runs whose attempts were not claimed 1, 2, 3, ..."""
    overlaps: list[str] = field(default_factory=list)
    """Updates made by an attempt after a later one had begun to train."""
    repeated: int = 0
    """Updates made more than once."""
    updates: int = 0
    attempts: int = 0
    most_running: int = 0
    """Runs that were running at one moment."""

    def wrong(self) -> dict[str, list[str]]:
        """Return what may never happen, by name; overlaps are judged by the test."""
        names = ("lost", "doubled", "failed", "not_cancelled", "out_of_order")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def check(
    expected: Mapping[str, int],
    witnessed: Mapping[str, Sequence[Update]],
    events: Sequence[Event],
    cancelled: Iterable[str] = (),
) -> Verdict:
    """Judge the histories.

    Args:
        expected: updates of every run that was submitted.
        witnessed: by run.
        events: the whole table.
        cancelled: runs whose cancel was acknowledged while they were queued or running.
    """
    verdict = Verdict()
    by_run: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.at):
        if event.run_id is not None:
            by_run[event.run_id].append(event)
    for run_id, updates in expected.items():
        ends = [e.kind for e in by_run[run_id] if e.kind in TERMINAL]
        if not ends:
            verdict.lost.append(f"{run_id}: has no end")
        elif len(ends) > 1:
            verdict.doubled.append(f"{run_id}: {ends}")
        elif ends == ["failed"]:
            verdict.failed.append(run_id)
        seen = witnessed.get(run_id, ())
        if ends == ["succeeded"]:
            missing = set(range(1, updates + 1)) - {u.update for u in seen}
            if missing:
                verdict.lost.append(f"{run_id}: succeeded without updates {sorted(missing)[:5]}")
        claims = [e.attempt for e in by_run[run_id] if e.kind == "running"]
        if claims != list(range(1, len(claims) + 1)):
            verdict.out_of_order.append(f"{run_id}: {claims}")
        verdict.attempts += len(claims)
        verdict.overlaps += _overlaps(run_id, seen)
        counts = Counter(u.update for u in seen)
        verdict.updates += len(seen)
        verdict.repeated += sum(count - 1 for count in counts.values())
    for run_id in cancelled:
        if [e.kind for e in by_run[run_id] if e.kind in TERMINAL] != ["cancelled"]:
            verdict.not_cancelled.append(run_id)
    verdict.most_running = _most_running(by_run.values())
    return verdict


def _overlaps(run_id: str, seen: Sequence[Update]) -> list[str]:
    newest, found = 0, []
    for update in seen:
        if update.attempt < newest:
            found.append(f"{run_id}: attempt {update.attempt} made update {update.update}")
        newest = max(newest, update.attempt)
    return found


def _most_running(histories: Iterable[Sequence[Event]]) -> int:
    changes = []
    for events in histories:
        running = False
        for event in events:
            starts, stops = event.kind == "running", event.kind in ("queued", "held", *TERMINAL)
            if starts and not running:
                changes.append((event.at, 1))
                running = True
            elif stops and running:
                changes.append((event.at, -1))
                running = False
    most = now = 0
    # at one moment, ends come before starts: they are two transactions
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
