"""`GridShipping`: what MLflow shows of grids, brought up to date as their runs end."""

import json
import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from bptt import store, tracking
from bptt.comparison import points_of
from bptt.comparison.barred import by_plugin
from bptt.comparison.table import compare
from bptt.errors import BpttError, GridNotFound, TrackingUnavailable
from bptt.identifiers import grid_of
from bptt.measuring.earlier import with_present_figures
from bptt.records.grids import Grid
from bptt.records.runs import Run
from bptt.records.shipping import ToShip
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.grid_note import note, summary
from bptt.shipping.grid_pictures import add_heat_maps, pictures
from bptt.store import Database
from bptt.tracking.faults import reason_of
from bptt.tracking.grid.shown import digest

FORM = 6
"""Version of the description; a new one is written for every grid that is looked at."""
SHOW_EVERY = 30.0
"""Minimum seconds between two descriptions of an unfinished grid."""
REST = 20.0
"""... and this many times what the last one took: a grid may have a hundred thousand runs."""
LIST_EVERY = 30.0
"""Seconds between two looks at the newest grids, which may end without a run or never have one."""
RETIRE_EVERY = 300.0
"""Seconds between two looks for views of grids that are gone."""
NEWEST = 50
PARENT_FOR = 30.0
"""Seconds for which a parent that was found is taken to be there."""
UNDRAWN = "-undrawn"
"""Ends what MLflow shows of a grid whose pictures are still to be drawn."""
DRAWN_WITHIN = 600.0
"""Seconds for which the pictures of a grid that has ended wait while all processors train."""
UNDESCRIBED_FOR = 300.0
"""Seconds until a grid that could not be described for its own reason is tried again."""
logger = logging.getLogger(__name__)


class GridUndescribed(TrackingUnavailable):
    """A grid cannot be described for its own reason; others can."""


