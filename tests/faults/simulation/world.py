"""Workers, users and a reaper on virtual time, around the real functions of the store.

Every actor is a generator; a seeded scheduler decides who goes on and how much time passes. A
process may die or freeze at any `yield`, and the database may fail before or after a commit. So
the same seed is the same story, and four stories take a second.
"""

import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from bptt import store
from bptt.errors import DatabaseUnavailable, NotPossible
from bptt.records.ownership import Beat, ClaimedRun
from bptt.store import Database

T = TypeVar("T")
Actor = Iterator[None]

LEASE = 30.0
STEPS = 6


@dataclass
class Odds:
    """How often things go wrong, per turn of an actor."""

    crash: float = 0.02
    freeze: float = 0.02
    lost_before: float = 0.03
    """The database fails and nothing is written."""
    lost_after: float = 0.03
    """It fails, and all was written."""


@dataclass
class Process:
    """A worker process: all its actors die and freeze together."""

    worker_id: str
    actors: list[Actor] = field(default_factory=list)
    frozen_until: float = 0.0
    alive: bool = True
    owned: dict[str, "Training"] = field(default_factory=dict)


@dataclass
class Training:
    """What a slot's child does."""

    claimed: ClaimedRun
    step: int
    checkpoint: int
    renewed_at: float
    """When the last renewal that succeeded was sent."""
    stop: str = "none"
    fenced: bool = False


