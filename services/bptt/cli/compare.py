"""`bptt compare`: a grid's answer, a mean over seeds for each configuration."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.connection import all_runs, connected
from bptt.cli.listing import print_rows
from bptt.cli.output import print_json
from bptt.cli.run_words import counted, grid_title

if TYPE_CHECKING:
    from bptt.api.answers import Run
    from bptt.comparison import Comparison, Group, Interval, Point


@click.command()
@click.argument("grid")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of tables.")
def compare(grid: str, as_json: bool) -> None:
    """Compare the configurations of GRID, each by its mean over seeds with a 95 % interval.

    The best comes first. Runs that diverged, failed, or have not ended are counted, never left
    out. GRID is a grid's id, the beginning of one, or a name.
    """
    from bptt.comparison import compare as compared

    with connected() as client:
        grid_id = client.find(grid, "grid").id
        title = grid_title(grid_id, client.grid(grid_id).name)
        comparisons = compared([_point(run) for run in all_runs(client, grid_id)])
    if as_json:
        print_json([asdict(comparison) for comparison in comparisons])
        return
    for comparison in comparisons:
        click.echo(_heading(title, comparison))
        click.echo()
        print_rows(
            ["configuration", "n", comparison.metric or "metric", "solved", "slope", "runs"],
            [_row(group) for group in comparison.groups],
        )
        click.echo()
    click.echo(
        "Mean [95 % interval of the mean] over seeds; solved: share of ended runs [Wilson]; "
        "slope: of log gradient norm per step of lag."
    )


def _point(run: "Run") -> "Point":
    from bptt.comparison import Point

    task = str(run.values.get("task", ""))
    # without any axis but the seed the configuration has no words of its own
    config = run.config or run.name.removesuffix(f"-s{run.seed}")
    return Point(config, run.seed, run.status, run.result, task)


def _heading(title: str, comparison: "Comparison") -> str:
    parts = [f"{title}: results of {comparison.ended:,} of {counted(comparison.points, 'run')}"]
    if comparison.task:
        parts.append(f"task {comparison.task}")
    if comparison.metric:
        parts.append(f"{comparison.metric}, {comparison.better} is better")
    if comparison.baseline is not None:
        parts.append(f"baseline {comparison.baseline:.4g}")
    return ", ".join(parts)


def _row(group: "Group") -> list[str]:
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(group.counts.items()))
    value = group.value
    return [
        group.config,
        str(value.n if value else 0),
        _told(value),
        _told(group.solved),
        _told(group.slope),
        counts,
    ]


def _told(interval: "Interval | None") -> str:
    if interval is None:
        return "-"
    if interval.low is None or interval.high is None:
        return _number(interval.estimate)
    return f"{_number(interval.estimate)} [{_number(interval.low)}, {_number(interval.high)}]"


def _number(value: Any) -> str:
    return f"{value:.3g}"
