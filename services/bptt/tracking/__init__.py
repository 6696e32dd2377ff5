"""MLflow's side of shipping, and the only imports of mlflow.

The journal comes first: training writes files and never waits for a server. `ship` sends what
is committed, `unshipped` finds what was left over. Importing this package loads neither mlflow
nor matplotlib.
"""

from bptt.tracking.grid.orders import (
    find_grid,
    grid_links,
    open_grid,
    retire_grid,
    show_grid,
    shown_grids,
    upload_to_grid,
    viewed_grids,
)
from bptt.tracking.grid.shown import GridNews, GridStatus, SubmittedGrid
from bptt.tracking.lost import find_forgotten, find_lost, forget
from bptt.tracking.run.sending import (
    add_heat_map,
    draw,
    is_shipped,
    ship,
    unqueued,
    unshipped,
)
from bptt.tracking.target import Target, check_target, hindrance, target_of

__all__ = [
    "GridNews",
    "GridStatus",
    "SubmittedGrid",
    "Target",
    "add_heat_map",
    "check_target",
    "draw",
    "find_forgotten",
    "find_grid",
    "find_lost",
    "forget",
    "grid_links",
    "hindrance",
    "is_shipped",
    "open_grid",
    "retire_grid",
    "ship",
    "show_grid",
    "shown_grids",
    "target_of",
    "unqueued",
    "unshipped",
    "upload_to_grid",
    "viewed_grids",
]