@dataclass
class GridShipping:
    """Maintains the parents of grids; its state can be rebuilt from MLflow and the queue.

    Args:
        settings: which MLflow.
        database: which grids there are.
        folder: finds the folder of a run, if it is on this machine.
    """

    settings: Settings
    database: Database
    folder: Callable[[str], RunFolder | None]
    may_draw: bool = True
    """Whether nothing else needs the processors."""
    has_to_draw: bool = False
    """Whether the pictures of a grid wait for that."""
    _shown: dict[str, str] | None = None
    """What MLflow shows of grids, by their id."""
    _known: dict[str, tracking.SubmittedGrid] = field(default_factory=dict)
    """Grids as they were when they first had a run to ship."""
    _parents: dict[str, tuple[str, float]] = field(default_factory=dict)
    """MLflow's ids of their parents, and until when nobody is asked again."""
    _live: set[str] = field(default_factory=set)
    """Grids that had not ended when they were looked at."""
    _next: dict[str, float] = field(default_factory=dict)
    """When an unfinished grid may be described again, on the monotonic clock."""
    undescribed: dict[str, str] = field(default_factory=dict)
    """Grids that could not be described for their own reason, with that reason."""
    _list_at: float = 0.0
    _retire_at: float = 0.0

    @property
    def target(self) -> tracking.Target:
        return tracking.target_of(self.settings)

    def parent(self, item: ToShip) -> str:
        """Return MLflow's id of the parent of a run, created if there is none.

        Raises:
            DatabaseUnavailable: the database does not answer.
            TrackingUnavailable: MLflow failed, or another process is creating the parent.
        """
        if grid_of(item.run_id) != item.grid_id:
            # its grid was deleted; another one, which only refers to it, is no parent
            return ""
        if item.grid_id not in self._known:
            try:
                row = store.get_grid(self.database, item.grid_id)
                self._known[item.grid_id] = self._grid(row)
            except GridNotFound:
                return ""
        grid = self._known[item.grid_id]
        known, until = self._parents.get(item.grid_id, ("", 0.0))
        if time.monotonic() < until:
            return known
        if found := tracking.find_grid(self.target, grid):
            self._parents[item.grid_id] = found, time.monotonic() + PARENT_FOR
            return found
        with store.exclusively(self.database, grid.grid_id) as alone:
            if not alone:
                raise TrackingUnavailable(
                    f"Another process is creating grid {grid.grid_id} in MLflow."
                )
            return tracking.open_grid(self.target, grid)

    def is_time(self) -> bool:
        """Say whether grids should be looked at, even if a round of runs is not over yet."""
        return time.monotonic() >= self._list_at

    def go(self, grid_ids: Collection[str]) -> str:
        """Describe the grids whose description in MLflow is out of date.

        Args:
            grid_ids: grids to look at in any case.

        Returns:
            Why some are not described, empty if all are.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        failures, trouble = 0, ""
        self.has_to_draw = False
        for row in list(self._look_at(grid_ids)):
            try:
                if self._is_due(row):
                    self._show(row.grid_id, self._draws(row))
            except GridUndescribed as error:
                logger.warning("shipping: %s", error)
            except TrackingUnavailable as error:
                trouble = str(error)
                failures += 1
                # one may be the grid's own fault, two in a row are MLflow's
                if failures > 1:
                    return trouble
            else:
                failures = 0
        if self._shown is not None and time.monotonic() >= self._retire_at:
            self._retire()
        return trouble

    def describe_again(self, grid_id: str) -> None:
        """Have a grid described again although its runs are unchanged: one was repaired."""
        self.undescribed.pop(grid_id, None)
        self._next.pop(grid_id, None)
        if self._shown is not None:
            self._shown.pop(grid_id, None)

    def show(self, grid_id: str, draws: bool = True) -> None:
        """Describe a grid now, and draw it if it has ended, unless another process is doing so.

        Raises:
            DatabaseUnavailable, GridNotFound, TrackingUnavailable: as they say.
        """
        with store.exclusively(self.database, grid_id) as alone:
            if alone:
                self._describe(grid_id, draws)

    def draw(self, grid_id: str) -> None:
        """Describe and draw a grid that somebody looks at, if it has ended; raises as `show`."""
        row = store.get_grid(self.database, grid_id)
        if row.ended_at is not None and self._is_due(row):
            self._show(grid_id, draws=True)

    def _look_at(self, grid_ids: Collection[str]) -> Iterator[Grid]:
        listed: set[str] = set()
        if time.monotonic() >= self._list_at:
            for row in store.list_grids(self.database, limit=NEWEST):
                listed.add(row.grid_id)
                yield row
            self._list_at = time.monotonic() + LIST_EVERY
        for grid_id in {*grid_ids, *self._live} - listed:
            try:
                yield store.get_grid(self.database, grid_id)
            except GridNotFound:
                self._live.discard(grid_id)

    def _is_due(self, row: Grid) -> bool:
        if self._shown is None:
            self._shown = tracking.shown_grids(self.target)
        shown, standing = self._shown.get(row.grid_id), _standing(row)
        if shown == standing and row.ended_at is not None:
            self._live.discard(row.grid_id)
            return False
        self._live.add(row.grid_id)
        if shown == standing + UNDRAWN and not self._draws(row):
            self.has_to_draw = True
            return False
        if shown == standing:
            return False
        if row.ended_at is not None and row.grid_id not in self.undescribed:
            return True
        return time.monotonic() >= self._next.get(row.grid_id, 0.0)

    def _draws(self, row: Grid) -> bool:
        ended = row.ended_at is not None
        return ended and (self.may_draw or time.time() - (row.ended_at or 0.0) > DRAWN_WITHIN)

    def _show(self, grid_id: str, draws: bool) -> None:
        began = time.monotonic()
        try:
            self.show(grid_id, draws)
        except GridNotFound:
            # deleted since it was looked at
            return
        except BpttError:
            raise
        # whatever is wrong with this one, the others are described
        except Exception as error:
            self._next[grid_id] = time.monotonic() + UNDESCRIBED_FOR
            self.undescribed[grid_id] = reason_of(error)
            raise GridUndescribed(f"Grid {grid_id} is not described: {reason_of(error)}") from error
        self.undescribed.pop(grid_id, None)
        took = time.monotonic() - began
        self._next[grid_id] = time.monotonic() + max(SHOW_EVERY, REST * took)

    def _describe(self, grid_id: str, draws: bool) -> None:
        # before its runs are read: runs that end meanwhile change the state
        row = store.get_grid(self.database, grid_id)
        listed = store.every_point(self.database, grid_id)
        runs = with_present_figures(listed, self.settings.runs)
        points = points_of(runs, store.first_spec(self.database, grid_id), grid_id)
        changed = store.changed_plugin(self.database, grid_id)
        comparisons = compare(points, grid=grid_id, barred=by_plugin(grid_id, changed))
        reused = {
            run.run_id: run
            for run in runs
            if isinstance(run, Run) and grid_of(run.run_id) != grid_id
        }
        grid = self._grid(row)
        news = tracking.GridNews(
            status=_status(row),
            note=note(row, comparisons, reused, time.time()),
            metrics=tuple(dict.fromkeys(one.task_metric for one in comparisons if one.task_metric)),
            configurations=sum(len(one.groups) for one in comparisons if one.problems == 1),
            ended_at=None if row.ended_at is None else int(row.ended_at * 1000),
        )
        standing = _standing(row)
        files = {"summary.json": summary(row, comparisons)}
        # they take seconds to draw; to see them earlier there is `bptt compare`
        if row.ended_at is not None and draws:
            files |= pictures(points, self.settings.runs, row.name)
            own = [run for run in runs if isinstance(run, Run)]
            add_heat_maps(own, grid.seed, self.folder, self.target)
        elif row.ended_at is not None:
            standing += UNDRAWN
            self.has_to_draw = True
        tracking.upload_to_grid(self.target, grid, files)
        tracking.show_grid(self.target, grid, standing, news)
        if self._shown is not None:
            self._shown[grid_id] = standing

    def _retire(self) -> None:
        self._retire_at = time.monotonic() + RETIRE_EVERY
        try:
            viewed = tracking.viewed_grids(self.target)
            for grid_id in store.deleted_grids(self.database, viewed):
                with store.exclusively(self.database, grid_id) as alone:
                    if alone:
                        tracking.retire_grid(self.target, grid_id)
        except TrackingUnavailable:
            # views without any link to them can wait for the next time
            return

    def _grid(self, row: Grid) -> tracking.SubmittedGrid:
        return tracking.SubmittedGrid(
            grid_id=row.grid_id,
            name=row.name,
            project=row.project,
            user=row.user,
            created_at=int(row.created_at * 1000),
            axes=store.grid_axes(self.database, row.grid_id),
            size=row.points,
        )


def _standing(row: Grid) -> str:
    """Return a value that changes whenever there is something new to say about a grid."""
    content = [FORM, row.points, row.counts, row.missing, row.reused, row.diverged]
    content += [row.held_reason, row.ended_at]
    return digest(json.dumps(content, sort_keys=True).encode())


def _status(row: Grid) -> tracking.GridStatus:
    if row.ended_at is None:
        return "RUNNING"
    return "KILLED" if row.counts.get("cancelled") else "FINISHED"
