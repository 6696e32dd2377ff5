"""The points of a grid as a comparison has them, and those that judge what it was tuned to."""

from collections.abc import Sequence
from dataclasses import replace

from bptt import comparison, store
from bptt.api.asking import Person
from bptt.api.orders import Extend
from bptt.api.permission import may_change
from bptt.api.service import Service
from bptt.comparison import ComparedPoint
from bptt.comparison.barred import by_owner, by_plugin
from bptt.comparison.extending import ToJudge, to_judge
from bptt.comparison.seeds_to_add import Barred
from bptt.errors import InvalidSpec
from bptt.measuring.earlier import with_present_figures
from bptt.records.grids import Grid


def compared_points(
    service: Service, grid_id: str, *, with_choices: bool = False
) -> tuple[list[str], list[ComparedPoint]]:
    """Return the names of a grid's points, and the points.

    Args:
        service: that has the grid.
        grid_id: of the grid.
        with_choices: whether to look up in its history which points were added to judge a choice.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    listed = store.every_point(service.database, grid_id)
    choices = store.choices_of_points(service.database, grid_id) if with_choices else {}
    while with_choices and not choices.keys() >= {run.name for run in listed}:
        # extended meanwhile, so that its points have other names
        listed = store.every_point(service.database, grid_id)
        choices = store.choices_of_points(service.database, grid_id)
    runs = with_present_figures(listed, service.settings.runs)
    points = comparison.points_of(runs, store.first_spec(service.database, grid_id), grid_id)
    names = [run.name for run in runs]
    found = zip(names, points, strict=True)
    return names, [replace(point, choices=choices.get(name, ())) for name, point in found]


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
    _, points = compared_points(service, grid_id, with_choices=True)
    return to_judge(
        points,
        order.tuned,
        grid=grid_id,
        by=order.by,
        metrics=order.metrics,
        tune_seeds=order.tune_seeds,
        seeds=order.seeds,
    )


def barred_grids(
    service: Service, grids: Sequence[Grid], asker: Person | None
) -> dict[str, Barred]:
    """Return why grids cannot be extended, of those that cannot, by their ids.

    Args:
        service: that has them.
        grids: that are compared.
        asker: who would extend them; None: their owners.
    """
    found: dict[str, Barred] = {}
    for grid in grids:
        if asker and not may_change(asker, grid.user):
            found |= by_owner(grid.grid_id, grid.name, grid.user)
        found |= by_plugin(grid.grid_id, store.changed_plugin(service.database, grid.grid_id))
    return found
