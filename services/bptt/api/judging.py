"""The points that judge what a grid was tuned to."""

from bptt import comparison, store
from bptt.api.orders import Extend
from bptt.api.service import Service
from bptt.comparison.extending import ToJudge, to_judge
from bptt.errors import InvalidSpec
from bptt.measuring.earlier import with_present_figures


def judging_points(service: Service, grid_id: str, order: Extend) -> ToJudge:
    """Return what an order asks for that names tuned axes.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
        InvalidSpec: the order has a file or overrides, too, or names what the grid does not have.
        NotPossible: nothing can be chosen yet.
    """
    if order.source is not None or order.overrides:
        raise InvalidSpec(
            ["--tuned adds seeds for values that the grid has: leave FILE and --set out."]
        )
    runs = with_present_figures(store.every_point(service.database, grid_id), service.settings.runs)
    return to_judge(
        comparison.points_of(runs, store.first_spec(service.database, grid_id), grid_id),
        order.tuned,
        grid=grid_id,
        by=order.by,
        metrics=order.metrics,
        tune_seeds=order.tune_seeds,
        seeds=order.seeds,
    )