class World:
    """One story.

    Args:
        database: an empty queue whose clock is `virtual_clock`.
        seed: decides everything.
        heeds_leases: whether a child stops when its lease may be over; a world without shows that
            the checks can fail.
    """

    def __init__(self, database: Database, seed: int, heeds_leases: bool = True) -> None:
        self.database, self.heeds_leases = database, heeds_leases
        self.chance = random.Random(seed)
        self.odds = Odds()
        self.time = 1e9
        self.processes: list[Process] = []
        self.dead: list[str] = []
        self.checkpoints: dict[str, int] = defaultdict(int)
        self.results: dict[str, int] = {}
        """The attempt that wrote a result, by run."""
        self.witnessed: list[tuple[float, str, int, int]] = []
        self.cancelled: set[str] = set()
        self.story: list[str] = []
        self._started = 0
        # every turn sets it: a connection of its own, past all layers
        self._clock = sqlite3.connect(str(database.file), isolation_level=None)
        self._set_clock()

    def call(self, function: Callable[..., T], *given: object, **named: object) -> T:
        """Call the store over a network that may fail on the way there or back."""
        roll = self.chance.random()
        if roll < self.odds.lost_before:
            raise DatabaseUnavailable("lost before")
        answer = function(self.database, *given, **named)
        if roll > 1 - self.odds.lost_after:
            raise DatabaseUnavailable("lost after")
        return answer

    def start_worker(self, slots: int = 2) -> None:
        """Start a process that registers itself and works."""
        from tests.integration.store.queueing import put_worker

        self._started += 1
        process = Process(put_worker(self.database, f"w{self._started}"))
        process.actors = [self._slot(process, slot) for slot in range(slots)]
        process.actors.append(self._keeper(process))
        self.processes.append(process)

    def run(self, turns: int, others: list[Actor]) -> None:
        """Give so many turns to actors chosen by chance; processes crash, freeze and thaw."""
        for _ in range(turns):
            self.time += self.chance.expovariate(1.5)
            self._set_clock()
            living = [p for p in self.processes if p.alive and p.frozen_until <= self.time]
            choices: list[tuple[Process | None, Actor]] = [(None, actor) for actor in others]
            choices += [(process, actor) for process in living for actor in process.actors]
            process, actor = self.chance.choice(choices)
            next(actor)
            if process is None:
                continue
            if self.chance.random() < self.odds.crash:
                self._crash(process)
            elif self.chance.random() < self.odds.freeze:
                process.frozen_until = self.time + self.chance.uniform(1, 3 * LEASE)
                self.story.append(f"{self.time:.0f} {process.worker_id} freezes")

    def reaper(self) -> Actor:
        """Take over what is expired or whose process is gone."""
        while True:
            yield
            try:
                self.call(store.reap, lease_seconds=LEASE)
                if self.dead:
                    self.call(store.reap_workers, list(self.dead))
                    self.dead.clear()
            except DatabaseUnavailable:
                continue

    def user(self, runs: list[str]) -> Actor:
        """Cancel, hold and release runs now and then."""
        while True:
            yield
            run_id, roll = self.chance.choice(runs), self.chance.random()
            try:
                if roll < 0.02:
                    self.call(store.cancel_run, run_id, "ada")
                    self.cancelled.add(run_id)
                elif roll < 0.05:
                    self.call(store.hold_run, run_id, "ada")
                elif roll < 0.15:
                    self.call(store.release_run, run_id, "ada")
            except (DatabaseUnavailable, NotPossible):
                continue

    def _crash(self, process: Process) -> None:
        process.alive = False
        self.processes.remove(process)
        # sometimes another machine: nobody there can see that it is gone
        if self.chance.random() < 0.5:
            self.dead.append(process.worker_id)
        self.story.append(f"{self.time:.0f} {process.worker_id} dies")
        self.start_worker()

    def _slot(self, process: Process, slot: int) -> Actor:
        while True:
            yield
            try:
                claimed = self.call(
                    store.claim, worker_id=process.worker_id, slot=slot, lease_seconds=LEASE
                )
            except (DatabaseUnavailable, NotPossible):
                continue
            if claimed is None:
                continue
            self.story.append(f"{self.time:.0f} {claimed.run_id} attempt {claimed.attempt}")
            begun = self.checkpoints[claimed.run_id]
            training = Training(claimed, begun, begun, self.time)
            if (former := process.owned.get(claimed.run_id)) is not None:
                # this process slept too long, and has now taken over from itself
                former.fenced = True
            process.owned[claimed.run_id] = training
            yield from self._train(training)
            if process.owned.get(claimed.run_id) is training:
                del process.owned[claimed.run_id]

    def _train(self, training: Training) -> Actor:
        run_id, attempt = training.claimed.run_id, training.claimed.attempt
        while run_id not in self.results:
            yield
            if training.fenced:
                return
            late = self.time > training.renewed_at + LEASE * 2 / 3
            if late and self.heeds_leases:
                continue  # frozen until the keeper renews
            if training.stop != "none":
                yield from self._end(store.give_back, run_id, attempt, why="asked to")
                return
            training.step += 1
            self.witnessed.append((self.time, run_id, attempt, training.step))
            if self.chance.random() < 0.4:
                training.checkpoint = training.step
                self.checkpoints[run_id] = max(self.checkpoints[run_id], training.step)
            if training.step == STEPS:
                self.results.setdefault(run_id, attempt)
        result = {"attempt": attempt, "outcome": "finished"}
        yield from self._end(store.finish, run_id, attempt, result, STEPS)

    def _end(self, how: Callable[..., object], *given: object, **named: object) -> Actor:
        while True:
            yield
            try:
                self.call(how, *given, **named)
                return
            except DatabaseUnavailable:
                continue

    def _keeper(self, process: Process) -> Actor:
        while True:
            yield
            sent = self.time
            beats = [
                Beat(run_id, t.claimed.attempt, t.step, t.checkpoint)
                for run_id, t in process.owned.items()
            ]
            try:
                owned = self.call(store.renew, process.worker_id, beats, LEASE)
            except DatabaseUnavailable:
                continue
            for beat in beats:
                training = process.owned.get(beat.run_id)
                if training and training.claimed.attempt == beat.attempt:
                    training.renewed_at = sent
                    training.fenced = beat.run_id not in owned
                    training.stop = owned.get(beat.run_id, "none")

    def close(self) -> None:
        """Let go of the database."""
        self._clock.close()

    def _set_clock(self) -> None:
        self._clock.execute("UPDATE virtual_clock SET value = ?", (self.time,))
